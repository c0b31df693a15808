// The library's entry, its errors, and the small functions behind the table.
#include "engine.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>
#endif

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <cstring>

namespace graft {

std::atomic<int64_t> live_handles{0};

namespace {

thread_local std::string last_message;
thread_local std::string last_details;

bool says_out_of_memory(const char *message) {
    return std::strstr(message, "DefaultCPUAllocator: ") || std::strstr(message, "out of memory");
}

int32_t copy_bytes(ct_tensor source, void *destination, int64_t capacity) {
    return guarded([&] {
        auto contiguous = tensor(source).detach().to(at::kCPU).contiguous();
        auto bytes = static_cast<int64_t>(contiguous.nbytes());
        TORCH_CHECK(bytes <= capacity, "the tensor has ", bytes, " bytes, the destination ", capacity);
        if (bytes > 0) std::memcpy(destination, contiguous.const_data_ptr(), bytes);
    });
}

int32_t from_blob(void *data, const int64_t *shape, int64_t rank, int32_t dtype, void (*deleter)(void *), void *context,
                  ct_tensor *out) {
    bool taken = false;
    auto status = guarded([&] {
        auto type = static_cast<at::ScalarType>(dtype);
        auto release = [deleter, context](void *) {
            if (deleter) deleter(context);
        };
        auto blob = at::from_blob(data, at::IntArrayRef(shape, rank), release, at::TensorOptions().dtype(type));
        taken = true;
        *out = handle(std::move(blob));
    });
    if (!taken && deleter) deleter(context);
    return status;
}

void release(ct_tensor handle) {
    if (!handle) return;
    delete reinterpret_cast<at::Tensor *>(handle);
    live_handles.fetch_sub(1, std::memory_order_relaxed);
}

const char *configuration() {
    static const std::string text = at::show_config() + "\n" + at::get_parallel_info();
    return text.c_str();
}

at::Generator seeded(int64_t seed) {
    return at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(seed));
}

}  // namespace

void record_error(const char *message, const char *details) {
    last_message = message;
    last_details = details;
}

const char *last_error() {
    return last_message.c_str();
}

int32_t status_of_current_exception() {
    try {
        throw;
    } catch (const c10::OutOfMemoryError &error) {
        record_error(error.what_without_backtrace(), error.what());
        return CT_OUT_OF_MEMORY;
    } catch (const c10::Error &error) {
        record_error(error.what_without_backtrace(), error.what());
        return says_out_of_memory(error.what_without_backtrace()) ? CT_OUT_OF_MEMORY : CT_ERROR;
    } catch (const std::bad_alloc &error) {
        record_error("the allocator has no more memory", error.what());
        return CT_OUT_OF_MEMORY;
    } catch (const std::exception &error) {
        record_error(error.what(), error.what());
        return says_out_of_memory(error.what()) ? CT_OUT_OF_MEMORY : CT_ERROR;
    } catch (...) {
        record_error("an exception of an unknown type", "");
        return CT_UNKNOWN;
    }
}

at::Tensor uniform(at::IntArrayRef shape, double low, double high, int64_t seed, at::ScalarType dtype) {
    return at::empty(shape, at::TensorOptions().dtype(dtype)).uniform_(low, high, seeded(seed));
}

at::Tensor normal(at::IntArrayRef shape, double mean, double std, int64_t seed, at::ScalarType dtype) {
    return at::empty(shape, at::TensorOptions().dtype(dtype)).normal_(mean, std, seeded(seed));
}

at::Tensor randperm(int64_t count, int64_t seed) {
    return at::randperm(count, seeded(seed), at::TensorOptions().dtype(at::kLong));
}

at::Tensor multinomial(const at::Tensor &probabilities, int64_t count, int64_t seed) {
    return at::multinomial(probabilities, count, /*replacement=*/false, seeded(seed));
}

namespace {

/// Whether no number has an exponent of ones, which infinity and NaN have. Nothing is computed and nothing is copied. On one
/// thread: memory is what bounds it, and a team that was woken for it would spin beside the copying that comes next.
template <typename Bits>
bool has_finite_exponents(const void *data, int64_t count, Bits exponent) {
    // A count that is known is what compilers make vectors of; a few pages at a time, so that a look can end early.
    constexpr int64_t width = 64, stretch = 1 << 14;
    auto *bits = static_cast<const Bits *>(data);
    for (int64_t begin = 0; begin < count; begin += stretch) {
        auto end = std::min(count, begin + stretch);
        Bits any = 0;
        auto i = begin;
        for (; i + width <= end; i += width) {
            for (int64_t j = i; j < i + width; ++j) any |= static_cast<Bits>((bits[j] & exponent) == exponent);
        }
        for (; i < end; ++i) any |= static_cast<Bits>((bits[i] & exponent) == exponent);
        if (any) return false;
    }
    return true;
}

}  // namespace

bool is_all_finite(const at::Tensor &a) {
    at::NoGradGuard no_grad;
    if (a.is_cpu() && a.is_contiguous()) {
        auto *data = a.const_data_ptr();
        switch (a.scalar_type()) {
            case at::kFloat: return has_finite_exponents<uint32_t>(data, a.numel(), 0x7F800000u);
            case at::kDouble: return has_finite_exponents<uint64_t>(data, a.numel(), UINT64_C(0x7FF0000000000000));
            case at::kHalf: return has_finite_exponents<uint16_t>(data, a.numel(), 0x7C00);
            case at::kBFloat16: return has_finite_exponents<uint16_t>(data, a.numel(), 0x7F80);
            default: break;
        }
    }
    // A sum is infinite or NaN as soon as one term is; only a sum that overflows needs the slow look.
    if (std::isfinite(at::sum(a, at::kDouble).item<double>())) return true;
    return at::isfinite(a).all().item<bool>();
}

bool set_grad_enabled(bool on) {
    bool before = at::GradMode::is_enabled();
    at::GradMode::set_enabled(on);
    return before;
}

void end_waiting_threads() {
#if defined(_OPENMP)
    omp_pause_resource_all(omp_pause_soft);
#endif
}

int64_t cuda_device_count() {
    return at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
}

}  // namespace graft

extern "C" __attribute__((visibility("default"))) const struct ct_engine *graft_engine(void) {
    static const ct_engine engine = {
        CT_ABI,
        &graft::operations,
        graft::release,
        graft::from_blob,
        graft::copy_bytes,
        graft::last_error,
        [] { return graft::last_details.c_str(); },
        [] { return graft::live_handles.load(); },
        [] { return TORCH_VERSION; },
        graft::configuration,
        graft::on_gradient,
        graft::gradient_checkpoint,
    };
    return &engine;
}
