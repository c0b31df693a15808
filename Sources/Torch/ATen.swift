// Made by Scripts/generate-operations from Engine/operations.table: edit the table, not this file.
// swift-format-ignore-file
import CTorch

/// The operations of libtorch that Graft uses, one to one; `Tensor` has the names to call.
enum ATen {
    static func empty(_ shape: [Int], _ dtype: DType, _ device: Device) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(ct_empty(shape64, Int64(shape.count), dtype.rawValue, device.typeCode, device.indexCode, &out0), "empty")
        return try Tensor(owning: out0, from: "empty")
    }
    static func zeros(_ shape: [Int], _ dtype: DType, _ device: Device) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(ct_zeros(shape64, Int64(shape.count), dtype.rawValue, device.typeCode, device.indexCode, &out0), "zeros")
        return try Tensor(owning: out0, from: "zeros")
    }
    static func ones(_ shape: [Int], _ dtype: DType, _ device: Device) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(ct_ones(shape64, Int64(shape.count), dtype.rawValue, device.typeCode, device.indexCode, &out0), "ones")
        return try Tensor(owning: out0, from: "ones")
    }
    static func full(_ shape: [Int], _ value: Double, _ dtype: DType, _ device: Device) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(ct_full(shape64, Int64(shape.count), value, dtype.rawValue, device.typeCode, device.indexCode, &out0), "full")
        return try Tensor(owning: out0, from: "full")
    }
    static func arange(_ start: Double, _ end: Double, _ step: Double, _ dtype: DType, _ device: Device) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        try Engine.check(ct_arange(start, end, step, dtype.rawValue, device.typeCode, device.indexCode, &out0), "arange")
        return try Tensor(owning: out0, from: "arange")
    }
    static func zerosLike(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_zeros_like(a.raw, &out0) }, "zeros_like")
        return try Tensor(owning: out0, from: "zeros_like")
    }
    static func uniform(_ shape: [Int], _ low: Double, _ high: Double, _ seed: Int, _ dtype: DType) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(ct_uniform(shape64, Int64(shape.count), low, high, Int64(seed), dtype.rawValue, &out0), "uniform")
        return try Tensor(owning: out0, from: "uniform")
    }
    static func normal(_ shape: [Int], _ mean: Double, _ std: Double, _ seed: Int, _ dtype: DType) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(ct_normal(shape64, Int64(shape.count), mean, std, Int64(seed), dtype.rawValue, &out0), "normal")
        return try Tensor(owning: out0, from: "normal")
    }
    static func randperm(_ count: Int, _ seed: Int) throws -> Tensor {
        try Engine.ensureLoaded()
        var out0: ct_tensor? = nil
        try Engine.check(ct_randperm(Int64(count), Int64(seed), &out0), "randperm")
        return try Tensor(owning: out0, from: "randperm")
    }
    static func clone(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_clone(a.raw, &out0) }, "clone")
        return try Tensor(owning: out0, from: "clone")
    }
    static func contiguous(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_contiguous(a.raw, &out0) }, "contiguous")
        return try Tensor(owning: out0, from: "contiguous")
    }
    static func toDtype(_ a: Tensor, _ dtype: DType) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_to_dtype(a.raw, dtype.rawValue, &out0) }, "to_dtype")
        return try Tensor(owning: out0, from: "to_dtype")
    }
    static func toDevice(_ a: Tensor, _ device: Device, _ nonBlocking: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_to_device(a.raw, device.typeCode, device.indexCode, nonBlocking, &out0) }, "to_device")
        return try Tensor(owning: out0, from: "to_device")
    }
    static func detach(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_detach(a.raw, &out0) }, "detach")
        return try Tensor(owning: out0, from: "detach")
    }
    static func copyInPlace(_ a: Tensor, _ source: Tensor) throws {
        try Engine.check(withExtendedLifetime((a, source)) { ct_copy_(a.raw, source.raw) }, "copy_")
    }
    static func zeroInPlace(_ a: Tensor) throws {
        try Engine.check(withExtendedLifetime(a) { ct_zero_(a.raw) }, "zero_")
    }
    static func reshape(_ a: Tensor, _ shape: [Int]) throws -> Tensor {
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_reshape(a.raw, shape64, Int64(shape.count), &out0) }, "reshape")
        return try Tensor(owning: out0, from: "reshape")
    }
    static func expand(_ a: Tensor, _ shape: [Int]) throws -> Tensor {
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_expand(a.raw, shape64, Int64(shape.count), &out0) }, "expand")
        return try Tensor(owning: out0, from: "expand")
    }
    static func permute(_ a: Tensor, _ dims: [Int]) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_permute(a.raw, dims64, Int64(dims.count), &out0) }, "permute")
        return try Tensor(owning: out0, from: "permute")
    }
    static func transpose(_ a: Tensor, _ d0: Int, _ d1: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_transpose(a.raw, Int64(d0), Int64(d1), &out0) }, "transpose")
        return try Tensor(owning: out0, from: "transpose")
    }
    static func unsqueeze(_ a: Tensor, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_unsqueeze(a.raw, Int64(dim), &out0) }, "unsqueeze")
        return try Tensor(owning: out0, from: "unsqueeze")
    }
    static func squeeze(_ a: Tensor, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_squeeze(a.raw, Int64(dim), &out0) }, "squeeze")
        return try Tensor(owning: out0, from: "squeeze")
    }
    static func select(_ a: Tensor, _ dim: Int, _ index: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_select(a.raw, Int64(dim), Int64(index), &out0) }, "select")
        return try Tensor(owning: out0, from: "select")
    }
    static func narrow(_ a: Tensor, _ dim: Int, _ start: Int, _ length: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_narrow(a.raw, Int64(dim), Int64(start), Int64(length), &out0) }, "narrow")
        return try Tensor(owning: out0, from: "narrow")
    }
    static func slice(_ a: Tensor, _ dim: Int, _ start: Int, _ end: Int, _ step: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_slice(a.raw, Int64(dim), Int64(start), Int64(end), Int64(step), &out0) }, "slice")
        return try Tensor(owning: out0, from: "slice")
    }
    static func diagonal(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_diagonal(a.raw, &out0) }, "diagonal")
        return try Tensor(owning: out0, from: "diagonal")
    }
    static func flip(_ a: Tensor, _ dims: [Int]) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_flip(a.raw, dims64, Int64(dims.count), &out0) }, "flip")
        return try Tensor(owning: out0, from: "flip")
    }
    static func cat(_ tensors: [Tensor], _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        let tensorsRaw: [ct_tensor?] = tensors.map { $0.raw }
        try Engine.check(withExtendedLifetime(tensors) { ct_cat(tensorsRaw, Int64(tensors.count), Int64(dim), &out0) }, "cat")
        return try Tensor(owning: out0, from: "cat")
    }
    static func stack(_ tensors: [Tensor], _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        let tensorsRaw: [ct_tensor?] = tensors.map { $0.raw }
        try Engine.check(withExtendedLifetime(tensors) { ct_stack(tensorsRaw, Int64(tensors.count), Int64(dim), &out0) }, "stack")
        return try Tensor(owning: out0, from: "stack")
    }
    static func repeatInterleave(_ a: Tensor, _ repeats: Int, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_repeat_interleave(a.raw, Int64(repeats), Int64(dim), &out0) }, "repeat_interleave")
        return try Tensor(owning: out0, from: "repeat_interleave")
    }
    static func tril(_ a: Tensor, _ diagonal: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_tril(a.raw, Int64(diagonal), &out0) }, "tril")
        return try Tensor(owning: out0, from: "tril")
    }
    static func triu(_ a: Tensor, _ diagonal: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_triu(a.raw, Int64(diagonal), &out0) }, "triu")
        return try Tensor(owning: out0, from: "triu")
    }
    static func indexSelect(_ a: Tensor, _ dim: Int, _ index: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, index)) { ct_index_select(a.raw, Int64(dim), index.raw, &out0) }, "index_select")
        return try Tensor(owning: out0, from: "index_select")
    }
    static func gather(_ a: Tensor, _ dim: Int, _ index: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, index)) { ct_gather(a.raw, Int64(dim), index.raw, &out0) }, "gather")
        return try Tensor(owning: out0, from: "gather")
    }
    static func scatter(_ a: Tensor, _ dim: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, index, source)) { ct_scatter(a.raw, Int64(dim), index.raw, source.raw, &out0) }, "scatter")
        return try Tensor(owning: out0, from: "scatter")
    }
    static func indexAdd(_ a: Tensor, _ dim: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, index, source)) { ct_index_add(a.raw, Int64(dim), index.raw, source.raw, &out0) }, "index_add")
        return try Tensor(owning: out0, from: "index_add")
    }
    static func maskedSelect(_ a: Tensor, _ mask: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, mask)) { ct_masked_select(a.raw, mask.raw, &out0) }, "masked_select")
        return try Tensor(owning: out0, from: "masked_select")
    }
    static func maskedFill(_ a: Tensor, _ mask: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, mask)) { ct_masked_fill(a.raw, mask.raw, value, &out0) }, "masked_fill")
        return try Tensor(owning: out0, from: "masked_fill")
    }
    static func nonzero(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_nonzero(a.raw, &out0) }, "nonzero")
        return try Tensor(owning: out0, from: "nonzero")
    }
    static func selectWhere(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((condition, a, b)) { ct_select_where(condition.raw, a.raw, b.raw, &out0) }, "select_where")
        return try Tensor(owning: out0, from: "select_where")
    }
    static func sort(_ a: Tensor, _ dim: Int, _ descending: Bool) throws -> (Tensor, Tensor) {
        var out0: ct_tensor? = nil
        var out1: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_sort(a.raw, Int64(dim), descending, &out0, &out1) }, "sort")
        return (try Tensor(owning: out0, from: "sort"), try Tensor(owning: out1, from: "sort"))
    }
    static func topk(_ a: Tensor, _ k: Int, _ dim: Int, _ largest: Bool) throws -> (Tensor, Tensor) {
        var out0: ct_tensor? = nil
        var out1: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_topk(a.raw, Int64(k), Int64(dim), largest, &out0, &out1) }, "topk")
        return (try Tensor(owning: out0, from: "topk"), try Tensor(owning: out1, from: "topk"))
    }
    static func argmax(_ a: Tensor, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_argmax(a.raw, Int64(dim), &out0) }, "argmax")
        return try Tensor(owning: out0, from: "argmax")
    }
    static func searchsorted(_ sorted: Tensor, _ values: Tensor, _ right: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((sorted, values)) { ct_searchsorted(sorted.raw, values.raw, right, &out0) }, "searchsorted")
        return try Tensor(owning: out0, from: "searchsorted")
    }
    static func multinomial(_ probabilities: Tensor, _ count: Int, _ seed: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(probabilities) { ct_multinomial(probabilities.raw, Int64(count), Int64(seed), &out0) }, "multinomial")
        return try Tensor(owning: out0, from: "multinomial")
    }
    static func add(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_add(a.raw, b.raw, &out0) }, "add")
        return try Tensor(owning: out0, from: "add")
    }
    static func sub(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_sub(a.raw, b.raw, &out0) }, "sub")
        return try Tensor(owning: out0, from: "sub")
    }
    static func mul(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_mul(a.raw, b.raw, &out0) }, "mul")
        return try Tensor(owning: out0, from: "mul")
    }
    static func div(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_div(a.raw, b.raw, &out0) }, "div")
        return try Tensor(owning: out0, from: "div")
    }
    static func addScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_add_scalar(a.raw, value, &out0) }, "add_scalar")
        return try Tensor(owning: out0, from: "add_scalar")
    }
    static func mulScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_mul_scalar(a.raw, value, &out0) }, "mul_scalar")
        return try Tensor(owning: out0, from: "mul_scalar")
    }
    static func divScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_div_scalar(a.raw, value, &out0) }, "div_scalar")
        return try Tensor(owning: out0, from: "div_scalar")
    }
    static func powScalar(_ a: Tensor, _ exponent: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_pow_scalar(a.raw, exponent, &out0) }, "pow_scalar")
        return try Tensor(owning: out0, from: "pow_scalar")
    }
    static func scalarPow(_ base: Double, _ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_scalar_pow(base, a.raw, &out0) }, "scalar_pow")
        return try Tensor(owning: out0, from: "scalar_pow")
    }
    static func maximum(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_maximum(a.raw, b.raw, &out0) }, "maximum")
        return try Tensor(owning: out0, from: "maximum")
    }
    static func minimum(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_minimum(a.raw, b.raw, &out0) }, "minimum")
        return try Tensor(owning: out0, from: "minimum")
    }
    static func clamp(_ a: Tensor, _ low: Double, _ high: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_clamp(a.raw, low, high, &out0) }, "clamp")
        return try Tensor(owning: out0, from: "clamp")
    }
    static func addInPlace(_ a: Tensor, _ b: Tensor, _ alpha: Double) throws {
        try Engine.check(withExtendedLifetime((a, b)) { ct_add_(a.raw, b.raw, alpha) }, "add_")
    }
    static func mulInPlace(_ a: Tensor, _ b: Tensor) throws {
        try Engine.check(withExtendedLifetime((a, b)) { ct_mul_(a.raw, b.raw) }, "mul_")
    }
    static func mulScalarInPlace(_ a: Tensor, _ value: Double) throws {
        try Engine.check(withExtendedLifetime(a) { ct_mul_scalar_(a.raw, value) }, "mul_scalar_")
    }
    static func neg(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_neg(a.raw, &out0) }, "neg")
        return try Tensor(owning: out0, from: "neg")
    }
    static func abs(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_abs(a.raw, &out0) }, "abs")
        return try Tensor(owning: out0, from: "abs")
    }
    static func sign(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_sign(a.raw, &out0) }, "sign")
        return try Tensor(owning: out0, from: "sign")
    }
    static func exp(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_exp(a.raw, &out0) }, "exp")
        return try Tensor(owning: out0, from: "exp")
    }
    static func log(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_log(a.raw, &out0) }, "log")
        return try Tensor(owning: out0, from: "log")
    }
    static func sqrt(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_sqrt(a.raw, &out0) }, "sqrt")
        return try Tensor(owning: out0, from: "sqrt")
    }
    static func rsqrt(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_rsqrt(a.raw, &out0) }, "rsqrt")
        return try Tensor(owning: out0, from: "rsqrt")
    }
    static func sin(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_sin(a.raw, &out0) }, "sin")
        return try Tensor(owning: out0, from: "sin")
    }
    static func cos(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_cos(a.raw, &out0) }, "cos")
        return try Tensor(owning: out0, from: "cos")
    }
    static func floor(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_floor(a.raw, &out0) }, "floor")
        return try Tensor(owning: out0, from: "floor")
    }
    static func round(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_round(a.raw, &out0) }, "round")
        return try Tensor(owning: out0, from: "round")
    }
    static func eq(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_eq(a.raw, b.raw, &out0) }, "eq")
        return try Tensor(owning: out0, from: "eq")
    }
    static func neScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_ne_scalar(a.raw, value, &out0) }, "ne_scalar")
        return try Tensor(owning: out0, from: "ne_scalar")
    }
    static func eqScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_eq_scalar(a.raw, value, &out0) }, "eq_scalar")
        return try Tensor(owning: out0, from: "eq_scalar")
    }
    static func lt(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_lt(a.raw, b.raw, &out0) }, "lt")
        return try Tensor(owning: out0, from: "lt")
    }
    static func le(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_le(a.raw, b.raw, &out0) }, "le")
        return try Tensor(owning: out0, from: "le")
    }
    static func gt(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_gt(a.raw, b.raw, &out0) }, "gt")
        return try Tensor(owning: out0, from: "gt")
    }
    static func geScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_ge_scalar(a.raw, value, &out0) }, "ge_scalar")
        return try Tensor(owning: out0, from: "ge_scalar")
    }
    static func gtScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_gt_scalar(a.raw, value, &out0) }, "gt_scalar")
        return try Tensor(owning: out0, from: "gt_scalar")
    }
    static func ltScalar(_ a: Tensor, _ value: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_lt_scalar(a.raw, value, &out0) }, "lt_scalar")
        return try Tensor(owning: out0, from: "lt_scalar")
    }
    static func logicalAnd(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_logical_and(a.raw, b.raw, &out0) }, "logical_and")
        return try Tensor(owning: out0, from: "logical_and")
    }
    static func logicalOr(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_logical_or(a.raw, b.raw, &out0) }, "logical_or")
        return try Tensor(owning: out0, from: "logical_or")
    }
    static func logicalNot(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_logical_not(a.raw, &out0) }, "logical_not")
        return try Tensor(owning: out0, from: "logical_not")
    }
    static func all(_ a: Tensor) throws -> Bool {
        var out0: Bool = false
        try Engine.check(withExtendedLifetime(a) { ct_all(a.raw, &out0) }, "all")
        return out0
    }
    static func isAllFinite(_ a: Tensor) throws -> Bool {
        var out0: Bool = false
        try Engine.check(withExtendedLifetime(a) { ct_is_all_finite(a.raw, &out0) }, "is_all_finite")
        return out0
    }
    static func equal(_ a: Tensor, _ b: Tensor) throws -> Bool {
        var out0: Bool = false
        try Engine.check(withExtendedLifetime((a, b)) { ct_equal(a.raw, b.raw, &out0) }, "equal")
        return out0
    }
    static func sumAll(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_sum_all(a.raw, &out0) }, "sum_all")
        return try Tensor(owning: out0, from: "sum_all")
    }
    static func sum(_ a: Tensor, _ dims: [Int], _ keep: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_sum(a.raw, dims64, Int64(dims.count), keep, &out0) }, "sum")
        return try Tensor(owning: out0, from: "sum")
    }
    static func meanAll(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_mean_all(a.raw, &out0) }, "mean_all")
        return try Tensor(owning: out0, from: "mean_all")
    }
    static func mean(_ a: Tensor, _ dims: [Int], _ keep: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_mean(a.raw, dims64, Int64(dims.count), keep, &out0) }, "mean")
        return try Tensor(owning: out0, from: "mean")
    }
    static func amax(_ a: Tensor, _ dims: [Int], _ keep: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_amax(a.raw, dims64, Int64(dims.count), keep, &out0) }, "amax")
        return try Tensor(owning: out0, from: "amax")
    }
    static func amin(_ a: Tensor, _ dims: [Int], _ keep: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_amin(a.raw, dims64, Int64(dims.count), keep, &out0) }, "amin")
        return try Tensor(owning: out0, from: "amin")
    }
    static func cumsum(_ a: Tensor, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_cumsum(a.raw, Int64(dim), &out0) }, "cumsum")
        return try Tensor(owning: out0, from: "cumsum")
    }
    static func logsumexp(_ a: Tensor, _ dims: [Int], _ keep: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_logsumexp(a.raw, dims64, Int64(dims.count), keep, &out0) }, "logsumexp")
        return try Tensor(owning: out0, from: "logsumexp")
    }
    static func vectorNorm(_ a: Tensor, _ order: Double, _ dims: [Int], _ keep: Bool) throws -> Tensor {
        var out0: ct_tensor? = nil
        let dims64 = dims.map(Int64.init)
        try Engine.check(withExtendedLifetime(a) { ct_vector_norm(a.raw, order, dims64, Int64(dims.count), keep, &out0) }, "vector_norm")
        return try Tensor(owning: out0, from: "vector_norm")
    }
    static func matmul(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, b)) { ct_matmul(a.raw, b.raw, &out0) }, "matmul")
        return try Tensor(owning: out0, from: "matmul")
    }
    static func addmm(_ a: Tensor, _ m1: Tensor, _ m2: Tensor, _ beta: Double, _ alpha: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((a, m1, m2)) { ct_addmm(a.raw, m1.raw, m2.raw, beta, alpha, &out0) }, "addmm")
        return try Tensor(owning: out0, from: "addmm")
    }
    static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((x, weight, bias)) { ct_linear(x.raw, weight.raw, bias?.raw, &out0) }, "linear")
        return try Tensor(owning: out0, from: "linear")
    }
    static func lowRankLinear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ a: Tensor, _ b: Tensor, _ factor: Tensor?, _ scaling: Double, _ p: Double, _ key: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((x, weight, bias, a, b, factor)) { ct_low_rank_linear(x.raw, weight.raw, bias?.raw, a.raw, b.raw, factor?.raw, scaling, p, Int64(key), &out0) }, "low_rank_linear")
        return try Tensor(owning: out0, from: "low_rank_linear")
    }
    static func scaledBranchLinear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ hidden: Tensor, _ d: Tensor, _ b: Tensor, _ shared: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((x, weight, bias, hidden, d, b, shared)) { ct_scaled_branch_linear(x.raw, weight.raw, bias?.raw, hidden.raw, d.raw, b.raw, shared.raw, &out0) }, "scaled_branch_linear")
        return try Tensor(owning: out0, from: "scaled_branch_linear")
    }
    static func spectralLinear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ spectrum: Tensor, _ positions: Tensor, _ scaling: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((x, weight, bias, spectrum, positions)) { ct_spectral_linear(x.raw, weight.raw, bias?.raw, spectrum.raw, positions.raw, scaling, &out0) }, "spectral_linear")
        return try Tensor(owning: out0, from: "spectral_linear")
    }
    static func svd(_ a: Tensor) throws -> (Tensor, Tensor, Tensor) {
        var out0: ct_tensor? = nil
        var out1: ct_tensor? = nil
        var out2: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_svd(a.raw, &out0, &out1, &out2) }, "svd")
        return (try Tensor(owning: out0, from: "svd"), try Tensor(owning: out1, from: "svd"), try Tensor(owning: out2, from: "svd"))
    }
    static func qr(_ a: Tensor) throws -> (Tensor, Tensor) {
        var out0: ct_tensor? = nil
        var out1: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_qr(a.raw, &out0, &out1) }, "qr")
        return (try Tensor(owning: out0, from: "qr"), try Tensor(owning: out1, from: "qr"))
    }
    static func eigh(_ a: Tensor) throws -> (Tensor, Tensor) {
        var out0: ct_tensor? = nil
        var out1: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_eigh(a.raw, &out0, &out1) }, "eigh")
        return (try Tensor(owning: out0, from: "eigh"), try Tensor(owning: out1, from: "eigh"))
    }
    static func ifft2Real(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_ifft2_real(a.raw, &out0) }, "ifft2_real")
        return try Tensor(owning: out0, from: "ifft2_real")
    }
    static func embedding(_ weight: Tensor, _ ids: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((weight, ids)) { ct_embedding(weight.raw, ids.raw, &out0) }, "embedding")
        return try Tensor(owning: out0, from: "embedding")
    }
    static func layerNorm(_ x: Tensor, _ shape: [Int], _ weight: Tensor?, _ bias: Tensor?, _ eps: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        let shape64 = shape.map(Int64.init)
        try Engine.check(withExtendedLifetime((x, weight, bias)) { ct_layer_norm(x.raw, shape64, Int64(shape.count), weight?.raw, bias?.raw, eps, &out0) }, "layer_norm")
        return try Tensor(owning: out0, from: "layer_norm")
    }
    static func rmsNorm(_ x: Tensor, _ weight: Tensor, _ eps: Double, _ offset: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((x, weight)) { ct_rms_norm(x.raw, weight.raw, eps, offset, &out0) }, "rms_norm")
        return try Tensor(owning: out0, from: "rms_norm")
    }
    static func gated(_ gate: Tensor, _ up: Tensor, _ activation: String) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((gate, up)) { ct_gated(gate.raw, up.raw, activation, &out0) }, "gated")
        return try Tensor(owning: out0, from: "gated")
    }
    static func gatedInPlace(_ gate: Tensor, _ up: Tensor, _ activation: String) throws {
        try Engine.check(withExtendedLifetime((gate, up)) { ct_gated_(gate.raw, up.raw, activation) }, "gated_")
    }
    static func conv1d(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ dilation: [Int], _ groups: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        let stride64 = stride.map(Int64.init)
        let padding64 = padding.map(Int64.init)
        let dilation64 = dilation.map(Int64.init)
        try Engine.check(withExtendedLifetime((x, weight, bias)) { ct_conv1d(x.raw, weight.raw, bias?.raw, stride64, Int64(stride.count), padding64, Int64(padding.count), dilation64, Int64(dilation.count), Int64(groups), &out0) }, "conv1d")
        return try Tensor(owning: out0, from: "conv1d")
    }
    static func conv2d(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ stride: [Int], _ padding: [Int], _ dilation: [Int], _ groups: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        let stride64 = stride.map(Int64.init)
        let padding64 = padding.map(Int64.init)
        let dilation64 = dilation.map(Int64.init)
        try Engine.check(withExtendedLifetime((x, weight, bias)) { ct_conv2d(x.raw, weight.raw, bias?.raw, stride64, Int64(stride.count), padding64, Int64(padding.count), dilation64, Int64(dilation.count), Int64(groups), &out0) }, "conv2d")
        return try Tensor(owning: out0, from: "conv2d")
    }
    static func gelu(_ x: Tensor, _ approximate: String) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_gelu(x.raw, approximate, &out0) }, "gelu")
        return try Tensor(owning: out0, from: "gelu")
    }
    static func silu(_ x: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_silu(x.raw, &out0) }, "silu")
        return try Tensor(owning: out0, from: "silu")
    }
    static func relu(_ x: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_relu(x.raw, &out0) }, "relu")
        return try Tensor(owning: out0, from: "relu")
    }
    static func leakyRelu(_ x: Tensor, _ slope: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_leaky_relu(x.raw, slope, &out0) }, "leaky_relu")
        return try Tensor(owning: out0, from: "leaky_relu")
    }
    static func hardtanh(_ x: Tensor, _ low: Double, _ high: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_hardtanh(x.raw, low, high, &out0) }, "hardtanh")
        return try Tensor(owning: out0, from: "hardtanh")
    }
    static func tanh(_ x: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_tanh(x.raw, &out0) }, "tanh")
        return try Tensor(owning: out0, from: "tanh")
    }
    static func sigmoid(_ x: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_sigmoid(x.raw, &out0) }, "sigmoid")
        return try Tensor(owning: out0, from: "sigmoid")
    }
    static func softplus(_ x: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_softplus(x.raw, &out0) }, "softplus")
        return try Tensor(owning: out0, from: "softplus")
    }
    static func mish(_ x: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_mish(x.raw, &out0) }, "mish")
        return try Tensor(owning: out0, from: "mish")
    }
    static func softmax(_ x: Tensor, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_softmax(x.raw, Int64(dim), &out0) }, "softmax")
        return try Tensor(owning: out0, from: "softmax")
    }
    static func logSoftmax(_ x: Tensor, _ dim: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_log_softmax(x.raw, Int64(dim), &out0) }, "log_softmax")
        return try Tensor(owning: out0, from: "log_softmax")
    }
    static func attention(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, _ causal: Bool, _ scale: Double) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((q, k, v, mask)) { ct_attention(q.raw, k.raw, v.raw, mask?.raw, causal, scale, &out0) }, "attention")
        return try Tensor(owning: out0, from: "attention")
    }
    static func crossEntropySum(_ logits: Tensor, _ labels: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((logits, labels)) { ct_cross_entropy_sum(logits.raw, labels.raw, &out0) }, "cross_entropy_sum")
        return try Tensor(owning: out0, from: "cross_entropy_sum")
    }
    static func dropout(_ x: Tensor, _ p: Double, _ key: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(x) { ct_dropout(x.raw, p, Int64(key), &out0) }, "dropout")
        return try Tensor(owning: out0, from: "dropout")
    }
    static func linearCrossEntropy(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ labels: Tensor, _ softcap: Double, _ chunk: Int) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime((x, weight, bias, labels)) { ct_linear_cross_entropy(x.raw, weight.raw, bias?.raw, labels.raw, softcap, Int64(chunk), &out0) }, "linear_cross_entropy")
        return try Tensor(owning: out0, from: "linear_cross_entropy")
    }
    static func setRequiresGrad(_ a: Tensor, _ on: Bool) throws {
        try Engine.check(withExtendedLifetime(a) { ct_set_requires_grad(a.raw, on) }, "set_requires_grad")
    }
    static func requiresGrad(_ a: Tensor) throws -> Bool {
        var out0: Bool = false
        try Engine.check(withExtendedLifetime(a) { ct_requires_grad(a.raw, &out0) }, "requires_grad")
        return out0
    }
    static func backward(_ a: Tensor, _ gradient: Tensor?) throws {
        try Engine.check(withExtendedLifetime((a, gradient)) { ct_backward(a.raw, gradient?.raw) }, "backward")
    }
    static func hasGrad(_ a: Tensor) throws -> Bool {
        var out0: Bool = false
        try Engine.check(withExtendedLifetime(a) { ct_has_grad(a.raw, &out0) }, "has_grad")
        return out0
    }
    static func grad(_ a: Tensor) throws -> Tensor {
        var out0: ct_tensor? = nil
        try Engine.check(withExtendedLifetime(a) { ct_grad(a.raw, &out0) }, "grad")
        return try Tensor(owning: out0, from: "grad")
    }
    static func setGrad(_ a: Tensor, _ gradient: Tensor?) throws {
        try Engine.check(withExtendedLifetime((a, gradient)) { ct_set_grad(a.raw, gradient?.raw) }, "set_grad")
    }
    static func setGradEnabled(_ on: Bool) throws -> Bool {
        try Engine.ensureLoaded()
        var out0: Bool = false
        try Engine.check(ct_set_grad_enabled(on, &out0), "set_grad_enabled")
        return out0
    }
    static func releaseFreedMemory() throws {
        try Engine.ensureLoaded()
        try Engine.check(ct_release_freed_memory(), "release_freed_memory")
    }
    static func endWaitingThreads() throws {
        try Engine.ensureLoaded()
        try Engine.check(ct_end_waiting_threads(), "end_waiting_threads")
    }
    static func fusedAdamwInPlace(_ parameter: Tensor, _ gradient: Tensor, _ mean: Tensor, _ square: Tensor, _ step: Tensor, _ learningRate: Double, _ beta1: Double, _ beta2: Double, _ weightDecay: Double, _ eps: Double) throws {
        try Engine.check(withExtendedLifetime((parameter, gradient, mean, square, step)) { ct_fused_adamw_(parameter.raw, gradient.raw, mean.raw, square.raw, step.raw, learningRate, beta1, beta2, weightDecay, eps) }, "fused_adamw_")
    }
    static func fusedSgdInPlace(_ parameter: Tensor, _ gradient: Tensor, _ momentumBuffer: Tensor, _ weightDecay: Double, _ momentum: Double, _ learningRate: Double, _ dampening: Double, _ nesterov: Bool, _ first: Bool) throws {
        try Engine.check(withExtendedLifetime((parameter, gradient, momentumBuffer)) { ct_fused_sgd_(parameter.raw, gradient.raw, momentumBuffer.raw, weightDecay, momentum, learningRate, dampening, nesterov, first) }, "fused_sgd_")
    }
    static func rank(_ a: Tensor) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_rank(a.raw, &out0) }, "rank")
        return Int(out0)
    }
    static func size(_ a: Tensor, _ dim: Int) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_size(a.raw, Int64(dim), &out0) }, "size")
        return Int(out0)
    }
    static func elementCount(_ a: Tensor) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_element_count(a.raw, &out0) }, "element_count")
        return Int(out0)
    }
    static func dtype(_ a: Tensor) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_dtype(a.raw, &out0) }, "dtype")
        return Int(out0)
    }
    static func deviceType(_ a: Tensor) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_device_type(a.raw, &out0) }, "device_type")
        return Int(out0)
    }
    static func deviceIndex(_ a: Tensor) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_device_index(a.raw, &out0) }, "device_index")
        return Int(out0)
    }
    static func item(_ a: Tensor) throws -> Double {
        var out0: Double = 0
        try Engine.check(withExtendedLifetime(a) { ct_item(a.raw, &out0) }, "item")
        return out0
    }
    static func dataAddress(_ a: Tensor) throws -> Int {
        var out0: Int64 = 0
        try Engine.check(withExtendedLifetime(a) { ct_data_address(a.raw, &out0) }, "data_address")
        return Int(out0)
    }
    static func threadCount() throws -> Int {
        try Engine.ensureLoaded()
        var out0: Int64 = 0
        try Engine.check(ct_thread_count(&out0), "thread_count")
        return Int(out0)
    }
    static func setThreadCount(_ count: Int) throws {
        try Engine.ensureLoaded()
        try Engine.check(ct_set_thread_count(Int64(count)), "set_thread_count")
    }
    static func cudaDeviceCount() throws -> Int {
        try Engine.ensureLoaded()
        var out0: Int64 = 0
        try Engine.check(ct_cuda_device_count(&out0), "cuda_device_count")
        return Int(out0)
    }
}
