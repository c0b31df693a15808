import Torch

/// A rule that turns the batches of a step into a change of the trainable state, in place of backward and optimizer.
public protocol UpdateRule: AnyObject {
    /// One optimizer step.
    func step(_ work: any StepWork) throws -> StepOutcome
    /// False where a step is made of forwards alone, which keep nothing.
    var usesBackward: Bool { get }
}

extension UpdateRule {
    public var usesBackward: Bool { true }
}

/// What a step reports.
public struct StepOutcome: Sendable, Equatable {
    /// Mean loss per label.
    public var loss: Double
    /// Length of the gradient, or of what stands for it.
    public var gradientNorm: Double
    /// The penalty that was added to the loss; nil for none.
    public var penalty: Double?

    /// An outcome of the given numbers.
    public init(loss: Double, gradientNorm: Double, penalty: Double? = nil) {
        self.loss = loss
        self.gradientNorm = gradientNorm
        self.penalty = penalty
    }
}

/// What an update rule makes a step of. Each call runs over all micro-batches of the step, and leaves out those without
/// labels; losses are means per label of the whole step.
public protocol StepWork: AnyObject {
    /// The step.
    var moment: StepMoment { get }

    /// The loss in evaluation mode (no dropout), without recording gradients: `Lifecycle.lossSum`, no penalty.
    func loss() throws -> Double

    /// Clears the gradients, then runs forward and backward in training mode with the usual loss and the penalty.
    /// - Returns: the loss without the penalty.
    /// - Throws: where the loss is not finite.
    func backward() throws -> Double

    /// Clears the gradients, then runs forward and backward in training mode with another loss, the sum over the
    /// batch's labels (nil to leave a batch out), without the penalty. The random streams are the same in each call of
    /// a step. Gradients are in `moment.trainables`: copy them before the next backward.
    func backward(_ lossSum: (BatchLoss) throws -> Tensor?) throws -> Double

    /// Cuts the gradients to the configured norm and gives the norm that they had.
    /// - Throws: where it is not finite.
    func clip() throws -> Double

    /// The optimizer's update with the gradients as they are.
    func update() throws
}
