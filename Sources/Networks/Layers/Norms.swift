import Torch

/// Normalisation to mean 0 and variance 1 over the last dimension, then scale and shift.
public final class LayerNorm {
    let weight: Parameter
    let bias: Parameter?
    let eps: Double
    let size: Int

    /// - Parameter size: of the last dimension.
    public init(_ scope: Scope, size: Int, eps: Double, bias: Bool = true) throws {
        weight = try scope.parameter("weight", [size], start: .ones)
        self.bias = bias ? try scope.parameter("bias", [size], start: .zeros) : nil
        self.eps = eps
        self.size = size
    }

    /// x of any leading shape.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        try x.layerNorm([size], weight: weight.value, bias: bias?.value, eps: eps)
    }
}

/// x / √(mean x² + eps), then scale.
public final class RMSNorm {
    let weight: Parameter
    let eps: Double
    let offset: Double

    /// - Parameter offset: added to the weight; 1 in Gemma, whose weights are stored around zero.
    public init(_ scope: Scope, size: Int, eps: Double, offset: Double = 0) throws {
        weight = try scope.parameter("weight", [size], start: offset == 0 ? .ones : .zeros)
        self.eps = eps
        self.offset = offset
    }

    /// x of any leading shape; the statistics are in fp32.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        let dtype = try x.dtype
        let wide = try dtype == .float64 ? x : x.to(.float32)
        let normal = try wide * ((wide * wide).mean([-1], keepDim: true) + eps).rsqrt()
        if offset != 0 { return try (normal * (weight.value.to(try normal.dtype) + offset)).to(dtype) }
        return try normal.to(dtype) * weight.value
    }
}
