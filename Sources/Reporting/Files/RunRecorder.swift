import Foundation

/// Keeps a run's files: feed it every event, and the folder holds the run.
///
/// `started` writes `run.json` and begins or continues `metrics.jsonl`; `finished` writes `result.json` and
/// `report.html`. The folder must exist.
public final class RunRecorder {
    /// The run so far.
    public private(set) var report: RunReport?
    private let folder: RunFolder
    private let configuration: String
    private let environment: RunEnvironment?
    private var log: MetricsLog?

    /// Prepares to record; nothing is written before the first event.
    ///
    /// - Parameter configuration: the resolved configuration's text, shown in the report.
    public init(folder: RunFolder, configuration: String, environment: RunEnvironment?) {
        self.folder = folder
        self.configuration = configuration
        self.environment = environment
    }

    /// Records an event.
    public func consume(_ event: TrainingEvent) throws {
        if case .started(let description) = event { try begin(description) }
        report?.consume(event)
        try log?.consume(event)
        if case .finished(let summary) = event {
            try folder.write(summary)
            try report?.write(to: folder.reportFile)
        }
    }

    private func begin(_ description: RunDescription) throws {
        var report = RunReport(description: description, configuration: configuration, environment: environment)
        if description.resumedFromStep > 0 {
            log = try MetricsLog(resuming: folder.metricsFile, afterStep: description.resumedFromStep)
            try MetricsLog.read(folder.metricsFile) { report.consume($0) }
        } else {
            log = try MetricsLog(creating: folder.metricsFile)
        }
        try folder.write(description, environment)
        self.report = report
    }
}
