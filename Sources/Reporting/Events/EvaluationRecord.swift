/// One evaluation of a data split.
public struct EvaluationRecord: Sendable, Hashable {
    /// Optimizer steps taken before the evaluation; 0 is the untrained model.
    public var step: Int
    /// Passes over the training data before the evaluation.
    public var epoch: Double
    /// The split's name; `eval` becomes the prefix `eval_` of its metrics in the log, as Hugging Face writes it.
    public var split: String
    /// The metrics, `loss` and `accuracy` for example, in the order in which they are shown.
    public var metrics: MetricValues
    /// Seconds that the evaluation took.
    public var seconds: Double
    /// Whether this is the best evaluation so far.
    public var isBest: Bool

    /// Records an evaluation.
    public init(
        step: Int, epoch: Double, split: String = "eval", metrics: MetricValues, seconds: Double, isBest: Bool = false
    ) {
        self.step = step
        self.epoch = epoch
        self.split = split
        self.metrics = metrics
        self.seconds = seconds
        self.isBest = isBest
    }
}
