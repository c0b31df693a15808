import Foundation
import Networks
import Torch

/// How the frequencies of a rotary embedding are stretched for long contexts: `rope_type`.
enum RotaryScaling: Sendable {
    case none
    /// All positions divided by a factor.
    case linear(factor: Double)
    /// A larger base as soon as a batch is longer than the context (NTK).
    case dynamic(factor: Double)
    /// Low frequencies interpolated, high ones kept, a ramp between (Peng et al. 2023).
    case yarn(Yarn)
    /// A searched factor per pair, one list for short batches and one for long ones (Ding et al. 2024).
    case longrope(short: [Double], long: [Double])
    /// Low frequencies divided, high ones kept, a smooth passage between (Llama 3.1).
    case llama3(factor: Double, low: Double, high: Double)
    /// Only a share of the pairs turns, with the frequencies of the whole head.
    case proportional(factor: Double, share: Double)

    /// The fields of yarn.
    struct Yarn: Sendable {
        var factor: Double
        var fast: Double
        var slow: Double
        var truncates: Bool
    }
}

/// What a rotary embedding is made of, read from a configuration.
struct RotarySettings: Sendable {
    /// The longest wavelength's base.
    var theta: Double
    /// Features of a head that turn.
    var size: Int
    /// `max_position_embeddings`.
    var positions: Int
    /// `original_max_position_embeddings`: the context before it was stretched.
    var trainedPositions: Int
    var scaling: RotaryScaling
    /// Factor of cosine and sine.
    var amplitude = 1.0

    static let notFinite = NetworkError.unsupported(
        "config.json: the rope settings give angles that are not finite: check rope_theta and the factors")
}

// MARK: Frequencies

extension RotarySettings {
    /// theta^(2i / size) of each pair, in fp32 as the checkpoints were trained.
    private func wavelengths(theta: Double, pairs: Int? = nil) throws -> [Float] {
        let end = pairs.map { 2 * $0 } ?? size
        let exponents = try Tensor.arange(to: Double(end), step: 2, dtype: .float32) / Double(size)
        return try Tensor.pow(theta, exponents).array(of: Float.self)
    }

    /// The angle per position of each pair.
    func frequencies() throws -> [Float] {
        switch scaling {
        case .none, .dynamic:
            return try wavelengths(theta: theta).map { 1 / $0 }
        case .linear(let factor):
            return try wavelengths(theta: theta).map { 1 / $0 / Float(factor) }
        case .proportional(let factor, let share):
            let turning = Int(share * Double(size) / 2)
            let still = [Float](repeating: 0, count: size / 2 - turning)
            return try wavelengths(theta: theta, pairs: turning).map { 1 / $0 / Float(factor) } + still
        case .longrope(let short, _):
            return try stretched(by: short)
        case .yarn(let yarn):
            return try yarnFrequencies(yarn)
        case .llama3(let factor, let low, let high):
            return try wavelengths(theta: theta).map { llama3(1 / $0, Float(factor), Float(low), Float(high)) }
        }
    }

    /// Those of batches that reach beyond `trainedPositions`, where they differ.
    func longFrequencies() throws -> [Float]? {
        guard case .longrope(_, let long) = scaling else { return nil }
        return try stretched(by: long)
    }

    /// Those of a batch of `length` positions, more than the context.
    func dynamicFrequencies(length: Int) throws -> [Float] {
        guard case .dynamic(let factor) = scaling else { return try frequencies() }
        let stretch = Float(factor) * Float(length) / Float(positions) - Float(factor - 1)
        let base = Float(theta) * pow(stretch, Float(Double(size) / Double(size - 2)))
        return try wavelengths(theta: Double(base)).map { 1 / $0 }
    }

    private func stretched(by factors: [Double]) throws -> [Float] {
        try zip(factors, wavelengths(theta: theta)).map { 1 / (Float($0) * $1) }
    }

    private func yarnFrequencies(_ yarn: RotaryScaling.Yarn) throws -> [Float] {
        // The pair that makes so many turns within the trained context.
        func pair(turns: Double) -> Double {
            Double(size) * log(Double(trainedPositions) / (turns * 2 * .pi)) / (2 * log(theta))
        }
        var (low, high) = (pair(turns: yarn.fast), pair(turns: yarn.slow))
        if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, Double(size - 1)))
        if low == high { high += 0.001 }
        let (start, width) = (Float(low), Float(high - low))
        return try wavelengths(theta: theta).enumerated().map { index, wavelength in
            let kept = 1 - min(max((Float(index) - start) / width, 0), 1)
            return 1 / (Float(yarn.factor) * wavelength) * (1 - kept) + 1 / wavelength * kept
        }
    }

    private func llama3(_ frequency: Float, _ factor: Float, _ low: Float, _ high: Float) -> Float {
        let context = Float(trainedPositions)
        let wavelength = 2 * Float.pi / frequency
        if wavelength > context / low { return frequency / factor }
        if wavelength < context / high { return frequency }
        let smooth = (context / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
    }
}
