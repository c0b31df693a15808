/// How a run ended and what came out of it.
public struct RunSummary: Sendable, Hashable {
    /// How the run ended.
    public var outcome: RunOutcome
    /// Optimizer steps taken over the whole run.
    public var steps: Int
    /// Passes over the training data.
    public var epochs: Double
    /// Wall-clock seconds from the start to the end, set-up excluded.
    public var seconds: Double
    /// Metrics of the kept state, in the order in which they are shown.
    public var metrics: MetricValues
    /// The step that the kept state comes from, where the best one was kept.
    public var bestStep: Int?
    /// The same metrics of simpler models, `linear_probe` for example.
    public var baselines: [Baseline]
    /// Number of parameters that training changed.
    public var trainableParameters: Int
    /// Number of all parameters, frozen ones included.
    public var totalParameters: Int
    /// Largest resident memory of the process, in bytes.
    public var peakMemoryBytes: Int
    /// Bytes of the saved adapter, if one was saved.
    public var adapterBytes: Int?
    /// Results of each class, for a classification.
    public var classes: [ClassResult]
    /// The pairs of classes that are taken for one another most often, most frequent first.
    public var confusions: [ConfusedPair]
    /// Files that the run left, in the order in which they are shown.
    public var files: [RunFile]
    /// Commands that a user may want to run next.
    public var nextCommands: [NextCommand]

    /// Sums up a run.
    public init(
        outcome: RunOutcome, steps: Int, epochs: Double, seconds: Double, metrics: MetricValues = [:],
        bestStep: Int? = nil, baselines: [Baseline] = [], trainableParameters: Int, totalParameters: Int,
        peakMemoryBytes: Int, adapterBytes: Int? = nil, classes: [ClassResult] = [],
        confusions: [ConfusedPair] = [], files: [RunFile] = [], nextCommands: [NextCommand] = []
    ) {
        self.outcome = outcome
        self.steps = steps
        self.epochs = epochs
        self.seconds = seconds
        self.metrics = metrics
        self.bestStep = bestStep
        self.baselines = baselines
        self.trainableParameters = trainableParameters
        self.totalParameters = totalParameters
        self.peakMemoryBytes = peakMemoryBytes
        self.adapterBytes = adapterBytes
        self.classes = classes
        self.confusions = confusions
        self.files = files
        self.nextCommands = nextCommands
    }
}

/// The way in which a run ended.
public enum RunOutcome: Sendable, Hashable {
    /// All steps were taken.
    case completed
    /// The metric had stopped improving.
    case stoppedEarly
    /// The loss or the gradients were no longer numbers.
    case diverged
    /// The user or the system asked the run to stop.
    case interrupted
    /// An error ended the run; its sentence.
    case failed(String)

    /// The outcome's stable name in `result.json`.
    public var name: String {
        switch self {
        case .completed: "completed"
        case .stoppedEarly: "stopped_early"
        case .diverged: "diverged"
        case .interrupted: "interrupted"
        case .failed: "failed"
        }
    }

    /// The outcome of a stable name, with the sentence of a failure.
    init?(name: String, reason: String?) {
        switch name {
        case "completed": self = .completed
        case "stopped_early": self = .stoppedEarly
        case "diverged": self = .diverged
        case "interrupted": self = .interrupted
        case "failed": self = .failed(reason ?? "no reason was recorded")
        default: return nil
        }
    }
}

/// A simpler model's metrics on the same data, for comparison.
public struct Baseline: Sendable, Hashable {
    /// The baseline's name in snake case, `linear_probe` for example; the prefix of its metrics in `result.json`.
    public var name: String
    /// Its metrics, named as the run's own.
    public var metrics: MetricValues

    /// Names a baseline and its metrics.
    public init(name: String, metrics: MetricValues) {
        self.name = name
        self.metrics = metrics
    }
}

/// A file or folder that the run left.
public struct RunFile: Sendable, Hashable {
    /// What it is, `adapter` for example.
    public var label: String
    /// Where it is.
    public var path: String

    /// Names a file.
    public init(label: String, path: String) {
        self.label = label
        self.path = path
    }
}

/// A command that a user may want to run next.
public struct NextCommand: Sendable, Hashable {
    /// What it does, in a few words.
    public var purpose: String
    /// The command line.
    public var command: String

    /// Names a command.
    public init(purpose: String, command: String) {
        self.purpose = purpose
        self.command = command
    }
}
