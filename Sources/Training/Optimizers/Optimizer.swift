import Torch

/// A rule that turns gradients into a change of the parameters, with a state that can be saved and restored.
protocol Optimizer: AnyObject {
    /// Applies one step with the gradients of the buffer.
    func step(learningRate: Double) throws
    /// Everything the next step depends on besides parameters and gradients.
    func state() throws -> [(name: String, tensor: Tensor)]
    /// Takes a state back.
    func restore(_ tensor: (String) throws -> Tensor) throws
}

extension TrainingArguments {
    func makeOptimizer(for parameters: FlatParameters) throws -> any Optimizer {
        switch optim {
        case .adamW: try AdamW(parameters, self)
        case .sgd: try SGD(parameters, self)
        }
    }
}

/// A stretch of the buffer whose tensors share a weight decay.
struct DecayStretch {
    let range: Range<Int>
    let weightDecay: Double

    /// Biases and one-dimensional tensors (magnitudes, norms) do not decay, as in Hugging Face's Trainer.
    static func stretches(of parameters: FlatParameters, weightDecay: Double) -> [DecayStretch] {
        var result: [DecayStretch] = []
        for entry in parameters.entries {
            let decay = entry.shape.count < 2 || entry.name.hasSuffix("bias") ? 0 : weightDecay
            let range = entry.offset..<(entry.offset + entry.count)
            if let last = result.last, last.weightDecay == decay {
                result[result.count - 1] = DecayStretch(
                    range: last.range.lowerBound..<range.upperBound, weightDecay: decay)
            } else {
                result.append(DecayStretch(range: range, weightDecay: decay))
            }
        }
        return result
    }
}
