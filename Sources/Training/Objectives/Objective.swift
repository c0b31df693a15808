import Datasets
import Networks
import Reporting
import Torch

/// Turns a batch and a model into a loss to learn from, and into metrics to judge by.
protocol Objective {
    /// The sum of the losses of the batch's labels, for the backward; nil when it has none.
    func lossSum(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor?
    /// Metrics of a data set, in evaluation mode.
    func evaluate(_ model: Model, _ batches: EpochBatches, on device: Device) throws -> Evaluation
    /// The metric that decides which evaluation is best, when the user names none.
    var mainMetric: MainMetric { get }
    /// The names of the metrics that `evaluate` finds.
    var metricNames: [String] { get }
}

/// What an evaluation found.
public struct Evaluation: Sendable {
    /// Metrics by name; `loss` is among them.
    public var metrics: MetricValues
    /// Predicted classes against labels, for classification.
    public var confusion: ConfusionMatrix?
}
