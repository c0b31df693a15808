import JSON
import Networks
import Optimization
import Torch

/// What a method does while its adapter is trained, besides being differentiated. Every member has a default that does
/// nothing; a method overrides what its paper needs.
///
/// The order within an optimizer step: `epochWillBegin` (first step of an epoch), `stepWillBegin`, gradients cleared,
/// then for each micro-batch `lossSum`, backward and `microBatchDidEnd`; `penalty` and its backward; `backwardDidEnd`;
/// clipping; `gradientsReady`; the update; `stepDidEnd`. With an `updateRule`, that rule stands for everything between
/// `stepWillBegin` and `stepDidEnd`.
///
/// What decides the future and is not in the variables, the groups or the step's index belongs in `state()`: a run that
/// is killed and resumed must be the same to the bit.
public protocol Lifecycle: AnyObject {
    /// The trainable variables of the adapter in the groups that the training begins with; by default one for all.
    /// A variable in no group is not trained; it may join later, with a group of its own.
    func groups(of variables: [Variable]) throws -> [ParameterGroup]
    /// The rule that updates the groups; nil for the configured one.
    var optimizer: (any Optimizer)? { get }
    /// A rule that replaces the whole step; nil for backward and optimizer.
    var updateRule: (any UpdateRule)? { get }

    /// Whether `lossSum` computes more than the task's own loss.
    var changesLoss: Bool { get }
    /// Whether all that the method does in a training can be done in one that makes no gradients.
    var worksWithoutGradients: Bool { get }

    /// Before the first step of an epoch.
    func epochWillBegin(_ moment: StepMoment) throws
    /// Before the forwards of a step: the place to switch groups and to draw masks.
    func stepWillBegin(_ moment: StepMoment) throws
    /// After the backward of one micro-batch; the gradients hold the sum so far.
    func microBatchDidEnd(_ moment: StepMoment) throws
    /// After the backward of all micro-batches and of the penalty, before clipping: the place to correct gradients that
    /// the clipped norm is to be of.
    func backwardDidEnd(_ moment: StepMoment) throws
    /// After accumulation and clipping, before the update.
    func gradientsReady(_ moment: StepMoment) throws
    /// After the update; the gradients are still there.
    func stepDidEnd(_ moment: StepMoment) throws
    /// After the last step, before the final adapter is evaluated and written. Where the best checkpoint is taken, it
    /// is on the model already.
    func trainingDidEnd(_ moment: StepMoment) throws

    /// A term over the adapter that is added to the loss once per step, whatever the accumulation; nil for none.
    func penalty(_ moment: StepMoment) throws -> Tensor?
    /// The loss of a batch, summed over its labels; by default the task's own.
    func lossSum(_ batch: BatchLoss) throws -> Tensor?

    /// Everything that decides the method's future besides variables and groups; nil for nothing.
    func state() throws -> LifecycleState?
    /// Takes a state back. This comes before the tensors of the adapter are loaded: afterwards the grafts must have the
    /// variables that they had when the state was saved. Their shapes and the groups are restored by the training.
    func restore(_ state: LifecycleState) throws
}

extension Lifecycle {
    /// One group of everything.
    public func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        [try ParameterGroup("adapter", variables)]
    }
    /// The configured one.
    public var optimizer: (any Optimizer)? { nil }
    /// Backward and optimizer.
    public var updateRule: (any UpdateRule)? { nil }
    /// No.
    public var changesLoss: Bool { false }
    /// No.
    public var worksWithoutGradients: Bool { false }
    /// Nothing.
    public func epochWillBegin(_ moment: StepMoment) throws {}
    /// Nothing.
    public func stepWillBegin(_ moment: StepMoment) throws {}
    /// Nothing.
    public func microBatchDidEnd(_ moment: StepMoment) throws {}
    /// Nothing.
    public func backwardDidEnd(_ moment: StepMoment) throws {}
    /// Nothing.
    public func gradientsReady(_ moment: StepMoment) throws {}
    /// Nothing.
    public func stepDidEnd(_ moment: StepMoment) throws {}
    /// Nothing.
    public func trainingDidEnd(_ moment: StepMoment) throws {}
    /// None.
    public func penalty(_ moment: StepMoment) throws -> Tensor? { nil }
    /// The task's own.
    public func lossSum(_ batch: BatchLoss) throws -> Tensor? { try batch.taskLossSum() }
    /// Nothing.
    public func state() throws -> LifecycleState? { nil }
    /// Nothing.
    public func restore(_ state: LifecycleState) throws {}
}

/// What a method keeps between steps, as a checkpoint holds it.
public struct LifecycleState {
    /// Plain values.
    public var values: JSON
    /// Tensors by name (queues, averages, masks).
    public var tensors: [String: Tensor]

    /// A state of the given parts.
    public init(values: JSON = .null, tensors: [String: Tensor] = [:]) {
        self.values = values
        self.tensors = tensors
    }

    /// The tensor of a name.
    /// - Throws: `OptimizationError.state` where the checkpoint has none.
    public func tensor(_ name: String) throws -> Tensor {
        guard let tensor = tensors[name] else {
            throw OptimizationError.state("the checkpoint has no tensor `\(name)` of the method's state")
        }
        return tensor
    }
}
