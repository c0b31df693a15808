/// The figures of a finished run, all of them read from what it left.
public struct ComparedResult: Sendable, Hashable {
    /// Metrics on the rows of `split`.
    public var metrics: MetricValues
    /// The metric that the run is judged by.
    public var mainMetric: MainMetric?
    /// The rows that the metrics are of: `test` or `validation`; nil where there were none.
    public var split: String?
    /// Rows that the metrics are of, where the run counted them.
    public var evaluatedRows: Int?
    /// Metrics of the linear probe, where the run made one.
    public var linearProbe: MetricValues?
    /// Number of parameters that training changed.
    public var trainableParameters: Int
    /// Number of all parameters.
    public var totalParameters: Int
    /// Optimizer steps.
    public var steps: Int
    /// Seconds of all optimizer steps, evaluations and checkpoints excluded.
    public var trainingSeconds: Double
    /// Median of the seconds of an optimizer step.
    public var stepSeconds: Double
    /// Seconds of the whole process, from its start to its end: set-up, calibration, training, evaluation.
    public var processSeconds: Double?
    /// The most that the process held in memory, in bytes.
    public var peakMemoryBytes: Int
    /// Bytes of the adapter's weights.
    public var adapterBytes: Int?
    /// Where it ran.
    public var environment: RunEnvironment?

    /// The part of all parameters that training changed, between 0 and 1.
    public var trainableShare: Double {
        totalParameters > 0 ? Double(trainableParameters) / Double(totalParameters) : 0
    }

    /// Takes the figures from a run's records.
    /// - Parameter processSeconds: what only the one who started the process knows.
    /// - Returns: nil unless the run came to its own end.
    public init?(_ report: RunReport, processSeconds: Double?) {
        guard let summary = report.summary, summary.outcome == .completed || summary.outcome == .stoppedEarly else {
            return nil
        }
        let evaluatesTest = report.evaluations.contains { $0.split == "test" }
        let rows = summary.classes.reduce(0) { $0 + $1.support }
        metrics = summary.metrics
        mainMetric = report.headlineMetric
        split = metrics.isEmpty ? nil : evaluatesTest ? "test" : "validation"
        evaluatedRows = rows > 0 ? rows : nil
        linearProbe = summary.baselines.first { $0.name == "linear_probe" }?.metrics
        trainableParameters = summary.trainableParameters
        totalParameters = summary.totalParameters
        steps = summary.steps
        trainingSeconds = report.measured.seconds
        stepSeconds = report.medianStepSeconds ?? .nan
        self.processSeconds = processSeconds
        peakMemoryBytes = summary.peakMemoryBytes
        adapterBytes = summary.adapterBytes
        environment = report.environment
    }
}

extension RunReport {
    /// Median of the seconds of an optimizer step; a record may stand for several. Nil without records.
    public var medianStepSeconds: Double? {
        var times: [Double] = []
        var before = description.resumedFromStep
        for record in steps {
            let count = record.step - before
            if count > 0, record.seconds.isFinite { times.append(record.seconds / Double(count)) }
            before = record.step
        }
        guard !times.isEmpty else { return nil }
        times.sort()
        let middle = times.count / 2
        return times.count.isMultiple(of: 2) ? (times[middle - 1] + times[middle]) / 2 : times[middle]
    }
}
