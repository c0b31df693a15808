// Products that need no gradient, by the kernel that suits their shape.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>

#include "engine.h"

namespace graft {
namespace {

using PointwiseLinear = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &,
                                   c10::string_view, c10::List<std::optional<at::Scalar>>,
                                   std::optional<c10::string_view>);

/// oneDNN's product of plain tensors; none where libtorch was built without oneDNN.
const std::optional<c10::TypedOperatorHandle<PointwiseLinear>> &onednn_linear() {
    static const auto found = []() -> std::optional<c10::TypedOperatorHandle<PointwiseLinear>> {
        auto schema = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
        if (!schema || !at::globalContext().userEnabledMkldnn()) return std::nullopt;
        try {
            return schema->typed<PointwiseLinear>();
        } catch (const c10::Error &) {
            return std::nullopt;  // Another libtorch, another signature.
        }
    }();
    return found;
}

/// A few rows against a large weight: the time goes into reading the weight once. BLAS packs it first, which reads and
/// writes it all once more; with one row, or many, its own ways are the better ones.
bool is_skinny(const at::Tensor &x, const at::Tensor &weight) {
    if (at::GradMode::is_enabled() || !x.is_cpu() || !weight.is_cpu()) return false;
    if (x.scalar_type() != at::kFloat || weight.scalar_type() != at::kFloat || weight.dim() != 2) return false;
    if (x.dim() == 0 || x.size(-1) != weight.size(1) || weight.numel() < (int64_t(1) << 16)) return false;
    auto rows = x.numel() / std::max<int64_t>(1, x.size(-1));
    return rows >= 2 && rows <= 64 && weight.is_contiguous();
}

}  // namespace

at::Tensor linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) {
    if (is_skinny(x, weight) && onednn_linear().has_value()) {
        return onednn_linear()->call(x.contiguous(), weight, bias, "none", c10::List<std::optional<at::Scalar>>(), "");
    }
    return at::linear(x, weight, bias);
}

}  // namespace graft
