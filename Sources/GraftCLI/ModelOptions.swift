import ArgumentParser
import Foundation
import Training

/// Which trained model a command uses, and how it reads rows.
struct ModelOptions: ParsableArguments {
    @Option(help: "The checkpoint folder.", completion: .directory)
    var model: String
    @Option(help: "An adapter folder.", completion: .directory)
    var adapter: String?
    @Option(help: "Column of the text.")
    var textColumn: String?
    @Option(help: "Column of a second text.")
    var textPairColumn: String?
    @Option(help: "Most tokens of an example.")
    var maxLength: Int?
    @Option(help: "Examples that run side by side.")
    var batchSize = 32
    @Option(help: "Column of the number of the row's task, for adapters that route by it.")
    var taskColumn: String?
    @Option(name: .customLong("task-id"), help: "The task of all rows instead.")
    var taskID: Int?
    @Flag(help: "Use the adapter although it was made for other weights.")
    var allowOtherBase = false

    func validate() throws {
        if batchSize < 1 { throw ValidationError("--batch-size must be at least 1.") }
        if taskColumn != nil, taskID != nil {
            throw ValidationError("--task-column and --task-id exclude each other.")
        }
    }

    /// The model.
    /// - Parameter change: sets further options of the data.
    func load(_ engine: EngineOptions, _ change: (inout DataOptions) -> Void = { _ in }) throws -> TrainedModel {
        var data = DataOptions()
        (data.textColumn, data.textPairColumn, data.maxLength) = (textColumn, textPairColumn, maxLength)
        data.taskColumn = taskColumn
        change(&data)
        return try TrainedModel(
            folder: URL(fileURLWithPath: model), adapter: adapter.map { URL(fileURLWithPath: $0) }, data: data,
            device: engine.apply(), allowsOtherBase: allowOtherBase, taskID: taskID)
    }
}
