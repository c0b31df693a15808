import Networks
import Torch

/// How a latent matrix becomes one of few values, with gradients to the latent numbers, and how a file holds it: as codes
/// with mean and deviation. A matrix that came from codes computes as it is.
final class QuantizedMatrix: TensorPacking {
    /// Bits of a code: 1, 2, 4 or 8.
    let bits: Int
    let codebook: NormalCodebook
    /// What the file held, where the matrix came from one: packing it again gives the same bytes.
    private var stored: [Tensor]?

    /// Added to the deviation where the matrix is divided by it.
    static let eps = 1e-5

    init(bits: Int) {
        self.bits = bits
        codebook = NormalCodebook(bits: bits)
    }

    /// W_q = σ·Q + μ, where Q holds the codebook's values nearest to Ŵ = (W - μ)/(σ + 1e-5). Backward, Q counts as Ŵ.
    func callAsFunction(_ latent: Tensor) throws -> Tensor {
        if stored != nil { return latent }
        let (mean, deviation) = try statistics(latent)
        let normal = try (latent - mean) / (deviation + QuantizedMatrix.eps)
        let rounding = try withoutGradients { try nearest(normal.detach()) - normal.detach() }
        return try (normal + rounding) * deviation + mean
    }

    /// Mean and deviation (with n - 1) of all elements.
    func statistics(_ latent: Tensor) throws -> (mean: Tensor, deviation: Tensor) {
        let mean = try latent.mean()
        let centred = try latent - mean
        return (mean, try ((centred * centred).sum() / Double(max(1, latent.count - 1))).sqrt())
    }

    /// The codebook's value of each number's cell; the middle of two for a number on their boundary.
    private func nearest(_ normal: Tensor) throws -> Tensor {
        let sum = try normal.zerosLike()
        for (index, boundary) in codebook.boundaries.enumerated() {
            let half = (codebook.values[index + 1] - codebook.values[index]) / 2
            try sum.addInPlace((normal - boundary).sign(), alpha: half)
        }
        return sum
    }

    /// The index of each element's cell, in the shape of the matrix; the lower one on a boundary.
    func codes(_ latent: Tensor) throws -> Tensor {
        try withoutGradients {
            let (mean, deviation) = try statistics(latent)
            let normal = try (latent - mean) / (deviation + QuantizedMatrix.eps)
            var codes = try normal.zerosLike()
            for boundary in codebook.boundaries { codes = try codes + normal.gt(boundary).to(codes.dtype) }
            return codes
        }
    }
}

// MARK: In a file

extension QuantizedMatrix {
    func parts(of shape: [Int]) -> [(name: String, shape: [Int], dtype: DType)] {
        let bytes = (shape.reduce(1, *) * bits + 7) / 8
        return [("codes", [bytes], .uint8), ("mean", [1], .float32), ("std", [1], .float32)]
    }

    func packed(_ tensor: Tensor) throws -> [Tensor] {
        if let stored { return stored }
        return try withoutGradients {
            let (mean, deviation) = try statistics(tensor.to(.float32))
            return [
                try PackedCodes.pack(codes(tensor), bits: bits, .lowestBitsFirst), try mean.reshape([1]),
                try deviation.reshape([1]),
            ]
        }
    }

    func unpacked(_ parts: [Tensor], shape: [Int]) throws -> Tensor {
        guard parts.count == 3 else { throw MethodError.stored("a quantised matrix has codes, mean and std") }
        guard try parts[2].item() >= 0 else { throw MethodError.stored("std: a deviation cannot be negative") }
        let codes = try PackedCodes.unpack(parts[0], count: shape.reduce(1, *), bits: bits, .lowestBitsFirst)
        let values = try Tensor(codebook.values.map(Float.init)).to(parts[0].device).indexSelect(0, codes.to(.int64))
        // Copies: the file's map must not be held for three small tensors.
        stored = try parts.map { try $0.clone() }
        return try (values * parts[2] + parts[1]).reshape(shape)
    }
}
