// Linear maps whose weights are frozen: what their backward needs and no more, computed by the faster of the libraries
// that libtorch brings.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

using OneDNNLinear = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &,
                                std::string_view, c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);

/// oneDNN's linear map of plain tensors; null where this libtorch has none.
const c10::TypedOperatorHandle<OneDNNLinear> *onednn_linear() {
    static const auto found = []() -> std::optional<c10::TypedOperatorHandle<OneDNNLinear>> {
        auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
        if (!schema.has_value() || !at::globalContext().userEnabledMkldnn()) return std::nullopt;
        try {
            return schema->typed<OneDNNLinear>();
        } catch (const c10::Error &) {
            return std::nullopt;  // Another libtorch, another signature.
        }
    }();
    return found.has_value() ? &*found : nullptr;
}

/// MKL takes its AVX2 kernels on processors that are not Intel's, and packs for them at every call: oneDNN's own are 15 to
/// 30 % faster there.
bool is_mkl_slow() {
#if defined(__x86_64__)
    static const bool slow = [] {
        __builtin_cpu_init();
        return !__builtin_cpu_is("intel") && __builtin_cpu_supports("avx2");
    }();
    return slow;
#else
    return false;
#endif
}

/// Whether x wᵀ goes to oneDNN: a rule of types and shapes alone, so that the same run is the same numbers. A few rows
/// against a large weight go there on every processor where no gradient is wanted, as in generation: the time goes into
/// reading the weight once. BLAS reads it with one thread for one row, and packs it first for more.
bool is_for_onednn(const at::Tensor &x, const at::Tensor &w) {
    if (!x.is_cpu() || !w.is_cpu() || x.scalar_type() != at::kFloat || w.scalar_type() != at::kFloat) return false;
    if (w.dim() != 2 || w.size(0) < 8 || w.size(1) < 64) return false;
    auto rows = x.numel() / w.size(1);
    bool is_skinny = rows >= 1 && rows <= 64 && w.numel() >= (int64_t(1) << 16) && w.is_contiguous();
    bool is_wanted = (is_mkl_slow() && rows >= 16) || (is_skinny && !at::GradMode::is_enabled());
    return is_wanted && onednn_linear() != nullptr;
}

/// A linear map of plain matrices: keeps the input only for a weight that is trained, which frozen ones are not.
struct Linear : Function<Linear> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const std::optional<at::Tensor> &bias) {
        auto rows = rows_of(x);
        context->saved_data["bias"] = bias.has_value() && bias->requires_grad();
        context->saved_data["shape"] = x.sizes().vec();
        context->save_for_backward({weight.requires_grad() ? rows : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
        return product(rows, weight, bias).view(shape_with(x, weight.size(0)));
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto saved = context->get_saved_variables();
        auto dy = rows_of(gradients[0]);
        variable_list result(3);
        if (saved[1].defined()) {
            result[0] = product(dy, saved[1].t(), {}).view(context->saved_data["shape"].toIntVector());
        }
        if (saved[0].defined()) result[1] = product(dy.t(), saved[0].t(), {});
        if (context->saved_data["bias"].toBool()) result[2] = dy.sum(0);
        return result;
    }
};

/// f of a product's columns, y = f ∘ z: gradients of z and f. z may stand as y itself, which is divided by f in the end.
struct ColumnFactor {
    /// Whether z can be had from f ∘ z: where no factor is so small or so large that the product loses digits. Looking at
    /// the numbers would make other devices wait.
    static bool is_divisible(const at::Tensor &factor) {
        if (!factor.is_cpu() || factor.numel() == 0) return false;
        auto [least, most] = factor.abs().aminmax();
        constexpr double bound = 1024;
        return least.item<double>() >= 1 / bound && most.item<double>() <= bound;  // No NaN is either.
    }

    /// dy ∘ f, and the sums of dy ∘ z over the rows: by stretches that stay in the cache between the two.
    static std::pair<at::Tensor, at::Tensor> gradients(const at::Tensor &dy, const at::Tensor &factor, const at::Tensor &z) {
        if (!z.defined()) return {dy * factor, at::Tensor()};
        constexpr int64_t elements = int64_t(1) << 19;
        auto rows = dy.size(0);
        auto step = dy.is_cpu() ? std::max<int64_t>(1, elements / std::max<int64_t>(1, dy.size(1))) : rows;
        auto dz = at::empty_like(dy);
        auto sums = at::zeros_like(factor);
        for (int64_t start = 0; start < rows; start += step) {
            auto count = std::min(step, rows - start);
            auto part = dy.narrow(0, start, count);
            sums.add_((part * z.narrow(0, start, count)).sum(0));
            auto target = dz.narrow(0, start, count);
            at::mul_out(target, part, factor);
        }
        return {dz, sums};
    }
};

/// y = f ∘ (x Wᵀ + s (drop(x) Aᵀ) Bᵀ) + b, with a factor f for each output or none. Keeps x once and the rank's few
/// columns; the mask of the dropout is drawn again. The gradient of f wants what f multiplies: that is y / f where there
/// is no bias, and whoever reads y keeps it anyway.
struct LowRankLinear : Function<LowRankLinear> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const std::optional<at::Tensor> &bias, const at::Tensor &a, const at::Tensor &b,
                              const std::optional<at::Tensor> &factor, double scaling, double p, int64_t key) {
        auto rows = rows_of(x);
        auto y = product(rows, weight, factor.has_value() ? std::nullopt : bias);
        auto hidden = product(p > 0 ? masked(rows, p, key) : rows, a, {});
        y.addmm_(hidden, b.t(), 1, scaling);
        y = at::_unsafe_view(y, shape_with(x, weight.size(0)));
        bool dx = x.requires_grad(), dw = weight.requires_grad(), da = a.requires_grad(), db = b.requires_grad();
        bool df = factor.has_value() && factor->requires_grad();
        bool divides = df && !bias.has_value() && ColumnFactor::is_divisible(*factor);
        at::Tensor multiplied;
        if (df && !divides) multiplied = y;
        if (factor.has_value()) {
            if (bias.has_value()) {
                y = at::addcmul(*bias, y, *factor);
            } else {
                y = multiplied.defined() ? y * *factor : y.mul_(*factor);
            }
        }
        if (divides) multiplied = y;
        context->saved_data["bias"] = bias.has_value() && bias->requires_grad();
        context->saved_data["da"] = da;
        context->saved_data["dw"] = dw;
        context->saved_data["divides"] = divides;
        context->saved_data["scaling"] = scaling;
        context->saved_data["p"] = p;
        context->saved_data["key"] = key;
        context->saved_data["shape"] = x.sizes().vec();
        context->save_for_backward({da || dw ? rows : at::Tensor(), dx ? weight : at::Tensor(), dx ? a : at::Tensor(),
                                    dx || da ? b : at::Tensor(), db ? hidden : at::Tensor(),
                                    factor.value_or(at::Tensor()), multiplied});
        return y;
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto saved = context->get_saved_variables();
        auto &rows = saved[0], &weight = saved[1], &a = saved[2], &b = saved[3], &hidden = saved[4], &factor = saved[5];
        auto scaling = context->saved_data["scaling"].toDouble();
        auto p = context->saved_data["p"].toDouble();
        auto key = context->saved_data["key"].toInt();
        auto dy = rows_of(gradients[0]);
        variable_list result(9);
        if (context->saved_data["bias"].toBool()) result[2] = dy.sum(0);
        if (factor.defined()) {
            std::tie(dy, result[5]) = ColumnFactor::gradients(dy, factor, saved[6].defined() ? rows_of(saved[6]) : saved[6]);
            if (context->saved_data["divides"].toBool()) result[5].div_(factor);
        }
        at::Tensor inner;
        if (b.defined()) inner = product(dy, b.t(), {}).mul_(scaling);
        if (weight.defined()) {
            auto dx = product(dy, weight.t(), {});
            if (p > 0) {
                dx.add_(masked(at::mm(inner, a), p, key));
            } else {
                dx.addmm_(inner, a);
            }
            result[0] = dx.view(context->saved_data["shape"].toIntVector());
        }
        if (context->saved_data["dw"].toBool()) result[1] = at::mm(dy.t(), rows);
        if (context->saved_data["da"].toBool()) result[3] = at::mm(inner.t(), p > 0 ? masked(rows, p, key) : rows);
        if (hidden.defined()) result[4] = at::mm(dy.t(), hidden).mul_(scaling);
        return result;
    }
};

/// y = x Wᵀ + bias + b ∘ ((d ∘ hidden) Bᵀ) with frozen W and B, B being `shared`.
///
/// What comes of B is kept for the gradient of b where there is more of it than of x. Elsewhere that gradient is made of
/// the sums of dy ∘ (d ∘ hidden) over all rows, a product of the same size as the one that is then not kept.
struct ScaledBranchLinear : Function<ScaledBranchLinear> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const std::optional<at::Tensor> &bias, const at::Tensor &hidden, const at::Tensor &d,
                              const at::Tensor &b, const at::Tensor &shared) {
        auto rows = rows_of(x);
        auto y = product(rows, weight, bias);
        auto scaled = rows_of(hidden) * d;
        at::Tensor kept;
        if (b.requires_grad() && weight.size(0) > weight.size(1)) {
            kept = product(scaled, shared, {});
            y.addcmul_(kept, b);
        } else {
            y.addmm_(scaled, (shared * b.unsqueeze(1)).t());
        }
        bool dx = x.requires_grad(), dw = weight.requires_grad(), dh = hidden.requires_grad();
        bool dd = d.requires_grad(), db = b.requires_grad();
        context->saved_data["bias"] = bias.has_value() && bias->requires_grad();
        context->saved_data["hidden"] = dh;
        context->saved_data["d"] = dd;
        context->saved_data["b"] = db;
        context->saved_data["shape"] = x.sizes().vec();
        context->save_for_backward({dw ? rows : at::Tensor(), dx ? weight : at::Tensor(), dd || db ? hidden : at::Tensor(),
                                    d, b, shared, kept});
        return y.view(shape_with(x, weight.size(0)));
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto saved = context->get_saved_variables();
        auto &rows = saved[0], &weight = saved[1], &hidden = saved[2], &d = saved[3], &b = saved[4], &shared = saved[5];
        auto &kept = saved[6];
        bool dh = context->saved_data["hidden"].toBool(), dd = context->saved_data["d"].toBool();
        auto shape = context->saved_data["shape"].toIntVector();
        auto dy = rows_of(gradients[0]);
        variable_list result(7);
        if (weight.defined()) result[0] = product(dy, weight.t(), {}).view(shape);
        if (rows.defined()) result[1] = product(dy.t(), rows.t(), {});
        if (context->saved_data["bias"].toBool()) result[2] = dy.sum(0);
        if (dh || dd) {
            auto inner = product(dy, (shared * b.unsqueeze(1)).t(), {});
            if (dd) result[4] = (inner * rows_of(hidden)).sum(0);
            shape.back() = inner.size(1);
            if (dh) result[3] = inner.mul_(d).view(shape);
        }
        if (context->saved_data["b"].toBool()) {
            result[5] = kept.defined() ? (dy * kept).sum(0)
                                       : (product((rows_of(hidden) * d).t(), dy.t(), {}) * shared.t()).sum(0);
        }
        return result;
    }
};

}  // namespace

at::Tensor rows_of(const at::Tensor &x) {
    return x.reshape({-1, x.size(-1)}).contiguous();
}

std::vector<int64_t> shape_with(const at::Tensor &x, int64_t last) {
    auto shape = x.sizes().vec();
    shape.back() = last;
    return shape;
}

at::Tensor product(const at::Tensor &x, const at::Tensor &w, const std::optional<at::Tensor> &bias) {
    if (!is_for_onednn(x, w)) return bias.has_value() ? at::addmm(*bias, x, w.t()) : at::mm(x, w.t());
    bool is_plain = w.is_contiguous() || w.t().is_contiguous();
    bool is_plain_input = x.is_contiguous() || x.t().is_contiguous();
    return onednn_linear()->call(is_plain_input ? x : x.contiguous(), is_plain ? w : w.contiguous(), bias, "none",
                                 c10::List<std::optional<at::Scalar>>(), "");
}

at::Tensor linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
    bool is_known = x.dim() >= 2 && weight.dim() == 2 && x.size(-1) == weight.size(1) && is_for_onednn(x, weight) &&
                    (!bias.has_value() || (bias->dim() == 1 && bias->scalar_type() == at::kFloat));
    return is_known ? Linear::apply(x, weight, bias) : at::linear(x, weight, bias);
}

at::Tensor low_rank_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                           const at::Tensor &a, const at::Tensor &b, const std::optional<at::Tensor> &factor,
                           double scaling, double p, int64_t key) {
    return LowRankLinear::apply(x, weight, bias, a, b, factor, scaling, p, key);
}

at::Tensor scaled_branch_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                                const at::Tensor &hidden, const at::Tensor &d, const at::Tensor &b,
                                const at::Tensor &shared) {
    return ScaledBranchLinear::apply(x, weight, bias, hidden, d, b, shared);
}

}  // namespace graft
