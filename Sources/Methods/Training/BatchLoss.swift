import Networks
import Torch

/// A batch at the moment its loss is asked for: what a method needs to change the loss, or to add terms that need the
/// batch.
public struct BatchLoss {
    /// What the batch teaches.
    public enum Labels {
        /// One class per row, [rows].
        case classes(Tensor, count: Int)
        /// One label per token, [rows, columns], not shifted; negative where nothing is to be learnt.
        case tokens(Tensor)
        /// None that a method could read.
        case other
    }

    /// The model with the adapter on it. `model.withAdapters([])` runs the base in its place.
    public let model: Model
    /// The batch as the network takes it.
    public let input: ModelInput
    /// What the batch teaches.
    public let labels: Labels
    /// Labels of the batch; the loss of the step is the sum over its batches divided by the sum of these.
    public let labelCount: Int
    /// The mode and the random streams of this forward.
    public let context: ForwardContext
    /// The step.
    public let moment: StepMoment
    private let task: (ForwardContext) throws -> Tensor?

    /// A batch with the loss of its task.
    /// - Parameter task: the sum of the labels' losses; nil where the batch has none.
    public init(
        model: Model, input: ModelInput, labels: Labels, labelCount: Int, context: ForwardContext, moment: StepMoment,
        task: @escaping (ForwardContext) throws -> Tensor?
    ) {
        self.model = model
        self.input = input
        self.labels = labels
        self.labelCount = labelCount
        self.context = context
        self.moment = moment
        self.task = task
    }

    /// The task's own loss, summed over the labels; nil where the batch has none.
    /// - Parameter context: another than the batch's, for a second forward.
    public func taskLossSum(_ context: ForwardContext? = nil) throws -> Tensor? {
        try task(context ?? self.context)
    }
}
