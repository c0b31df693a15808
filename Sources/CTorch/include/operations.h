// Made by Scripts/generate-operations from Engine/operations.table: edit the table, not this file.
#ifndef GRAFT_OPERATIONS_H
#define GRAFT_OPERATIONS_H

#define CT_ABI UINT64_C(0xc49a74f5648a2d40)

struct ct_operations {
    int32_t (*empty)(const int64_t *shape, int64_t shape_count, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0);
    int32_t (*zeros)(const int64_t *shape, int64_t shape_count, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0);
    int32_t (*ones)(const int64_t *shape, int64_t shape_count, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0);
    int32_t (*full)(const int64_t *shape, int64_t shape_count, double value, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0);
    int32_t (*arange)(double start, double end, double step, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0);
    int32_t (*zeros_like)(ct_tensor a, ct_tensor *out0);
    int32_t (*uniform)(const int64_t *shape, int64_t shape_count, double low, double high, int64_t seed, int32_t dtype, ct_tensor *out0);
    int32_t (*normal)(const int64_t *shape, int64_t shape_count, double mean, double std, int64_t seed, int32_t dtype, ct_tensor *out0);
    int32_t (*randperm)(int64_t count, int64_t seed, ct_tensor *out0);
    int32_t (*clone)(ct_tensor a, ct_tensor *out0);
    int32_t (*contiguous)(ct_tensor a, ct_tensor *out0);
    int32_t (*to_dtype)(ct_tensor a, int32_t dtype, ct_tensor *out0);
    int32_t (*to_device)(ct_tensor a, int32_t device, int32_t device_index, bool non_blocking, ct_tensor *out0);
    int32_t (*detach)(ct_tensor a, ct_tensor *out0);
    int32_t (*copy_)(ct_tensor a, ct_tensor source);
    int32_t (*zero_)(ct_tensor a);
    int32_t (*reshape)(ct_tensor a, const int64_t *shape, int64_t shape_count, ct_tensor *out0);
    int32_t (*expand)(ct_tensor a, const int64_t *shape, int64_t shape_count, ct_tensor *out0);
    int32_t (*permute)(ct_tensor a, const int64_t *dims, int64_t dims_count, ct_tensor *out0);
    int32_t (*transpose)(ct_tensor a, int64_t d0, int64_t d1, ct_tensor *out0);
    int32_t (*unsqueeze)(ct_tensor a, int64_t dim, ct_tensor *out0);
    int32_t (*squeeze)(ct_tensor a, int64_t dim, ct_tensor *out0);
    int32_t (*select)(ct_tensor a, int64_t dim, int64_t index, ct_tensor *out0);
    int32_t (*narrow)(ct_tensor a, int64_t dim, int64_t start, int64_t length, ct_tensor *out0);
    int32_t (*slice)(ct_tensor a, int64_t dim, int64_t start, int64_t end, int64_t step, ct_tensor *out0);
    int32_t (*diagonal)(ct_tensor a, ct_tensor *out0);
    int32_t (*flip)(ct_tensor a, const int64_t *dims, int64_t dims_count, ct_tensor *out0);
    int32_t (*cat)(const ct_tensor *tensors, int64_t tensors_count, int64_t dim, ct_tensor *out0);
    int32_t (*stack)(const ct_tensor *tensors, int64_t tensors_count, int64_t dim, ct_tensor *out0);
    int32_t (*repeat_interleave)(ct_tensor a, int64_t repeats, int64_t dim, ct_tensor *out0);
    int32_t (*tril)(ct_tensor a, int64_t diagonal, ct_tensor *out0);
    int32_t (*triu)(ct_tensor a, int64_t diagonal, ct_tensor *out0);
    int32_t (*index_select)(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor *out0);
    int32_t (*gather)(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor *out0);
    int32_t (*scatter)(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor source, ct_tensor *out0);
    int32_t (*index_add)(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor source, ct_tensor *out0);
    int32_t (*masked_select)(ct_tensor a, ct_tensor mask, ct_tensor *out0);
    int32_t (*masked_fill)(ct_tensor a, ct_tensor mask, double value, ct_tensor *out0);
    int32_t (*nonzero)(ct_tensor a, ct_tensor *out0);
    int32_t (*select_where)(ct_tensor condition, ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*sort)(ct_tensor a, int64_t dim, bool descending, ct_tensor *out0, ct_tensor *out1);
    int32_t (*topk)(ct_tensor a, int64_t k, int64_t dim, bool largest, ct_tensor *out0, ct_tensor *out1);
    int32_t (*argmax)(ct_tensor a, int64_t dim, ct_tensor *out0);
    int32_t (*searchsorted)(ct_tensor sorted, ct_tensor values, bool right, ct_tensor *out0);
    int32_t (*multinomial)(ct_tensor probabilities, int64_t count, int64_t seed, ct_tensor *out0);
    int32_t (*add)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*sub)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*mul)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*div)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*add_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*mul_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*div_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*pow_scalar)(ct_tensor a, double exponent, ct_tensor *out0);
    int32_t (*scalar_pow)(double base, ct_tensor a, ct_tensor *out0);
    int32_t (*maximum)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*minimum)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*clamp)(ct_tensor a, double low, double high, ct_tensor *out0);
    int32_t (*add_)(ct_tensor a, ct_tensor b, double alpha);
    int32_t (*mul_)(ct_tensor a, ct_tensor b);
    int32_t (*mul_scalar_)(ct_tensor a, double value);
    int32_t (*neg)(ct_tensor a, ct_tensor *out0);
    int32_t (*abs)(ct_tensor a, ct_tensor *out0);
    int32_t (*sign)(ct_tensor a, ct_tensor *out0);
    int32_t (*exp)(ct_tensor a, ct_tensor *out0);
    int32_t (*log)(ct_tensor a, ct_tensor *out0);
    int32_t (*sqrt)(ct_tensor a, ct_tensor *out0);
    int32_t (*rsqrt)(ct_tensor a, ct_tensor *out0);
    int32_t (*sin)(ct_tensor a, ct_tensor *out0);
    int32_t (*cos)(ct_tensor a, ct_tensor *out0);
    int32_t (*floor)(ct_tensor a, ct_tensor *out0);
    int32_t (*round)(ct_tensor a, ct_tensor *out0);
    int32_t (*eq)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*ne_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*eq_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*lt)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*le)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*gt)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*ge_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*gt_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*lt_scalar)(ct_tensor a, double value, ct_tensor *out0);
    int32_t (*logical_and)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*logical_or)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*logical_not)(ct_tensor a, ct_tensor *out0);
    int32_t (*all)(ct_tensor a, bool *out0);
    int32_t (*is_all_finite)(ct_tensor a, bool *out0);
    int32_t (*equal)(ct_tensor a, ct_tensor b, bool *out0);
    int32_t (*sum_all)(ct_tensor a, ct_tensor *out0);
    int32_t (*sum)(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0);
    int32_t (*mean_all)(ct_tensor a, ct_tensor *out0);
    int32_t (*mean)(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0);
    int32_t (*amax)(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0);
    int32_t (*amin)(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0);
    int32_t (*cumsum)(ct_tensor a, int64_t dim, ct_tensor *out0);
    int32_t (*logsumexp)(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0);
    int32_t (*vector_norm)(ct_tensor a, double order, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0);
    int32_t (*matmul)(ct_tensor a, ct_tensor b, ct_tensor *out0);
    int32_t (*addmm)(ct_tensor a, ct_tensor m1, ct_tensor m2, double beta, double alpha, ct_tensor *out0);
    int32_t (*linear)(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor *out0);
    int32_t (*low_rank_linear)(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor a, ct_tensor b, ct_tensor factor, double scaling, double p, int64_t key, ct_tensor *out0);
    int32_t (*scaled_branch_linear)(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor hidden, ct_tensor d, ct_tensor b, ct_tensor shared, ct_tensor *out0);
    int32_t (*spectral_linear)(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor spectrum, ct_tensor positions, double scaling, ct_tensor *out0);
    int32_t (*svd)(ct_tensor a, ct_tensor *out0, ct_tensor *out1, ct_tensor *out2);
    int32_t (*qr)(ct_tensor a, ct_tensor *out0, ct_tensor *out1);
    int32_t (*eigh)(ct_tensor a, ct_tensor *out0, ct_tensor *out1);
    int32_t (*ifft2_real)(ct_tensor a, ct_tensor *out0);
    int32_t (*embedding)(ct_tensor weight, ct_tensor ids, ct_tensor *out0);
    int32_t (*layer_norm)(ct_tensor x, const int64_t *shape, int64_t shape_count, ct_tensor weight, ct_tensor bias, double eps, ct_tensor *out0);
    int32_t (*rms_norm)(ct_tensor x, ct_tensor weight, double eps, double offset, ct_tensor *out0);
    int32_t (*gated)(ct_tensor gate, ct_tensor up, const char *activation, ct_tensor *out0);
    int32_t (*gated_)(ct_tensor gate, ct_tensor up, const char *activation);
    int32_t (*conv1d)(ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride, int64_t stride_count, const int64_t *padding, int64_t padding_count, const int64_t *dilation, int64_t dilation_count, int64_t groups, ct_tensor *out0);
    int32_t (*conv2d)(ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride, int64_t stride_count, const int64_t *padding, int64_t padding_count, const int64_t *dilation, int64_t dilation_count, int64_t groups, ct_tensor *out0);
    int32_t (*gelu)(ct_tensor x, const char *approximate, ct_tensor *out0);
    int32_t (*silu)(ct_tensor x, ct_tensor *out0);
    int32_t (*relu)(ct_tensor x, ct_tensor *out0);
    int32_t (*leaky_relu)(ct_tensor x, double slope, ct_tensor *out0);
    int32_t (*hardtanh)(ct_tensor x, double low, double high, ct_tensor *out0);
    int32_t (*tanh)(ct_tensor x, ct_tensor *out0);
    int32_t (*sigmoid)(ct_tensor x, ct_tensor *out0);
    int32_t (*softplus)(ct_tensor x, ct_tensor *out0);
    int32_t (*mish)(ct_tensor x, ct_tensor *out0);
    int32_t (*softmax)(ct_tensor x, int64_t dim, ct_tensor *out0);
    int32_t (*log_softmax)(ct_tensor x, int64_t dim, ct_tensor *out0);
    int32_t (*attention)(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor mask, bool causal, double scale, ct_tensor *out0);
    int32_t (*cross_entropy_sum)(ct_tensor logits, ct_tensor labels, ct_tensor *out0);
    int32_t (*dropout)(ct_tensor x, double p, int64_t key, ct_tensor *out0);
    int32_t (*linear_cross_entropy)(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor labels, double softcap, int64_t chunk, ct_tensor *out0);
    int32_t (*set_requires_grad)(ct_tensor a, bool on);
    int32_t (*requires_grad)(ct_tensor a, bool *out0);
    int32_t (*backward)(ct_tensor a, ct_tensor gradient);
    int32_t (*has_grad)(ct_tensor a, bool *out0);
    int32_t (*grad)(ct_tensor a, ct_tensor *out0);
    int32_t (*set_grad)(ct_tensor a, ct_tensor gradient);
    int32_t (*set_grad_enabled)(bool on, bool *out0);
    int32_t (*release_freed_memory)(void);
    int32_t (*end_waiting_threads)(void);
    int32_t (*fused_adamw_)(ct_tensor parameter, ct_tensor gradient, ct_tensor mean, ct_tensor square, ct_tensor step, double learning_rate, double beta1, double beta2, double weight_decay, double eps);
    int32_t (*fused_sgd_)(ct_tensor parameter, ct_tensor gradient, ct_tensor momentum_buffer, double weight_decay, double momentum, double learning_rate, double dampening, bool nesterov, bool first);
    int32_t (*rank)(ct_tensor a, int64_t *out0);
    int32_t (*size)(ct_tensor a, int64_t dim, int64_t *out0);
    int32_t (*element_count)(ct_tensor a, int64_t *out0);
    int32_t (*dtype)(ct_tensor a, int64_t *out0);
    int32_t (*device_type)(ct_tensor a, int64_t *out0);
    int32_t (*device_index)(ct_tensor a, int64_t *out0);
    int32_t (*item)(ct_tensor a, double *out0);
    int32_t (*data_address)(ct_tensor a, int64_t *out0);
    int32_t (*thread_count)(int64_t *out0);
    int32_t (*set_thread_count)(int64_t count);
    int32_t (*cuda_device_count)(int64_t *out0);
};

extern const struct ct_operations *ct_operations_table;

static inline int32_t ct_empty(const int64_t *shape, int64_t shape_count, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0) {
    return ct_operations_table->empty(shape, shape_count, dtype, device, device_index, out0);
}
static inline int32_t ct_zeros(const int64_t *shape, int64_t shape_count, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0) {
    return ct_operations_table->zeros(shape, shape_count, dtype, device, device_index, out0);
}
static inline int32_t ct_ones(const int64_t *shape, int64_t shape_count, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0) {
    return ct_operations_table->ones(shape, shape_count, dtype, device, device_index, out0);
}
static inline int32_t ct_full(const int64_t *shape, int64_t shape_count, double value, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0) {
    return ct_operations_table->full(shape, shape_count, value, dtype, device, device_index, out0);
}
static inline int32_t ct_arange(double start, double end, double step, int32_t dtype, int32_t device, int32_t device_index, ct_tensor *out0) {
    return ct_operations_table->arange(start, end, step, dtype, device, device_index, out0);
}
static inline int32_t ct_zeros_like(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->zeros_like(a, out0);
}
static inline int32_t ct_uniform(const int64_t *shape, int64_t shape_count, double low, double high, int64_t seed, int32_t dtype, ct_tensor *out0) {
    return ct_operations_table->uniform(shape, shape_count, low, high, seed, dtype, out0);
}
static inline int32_t ct_normal(const int64_t *shape, int64_t shape_count, double mean, double std, int64_t seed, int32_t dtype, ct_tensor *out0) {
    return ct_operations_table->normal(shape, shape_count, mean, std, seed, dtype, out0);
}
static inline int32_t ct_randperm(int64_t count, int64_t seed, ct_tensor *out0) {
    return ct_operations_table->randperm(count, seed, out0);
}
static inline int32_t ct_clone(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->clone(a, out0);
}
static inline int32_t ct_contiguous(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->contiguous(a, out0);
}
static inline int32_t ct_to_dtype(ct_tensor a, int32_t dtype, ct_tensor *out0) {
    return ct_operations_table->to_dtype(a, dtype, out0);
}
static inline int32_t ct_to_device(ct_tensor a, int32_t device, int32_t device_index, bool non_blocking, ct_tensor *out0) {
    return ct_operations_table->to_device(a, device, device_index, non_blocking, out0);
}
static inline int32_t ct_detach(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->detach(a, out0);
}
static inline int32_t ct_copy_(ct_tensor a, ct_tensor source) {
    return ct_operations_table->copy_(a, source);
}
static inline int32_t ct_zero_(ct_tensor a) {
    return ct_operations_table->zero_(a);
}
static inline int32_t ct_reshape(ct_tensor a, const int64_t *shape, int64_t shape_count, ct_tensor *out0) {
    return ct_operations_table->reshape(a, shape, shape_count, out0);
}
static inline int32_t ct_expand(ct_tensor a, const int64_t *shape, int64_t shape_count, ct_tensor *out0) {
    return ct_operations_table->expand(a, shape, shape_count, out0);
}
static inline int32_t ct_permute(ct_tensor a, const int64_t *dims, int64_t dims_count, ct_tensor *out0) {
    return ct_operations_table->permute(a, dims, dims_count, out0);
}
static inline int32_t ct_transpose(ct_tensor a, int64_t d0, int64_t d1, ct_tensor *out0) {
    return ct_operations_table->transpose(a, d0, d1, out0);
}
static inline int32_t ct_unsqueeze(ct_tensor a, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->unsqueeze(a, dim, out0);
}
static inline int32_t ct_squeeze(ct_tensor a, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->squeeze(a, dim, out0);
}
static inline int32_t ct_select(ct_tensor a, int64_t dim, int64_t index, ct_tensor *out0) {
    return ct_operations_table->select(a, dim, index, out0);
}
static inline int32_t ct_narrow(ct_tensor a, int64_t dim, int64_t start, int64_t length, ct_tensor *out0) {
    return ct_operations_table->narrow(a, dim, start, length, out0);
}
static inline int32_t ct_slice(ct_tensor a, int64_t dim, int64_t start, int64_t end, int64_t step, ct_tensor *out0) {
    return ct_operations_table->slice(a, dim, start, end, step, out0);
}
static inline int32_t ct_diagonal(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->diagonal(a, out0);
}
static inline int32_t ct_flip(ct_tensor a, const int64_t *dims, int64_t dims_count, ct_tensor *out0) {
    return ct_operations_table->flip(a, dims, dims_count, out0);
}
static inline int32_t ct_cat(const ct_tensor *tensors, int64_t tensors_count, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->cat(tensors, tensors_count, dim, out0);
}
static inline int32_t ct_stack(const ct_tensor *tensors, int64_t tensors_count, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->stack(tensors, tensors_count, dim, out0);
}
static inline int32_t ct_repeat_interleave(ct_tensor a, int64_t repeats, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->repeat_interleave(a, repeats, dim, out0);
}
static inline int32_t ct_tril(ct_tensor a, int64_t diagonal, ct_tensor *out0) {
    return ct_operations_table->tril(a, diagonal, out0);
}
static inline int32_t ct_triu(ct_tensor a, int64_t diagonal, ct_tensor *out0) {
    return ct_operations_table->triu(a, diagonal, out0);
}
static inline int32_t ct_index_select(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor *out0) {
    return ct_operations_table->index_select(a, dim, index, out0);
}
static inline int32_t ct_gather(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor *out0) {
    return ct_operations_table->gather(a, dim, index, out0);
}
static inline int32_t ct_scatter(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor source, ct_tensor *out0) {
    return ct_operations_table->scatter(a, dim, index, source, out0);
}
static inline int32_t ct_index_add(ct_tensor a, int64_t dim, ct_tensor index, ct_tensor source, ct_tensor *out0) {
    return ct_operations_table->index_add(a, dim, index, source, out0);
}
static inline int32_t ct_masked_select(ct_tensor a, ct_tensor mask, ct_tensor *out0) {
    return ct_operations_table->masked_select(a, mask, out0);
}
static inline int32_t ct_masked_fill(ct_tensor a, ct_tensor mask, double value, ct_tensor *out0) {
    return ct_operations_table->masked_fill(a, mask, value, out0);
}
static inline int32_t ct_nonzero(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->nonzero(a, out0);
}
static inline int32_t ct_select_where(ct_tensor condition, ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->select_where(condition, a, b, out0);
}
static inline int32_t ct_sort(ct_tensor a, int64_t dim, bool descending, ct_tensor *out0, ct_tensor *out1) {
    return ct_operations_table->sort(a, dim, descending, out0, out1);
}
static inline int32_t ct_topk(ct_tensor a, int64_t k, int64_t dim, bool largest, ct_tensor *out0, ct_tensor *out1) {
    return ct_operations_table->topk(a, k, dim, largest, out0, out1);
}
static inline int32_t ct_argmax(ct_tensor a, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->argmax(a, dim, out0);
}
static inline int32_t ct_searchsorted(ct_tensor sorted, ct_tensor values, bool right, ct_tensor *out0) {
    return ct_operations_table->searchsorted(sorted, values, right, out0);
}
static inline int32_t ct_multinomial(ct_tensor probabilities, int64_t count, int64_t seed, ct_tensor *out0) {
    return ct_operations_table->multinomial(probabilities, count, seed, out0);
}
static inline int32_t ct_add(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->add(a, b, out0);
}
static inline int32_t ct_sub(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->sub(a, b, out0);
}
static inline int32_t ct_mul(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->mul(a, b, out0);
}
static inline int32_t ct_div(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->div(a, b, out0);
}
static inline int32_t ct_add_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->add_scalar(a, value, out0);
}
static inline int32_t ct_mul_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->mul_scalar(a, value, out0);
}
static inline int32_t ct_div_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->div_scalar(a, value, out0);
}
static inline int32_t ct_pow_scalar(ct_tensor a, double exponent, ct_tensor *out0) {
    return ct_operations_table->pow_scalar(a, exponent, out0);
}
static inline int32_t ct_scalar_pow(double base, ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->scalar_pow(base, a, out0);
}
static inline int32_t ct_maximum(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->maximum(a, b, out0);
}
static inline int32_t ct_minimum(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->minimum(a, b, out0);
}
static inline int32_t ct_clamp(ct_tensor a, double low, double high, ct_tensor *out0) {
    return ct_operations_table->clamp(a, low, high, out0);
}
static inline int32_t ct_add_(ct_tensor a, ct_tensor b, double alpha) {
    return ct_operations_table->add_(a, b, alpha);
}
static inline int32_t ct_mul_(ct_tensor a, ct_tensor b) {
    return ct_operations_table->mul_(a, b);
}
static inline int32_t ct_mul_scalar_(ct_tensor a, double value) {
    return ct_operations_table->mul_scalar_(a, value);
}
static inline int32_t ct_neg(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->neg(a, out0);
}
static inline int32_t ct_abs(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->abs(a, out0);
}
static inline int32_t ct_sign(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->sign(a, out0);
}
static inline int32_t ct_exp(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->exp(a, out0);
}
static inline int32_t ct_log(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->log(a, out0);
}
static inline int32_t ct_sqrt(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->sqrt(a, out0);
}
static inline int32_t ct_rsqrt(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->rsqrt(a, out0);
}
static inline int32_t ct_sin(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->sin(a, out0);
}
static inline int32_t ct_cos(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->cos(a, out0);
}
static inline int32_t ct_floor(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->floor(a, out0);
}
static inline int32_t ct_round(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->round(a, out0);
}
static inline int32_t ct_eq(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->eq(a, b, out0);
}
static inline int32_t ct_ne_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->ne_scalar(a, value, out0);
}
static inline int32_t ct_eq_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->eq_scalar(a, value, out0);
}
static inline int32_t ct_lt(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->lt(a, b, out0);
}
static inline int32_t ct_le(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->le(a, b, out0);
}
static inline int32_t ct_gt(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->gt(a, b, out0);
}
static inline int32_t ct_ge_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->ge_scalar(a, value, out0);
}
static inline int32_t ct_gt_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->gt_scalar(a, value, out0);
}
static inline int32_t ct_lt_scalar(ct_tensor a, double value, ct_tensor *out0) {
    return ct_operations_table->lt_scalar(a, value, out0);
}
static inline int32_t ct_logical_and(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->logical_and(a, b, out0);
}
static inline int32_t ct_logical_or(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->logical_or(a, b, out0);
}
static inline int32_t ct_logical_not(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->logical_not(a, out0);
}
static inline int32_t ct_all(ct_tensor a, bool *out0) {
    return ct_operations_table->all(a, out0);
}
static inline int32_t ct_is_all_finite(ct_tensor a, bool *out0) {
    return ct_operations_table->is_all_finite(a, out0);
}
static inline int32_t ct_equal(ct_tensor a, ct_tensor b, bool *out0) {
    return ct_operations_table->equal(a, b, out0);
}
static inline int32_t ct_sum_all(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->sum_all(a, out0);
}
static inline int32_t ct_sum(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0) {
    return ct_operations_table->sum(a, dims, dims_count, keep, out0);
}
static inline int32_t ct_mean_all(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->mean_all(a, out0);
}
static inline int32_t ct_mean(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0) {
    return ct_operations_table->mean(a, dims, dims_count, keep, out0);
}
static inline int32_t ct_amax(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0) {
    return ct_operations_table->amax(a, dims, dims_count, keep, out0);
}
static inline int32_t ct_amin(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0) {
    return ct_operations_table->amin(a, dims, dims_count, keep, out0);
}
static inline int32_t ct_cumsum(ct_tensor a, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->cumsum(a, dim, out0);
}
static inline int32_t ct_logsumexp(ct_tensor a, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0) {
    return ct_operations_table->logsumexp(a, dims, dims_count, keep, out0);
}
static inline int32_t ct_vector_norm(ct_tensor a, double order, const int64_t *dims, int64_t dims_count, bool keep, ct_tensor *out0) {
    return ct_operations_table->vector_norm(a, order, dims, dims_count, keep, out0);
}
static inline int32_t ct_matmul(ct_tensor a, ct_tensor b, ct_tensor *out0) {
    return ct_operations_table->matmul(a, b, out0);
}
static inline int32_t ct_addmm(ct_tensor a, ct_tensor m1, ct_tensor m2, double beta, double alpha, ct_tensor *out0) {
    return ct_operations_table->addmm(a, m1, m2, beta, alpha, out0);
}
static inline int32_t ct_linear(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor *out0) {
    return ct_operations_table->linear(x, weight, bias, out0);
}
static inline int32_t ct_low_rank_linear(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor a, ct_tensor b, ct_tensor factor, double scaling, double p, int64_t key, ct_tensor *out0) {
    return ct_operations_table->low_rank_linear(x, weight, bias, a, b, factor, scaling, p, key, out0);
}
static inline int32_t ct_scaled_branch_linear(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor hidden, ct_tensor d, ct_tensor b, ct_tensor shared, ct_tensor *out0) {
    return ct_operations_table->scaled_branch_linear(x, weight, bias, hidden, d, b, shared, out0);
}
static inline int32_t ct_spectral_linear(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor spectrum, ct_tensor positions, double scaling, ct_tensor *out0) {
    return ct_operations_table->spectral_linear(x, weight, bias, spectrum, positions, scaling, out0);
}
static inline int32_t ct_svd(ct_tensor a, ct_tensor *out0, ct_tensor *out1, ct_tensor *out2) {
    return ct_operations_table->svd(a, out0, out1, out2);
}
static inline int32_t ct_qr(ct_tensor a, ct_tensor *out0, ct_tensor *out1) {
    return ct_operations_table->qr(a, out0, out1);
}
static inline int32_t ct_eigh(ct_tensor a, ct_tensor *out0, ct_tensor *out1) {
    return ct_operations_table->eigh(a, out0, out1);
}
static inline int32_t ct_ifft2_real(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->ifft2_real(a, out0);
}
static inline int32_t ct_embedding(ct_tensor weight, ct_tensor ids, ct_tensor *out0) {
    return ct_operations_table->embedding(weight, ids, out0);
}
static inline int32_t ct_layer_norm(ct_tensor x, const int64_t *shape, int64_t shape_count, ct_tensor weight, ct_tensor bias, double eps, ct_tensor *out0) {
    return ct_operations_table->layer_norm(x, shape, shape_count, weight, bias, eps, out0);
}
static inline int32_t ct_rms_norm(ct_tensor x, ct_tensor weight, double eps, double offset, ct_tensor *out0) {
    return ct_operations_table->rms_norm(x, weight, eps, offset, out0);
}
static inline int32_t ct_gated(ct_tensor gate, ct_tensor up, const char *activation, ct_tensor *out0) {
    return ct_operations_table->gated(gate, up, activation, out0);
}
static inline int32_t ct_gated_(ct_tensor gate, ct_tensor up, const char *activation) {
    return ct_operations_table->gated_(gate, up, activation);
}
static inline int32_t ct_conv1d(ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride, int64_t stride_count, const int64_t *padding, int64_t padding_count, const int64_t *dilation, int64_t dilation_count, int64_t groups, ct_tensor *out0) {
    return ct_operations_table->conv1d(x, weight, bias, stride, stride_count, padding, padding_count, dilation, dilation_count, groups, out0);
}
static inline int32_t ct_conv2d(ct_tensor x, ct_tensor weight, ct_tensor bias, const int64_t *stride, int64_t stride_count, const int64_t *padding, int64_t padding_count, const int64_t *dilation, int64_t dilation_count, int64_t groups, ct_tensor *out0) {
    return ct_operations_table->conv2d(x, weight, bias, stride, stride_count, padding, padding_count, dilation, dilation_count, groups, out0);
}
static inline int32_t ct_gelu(ct_tensor x, const char *approximate, ct_tensor *out0) {
    return ct_operations_table->gelu(x, approximate, out0);
}
static inline int32_t ct_silu(ct_tensor x, ct_tensor *out0) {
    return ct_operations_table->silu(x, out0);
}
static inline int32_t ct_relu(ct_tensor x, ct_tensor *out0) {
    return ct_operations_table->relu(x, out0);
}
static inline int32_t ct_leaky_relu(ct_tensor x, double slope, ct_tensor *out0) {
    return ct_operations_table->leaky_relu(x, slope, out0);
}
static inline int32_t ct_hardtanh(ct_tensor x, double low, double high, ct_tensor *out0) {
    return ct_operations_table->hardtanh(x, low, high, out0);
}
static inline int32_t ct_tanh(ct_tensor x, ct_tensor *out0) {
    return ct_operations_table->tanh(x, out0);
}
static inline int32_t ct_sigmoid(ct_tensor x, ct_tensor *out0) {
    return ct_operations_table->sigmoid(x, out0);
}
static inline int32_t ct_softplus(ct_tensor x, ct_tensor *out0) {
    return ct_operations_table->softplus(x, out0);
}
static inline int32_t ct_mish(ct_tensor x, ct_tensor *out0) {
    return ct_operations_table->mish(x, out0);
}
static inline int32_t ct_softmax(ct_tensor x, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->softmax(x, dim, out0);
}
static inline int32_t ct_log_softmax(ct_tensor x, int64_t dim, ct_tensor *out0) {
    return ct_operations_table->log_softmax(x, dim, out0);
}
static inline int32_t ct_attention(ct_tensor q, ct_tensor k, ct_tensor v, ct_tensor mask, bool causal, double scale, ct_tensor *out0) {
    return ct_operations_table->attention(q, k, v, mask, causal, scale, out0);
}
static inline int32_t ct_cross_entropy_sum(ct_tensor logits, ct_tensor labels, ct_tensor *out0) {
    return ct_operations_table->cross_entropy_sum(logits, labels, out0);
}
static inline int32_t ct_dropout(ct_tensor x, double p, int64_t key, ct_tensor *out0) {
    return ct_operations_table->dropout(x, p, key, out0);
}
static inline int32_t ct_linear_cross_entropy(ct_tensor x, ct_tensor weight, ct_tensor bias, ct_tensor labels, double softcap, int64_t chunk, ct_tensor *out0) {
    return ct_operations_table->linear_cross_entropy(x, weight, bias, labels, softcap, chunk, out0);
}
static inline int32_t ct_set_requires_grad(ct_tensor a, bool on) {
    return ct_operations_table->set_requires_grad(a, on);
}
static inline int32_t ct_requires_grad(ct_tensor a, bool *out0) {
    return ct_operations_table->requires_grad(a, out0);
}
static inline int32_t ct_backward(ct_tensor a, ct_tensor gradient) {
    return ct_operations_table->backward(a, gradient);
}
static inline int32_t ct_has_grad(ct_tensor a, bool *out0) {
    return ct_operations_table->has_grad(a, out0);
}
static inline int32_t ct_grad(ct_tensor a, ct_tensor *out0) {
    return ct_operations_table->grad(a, out0);
}
static inline int32_t ct_set_grad(ct_tensor a, ct_tensor gradient) {
    return ct_operations_table->set_grad(a, gradient);
}
static inline int32_t ct_set_grad_enabled(bool on, bool *out0) {
    return ct_operations_table->set_grad_enabled(on, out0);
}
static inline int32_t ct_release_freed_memory(void) {
    return ct_operations_table->release_freed_memory();
}
static inline int32_t ct_end_waiting_threads(void) {
    return ct_operations_table->end_waiting_threads();
}
static inline int32_t ct_fused_adamw_(ct_tensor parameter, ct_tensor gradient, ct_tensor mean, ct_tensor square, ct_tensor step, double learning_rate, double beta1, double beta2, double weight_decay, double eps) {
    return ct_operations_table->fused_adamw_(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, weight_decay, eps);
}
static inline int32_t ct_fused_sgd_(ct_tensor parameter, ct_tensor gradient, ct_tensor momentum_buffer, double weight_decay, double momentum, double learning_rate, double dampening, bool nesterov, bool first) {
    return ct_operations_table->fused_sgd_(parameter, gradient, momentum_buffer, weight_decay, momentum, learning_rate, dampening, nesterov, first);
}
static inline int32_t ct_rank(ct_tensor a, int64_t *out0) {
    return ct_operations_table->rank(a, out0);
}
static inline int32_t ct_size(ct_tensor a, int64_t dim, int64_t *out0) {
    return ct_operations_table->size(a, dim, out0);
}
static inline int32_t ct_element_count(ct_tensor a, int64_t *out0) {
    return ct_operations_table->element_count(a, out0);
}
static inline int32_t ct_dtype(ct_tensor a, int64_t *out0) {
    return ct_operations_table->dtype(a, out0);
}
static inline int32_t ct_device_type(ct_tensor a, int64_t *out0) {
    return ct_operations_table->device_type(a, out0);
}
static inline int32_t ct_device_index(ct_tensor a, int64_t *out0) {
    return ct_operations_table->device_index(a, out0);
}
static inline int32_t ct_item(ct_tensor a, double *out0) {
    return ct_operations_table->item(a, out0);
}
static inline int32_t ct_data_address(ct_tensor a, int64_t *out0) {
    return ct_operations_table->data_address(a, out0);
}
static inline int32_t ct_thread_count(int64_t *out0) {
    return ct_operations_table->thread_count(out0);
}
static inline int32_t ct_set_thread_count(int64_t count) {
    return ct_operations_table->set_thread_count(count);
}
static inline int32_t ct_cuda_device_count(int64_t *out0) {
    return ct_operations_table->cuda_device_count(out0);
}

#endif
