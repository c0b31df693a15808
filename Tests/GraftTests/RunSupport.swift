import Foundation
import Graft

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
