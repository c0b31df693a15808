/// What a training run says about itself, in the order in which it happens.
///
/// The loop emits these and knows nothing of who listens; the progress display, the log files and the report are
/// consumers. A run is one `started`, any number of the middle kinds, and one `finished` unless the process dies.
public enum TrainingEvent: Sendable, Hashable {
    /// The run is about to begin; everything known beforehand.
    case started(RunDescription)
    /// One optimizer step was taken.
    case step(StepRecord)
    /// A data split was evaluated.
    case evaluation(EvaluationRecord)
    /// A checkpoint is completely on disk.
    case checkpoint(CheckpointRecord)
    /// Something was done differently from what the user may expect.
    case warning(RunWarning)
    /// The run ended, whatever the outcome.
    case finished(RunSummary)
}
