import Networks
import Torch

/// Rotary position embedding: pairs of a head's features turn by angles that grow with the position, each pair at its own
/// frequency (Su et al. 2021). How the frequencies are made for long contexts is in `RotaryScaling`.
final class RotaryEmbedding {
    private let settings: RotarySettings
    private let frequencies: Tensor
    /// Frequencies for batches that reach beyond the context of the first training (longrope).
    private let longFrequencies: Tensor?
    private let amplitude: Double

    /// - Throws: `NetworkError.unsupported` when the settings give angles that are not finite.
    init(_ settings: RotarySettings) throws {
        self.settings = settings
        frequencies = try RotaryEmbedding.checked(settings.frequencies())
        longFrequencies = try settings.longFrequencies().map(RotaryEmbedding.checked)
        amplitude = settings.amplitude
        guard amplitude.isFinite else { throw RotarySettings.notFinite }
    }

    private static func checked(_ frequencies: [Float]) throws -> Tensor {
        guard frequencies.allSatisfy(\.isFinite) else { throw RotarySettings.notFinite }
        return try Tensor(frequencies)
    }

    /// The turns of a batch, made once and used by all layers of the same kind.
    /// - Parameter positions: [rows or 1, length].
    func callAsFunction(_ positions: Tensor, dtype: DType) throws -> Rotation {
        let device = try positions.device
        let frequencies = try frequencies(for: positions).to(device)
        let angles = try positions.to(.float32).unsqueeze(1).unsqueeze(3) * frequencies
        func turned(_ x: Tensor) throws -> Tensor { try (amplitude == 1 ? x : x * amplitude).to(dtype) }
        return Rotation(
            cosine: try turned(angles.cos()), sine: try turned(angles.sin()), half: try frequencies.size(0))
    }

    /// Dynamic scalings look at the largest position of the whole padded batch.
    private func frequencies(for positions: Tensor) throws -> Tensor {
        switch settings.scaling {
        case .dynamic:
            let length = try reach(of: positions)
            return length > settings.positions
                ? try RotaryEmbedding.checked(settings.dynamicFrequencies(length: length)) : frequencies
        case .longrope:
            return try reach(of: positions) > settings.trainedPositions ? longFrequencies ?? frequencies : frequencies
        default:
            return frequencies
        }
    }

    private func reach(of positions: Tensor) throws -> Int {
        Int(try positions.amax().item()) + 1
    }
}

/// The turn of each position of a batch.
struct Rotation {
    /// [rows or 1, 1, length, half]
    let cosine: Tensor
    /// As `cosine`.
    let sine: Tensor
    /// Number of pairs: feature i turns with feature i + half. Features behind the pairs pass unturned.
    let half: Int

    /// x: [rows, heads, length, head].
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let (first, second) = (try x.narrow(-1, 0, half), try x.narrow(-1, half, half))
        var parts = [try first * cosine - second * sine, try second * cosine + first * sine]
        let rest = try x.size(-1) - 2 * half
        if rest > 0 { parts.append(try x.narrow(-1, 2 * half, rest)) }
        return try Tensor.cat(parts, dim: -1)
    }
}
