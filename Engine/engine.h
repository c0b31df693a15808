// What the engine's files share: handles, errors, argument conversions, and the functions behind the table that are more
// than one ATen call.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>
#include <new>
#include <string>
#include <tuple>

#include "ctorch.h"

namespace graft {

extern const ct_operations operations;
extern std::atomic<int64_t> live_handles;

void record_error(const char *message, const char *details);
/// Of the calling thread's last failed call.
const char *last_error();

inline ct_tensor handle(at::Tensor tensor) {
    auto *boxed = new at::Tensor(std::move(tensor));
    live_handles.fetch_add(1, std::memory_order_relaxed);
    return reinterpret_cast<ct_tensor>(boxed);
}

inline at::Tensor &tensor(ct_tensor handle) {
    return *reinterpret_cast<at::Tensor *>(handle);
}

inline std::optional<at::Tensor> optional(ct_tensor handle) {
    return handle ? std::optional<at::Tensor>(tensor(handle)) : std::nullopt;
}

inline std::vector<at::Tensor> list(const ct_tensor *handles, int64_t count) {
    std::vector<at::Tensor> tensors;
    tensors.reserve(count);
    for (int64_t i = 0; i < count; ++i) tensors.push_back(tensor(handles[i]));
    return tensors;
}

inline at::Device make_device(int32_t type, int32_t index) {
    return at::Device(static_cast<at::DeviceType>(type), static_cast<at::DeviceIndex>(index));
}

inline at::TensorOptions options(at::ScalarType dtype, at::Device device) {
    return at::TensorOptions().dtype(dtype).device(device);
}

int32_t status_of_current_exception();

/// Runs `body`; no C++ exception leaves it.
template <typename Body>
int32_t guarded(Body &&body) {
    try {
        body();
        return CT_OK;
    } catch (...) {
        return status_of_current_exception();
    }
}

at::Tensor uniform(at::IntArrayRef shape, double low, double high, int64_t seed, at::ScalarType dtype);
at::Tensor normal(at::IntArrayRef shape, double mean, double std, int64_t seed, at::ScalarType dtype);
at::Tensor randperm(int64_t count, int64_t seed);
at::Tensor multinomial(const at::Tensor &probabilities, int64_t count, int64_t seed);
bool is_all_finite(const at::Tensor &a);
bool set_grad_enabled(bool on);
void release_freed_memory();
void end_waiting_threads();
int32_t on_gradient(ct_tensor leaf, int32_t (*hook)(void *), void (*release)(void *), void *context);
int32_t gradient_checkpoint(int32_t (*run)(void *), void (*release)(void *), void *context);
int64_t cuda_device_count();

at::Tensor ifft2_real(const at::Tensor &a);
/// x as one matrix, a row for each vector along its last dimension.
at::Tensor rows_of(const at::Tensor &x);
/// The shape of x with another last dimension.
std::vector<int64_t> shape_with(const at::Tensor &x, int64_t last);
/// x wᵀ + b of matrices [rows, in] and [out, in].
at::Tensor product(const at::Tensor &x, const at::Tensor &w, const std::optional<at::Tensor> &bias);
/// x times the mask of the stream `key`, the kept elements scaled to keep the mean.
at::Tensor masked(const at::Tensor &x, double p, int64_t key);

at::Tensor linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias);
at::Tensor low_rank_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                           const at::Tensor &a, const at::Tensor &b, const std::optional<at::Tensor> &factor,
                           double scaling, double p, int64_t key);
at::Tensor scaled_branch_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                                const at::Tensor &hidden, const at::Tensor &d, const at::Tensor &b,
                                const at::Tensor &shared);
at::Tensor spectral_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                           const at::Tensor &spectrum, const at::Tensor &positions, double scaling);
at::Tensor rms_norm(const at::Tensor &x, const at::Tensor &weight, double eps, double offset);
at::Tensor gated(const at::Tensor &gate, const at::Tensor &up, const char *activation);
/// The same in the memory of `gate`, where no gradient is wanted.
void gated_(at::Tensor &gate, const at::Tensor &up, const char *activation);
at::Tensor dropout(const at::Tensor &x, double p, int64_t key);
at::Tensor linear_cross_entropy(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                                const at::Tensor &labels, double softcap, int64_t chunk);

}  // namespace graft
