import Networks
import Torch

/// The waves of one projection.
public final class LoCAGraft: ProjectionGraft {
    static let spectrumName = "loca_spectrum"
    static let locationsName = "loca_locations"

    /// a [k], the heights.
    public let spectrum: Variable
    /// l [2, k], the places along outputs and inputs as shares of their sizes.
    public let locations: Variable
    private let scale: Double
    private let dropout: Double
    private let sizes: [Int]
    private let isBounded: Bool
    private var waves: Waves?

    /// The waves of given places: a row for each of them.
    private struct Waves {
        /// [2, k].
        let positions: Tensor
        /// C_out[p] [k, out] and C_in[q] [k, in].
        let rows: [Tensor]
        /// Half the difference of the neighbours' waves, in the same order; made when places are trained.
        var slopes: [Tensor]?
    }

    init(_ method: LoCA, at site: Projection, key: RandomKey) throws {
        let (k, device) = (method.nFrequency, try site.weight.base.device)
        spectrum = try Variable("\(site.path).\(LoCAGraft.spectrumName)", .zeros([k], device: device))
        locations = try Variable(
            "\(site.path).\(LoCAGraft.locationsName)",
            .uniform([2, k], 0, 1, key: key.derived("locations")).to(device))
        scale = method.scale
        dropout = method.locaDropout
        isBounded = method.clipLocationGrad
        sizes = [site.outputSize, site.inputSize]
    }

    /// Heights and places.
    public var variables: [Variable] { [spectrum, locations] }

    /// Yes, wherever there is no dropout of what the waves see.
    public var changesWeight: Bool { true }
}

// MARK: The change of the weight

extension LoCAGraft {
    /// l · (size − 1) where l is inside its range, [2, k].
    private func places() throws -> Tensor {
        try locations.value.clamp(0, 0.999)
            * Tensor(sizes.map { Float($0 - 1) }).unsqueeze(1).to(locations.value.device)
    }

    /// (p, q) of every wave, [2, k] of whole numbers.
    public func positions() throws -> Tensor {
        try withoutGradients { try places().round().to(.int64) }
    }

    /// ΔW as the two factors of scale · Pᵀ Q: P [k, out] has the heights, Q [k, in].
    ///
    /// Where places are trained, P and Q also have (place − its own value) times half the difference of the neighbours'
    /// waves: nothing in the forward, and in the backward the central difference.
    private func factors() throws -> (p: Tensor, q: Tensor) {
        let trainsPlaces = try locations.value.requiresGrad
        let waves = try waves(withSlopes: trainsPlaces)
        let heights = try spectrum.value.unsqueeze(1)
        guard trainsPlaces, let slopes = waves.slopes else { return (try waves.rows[0] * heights, waves.rows[1]) }
        let places = try places()
        let offsets = try places - places.detach()
        let moved = try (0..<2).map { side in
            try waves.rows[side] + offsets.select(0, side).unsqueeze(1) * slopes[side]
        }
        return (try moved[0] * heights, moved[1])
    }

    private func waves(withSlopes: Bool) throws -> Waves {
        try withoutGradients {
            let positions = try positions()
            var current: Waves
            if let waves, try waves.positions.isEqual(to: positions) {
                current = waves
            } else {
                current = Waves(
                    positions: positions,
                    rows: try (0..<2).map { try LoCAGraft.waves(positions.select(0, $0), size: sizes[$0]) })
            }
            if withSlopes, current.slopes == nil {
                current.slopes = try (0..<2).map { side in
                    let (place, last) = (try positions.select(0, side).to(.float64), Double(sizes[side] - 1))
                    let above = try LoCAGraft.waves((place + 1).clamp(0, last), size: sizes[side])
                    let below = try LoCAGraft.waves((place - 1).clamp(0, last), size: sizes[side])
                    return try (above - below) / 2
                }
            }
            waves = current
            return current
        }
    }

    /// Rows of the orthonormal DCT-II matrix, [k, size].
    ///
    /// Angles are multiples of π / 2n, and whole turns change nothing: every entry is one of 4n cosines.
    static func waves(_ positions: Tensor, size: Int) throws -> Tensor {
        let (device, period) = (try positions.device, Double(4 * size))
        let turn = try (Tensor.arange(to: period, dtype: .float64) * (2 * Double.pi / period)).cos().to(.float32)
        let rows = try positions.to(.float64)
        let odd = try Tensor.arange(to: Double(size), dtype: .float64).to(device) * 2 + 1
        let steps = try rows.unsqueeze(1) * odd.unsqueeze(0)
        let rest = try steps - (steps / period).floor() * period
        let cosines = try turn.to(device).indexSelect(0, rest.to(.int64).reshape([-1])).reshape([-1, size])
        let heights = try rows.eq(0).to(.float64) * (0.5.squareRoot() - 1) + 1
        return try cosines * (heights * (2 / Double(size)).squareRoot()).to(.float32).unsqueeze(1)
    }

    /// ΔW [out, in] added to a matrix, or alone.
    private func change(of matrix: Tensor?, dtype: DType) throws -> Tensor {
        let (p, q) = try factors()
        let (left, right) = (try p.to(dtype).t(), try q.to(dtype))
        guard let matrix else { return try left.matmul(right) * scale }
        return try matrix.to(dtype).addmm(left, right, alpha: scale)
    }

    /// ΔW [out, in].
    public func delta() throws -> Tensor {
        try withoutGradients { try change(of: nil, dtype: .float32) }
    }
}

// MARK: Forward and merge

extension LoCAGraft {
    /// W + ΔW, where the input of the change is that of the weight.
    public func weight(_ weight: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        if context.isTraining, dropout > 0 { return weight }
        let dtype = try weight.dtype
        return try site.layout(change(of: site.matrix(weight), dtype: .float32)).to(dtype)
    }

    /// With dropout: `output` + dropout(x) ΔWᵀ.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        guard context.isTraining, dropout > 0 else { return output }
        let dropped = try context.dropout(x, dropout, at: spectrum.name)
        return try output + dropped.linear(change(of: nil, dtype: .float32).to(dropped.dtype))
    }

    /// W + ΔW.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            (try site.layout(change(of: site.matrix(weight), dtype: weight.dtype)), bias)
        }
    }
}

// MARK: Backward

extension LoCAGraft {
    /// A gradient of the places with the part of each position bounded to [−1, 1]: ∂l is ∂p · (size − 1) or 0.
    func bounded(_ gradient: Tensor) throws -> Tensor {
        guard isBounded else { return gradient }
        return try withoutGradients {
            try Tensor.stack(
                (0..<2).map { try gradient.select(0, $0).clamp(-Double(sizes[$0] - 1), Double(sizes[$0] - 1)) })
        }
    }
}
