// Made by Scripts/generate-operations from Engine/operations.table: edit the table, not this file.
#include "engine.h"

namespace {
using namespace graft;

int32_t op_empty(const int64_t *shape_, int64_t shape_count, int32_t dtype_, int32_t device_, int32_t device_index, ct_tensor *out0) {
    return guarded([&] {
        at::IntArrayRef shape(shape_, shape_count);
        auto dtype = static_cast<at::ScalarType>(dtype_);
        auto device = make_device(device_, device_index);
        *out0 = handle(at::empty(shape, options(dtype, device)));
    });
}

int32_t op_zeros(const int64_t *shape_, int64_t shape_count, int32_t dtype_, int32_t device_, int32_t device_index, ct_tensor *out0) {
    return guarded([&] {
        at::IntArrayRef shape(shape_, shape_count);
        auto dtype = static_cast<at::ScalarType>(dtype_);
        auto device = make_device(device_, device_index);
        *out0 = handle(at::zeros(shape, options(dtype, device)));
    });
}

int32_t op_ones(const int64_t *shape_, int64_t shape_count, int32_t dtype_, int32_t device_, int32_t device_index, ct_tensor *out0) {
    return guarded([&] {
        at::IntArrayRef shape(shape_, shape_count);
        auto dtype = static_cast<at::ScalarType>(dtype_);
        auto device = make_device(device_, device_index);
        *out0 = handle(at::ones(shape, options(dtype, device)));
    });
}

int32_t op_full(const int64_t *shape_, int64_t shape_count, double value_, int32_t dtype_, int32_t device_, int32_t device_index, ct_tensor *out0) {
    return guarded([&] {
        at::IntArrayRef shape(shape_, shape_count);
        double value = value_;
        auto dtype = static_cast<at::ScalarType>(dtype_);
        auto device = make_device(device_, device_index);
        *out0 = handle(at::full(shape, value, options(dtype, device)));
    });
}

int32_t op_arange(double start_, double end_, double step_, int32_t dtype_, int32_t device_, int32_t device_index, ct_tensor *out0) {
    return guarded([&] {
        double start = start_;
        double end = end_;
        double step = step_;
        auto dtype = static_cast<at::ScalarType>(dtype_);
        auto device = make_device(device_, device_index);
        *out0 = handle(at::arange(start, end, step, options(dtype, device)));
    });
}

int32_t op_zeros_like(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::zeros_like(a));
    });
}

int32_t op_uniform(const int64_t *shape_, int64_t shape_count, double low_, double high_, int64_t seed_, int32_t dtype_, ct_tensor *out0) {
    return guarded([&] {
        at::IntArrayRef shape(shape_, shape_count);
        double low = low_;
        double high = high_;
        int64_t seed = seed_;
        auto dtype = static_cast<at::ScalarType>(dtype_);
        *out0 = handle(graft::uniform(shape, low, high, seed, dtype));
    });
}

int32_t op_normal(const int64_t *shape_, int64_t shape_count, double mean_, double std_, int64_t seed_, int32_t dtype_, ct_tensor *out0) {
    return guarded([&] {
        at::IntArrayRef shape(shape_, shape_count);
        double mean = mean_;
        double std = std_;
        int64_t seed = seed_;
        auto dtype = static_cast<at::ScalarType>(dtype_);
        *out0 = handle(graft::normal(shape, mean, std, seed, dtype));
    });
}

int32_t op_randperm(int64_t count_, int64_t seed_, ct_tensor *out0) {
    return guarded([&] {
        int64_t count = count_;
        int64_t seed = seed_;
        *out0 = handle(graft::randperm(count, seed));
    });
}

int32_t op_clone(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(a.clone(at::MemoryFormat::Contiguous));
    });
}

int32_t op_contiguous(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(a.contiguous());
    });
}

int32_t op_to_dtype(ct_tensor a_, int32_t dtype_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto dtype = static_cast<at::ScalarType>(dtype_);
        *out0 = handle(a.to(dtype));
    });
}

int32_t op_to_device(ct_tensor a_, int32_t device_, int32_t device_index, bool non_blocking_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto device = make_device(device_, device_index);
        bool non_blocking = non_blocking_;
        *out0 = handle(a.to(device, non_blocking));
    });
}

int32_t op_detach(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(a.detach());
    });
}

int32_t op_copy_(ct_tensor a_, ct_tensor source_) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &source = tensor(source_);
        a.copy_(source);
    });
}

int32_t op_zero_(ct_tensor a_) {
    return guarded([&] {
        auto &a = tensor(a_);
        a.zero_();
    });
}

int32_t op_reshape(ct_tensor a_, const int64_t *shape_, int64_t shape_count, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef shape(shape_, shape_count);
        *out0 = handle(a.reshape(shape));
    });
}

int32_t op_expand(ct_tensor a_, const int64_t *shape_, int64_t shape_count, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef shape(shape_, shape_count);
        *out0 = handle(a.expand(shape));
    });
}

int32_t op_permute(ct_tensor a_, const int64_t *dims_, int64_t dims_count, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        *out0 = handle(a.permute(dims));
    });
}

int32_t op_transpose(ct_tensor a_, int64_t d0_, int64_t d1_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t d0 = d0_;
        int64_t d1 = d1_;
        *out0 = handle(a.transpose(d0, d1));
    });
}

int32_t op_unsqueeze(ct_tensor a_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        *out0 = handle(a.unsqueeze(dim));
    });
}

int32_t op_squeeze(ct_tensor a_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        *out0 = handle(a.squeeze(dim));
    });
}

int32_t op_select(ct_tensor a_, int64_t dim_, int64_t index_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        int64_t index = index_;
        *out0 = handle(a.select(dim, index));
    });
}

int32_t op_narrow(ct_tensor a_, int64_t dim_, int64_t start_, int64_t length_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        int64_t start = start_;
        int64_t length = length_;
        *out0 = handle(a.narrow(dim, start, length));
    });
}

int32_t op_slice(ct_tensor a_, int64_t dim_, int64_t start_, int64_t end_, int64_t step_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        int64_t start = start_;
        int64_t end = end_;
        int64_t step = step_;
        *out0 = handle(a.slice(dim, start, end, step));
    });
}

int32_t op_diagonal(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(a.diagonal());
    });
}

int32_t op_flip(ct_tensor a_, const int64_t *dims_, int64_t dims_count, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        *out0 = handle(a.flip(dims));
    });
}

int32_t op_cat(const ct_tensor *tensors_, int64_t tensors_count, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto tensors = list(tensors_, tensors_count);
        int64_t dim = dim_;
        *out0 = handle(at::cat(tensors, dim));
    });
}

int32_t op_stack(const ct_tensor *tensors_, int64_t tensors_count, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto tensors = list(tensors_, tensors_count);
        int64_t dim = dim_;
        *out0 = handle(at::stack(tensors, dim));
    });
}

int32_t op_repeat_interleave(ct_tensor a_, int64_t repeats_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t repeats = repeats_;
        int64_t dim = dim_;
        *out0 = handle(a.repeat_interleave(repeats, dim));
    });
}

int32_t op_tril(ct_tensor a_, int64_t diagonal_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t diagonal = diagonal_;
        *out0 = handle(at::tril(a, diagonal));
    });
}

int32_t op_triu(ct_tensor a_, int64_t diagonal_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t diagonal = diagonal_;
        *out0 = handle(at::triu(a, diagonal));
    });
}

int32_t op_index_select(ct_tensor a_, int64_t dim_, ct_tensor index_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        auto &index = tensor(index_);
        *out0 = handle(a.index_select(dim, index));
    });
}

int32_t op_gather(ct_tensor a_, int64_t dim_, ct_tensor index_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        auto &index = tensor(index_);
        *out0 = handle(a.gather(dim, index));
    });
}

int32_t op_scatter(ct_tensor a_, int64_t dim_, ct_tensor index_, ct_tensor source_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        auto &index = tensor(index_);
        auto &source = tensor(source_);
        *out0 = handle(a.scatter(dim, index, source));
    });
}

int32_t op_index_add(ct_tensor a_, int64_t dim_, ct_tensor index_, ct_tensor source_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        auto &index = tensor(index_);
        auto &source = tensor(source_);
        *out0 = handle(a.index_add(dim, index, source));
    });
}

int32_t op_masked_select(ct_tensor a_, ct_tensor mask_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &mask = tensor(mask_);
        *out0 = handle(a.masked_select(mask));
    });
}

int32_t op_masked_fill(ct_tensor a_, ct_tensor mask_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &mask = tensor(mask_);
        double value = value_;
        *out0 = handle(a.masked_fill(mask, value));
    });
}

int32_t op_nonzero(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(a.nonzero());
    });
}

int32_t op_select_where(ct_tensor condition_, ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &condition = tensor(condition_);
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::where(condition, a, b));
    });
}

int32_t op_sort(ct_tensor a_, int64_t dim_, bool descending_, ct_tensor *out0, ct_tensor *out1) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        bool descending = descending_;
        auto results = at::sort(a, /*stable=*/true, dim, descending);
        *out0 = handle(std::get<0>(results));
        *out1 = handle(std::get<1>(results));
    });
}

int32_t op_topk(ct_tensor a_, int64_t k_, int64_t dim_, bool largest_, ct_tensor *out0, ct_tensor *out1) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t k = k_;
        int64_t dim = dim_;
        bool largest = largest_;
        auto results = at::topk(a, k, dim, largest, /*sorted=*/true);
        *out0 = handle(std::get<0>(results));
        *out1 = handle(std::get<1>(results));
    });
}

int32_t op_argmax(ct_tensor a_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        *out0 = handle(at::argmax(a, dim));
    });
}

int32_t op_searchsorted(ct_tensor sorted_, ct_tensor values_, bool right_, ct_tensor *out0) {
    return guarded([&] {
        auto &sorted = tensor(sorted_);
        auto &values = tensor(values_);
        bool right = right_;
        *out0 = handle(at::searchsorted(sorted, values, /*out_int32=*/false, right));
    });
}

int32_t op_multinomial(ct_tensor probabilities_, int64_t count_, int64_t seed_, ct_tensor *out0) {
    return guarded([&] {
        auto &probabilities = tensor(probabilities_);
        int64_t count = count_;
        int64_t seed = seed_;
        *out0 = handle(graft::multinomial(probabilities, count, seed));
    });
}

int32_t op_add(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::add(a, b));
    });
}

int32_t op_sub(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::sub(a, b));
    });
}

int32_t op_mul(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::mul(a, b));
    });
}

int32_t op_div(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::div(a, b));
    });
}

int32_t op_add_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::add(a, value));
    });
}

int32_t op_mul_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::mul(a, value));
    });
}

int32_t op_div_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::div(a, value));
    });
}

int32_t op_pow_scalar(ct_tensor a_, double exponent_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double exponent = exponent_;
        *out0 = handle(at::pow(a, exponent));
    });
}

int32_t op_scalar_pow(double base_, ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        double base = base_;
        auto &a = tensor(a_);
        *out0 = handle(at::pow(base, a));
    });
}

int32_t op_maximum(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::maximum(a, b));
    });
}

int32_t op_minimum(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::minimum(a, b));
    });
}

int32_t op_clamp(ct_tensor a_, double low_, double high_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double low = low_;
        double high = high_;
        *out0 = handle(at::clamp(a, low, high));
    });
}

int32_t op_add_(ct_tensor a_, ct_tensor b_, double alpha_) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        double alpha = alpha_;
        a.add_(b, alpha);
    });
}

int32_t op_mul_(ct_tensor a_, ct_tensor b_) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        a.mul_(b);
    });
}

int32_t op_mul_scalar_(ct_tensor a_, double value_) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        a.mul_(value);
    });
}

int32_t op_neg(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::neg(a));
    });
}

int32_t op_abs(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::abs(a));
    });
}

int32_t op_sign(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::sign(a));
    });
}

int32_t op_exp(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::exp(a));
    });
}

int32_t op_log(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::log(a));
    });
}

int32_t op_sqrt(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::sqrt(a));
    });
}

int32_t op_rsqrt(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::rsqrt(a));
    });
}

int32_t op_sin(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::sin(a));
    });
}

int32_t op_cos(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::cos(a));
    });
}

int32_t op_floor(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::floor(a));
    });
}

int32_t op_round(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::round(a));
    });
}

int32_t op_eq(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::eq(a, b));
    });
}

int32_t op_ne_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::ne(a, value));
    });
}

int32_t op_eq_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::eq(a, value));
    });
}

int32_t op_lt(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::lt(a, b));
    });
}

int32_t op_le(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::le(a, b));
    });
}

int32_t op_gt(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::gt(a, b));
    });
}

int32_t op_ge_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::ge(a, value));
    });
}

int32_t op_gt_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::gt(a, value));
    });
}

int32_t op_lt_scalar(ct_tensor a_, double value_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double value = value_;
        *out0 = handle(at::lt(a, value));
    });
}

int32_t op_logical_and(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::logical_and(a, b));
    });
}

int32_t op_logical_or(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::logical_or(a, b));
    });
}

int32_t op_logical_not(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::logical_not(a));
    });
}

int32_t op_all(ct_tensor a_, bool *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = at::all(a).item<bool>();
    });
}

int32_t op_is_all_finite(ct_tensor a_, bool *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = graft::is_all_finite(a);
    });
}

int32_t op_equal(ct_tensor a_, ct_tensor b_, bool *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = at::equal(a, b);
    });
}

int32_t op_sum_all(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::sum(a));
    });
}

int32_t op_sum(ct_tensor a_, const int64_t *dims_, int64_t dims_count, bool keep_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        bool keep = keep_;
        *out0 = handle(at::sum(a, dims, keep));
    });
}

int32_t op_mean_all(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(at::mean(a));
    });
}

int32_t op_mean(ct_tensor a_, const int64_t *dims_, int64_t dims_count, bool keep_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        bool keep = keep_;
        *out0 = handle(at::mean(a, dims, keep));
    });
}

int32_t op_amax(ct_tensor a_, const int64_t *dims_, int64_t dims_count, bool keep_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        bool keep = keep_;
        *out0 = handle(at::amax(a, dims, keep));
    });
}

int32_t op_amin(ct_tensor a_, const int64_t *dims_, int64_t dims_count, bool keep_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        bool keep = keep_;
        *out0 = handle(at::amin(a, dims, keep));
    });
}

int32_t op_cumsum(ct_tensor a_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        *out0 = handle(at::cumsum(a, dim));
    });
}

int32_t op_logsumexp(ct_tensor a_, const int64_t *dims_, int64_t dims_count, bool keep_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        at::IntArrayRef dims(dims_, dims_count);
        bool keep = keep_;
        *out0 = handle(at::logsumexp(a, dims, keep));
    });
}

int32_t op_vector_norm(ct_tensor a_, double order_, const int64_t *dims_, int64_t dims_count, bool keep_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        double order = order_;
        at::IntArrayRef dims(dims_, dims_count);
        bool keep = keep_;
        *out0 = handle(at::linalg_vector_norm(a, order, dims.empty() ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(dims), keep));
    });
}

int32_t op_matmul(ct_tensor a_, ct_tensor b_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        *out0 = handle(at::matmul(a, b));
    });
}

int32_t op_addmm(ct_tensor a_, ct_tensor m1_, ct_tensor m2_, double beta_, double alpha_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto &m1 = tensor(m1_);
        auto &m2 = tensor(m2_);
        double beta = beta_;
        double alpha = alpha_;
        *out0 = handle(at::addmm(a, m1, m2, beta, alpha));
    });
}

int32_t op_linear(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        *out0 = handle(graft::linear(x, weight, bias));
    });
}

int32_t op_low_rank_linear(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, ct_tensor a_, ct_tensor b_, ct_tensor factor_, double scaling_, double p_, int64_t key_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        auto &a = tensor(a_);
        auto &b = tensor(b_);
        auto factor = optional(factor_);
        double scaling = scaling_;
        double p = p_;
        int64_t key = key_;
        *out0 = handle(graft::low_rank_linear(x, weight, bias, a, b, factor, scaling, p, key));
    });
}

int32_t op_scaled_branch_linear(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, ct_tensor hidden_, ct_tensor d_, ct_tensor b_, ct_tensor shared_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        auto &hidden = tensor(hidden_);
        auto &d = tensor(d_);
        auto &b = tensor(b_);
        auto &shared = tensor(shared_);
        *out0 = handle(graft::scaled_branch_linear(x, weight, bias, hidden, d, b, shared));
    });
}

int32_t op_spectral_linear(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, ct_tensor spectrum_, ct_tensor positions_, double scaling_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        auto &spectrum = tensor(spectrum_);
        auto &positions = tensor(positions_);
        double scaling = scaling_;
        *out0 = handle(graft::spectral_linear(x, weight, bias, spectrum, positions, scaling));
    });
}

int32_t op_svd(ct_tensor a_, ct_tensor *out0, ct_tensor *out1, ct_tensor *out2) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto results = at::linalg_svd(a, /*full_matrices=*/false);
        *out0 = handle(std::get<0>(results));
        *out1 = handle(std::get<1>(results));
        *out2 = handle(std::get<2>(results));
    });
}

int32_t op_qr(ct_tensor a_, ct_tensor *out0, ct_tensor *out1) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto results = at::linalg_qr(a, "reduced");
        *out0 = handle(std::get<0>(results));
        *out1 = handle(std::get<1>(results));
    });
}

int32_t op_eigh(ct_tensor a_, ct_tensor *out0, ct_tensor *out1) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto results = at::linalg_eigh(a);
        *out0 = handle(std::get<0>(results));
        *out1 = handle(std::get<1>(results));
    });
}

int32_t op_ifft2_real(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(graft::ifft2_real(a));
    });
}

int32_t op_embedding(ct_tensor weight_, ct_tensor ids_, ct_tensor *out0) {
    return guarded([&] {
        auto &weight = tensor(weight_);
        auto &ids = tensor(ids_);
        *out0 = handle(at::embedding(weight, ids));
    });
}

int32_t op_layer_norm(ct_tensor x_, const int64_t *shape_, int64_t shape_count, ct_tensor weight_, ct_tensor bias_, double eps_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        at::IntArrayRef shape(shape_, shape_count);
        auto weight = optional(weight_);
        auto bias = optional(bias_);
        double eps = eps_;
        *out0 = handle(at::layer_norm(x, shape, weight, bias, eps));
    });
}

int32_t op_rms_norm(ct_tensor x_, ct_tensor weight_, double eps_, double offset_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        double eps = eps_;
        double offset = offset_;
        *out0 = handle(graft::rms_norm(x, weight, eps, offset));
    });
}

int32_t op_gated(ct_tensor gate_, ct_tensor up_, const char *activation_, ct_tensor *out0) {
    return guarded([&] {
        auto &gate = tensor(gate_);
        auto &up = tensor(up_);
        const char *activation = activation_;
        *out0 = handle(graft::gated(gate, up, activation));
    });
}

int32_t op_gated_(ct_tensor gate_, ct_tensor up_, const char *activation_) {
    return guarded([&] {
        auto &gate = tensor(gate_);
        auto &up = tensor(up_);
        const char *activation = activation_;
        graft::gated_(gate, up, activation);
    });
}

int32_t op_conv1d(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, const int64_t *stride_, int64_t stride_count, const int64_t *padding_, int64_t padding_count, const int64_t *dilation_, int64_t dilation_count, int64_t groups_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        at::IntArrayRef stride(stride_, stride_count);
        at::IntArrayRef padding(padding_, padding_count);
        at::IntArrayRef dilation(dilation_, dilation_count);
        int64_t groups = groups_;
        *out0 = handle(at::conv1d(x, weight, bias, stride, padding, dilation, groups));
    });
}

int32_t op_conv2d(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, const int64_t *stride_, int64_t stride_count, const int64_t *padding_, int64_t padding_count, const int64_t *dilation_, int64_t dilation_count, int64_t groups_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        at::IntArrayRef stride(stride_, stride_count);
        at::IntArrayRef padding(padding_, padding_count);
        at::IntArrayRef dilation(dilation_, dilation_count);
        int64_t groups = groups_;
        *out0 = handle(at::conv2d(x, weight, bias, stride, padding, dilation, groups));
    });
}

int32_t op_gelu(ct_tensor x_, const char *approximate_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        const char *approximate = approximate_;
        *out0 = handle(at::gelu(x, approximate));
    });
}

int32_t op_silu(ct_tensor x_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        *out0 = handle(at::silu(x));
    });
}

int32_t op_relu(ct_tensor x_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        *out0 = handle(at::relu(x));
    });
}

int32_t op_leaky_relu(ct_tensor x_, double slope_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        double slope = slope_;
        *out0 = handle(at::leaky_relu(x, slope));
    });
}

int32_t op_hardtanh(ct_tensor x_, double low_, double high_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        double low = low_;
        double high = high_;
        *out0 = handle(at::hardtanh(x, low, high));
    });
}

int32_t op_tanh(ct_tensor x_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        *out0 = handle(at::tanh(x));
    });
}

int32_t op_sigmoid(ct_tensor x_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        *out0 = handle(at::sigmoid(x));
    });
}

int32_t op_softplus(ct_tensor x_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        *out0 = handle(at::softplus(x));
    });
}

int32_t op_mish(ct_tensor x_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        *out0 = handle(at::mish(x));
    });
}

int32_t op_softmax(ct_tensor x_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        int64_t dim = dim_;
        *out0 = handle(at::softmax(x, dim));
    });
}

int32_t op_log_softmax(ct_tensor x_, int64_t dim_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        int64_t dim = dim_;
        *out0 = handle(at::log_softmax(x, dim));
    });
}

int32_t op_attention(ct_tensor q_, ct_tensor k_, ct_tensor v_, ct_tensor mask_, bool causal_, double scale_, ct_tensor *out0) {
    return guarded([&] {
        auto &q = tensor(q_);
        auto &k = tensor(k_);
        auto &v = tensor(v_);
        auto mask = optional(mask_);
        bool causal = causal_;
        double scale = scale_;
        *out0 = handle(at::scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale));
    });
}

int32_t op_cross_entropy_sum(ct_tensor logits_, ct_tensor labels_, ct_tensor *out0) {
    return guarded([&] {
        auto &logits = tensor(logits_);
        auto &labels = tensor(labels_);
        *out0 = handle(at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, -100, 0.0));
    });
}

int32_t op_dropout(ct_tensor x_, double p_, int64_t key_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        double p = p_;
        int64_t key = key_;
        *out0 = handle(graft::dropout(x, p, key));
    });
}

int32_t op_linear_cross_entropy(ct_tensor x_, ct_tensor weight_, ct_tensor bias_, ct_tensor labels_, double softcap_, int64_t chunk_, ct_tensor *out0) {
    return guarded([&] {
        auto &x = tensor(x_);
        auto &weight = tensor(weight_);
        auto bias = optional(bias_);
        auto &labels = tensor(labels_);
        double softcap = softcap_;
        int64_t chunk = chunk_;
        *out0 = handle(graft::linear_cross_entropy(x, weight, bias, labels, softcap, chunk));
    });
}

int32_t op_set_requires_grad(ct_tensor a_, bool on_) {
    return guarded([&] {
        auto &a = tensor(a_);
        bool on = on_;
        a.requires_grad_(on);
    });
}

int32_t op_requires_grad(ct_tensor a_, bool *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = a.requires_grad();
    });
}

int32_t op_backward(ct_tensor a_, ct_tensor gradient_) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto gradient = optional(gradient_);
        a.backward(gradient.has_value() ? *gradient : at::Tensor());
    });
}

int32_t op_has_grad(ct_tensor a_, bool *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = a.grad().defined();
    });
}

int32_t op_grad(ct_tensor a_, ct_tensor *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = handle(a.grad());
    });
}

int32_t op_set_grad(ct_tensor a_, ct_tensor gradient_) {
    return guarded([&] {
        auto &a = tensor(a_);
        auto gradient = optional(gradient_);
        a.mutable_grad() = gradient.has_value() ? *gradient : at::Tensor();
    });
}

int32_t op_set_grad_enabled(bool on_, bool *out0) {
    return guarded([&] {
        bool on = on_;
        *out0 = graft::set_grad_enabled(on);
    });
}

int32_t op_release_freed_memory(void) {
    return guarded([&] {
        graft::release_freed_memory();
    });
}

int32_t op_end_waiting_threads(void) {
    return guarded([&] {
        graft::end_waiting_threads();
    });
}

int32_t op_fused_adamw_(ct_tensor parameter_, ct_tensor gradient_, ct_tensor mean_, ct_tensor square_, ct_tensor step_, double learning_rate_, double beta1_, double beta2_, double weight_decay_, double eps_) {
    return guarded([&] {
        auto &parameter = tensor(parameter_);
        auto &gradient = tensor(gradient_);
        auto &mean = tensor(mean_);
        auto &square = tensor(square_);
        auto &step = tensor(step_);
        double learning_rate = learning_rate_;
        double beta1 = beta1_;
        double beta2 = beta2_;
        double weight_decay = weight_decay_;
        double eps = eps_;
        at::_fused_adamw_({parameter}, {gradient}, {mean}, {square}, {}, {step}, learning_rate, beta1, beta2, weight_decay, eps, /*amsgrad=*/false, /*maximize=*/false);
    });
}

int32_t op_fused_sgd_(ct_tensor parameter_, ct_tensor gradient_, ct_tensor momentum_buffer_, double weight_decay_, double momentum_, double learning_rate_, double dampening_, bool nesterov_, bool first_) {
    return guarded([&] {
        auto &parameter = tensor(parameter_);
        auto &gradient = tensor(gradient_);
        auto &momentum_buffer = tensor(momentum_buffer_);
        double weight_decay = weight_decay_;
        double momentum = momentum_;
        double learning_rate = learning_rate_;
        double dampening = dampening_;
        bool nesterov = nesterov_;
        bool first = first_;
        at::_fused_sgd_({parameter}, {gradient}, momentum == 0 ? at::TensorList() : at::TensorList({momentum_buffer}), weight_decay, momentum, learning_rate, dampening, nesterov, /*maximize=*/false, first);
    });
}

int32_t op_rank(ct_tensor a_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = a.dim();
    });
}

int32_t op_size(ct_tensor a_, int64_t dim_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        int64_t dim = dim_;
        *out0 = a.size(dim);
    });
}

int32_t op_element_count(ct_tensor a_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = a.numel();
    });
}

int32_t op_dtype(ct_tensor a_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = static_cast<int64_t>(a.scalar_type());
    });
}

int32_t op_device_type(ct_tensor a_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = static_cast<int64_t>(a.device().type());
    });
}

int32_t op_device_index(ct_tensor a_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = a.device().index();
    });
}

int32_t op_item(ct_tensor a_, double *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = a.item<double>();
    });
}

int32_t op_data_address(ct_tensor a_, int64_t *out0) {
    return guarded([&] {
        auto &a = tensor(a_);
        *out0 = reinterpret_cast<int64_t>(a.const_data_ptr());
    });
}

int32_t op_thread_count(int64_t *out0) {
    return guarded([&] {
        *out0 = at::get_num_threads();
    });
}

int32_t op_set_thread_count(int64_t count_) {
    return guarded([&] {
        int64_t count = count_;
        at::set_num_threads(static_cast<int>(count));
    });
}

int32_t op_cuda_device_count(int64_t *out0) {
    return guarded([&] {
        *out0 = graft::cuda_device_count();
    });
}

}  // namespace

namespace graft {
const ct_operations operations = {
    op_empty,
    op_zeros,
    op_ones,
    op_full,
    op_arange,
    op_zeros_like,
    op_uniform,
    op_normal,
    op_randperm,
    op_clone,
    op_contiguous,
    op_to_dtype,
    op_to_device,
    op_detach,
    op_copy_,
    op_zero_,
    op_reshape,
    op_expand,
    op_permute,
    op_transpose,
    op_unsqueeze,
    op_squeeze,
    op_select,
    op_narrow,
    op_slice,
    op_diagonal,
    op_flip,
    op_cat,
    op_stack,
    op_repeat_interleave,
    op_tril,
    op_triu,
    op_index_select,
    op_gather,
    op_scatter,
    op_index_add,
    op_masked_select,
    op_masked_fill,
    op_nonzero,
    op_select_where,
    op_sort,
    op_topk,
    op_argmax,
    op_searchsorted,
    op_multinomial,
    op_add,
    op_sub,
    op_mul,
    op_div,
    op_add_scalar,
    op_mul_scalar,
    op_div_scalar,
    op_pow_scalar,
    op_scalar_pow,
    op_maximum,
    op_minimum,
    op_clamp,
    op_add_,
    op_mul_,
    op_mul_scalar_,
    op_neg,
    op_abs,
    op_sign,
    op_exp,
    op_log,
    op_sqrt,
    op_rsqrt,
    op_sin,
    op_cos,
    op_floor,
    op_round,
    op_eq,
    op_ne_scalar,
    op_eq_scalar,
    op_lt,
    op_le,
    op_gt,
    op_ge_scalar,
    op_gt_scalar,
    op_lt_scalar,
    op_logical_and,
    op_logical_or,
    op_logical_not,
    op_all,
    op_is_all_finite,
    op_equal,
    op_sum_all,
    op_sum,
    op_mean_all,
    op_mean,
    op_amax,
    op_amin,
    op_cumsum,
    op_logsumexp,
    op_vector_norm,
    op_matmul,
    op_addmm,
    op_linear,
    op_low_rank_linear,
    op_scaled_branch_linear,
    op_spectral_linear,
    op_svd,
    op_qr,
    op_eigh,
    op_ifft2_real,
    op_embedding,
    op_layer_norm,
    op_rms_norm,
    op_gated,
    op_gated_,
    op_conv1d,
    op_conv2d,
    op_gelu,
    op_silu,
    op_relu,
    op_leaky_relu,
    op_hardtanh,
    op_tanh,
    op_sigmoid,
    op_softplus,
    op_mish,
    op_softmax,
    op_log_softmax,
    op_attention,
    op_cross_entropy_sum,
    op_dropout,
    op_linear_cross_entropy,
    op_set_requires_grad,
    op_requires_grad,
    op_backward,
    op_has_grad,
    op_grad,
    op_set_grad,
    op_set_grad_enabled,
    op_release_freed_memory,
    op_end_waiting_threads,
    op_fused_adamw_,
    op_fused_sgd_,
    op_rank,
    op_size,
    op_element_count,
    op_dtype,
    op_device_type,
    op_device_index,
    op_item,
    op_data_address,
    op_thread_count,
    op_set_thread_count,
    op_cuda_device_count,
};
}  // namespace graft
