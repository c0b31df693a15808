import Foundation
import JSON
import Networks
import Torch

/// ComPEFT: a finished update as signs and one number (Yadav et al. 2023, arXiv 2311.13171, algorithm 1).
///
/// The update τ = tuned − init is one long vector, tensor after tensor in the order of their names. Its ⌊k·d⌋ largest
/// entries keep their sign, all others become 0, and every magnitude becomes α·σ, with σ the standard deviation of all of
/// τ. Of equal magnitudes the earlier one is kept; an entry of τ that is 0 stays 0 and is not stored, even where it is
/// among the largest.
public struct ComPEFT: Codable, Sendable, Equatable {
    /// What has one threshold and one σ.
    public enum Scope: String, Codable, Sendable, CaseIterable {
        /// The whole update, as in the paper.
        case global
        /// Each tensor.
        case tensor
    }

    /// What σ divides by.
    public enum Deviation: String, Codable, Sendable, CaseIterable {
        /// The number of entries.
        case population
        /// One less.
        case sample
    }

    /// How signs are stored.
    public enum Codec: String, Codable, Sendable, CaseIterable {
        /// Gaps between entries in Golomb–Rice code.
        case rice
        /// One bit mask of positive entries and one of negative ones.
        case masks
    }

    /// k, the share of entries that are kept.
    public var density = 0.2
    /// α, what σ is multiplied by.
    public var alpha = 1.0
    /// What has one threshold and one σ.
    public var scope = Scope.global
    /// What σ divides by.
    public var sigma = Deviation.population
    /// How signs are stored.
    public var codec = Codec.rice

    /// The paper's safe choice for large models.
    public init() {}

    /// - Throws: `CompressionError.option`.
    public func validate() throws {
        guard density > 0, density <= 1 else {
            throw CompressionError.option("density: must be above 0 and at most 1, found \(density)")
        }
        guard alpha.isFinite, alpha > 0 else {
            throw CompressionError.option("alpha: must be a positive number, found \(alpha)")
        }
    }

    /// One tensor before and after the training.
    public struct Change {
        /// Its name in the adapter's file.
        public let name: String
        /// Before.
        public let start: Tensor
        /// After, of the same shape.
        public let tuned: Tensor

        /// Pairs the two.
        public init(name: String, start: Tensor, tuned: Tensor) {
            (self.name, self.start, self.tuned) = (name, start, tuned)
        }
    }

    /// Compresses an update.
    ///
    /// - Throws: `CompressionError` for options and tensors that do not fit together.
    public func compress(_ changes: [Change]) throws -> CompressedUpdate {
        try validate()
        let sorted = changes.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var updates: [(tensor: CompressedUpdate.Shape, values: [Double])] = []
        for change in sorted {
            let (shape, found) = (try change.start.shape, try change.tuned.shape)
            guard shape == found else { throw CompressionError.shape(name: change.name, expected: shape, found: found) }
            let values: [Double] = try (change.tuned.to(.float32) - change.start.to(.float32)).array()
            guard values.allSatisfy(\.isFinite) else { throw CompressionError.notFinite(name: change.name) }
            updates.append((CompressedUpdate.Shape(name: change.name, sizes: shape), values))
        }
        guard updates.contains(where: { !$0.values.isEmpty }) else { throw CompressionError.empty }
        let groups: [[Double]]
        switch scope {
        case .global: groups = [updates.flatMap(\.values)]
        case .tensor: groups = updates.map(\.values)
        }
        return CompressedUpdate(
            density: density, alpha: alpha, scope: scope, tensors: updates.map(\.tensor), parts: try groups.map(part))
    }

    /// The signs and the scale of one vector.
    private func part(_ values: [Double]) throws -> CompressedUpdate.Part {
        let kept = Int((density * Double(values.count)).rounded(.down))
        // Stable, so that of equal magnitudes the earlier comes first.
        let order: [Int64] =
            values.isEmpty ? [] : try Tensor(values).abs().sorted(0, descending: true).indices.array()
        var signs = [Int8](repeating: 0, count: values.count)
        for index in order.prefix(kept) {
            signs[Int(index)] = values[Int(index)] > 0 ? 1 : values[Int(index)] < 0 ? -1 : 0
        }
        let deviation = deviation(of: values)
        return CompressedUpdate.Part(signs: signs, sigma: deviation, scale: Float(alpha * deviation))
    }

    private func deviation(of values: [Double]) -> Double {
        let divisor = sigma == .population ? values.count : values.count - 1
        guard divisor > 0 else { return 0 }
        let mean = values.reduce(0, +) / Double(values.count)
        return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(divisor)).squareRoot()
    }
}

/// An update as signs and scales.
public struct CompressedUpdate: Sendable, Equatable {
    /// A tensor's place in the update.
    public struct Shape: Sendable, Equatable {
        /// Its name in the adapter's file.
        public let name: String
        /// The size of each dimension.
        public let sizes: [Int]

        /// The number of elements.
        public var count: Int { sizes.reduce(1, *) }
    }

    /// A vector with one scale: the whole update, or one tensor of it.
    public struct Part: Sendable, Equatable {
        /// −1, 0 or 1.
        public let signs: [Int8]
        /// σ; nil where it was read from a file, which holds the scale alone.
        public let sigma: Double?
        /// α·σ, the magnitude of every entry that is not 0.
        public let scale: Float

        /// Entries that are not 0.
        public var nonzeros: Int { signs.count { $0 != 0 } }
    }

    /// The share that was to be kept.
    public let density: Double
    /// What σ was multiplied by.
    public let alpha: Double
    /// What has one scale.
    public let scope: ComPEFT.Scope
    /// The tensors in their order.
    public let tensors: [Shape]
    /// The vectors: one for all tensors, or one for each.
    public let parts: [Part]

    /// The same signs with another α.
    public func scaled(alpha: Double) -> CompressedUpdate {
        let parts = parts.map { part in
            let sigma = part.sigma ?? Double(part.scale) / self.alpha
            return Part(signs: part.signs, sigma: part.sigma, scale: Float(alpha * sigma))
        }
        return CompressedUpdate(density: density, alpha: alpha, scope: scope, tensors: tensors, parts: parts)
    }

    /// The number of entries.
    public var count: Int { parts.reduce(0) { $0 + $1.signs.count } }
    /// Entries that are not 0.
    public var nonzeros: Int { parts.reduce(0) { $0 + $1.nonzeros } }

    /// What an ideal code would take, in bits: the entropy of the signs at the density asked for, and 16 bits a scale.
    public var entropyBits: Double {
        func plogp(_ p: Double, _ scale: Double) -> Double { p > 0 ? p * (p / scale).log2 : 0 }
        let bits = plogp(1 - density, 1) + plogp(density, 2)
        return -Double(count) * bits + 16 * Double(parts.count)
    }

    /// The signs of one tensor, in its shape, as numbers −1, 0 and 1.
    public func signs(of index: Int) throws -> Tensor {
        try Tensor(slice(index).signs.map(Float.init), shape: tensors[index].sizes)
    }

    /// The compressed update of one tensor, in its shape.
    public func update(of index: Int) throws -> Tensor {
        let (signs, scale) = slice(index)
        return try Tensor(signs.map { Float($0) * scale }, shape: tensors[index].sizes)
    }

    /// A tensor as it is used: where it started, moved by the compressed update.
    public func tensor(_ index: Int, from start: Tensor) throws -> Tensor {
        let (expected, found) = (tensors[index].sizes, try start.shape)
        guard expected == found else {
            throw CompressionError.shape(name: tensors[index].name, expected: expected, found: found)
        }
        return try (start.to(.float32) + update(of: index)).to(start.dtype)
    }

    private func slice(_ index: Int) -> (signs: ArraySlice<Int8>, scale: Float) {
        if scope == .tensor { return (parts[index].signs[...], parts[index].scale) }
        let start = tensors[..<index].reduce(0) { $0 + $1.count }
        return (parts[0].signs[start..<start + tensors[index].count], parts[0].scale)
    }
}

extension Double {
    fileprivate var log2: Double { Foundation.log2(self) }
}
