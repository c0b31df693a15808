// Layers whose backward computes cheap things again instead of keeping them.
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// x / √(mean x² + eps) · (w + offset) over the last dimension, with statistics in fp32 or better. Keeps x and one number
/// per row.
struct RMSNorm : Function<RMSNorm> {
    static at::Tensor wide(const at::Tensor &x) {
        return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
    }

    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, double eps,
                              double offset) {
        auto value = wide(x);
        auto root = (value * value).mean({-1}, /*keepdim=*/true).add_(eps).rsqrt_();
        auto normal = value * root;
        context->saved_data["offset"] = offset;
        context->saved_data["dx"] = x.requires_grad();
        context->saved_data["dw"] = weight.requires_grad();
        context->save_for_backward({x, root, weight});
        // As the checkpoints' own code rounds: with an offset after the product, without one before.
        if (offset != 0) return normal.mul_(weight.to(normal.scalar_type()) + offset).to(x.scalar_type());
        if (normal.scalar_type() == x.scalar_type() && weight.scalar_type() == x.scalar_type()) return normal.mul_(weight);
        return normal.to(x.scalar_type()) * weight;
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto saved = context->get_saved_variables();
        auto &x = saved[0], &root = saved[1], &weight = saved[2];
        auto offset = context->saved_data["offset"].toDouble();
        auto dy = wide(gradients[0]);
        auto normal = wide(x) * root;
        variable_list result(4);
        if (context->saved_data["dw"].toBool()) {
            result[1] = (dy * normal).reshape({-1, x.size(-1)}).sum(0).to(weight.scalar_type());
        }
        if (context->saved_data["dx"].toBool()) {
            auto factor = weight.to(normal.scalar_type());
            auto g = dy * (offset != 0 ? factor + offset : factor);
            auto mean = (g * normal).mean({-1}, /*keepdim=*/true);
            result[0] = g.sub_(normal.mul_(mean)).mul_(root).to(x.scalar_type());
        }
        return result;
    }
};

/// act(gate)·up. Keeps both factors; the activation is computed again.
struct Gated : Function<Gated> {
    static at::Tensor activated(const at::Tensor &gate, const std::string &activation) {
        return activation == "silu" ? at::silu(gate) : at::gelu(gate, activation);
    }

    static at::Tensor forward(AutogradContext *context, const at::Tensor &gate, const at::Tensor &up,
                              const std::string &activation) {
        context->saved_data["activation"] = activation;
        context->saved_data["gate"] = gate.requires_grad();
        context->saved_data["up"] = up.requires_grad();
        context->save_for_backward({gate, up});
        return activated(gate, activation).mul_(up);
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto saved = context->get_saved_variables();
        auto activation = context->saved_data["activation"].toStringRef();
        variable_list result(3);
        if (context->saved_data["up"].toBool()) result[1] = activated(saved[0], activation).mul_(gradients[0]);
        if (context->saved_data["gate"].toBool()) {
            auto inner = gradients[0] * saved[1];
            result[0] = activation == "silu" ? at::silu_backward(inner, saved[0])
                                             : at::gelu_backward(inner, saved[0], activation);
        }
        return result;
    }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor &x, const at::Tensor &weight, double eps, double offset) {
    return RMSNorm::apply(x, weight, eps, offset);
}

at::Tensor gated(const at::Tensor &gate, const at::Tensor &up, const char *activation) {
    return Gated::apply(gate, up, std::string(activation));
}

void gated_(at::Tensor &gate, const at::Tensor &up, const char *activation) {
    (std::string_view(activation) == "silu" ? at::silu_(gate) : at::gelu_(gate, activation)).mul_(up);
}

}  // namespace graft
