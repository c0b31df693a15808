import Foundation
import Graft
import Testing

/// What a run did, from the events that it sent.
struct ObservedRun {
    var steps: [StepRecord] = []
    var evaluations: [EvaluationRecord] = []
    var checkpoints: [CheckpointRecord] = []
    var warnings: [RunWarning] = []
    var summary: RunSummary?

    var losses: [Double] { steps.map(\.loss) }

    mutating func consume(_ event: TrainingEvent) {
        switch event {
        case .started: break
        case .step(let record): steps.append(record)
        case .evaluation(let record): evaluations.append(record)
        case .checkpoint(let record): checkpoints.append(record)
        case .warning(let warning): warnings.append(warning)
        case .finished(let end): summary = end
        }
    }
}

extension [Double] {
    /// Whether the last five losses are together below half of the first five.
    var halve: Bool { suffix(5).reduce(0, +) < prefix(5).reduce(0, +) / 2 }
}

/// Runs a training to its end.
@discardableResult
func observe(_ configuration: TrainingConfiguration, start: TrainingRun.Start = .new) async throws -> ObservedRun {
    try await observe(TrainingRun(configuration, start: start))
}

/// Follows a run to its end.
func observe(_ run: TrainingRun) async throws -> ObservedRun {
    var observed = ObservedRun()
    for try await event in run.events() { observed.consume(event) }
    return observed
}

/// Runs a training as a whole, and once more with an interruption after each of its first steps: both end alike, with the
/// same bytes and the same log. The first is left in the output folder's name with `-whole`.
@discardableResult
func expectExactResume(
    _ configuration: TrainingConfiguration, interruptedAfter steps: Int = 3,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
) async throws -> (whole: ObservedRun, resumed: ObservedRun) {
    let folder = configuration.outputDirectory
    func adapter(_ folder: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(AdapterFolder.weightsName))
    }
    let whole = try await observe(configuration)
    try FileManager.default.moveItem(atPath: folder, toPath: folder + "-whole")
    for step in 1...steps {
        // A session of its own each time: nothing but the checkpoint goes from one to the next.
        let run = try await TrainingRun(configuration, start: step == 1 ? .new : .resume)
        run.stop()
        let summary = try await observe(run).summary
        #expect(summary?.outcome == .interrupted && summary?.steps == step, sourceLocation: sourceLocation)
    }
    let resumed = try await observe(configuration, start: .resume)
    #expect(try adapter(folder) == adapter(folder + "-whole"), sourceLocation: sourceLocation)
    #expect(try loggedSteps(folder).map(\.loss) == whole.losses, sourceLocation: sourceLocation)
    #expect(resumed.summary?.metrics == whole.summary?.metrics, sourceLocation: sourceLocation)
    return (whole, resumed)
}

// The number of threads is the process's, and changes the rounding of sums: no test sets it, so that runs side by side can
// be compared bit by bit.
extension TinyCheckpoint {
    /// A classification of 40 rows that takes 5 steps an epoch.
    func classification(_ output: String, method: any Methods.Method = LoRA()) throws -> TrainingConfiguration {
        var configuration = TrainingConfiguration(
            model: model.path, data: try classificationRows(), task: .classification, method: method,
            outputDirectory: path(output))
        configuration.training.learningRate = 5e-3
        return configuration
    }

    /// Language modelling on 24 rows that takes 3 steps an epoch.
    func completion(_ output: String, method: any Methods.Method = LoRA()) throws -> TrainingConfiguration {
        var configuration = TrainingConfiguration(
            model: model.path, data: try completionRows(), task: .causalLM, method: method,
            outputDirectory: path(output))
        configuration.training.learningRate = 5e-3
        return configuration
    }

    /// The bytes of a run's adapter.
    func adapter(_ output: String) throws -> Data {
        try Data(contentsOf: root.appendingPathComponent(output).appendingPathComponent(AdapterFolder.weightsName))
    }

    /// The tensors of a run's adapter by name.
    func adapterTensors(_ output: String) throws -> [String: [Float]] {
        let file = try SafetensorsFile(
            root.appendingPathComponent(output).appendingPathComponent(AdapterFolder.weightsName))
        return try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0).array()) })
    }

    /// The largest difference between the adapters of two runs.
    func distance(_ first: String, _ second: String) throws -> Float {
        let (first, second) = (try adapterTensors(first), try adapterTensors(second))
        guard Set(first.keys) == Set(second.keys) else { return .infinity }
        return first.map { name, values in
            zip(values, second[name] ?? []).map { abs($0 - $1) }.max() ?? .infinity
        }.max() ?? .infinity
    }
}

/// The records of a run's log.
func loggedSteps(_ folder: String) throws -> [StepRecord] {
    var observed = ObservedRun()
    try MetricsLog.read(RunFolder(URL(fileURLWithPath: folder)).metricsFile) { observed.consume($0) }
    return observed.steps
}
