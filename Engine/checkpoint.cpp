// Gradient checkpointing: a part of the forward whose saved tensors are forgotten, and made again when the backward asks
// for them (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/saved_variable_hooks.h>

#include "engine.h"

namespace graft {
namespace {

using torch::autograd::SavedVariableHooks;

/// One tensor that was to be saved: what it looked like, and the tensor itself once the part was run again.
struct Saved {
    std::vector<int64_t> shape;
    at::ScalarType type;
    at::Tensor tensor;
};

/// A part of the forward. The nodes of its graph own it, so it lives until the backward has passed.
class Checkpoint : public std::enable_shared_from_this<Checkpoint> {
  public:
    Checkpoint(int32_t (*run)(void *), void (*release)(void *), void *context)
        : run_(run), release_(release), context_(context) {}
    Checkpoint(const Checkpoint &) = delete;
    Checkpoint &operator=(const Checkpoint &) = delete;
    ~Checkpoint() { end(); }

    /// The caller's part for the first time.
    int32_t run() {
        Turn turn(this, /*is_again=*/false);
        return run_(context_);
    }

    /// What stands for the next saved tensor of the thread's part; null outside of one.
    static std::unique_ptr<SavedVariableHooks> hooks();

  private:
    class Forgetting;
    class Delivering;

    /// The part that the thread is in, restored at the end of a scope: the backward of one runs parts of others.
    class Turn {
      public:
        Turn(Checkpoint *part, bool is_again) : before_(part_), was_again_(is_again_) {
            part_ = part;
            is_again_ = is_again;
        }
        ~Turn() {
            part_ = before_;
            is_again_ = was_again_;
        }

      private:
        Checkpoint *before_;
        bool was_again_;
    };

    std::shared_ptr<Saved> forget(const at::Tensor &tensor) {
        auto saved = std::make_shared<Saved>(Saved{tensor.sizes().vec(), tensor.scalar_type(), {}});
        saved_.push_back(saved);
        return saved;
    }

    void deliver(const at::Tensor &tensor) {
        TORCH_CHECK(delivered_ < saved_.size(), differs, "more tensors");
        // Its node is gone where the backward did not come by.
        auto saved = saved_[delivered_++].lock();
        if (!saved) return;
        TORCH_CHECK(tensor.sizes() == saved->shape && tensor.scalar_type() == saved->type, differs, "other shapes");
        saved->tensor = tensor.detach();
    }

    void run_again() {
        TORCH_CHECK(context_, "a part of the forward was to be run for the third time");
        at::AutoGradMode with_gradients(true);
        Turn turn(this, /*is_again=*/true);
        auto status = run_(context_);
        TORCH_CHECK(status == CT_OK, "a part of the forward failed as it was run again for its gradients: ",
                    status == CT_UNKNOWN ? "its caller's error" : last_error());
        TORCH_CHECK(delivered_ == saved_.size(), differs, "fewer tensors");
        end();
    }

    /// Lets go of what the caller's part holds.
    void end() {
        if (context_) release_(std::exchange(context_, nullptr));
    }

    static constexpr auto differs =
        "a part of the forward did something else as it was run again for its gradients, and saved ";

    static thread_local Checkpoint *part_;
    static thread_local bool is_again_;

    int32_t (*run_)(void *);
    void (*release_)(void *);
    void *context_;
    std::vector<std::weak_ptr<Saved>> saved_;
    size_t delivered_ = 0;
};

thread_local Checkpoint *Checkpoint::part_ = nullptr;
thread_local bool Checkpoint::is_again_ = false;

/// In the place of a tensor in the graph that the backward takes.
class Checkpoint::Forgetting final : public SavedVariableHooks {
  public:
    explicit Forgetting(std::shared_ptr<Checkpoint> part) : part_(std::move(part)) {}

    void call_pack_hook(const at::Tensor &tensor) override { saved_ = part_->forget(tensor); }

    at::Tensor call_unpack_hook() override {
        if (!saved_->tensor.defined()) part_->run_again();
        TORCH_CHECK(saved_->tensor.defined(), differs, "fewer tensors");
        return saved_->tensor;
    }

  private:
    std::shared_ptr<Checkpoint> part_;
    std::shared_ptr<Saved> saved_;
};

/// In the graph of the second run, which nobody goes back through.
class Checkpoint::Delivering final : public SavedVariableHooks {
  public:
    explicit Delivering(Checkpoint &part) : part_(part) {}

    void call_pack_hook(const at::Tensor &tensor) override { part_.deliver(tensor); }

    at::Tensor call_unpack_hook() override {
        TORCH_CHECK(false, "a part of the forward that was run again has no backward of its own");
    }

  private:
    Checkpoint &part_;
};

std::unique_ptr<SavedVariableHooks> Checkpoint::hooks() {
    if (!part_) return nullptr;
    if (is_again_) return std::make_unique<Delivering>(*part_);
    return std::make_unique<Forgetting>(part_->shared_from_this());
}

/// libtorch's engine, which asks here what becomes of saved tensors, as Python's does of its own.
class CheckpointingEngine final : public torch::autograd::Engine {
  public:
    /// Never destroyed: threads of other libraries may outlive this one's statics.
    static torch::autograd::Engine &shared() {
        static auto *engine = new CheckpointingEngine;
        return *engine;
    }

    std::unique_ptr<SavedVariableHooks> get_default_saved_variable_hooks() override { return Checkpoint::hooks(); }
};

const bool is_installed = [] {
    torch::autograd::set_default_engine_stub(CheckpointingEngine::shared);
    return true;
}();

}  // namespace

int32_t gradient_checkpoint(int32_t (*run)(void *), void (*release)(void *), void *context) {
    std::shared_ptr<Checkpoint> part;
    auto made = guarded([&] { part = std::make_shared<Checkpoint>(run, release, context); });
    if (made == CT_OK) return part->run();
    release(context);
    return made;
}

}  // namespace graft
