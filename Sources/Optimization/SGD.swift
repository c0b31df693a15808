import Torch

/// Stochastic gradient descent with momentum, as torch's, by ATen's fused kernel. Its moment is `momentum`.
public struct SGD: Optimizer {
    /// How much of the last direction stays.
    public var momentum: Double
    /// Decay of matrices, where the group has none of its own.
    public var weightDecay: Double

    /// SGD with the given numbers.
    public init(momentum: Double = 0, weightDecay: Double = 0) {
        self.momentum = momentum
        self.weightDecay = weightDecay
    }

    /// One step over the whole buffer.
    public func update(_ group: ParameterGroup, rate: Double) throws {
        guard let values = group.values, let gradients = group.gradients else { return }
        let buffer = try group.moment("momentum")
        for stretch in group.decayStretches(weightDecay) {
            try stretch.of(values).fusedSGD(
                gradient: stretch.of(gradients), momentumBuffer: stretch.of(buffer), learningRate: rate,
                momentum: momentum, weightDecay: stretch.weightDecay, isFirst: group.clock == 1)
        }
    }
}
