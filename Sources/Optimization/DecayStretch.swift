import Torch

/// A stretch of a group's buffer whose tensors share a weight decay.
struct DecayStretch {
    let range: Range<Int>
    let weightDecay: Double

    /// The stretch of a buffer.
    func of(_ buffer: Tensor) throws -> Tensor {
        try buffer.narrow(0, range.lowerBound, range.count)
    }
}

extension ParameterGroup {
    /// The buffer in stretches of equal decay. The group's own decay is that of every tensor; without one, biases and
    /// one-dimensional tensors (magnitudes, norms) do not decay, as in Hugging Face's Trainer.
    func decayStretches(_ weightDecay: Double) -> [DecayStretch] {
        if let own = self.weightDecay { return [DecayStretch(range: 0..<count, weightDecay: own)] }
        var result: [DecayStretch] = []
        for entry in entries {
            let decay = entry.shape.count < 2 || entry.variable.name.hasSuffix("bias") ? 0 : weightDecay
            if let last = result.last, last.weightDecay == decay {
                result[result.count - 1] = DecayStretch(
                    range: last.range.lowerBound..<entry.range.upperBound, weightDecay: decay)
            } else {
                result.append(DecayStretch(range: entry.range, weightDecay: decay))
            }
        }
        return result
    }
}
