import Foundation

/// Everything that a report shows about a run.
public struct RunReport: Sendable, Hashable {
    /// What was known before the first step.
    public var description: RunDescription
    /// The steps, in order.
    public var steps: [StepRecord] = []
    /// The evaluations, in order.
    public var evaluations: [EvaluationRecord] = []
    /// The checkpoints, in order.
    public var checkpoints: [CheckpointRecord] = []
    /// The warnings, each once.
    public var warnings: [RunWarning] = []
    /// How the run ended; nil while it goes on, or if it was killed.
    public var summary: RunSummary?
    /// The resolved configuration's text.
    public var configuration: String
    /// Where the run took place.
    public var environment: RunEnvironment?

    /// A report of a run that has taken no step yet.
    public init(description: RunDescription, configuration: String = "", environment: RunEnvironment? = nil) {
        self.description = description
        self.configuration = configuration
        self.environment = environment
    }

    /// Reads a run's folder: `run.json`, and as far as they are there `metrics.jsonl`, `config.yaml` and
    /// `result.json`.
    public init(runFolder: URL) throws {
        let folder = RunFolder(runFolder)
        let (description, environment) = try folder.readDescription()
        self.init(
            description: description, configuration: folder.readConfiguration() ?? "", environment: environment)
        if FileManager.default.fileExists(atPath: folder.metricsFile.path) {
            var events: [TrainingEvent] = []
            try MetricsLog.read(folder.metricsFile) { events.append($0) }
            for event in events { consume(event) }
        }
        summary = try folder.readSummary().flatMap { isOvertaken($0) ? nil : $0 }
    }

    /// Whether a resumed run has gone beyond a summary that its first part left.
    private func isOvertaken(_ summary: RunSummary) -> Bool {
        (steps.last?.step ?? 0) > summary.steps
    }

    /// Takes up an event.
    public mutating func consume(_ event: TrainingEvent) {
        switch event {
        case .started(let description): self.description = description
        case .step(let record): add(record)
        case .evaluation(let record): add(record)
        case .checkpoint(let record): checkpoints.append(record)
        case .warning(let warning): add(warning)
        case .finished(let summary): self.summary = summary
        }
    }

    /// A run that went back to a checkpoint takes the steps after it once more; the later ones count.
    private mutating func add(_ record: StepRecord) {
        while let last = steps.last, last.step >= record.step { steps.removeLast() }
        steps.append(record)
    }

    /// A resumed run may evaluate the step that it resumes from once more; the later result counts.
    private mutating func add(_ record: EvaluationRecord) {
        let before = evaluations.lastIndex { $0.step == record.step && $0.split == record.split }
        if let before {
            evaluations[before] = record
        } else {
            evaluations.append(record)
        }
    }

    /// A resumed run raises the warnings of its set-up again; they are shown once.
    private mutating func add(_ warning: RunWarning) {
        let isKnown = warnings.contains { $0.code == warning.code && $0.message == warning.message }
        if !isKnown { warnings.append(warning) }
    }
}
