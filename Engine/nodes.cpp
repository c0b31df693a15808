// Autograd nodes that save what frozen weights and counter-based randomness make unnecessary to keep.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// SplitMix64 at position `index` of the stream `key`: four 16-bit draws per word.
inline uint64_t random_word(uint64_t key, uint64_t index) {
    uint64_t z = key + (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

template <typename Scalar>
void drop(const Scalar *x, Scalar *y, int64_t count, uint32_t threshold, float scale, uint64_t key) {
    // A factor from a table and no branch: whether an element is kept is what no processor can predict.
    const float factors[2] = {scale, 0};
    at::parallel_for(0, (count + 3) / 4, 4096, [&](int64_t begin, int64_t end) {
        for (int64_t word = begin; word < end; ++word) {
            auto bits = random_word(key, word);
            for (int64_t i = word * 4; i < std::min(word * 4 + 4, count); ++i, bits >>= 16) {
                y[i] = static_cast<Scalar>(x[i] * factors[(bits & 0xFFFF) < threshold]);
            }
        }
    });
}

/// Dropout whose mask is a function of a key: nothing is saved, the backward draws it again.
struct Dropout : Function<Dropout> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, double p, int64_t key) {
        context->saved_data["p"] = p;
        context->saved_data["key"] = key;
        return masked(x, p, key);
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto p = context->saved_data["p"].toDouble();
        return {masked(gradients[0], p, context->saved_data["key"].toInt()), at::Tensor(), at::Tensor()};
    }
};

/// Sum of the cross entropies of the rows of x W^T + b, by chunks of rows, with the gradient made in the forward: at no
/// time do more than `chunk` rows of logits exist.
struct LinearCrossEntropy : Function<LinearCrossEntropy> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const std::optional<at::Tensor> &bias, const at::Tensor &labels, double softcap,
                              int64_t chunk, bool wants_gradient) {
        bool dx = wants_gradient && x.requires_grad();
        bool dw = wants_gradient && weight.requires_grad();
        bool db = wants_gradient && bias.has_value() && bias->requires_grad();
        auto rows = x.size(0);
        auto loss = at::zeros({}, x.options().dtype(at::kFloat));
        auto x_gradient = dx ? at::empty_like(x) : at::Tensor();
        auto w_gradient = dw ? at::zeros_like(weight) : at::Tensor();
        auto b_gradient = db ? at::zeros_like(*bias) : at::Tensor();
        for (int64_t start = 0; start < rows; start += chunk) {
            auto count = std::min(chunk, rows - start);
            auto part = x.narrow(0, start, count);
            auto label = labels.narrow(0, start, count).unsqueeze(1);
            auto logits = product(part, weight, bias).to(at::kFloat);
            at::Tensor capped;
            if (softcap > 0) {
                capped = logits.div_(softcap).tanh_();
                logits = capped * softcap;
            }
            // One buffer all the way: the logits become exponentials, these the probabilities, these the gradient.
            auto largest = logits.amax({1}, /*keepdim=*/true);
            auto own = logits.gather(1, label);
            logits.sub_(largest).exp_();
            auto total = logits.sum({1}, /*keepdim=*/true);
            loss += (total.log() + largest - own).sum();
            if (!dx && !dw && !db) continue;
            auto gradient = logits.div_(total);
            gradient.scatter_add_(1, label, at::full_like(label, -1, gradient.options()));
            if (softcap > 0) gradient.mul_(1 - capped.square_());
            gradient = gradient.to(x.scalar_type());
            if (dx) x_gradient.narrow(0, start, count).copy_(product(gradient, weight.t(), {}));
            if (dw) w_gradient.addmm_(gradient.t(), part);
            if (db) b_gradient.add_(gradient.sum(0));
        }
        context->save_for_backward({x_gradient, w_gradient, b_gradient});
        return loss;
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        variable_list result(7);
        auto saved = context->get_saved_variables();
        for (size_t i = 0; i < saved.size(); ++i) {
            if (saved[i].defined()) result[i] = saved[i] * gradients[0].to(saved[i].scalar_type());
        }
        return result;
    }
};

}  // namespace

at::Tensor masked(const at::Tensor &x, double p, int64_t key) {
    // Draws have 16 bits, so p is a multiple of 1/65536; the scale belongs to that p, which keeps the mean exact.
    auto threshold = static_cast<uint32_t>(std::lround(p * 65536.0));
    if (threshold >= 65536) return at::zeros_like(x);
    auto scale = static_cast<float>(65536.0 / (65536.0 - threshold));
    if (!x.device().is_cpu()) {
        // Word by word as below, so that every device draws the same mask.
        auto keep = at::empty(x.sizes(), at::TensorOptions().dtype(at::kFloat));
        auto ones = at::ones_like(keep);
        drop(ones.const_data_ptr<float>(), keep.data_ptr<float>(), keep.numel(), threshold, scale, key);
        return x * keep.to(x.options());
    }
    auto input = x.contiguous();
    auto output = at::empty_like(input);
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "graft_dropout", [&] {
        drop(input.const_data_ptr<scalar_t>(), output.mutable_data_ptr<scalar_t>(), input.numel(), threshold, scale, key);
    });
    return output;
}

at::Tensor dropout(const at::Tensor &x, double p, int64_t key) {
    if (p <= 0) return x;
    return Dropout::apply(x, p, key);
}

at::Tensor linear_cross_entropy(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                                const at::Tensor &labels, double softcap, int64_t chunk) {
    if (chunk <= 0) {
        // About 64 MiB of fp32 logits at a time: large enough for full speed, small beside the weights.
        constexpr int64_t elements = int64_t(1) << 24;
        chunk = std::max<int64_t>(1, elements / std::max<int64_t>(1, weight.size(0)));
    }
    return LinearCrossEntropy::apply(x, weight, bias, labels, softcap, chunk, at::GradMode::is_enabled());
}

}  // namespace graft
