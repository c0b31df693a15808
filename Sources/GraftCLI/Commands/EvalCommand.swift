import ArgumentParser
import Foundation
import JSON
import Reporting
import Training

/// `graft eval`: measures a model on rows.
struct EvalCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure a model, with or without an adapter, on the rows of a file.")

    @OptionGroup var source: ModelOptions

    @Option(help: "The rows: JSON Lines, CSV, TSV or text; safetensors for images.", completion: .file())
    var data: String

    @Option(
        help: ArgumentHelp(
            "What the model must be for.", valueName: "classification|causal-lm|seq2seq|image-classification"))
    var task: String?

    @Option(help: "Column of the label.")
    var labelColumn: String?

    @Option(help: "Column of the prompt, for language models.")
    var promptColumn: String?

    @Option(help: "Column of the completion, for language models.")
    var completionColumn: String?

    @Option(help: "Column of the text to write, for encoder-decoders.")
    var summaryColumn: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var engine: EngineOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        let known = TrainingConfiguration.Task.allCases.map(\.rawValue)
        if let task, !known.contains(task) {
            throw ValidationError("--task must be one of \(known.joined(separator: ", ")).")
        }
    }

    func run() async throws {
        let model = try source.load(engine) { data in
            data.labelColumn = labelColumn
            data.promptColumn = promptColumn ?? data.promptColumn
            data.completionColumn = completionColumn ?? data.completionColumn
            data.summaryColumn = summaryColumn
        }
        if let task, model.task.rawValue != task {
            throw TrainingError.option("--task: the model is for \(model.task.rawValue), not for \(task)")
        }
        let evaluation = try await model.evaluate(URL(fileURLWithPath: data), batchSize: source.batchSize)
        if json {
            let members = evaluation.metrics.map {
                (key: $0.name, value: $0.value.isFinite ? JSON.double($0.value) : .null)
            }
            try Console.print(JSON.object(JSON.Object(members)).serialized())
        } else {
            try Section.print(sections(evaluation, model))
        }
    }

    private func sections(_ evaluation: Evaluation, _ model: TrainedModel) -> [Section] {
        var metrics = Section("Metrics on \(data)")
        for metric in evaluation.metrics { metrics.add(metric.name, Quantity.number(metric.value)) }
        guard let confusion = evaluation.confusion else { return [metrics] }
        var classes = Section("Classes")
        classes.table = Table(
            head: ["CLASS", "ROWS", "PRECISION", "RECALL", "F1"],
            rows: confusion.classResults(names: model.labels).map { result in
                [result.name, "\(result.support)"]
                    + [result.precision, result.recall, result.f1].map { Quantity.number($0, digits: 3) }
            },
            rightAligned: [1, 2, 3, 4])
        return [metrics, classes]
    }
}
