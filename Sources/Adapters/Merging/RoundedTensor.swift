import Networks
import Torch

/// A merged tensor in the type it is stored in, and what the rounding cost.
struct RoundedTensor {
    let tensor: Tensor
    /// The largest difference as a share of the largest value.
    let error: Double

    /// - Throws: `NetworkError.notFinite` for values that are no numbers, `AdapterError.merge` for such that do not fit.
    init(_ wide: Tensor, to dtype: DType, name: String) throws {
        let wide = try wide.detach()
        tensor = try wide.to(dtype)
        let isExact = try wide.dtype == dtype
        var (difference, scale) = (0.0, 0.0)
        for (exact, rounded) in zip(try wide.pieces(), try tensor.pieces()) {
            guard try exact.isAllFinite() else { throw NetworkError.notFinite(name: name) }
            if isExact { continue }
            guard try rounded.isAllFinite() else {
                throw AdapterError.merge("\(name) does not fit \(dtype) once merged: its values overflow")
            }
            let exact = try exact.to(.float32)
            difference = max(difference, try (rounded.to(.float32) - exact).abs().amax().item())
            scale = max(scale, try exact.abs().amax().item())
        }
        error = scale == 0 ? 0 : difference / scale
    }
}

extension Tensor {
    /// The largest difference as a share of the largest value.
    func deviation(from exact: Tensor) throws -> Double {
        guard try count > 0 else { return 0 }
        let scale = try exact.abs().amax().item()
        return scale == 0 ? 0 : try (self - exact).abs().amax().item() / scale
    }

    /// The elements in pieces small enough that what is computed from one takes little memory.
    func pieces() throws -> [Tensor] {
        let (flat, count, step) = (try reshape([-1]), try self.count, 1 << 20)
        return try stride(from: 0, to: count, by: step).map { try flat.narrow(0, $0, Swift.min(step, count - $0)) }
    }
}
