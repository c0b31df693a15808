import Torch

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) by ATen's fused kernel.
///
/// Its moments are `mean` (of gradients) and `square` (of their squares).
public struct AdamW: Optimizer {
    /// Decay of the mean of gradients.
    public var beta1: Double
    /// Decay of the mean of squares.
    public var beta2: Double
    /// Added to the root of the mean of squares.
    public var epsilon: Double
    /// Decay of matrices, where the group has none of its own.
    public var weightDecay: Double

    /// AdamW with the given numbers.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// One step over the whole buffer: a kernel for each stretch of equal decay.
    public func update(_ group: ParameterGroup, rate: Double) throws {
        guard let values = group.values, let gradients = group.gradients else { return }
        let (mean, square) = (try group.moment("mean"), try group.moment("square"))
        let clock = try Tensor.scalar(Double(group.clock), device: values.device)
        for stretch in group.decayStretches(weightDecay) {
            try stretch.of(values).fusedAdamW(
                gradient: stretch.of(gradients), mean: stretch.of(mean), square: stretch.of(square), clock: clock,
                learningRate: rate, beta1: beta1, beta2: beta2, weightDecay: stretch.weightDecay, eps: epsilon)
        }
    }
}
