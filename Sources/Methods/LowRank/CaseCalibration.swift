import Golden
import Networks
import Torch

/// The calibration examples of a golden case, in place of a training's: `in.calib_<k>` are inputs of the layer,
/// `in.grad_<k>` gradients of its weight, k from 0.
struct CaseCalibration: CalibrationSource {
    let golden: GoldenCase
    var learningRate = 0.0
    var warmupRatio = 0.0
    let epochs = 1.0

    /// The number of inputs.
    var exampleCount: Int {
        var count = 0
        while (try? golden.optional("in.calib_\(count)")) != nil { count += 1 }
        return count
    }

    func observeInputs(
        of projections: [Projection], samples: Int, _ visit: (_ sample: Int, Projection, Tensor) throws -> Void
    ) throws {
        for sample in 0..<min(samples, exampleCount) {
            let input = try golden.tensor("in.calib_\(sample)").unsqueeze(0)
            for projection in projections { try visit(sample, projection, input) }
        }
    }

    func weightGradients(
        of projections: [Projection], samples: Int, batchSize: Int,
        _ visit: (_ batch: Int, Projection, Tensor) throws -> Void
    ) throws {
        var batch = 0
        while let gradient = try golden.optional("in.grad_\(batch)") {
            for projection in projections { try visit(batch, projection, gradient) }
            batch += 1
        }
    }
}

extension GoldenCase {
    /// The value of a configuration key that is one of few names; `value` where the case has no such key.
    func option<Value: RawRepresentable<String>>(_ key: String, default value: Value) throws -> Value {
        guard let name = try config.optional(key)?.string() else { return value }
        guard let found = Value(rawValue: name) else { throw MethodError.option("\(key): unknown value `\(name)`") }
        return found
    }
}
