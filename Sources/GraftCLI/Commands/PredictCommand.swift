import ArgumentParser
import Foundation
import JSON
import Training

/// `graft predict`: classifies texts and images.
struct PredictCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "Classify texts or images.",
        discussion: "Prints one JSON object per text, row or image, in their order: the label and its probability.")

    @OptionGroup var source: ModelOptions

    @Option(help: "The rows: JSON Lines, CSV, TSV or text; safetensors for images.", completion: .file())
    var data: String?

    @Option(help: "A text; may be given several times.")
    var text: [String] = []

    @Flag(help: "Also print the probabilities of all classes.")
    var scores = false

    @OptionGroup var engine: EngineOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if (data == nil) == text.isEmpty { throw ValidationError("Give either --data or --text.") }
    }

    func run() async throws {
        let model = try source.load(engine)
        func print(_ prediction: Prediction) throws { try Console.print(line(prediction, model.labels)) }
        if let data {
            try await model.predict(URL(fileURLWithPath: data), batchSize: source.batchSize, each: print)
        } else {
            try await model.predictions(for: text, batchSize: source.batchSize).forEach(print)
        }
    }

    private func line(_ prediction: Prediction, _ labels: [String]) -> String {
        var object: JSON.Object = ["label": .string(prediction.label), "score": .double(prediction.score)]
        if scores {
            object["scores"] = .object(
                JSON.Object(zip(labels, prediction.scores).map { (key: $0, value: .double($1)) }))
        }
        return JSON.object(object).serialized()
    }
}
