import Networks
import Torch

/// A binary mask over the weight of a projection: see `MaskTuning`.
final class MaskGraft: ProjectionGraft {
    /// R, in the weight's shape.
    let scores: Variable
    /// False while the network is to compute as if there were no mask.
    var isMasking = true
    private let threshold: Double

    init(_ method: MaskTuning, at site: Projection, key: RandomKey) throws {
        threshold = method.threshold
        let shape = try site.weight.base.shape
        let start: Tensor =
            switch method.maskInit {
            case .ones: try .full(shape, method.maskScale)
            case .uniform: try .uniform(shape, 0, method.maskScale, key: key)
            }
        scores = try Variable("\(site.path).mask_real", start, packing: MaskPacking(threshold: method.threshold))
    }

    var variables: [Variable] { [scores] }

    var changesWeight: Bool { true }

    /// K, as zeros and ones.
    func mask() throws -> Tensor {
        try withoutGradients { try scores.value.detach().gt(threshold).to(.float32) }
    }

    func weight(_ weight: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        guard isMasking else { return weight }
        let masked = try weight * mask().to(weight.dtype)
        guard try scores.value.requiresGrad else { return masked }
        // Adds zeros that lead the gradient, times the weight, to the scores.
        let passage = try scores.value - scores.value.detach()
        return try masked + passage.to(weight.dtype) * weight
    }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        (try weight * mask().to(weight.dtype), bias)
    }
}

/// The bits of a mask, the first in a byte's highest place.
final class MaskPacking: TensorPacking {
    private let threshold: Double

    init(threshold: Double) {
        self.threshold = threshold
    }

    func parts(of shape: [Int]) -> [(name: String, shape: [Int], dtype: DType)] {
        [("bits", [(shape.reduce(1, *) + 7) / 8], .uint8)]
    }

    func packed(_ tensor: Tensor) throws -> [Tensor] {
        [try PackedCodes.pack(tensor.gt(threshold), bits: 1, .highestBitsFirst)]
    }

    func unpacked(_ parts: [Tensor], shape: [Int]) throws -> Tensor {
        guard let bits = parts.first else { throw MethodError.stored("a mask has bits") }
        return try PackedCodes.unpack(bits, count: shape.reduce(1, *), bits: 1, .highestBitsFirst).reshape(shape)
    }
}
