import Torch

/// A rule that turns the gradients of a group into a change of its values. The rule itself holds hyperparameters only;
/// what it remembers between steps lives in the group, which saves, drops and reshapes it.
///
/// A rule of a method's own reads `group.values` and `group.gradients` (flat) or the views of single variables, and
/// keeps what has the values' shape in `group.moment(_:)` and everything else in `group.extras`.
public protocol Optimizer: Sendable {
    /// Applies one step to a group that has gradients.
    /// - Parameter rate: the learning rate of this group at this step.
    ///
    /// `group.clock` is the number of this update of the group, from 1. Runs without recording gradients.
    func update(_ group: ParameterGroup, rate: Double) throws
}

/// The optimizer of a run as its configuration gives it.
public struct OptimizerSettings: Sendable, Equatable {
    /// The rules that come with Graft.
    public enum Rule: Sendable, Equatable {
        case adamW
        case sgd
    }

    /// The rule.
    public var rule = Rule.adamW
    /// Decay of AdamW's mean of gradients.
    public var beta1 = 0.9
    /// Decay of AdamW's mean of squares.
    public var beta2 = 0.999
    /// Added to the root of AdamW's mean of squares.
    public var epsilon = 1e-8
    /// Momentum of SGD.
    public var momentum = 0.0
    /// Decay of matrices; biases and vectors do not decay.
    public var weightDecay = 0.0

    /// AdamW with its usual numbers.
    public init() {}

    /// The rule with these numbers.
    public func makeOptimizer() -> any Optimizer {
        switch rule {
        case .adamW: AdamW(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay)
        case .sgd: SGD(momentum: momentum, weightDecay: weightDecay)
        }
    }
}
