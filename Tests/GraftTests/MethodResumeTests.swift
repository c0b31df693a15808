import Foundation
import Graft
import JSON
import Testing

@testable import Methods

/// Methods with rules and losses of their own, trained, interrupted after every step, and continued.
@Suite struct MethodResumeTests {
    @Test(arguments: [
        #"{"name": "sparse-mezo", "sparsity": 0.5}"#, #"{"name": "sparse-mezo", "mask": "random"}"#,
        #"{"name": "sparse-mezo", "storage": "log"}"#,
        #"{"name": "unipt"}"#, #"{"name": "unipt", "variant": "anchor_embedding"}"#,
        #"{"name": "bi-adapter", "dim": 4, "bihead": true}"#,
        #"{"name": "mhr", "n_tasks": 2, "n_splits": 2, "module_logits_learning_rate": 0.1}"#, #"{"name": "r-amt"}"#,
        #"{"name": "dr-tune", "queue_size": 20, "head_rate_factor": 2, "rotation_every": 2}"#,
    ])
    func anInterruptedRunEndsAsOneThatWasNot(_ options: String) async throws {
        let tiny = try TinyCheckpoint.bert()
        let method = try MethodConfiguration(.init(.parse(options))).method
        var configuration = try tiny.classification("run", method: method)
        if method is MultiHeadRouting {
            configuration.data.trainFile = try tiny.rowsOfTasks()
            configuration.data.taskColumn = "task"
        }
        configuration.training.maxSteps = 5
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 4
        try await expectExactResume(configuration)
    }

    @Test func aLogOfStepsReadsAsTheWeightsThatItStandsFor() async throws {
        let tiny = try TinyCheckpoint.bert()
        var method = SparseMeZO()
        var configuration = try tiny.classification("weights", method: method)
        configuration.training.maxSteps = 4
        try await observe(configuration)
        method.storage = .log
        configuration.method = method
        configuration.outputDirectory = tiny.path("log")
        try await observe(configuration)
        func read(_ run: String) throws -> [String: [Float]] {
            let adapted = try AdaptedModel(folder: tiny.model, adapter: URL(fileURLWithPath: tiny.path(run)))
            return try adapted.loaded.model.parameters.mapValues { try $0.value.detach().array() }
                .reduce(into: [:]) { $0[$1.key] = $1.value }
        }
        #expect(try read("log") == read("weights"))
        func size(_ run: String) throws -> Int {
            try Data(contentsOf: URL(fileURLWithPath: tiny.path(run + "/adapter_model.safetensors"))).count
        }
        #expect(try size("log") < size("weights") / 4)
    }

    @Test func theTasksOfRowsReachTheRouter() async throws {
        let tiny = try TinyCheckpoint.bert()
        var method = MultiHeadRouting()
        method.nTasks = 2
        var configuration = try tiny.classification("run", method: method)
        configuration.data.trainFile = try tiny.rowsOfTasks()
        configuration.training.maxSteps = 1
        let missing = await #expect(throws: NetworkError.self) { try await observe(configuration) }
        #expect(missing.map { "\($0)".contains("task_column") } == true)
        configuration.outputDirectory = tiny.path("words")
        configuration.data.taskColumn = "label"
        await #expect(throws: DatasetError.self) { try await observe(configuration) }
        configuration.data.taskColumn = "task"
        configuration.outputDirectory = tiny.path("other")
        #expect(try await observe(configuration).losses.count == 1)
    }
}

extension TinyCheckpoint {
    /// Rows of two tasks in turn.
    fileprivate func rowsOfTasks() throws -> String {
        let rows = try String(contentsOfFile: classificationRows(), encoding: .utf8).split(separator: "\n")
        let tasked = rows.enumerated().map { "\($1.dropLast()), \"task\": \($0 % 2)}" }
        return try write(tasked.joined(separator: "\n"), to: "tasks.jsonl")
    }
}
