// What the caller does in the middle of a backward.
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "engine.h"

namespace graft {
namespace {

/// The caller's function, called with nothing but its own context: it knows its tensor.
class GradientHook : public torch::autograd::PostAccumulateGradHook {
  public:
    GradientHook(int32_t (*hook)(void *), void (*release)(void *), void *context)
        : hook_(hook), release_(release), context_(context) {}
    GradientHook(const GradientHook &) = delete;
    GradientHook &operator=(const GradientHook &) = delete;
    ~GradientHook() override {
        if (release_) release_(context_);
    }

    void operator()(const torch::autograd::Variable &) override {
        TORCH_CHECK(hook_(context_) == 0, "what was to happen with a gradient failed");
    }

  private:
    int32_t (*hook_)(void *);
    void (*release_)(void *);
    void *context_;
};

}  // namespace

int32_t on_gradient(ct_tensor leaf, int32_t (*hook)(void *), void (*release)(void *), void *context) {
    bool taken = false;
    auto status = guarded([&] {
        auto &variable = tensor(leaf);
        if (!hook) {
            torch::autograd::impl::set_post_acc_grad_hooks(variable, nullptr);
            return;
        }
        TORCH_CHECK(variable.requires_grad() && variable.is_leaf(), "only a leaf that requires a gradient gets one");
        auto owned = std::make_unique<GradientHook>(hook, release, context);
        taken = true;
        torch::autograd::impl::set_post_acc_grad_hooks(variable, std::move(owned));
    });
    if (!taken && release) release(context);
    return status;
}

}  // namespace graft
