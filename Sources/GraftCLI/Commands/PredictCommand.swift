import ArgumentParser
import Foundation
import Generation
import JSON
import Tokenizers
import Training

/// `graft predict`: classifies texts and images, and writes the targets of sources.
struct PredictCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "Classify texts or images, or write what an encoder-decoder makes of texts.",
        discussion: """
            Prints one JSON object per text, row or image, in their order: the label and its probability, or the text \
            that was written (the most likely token each time).
            """)

    @OptionGroup var source: ModelOptions

    @Option(help: "The rows: JSON Lines, CSV, TSV or text; safetensors for images.", completion: .file())
    var data: String?

    @Option(help: "A text; may be given several times.")
    var text: [String] = []

    @Flag(help: "Also print the probabilities of all classes.")
    var scores = false

    @Option(help: "Most tokens of a text to write.")
    var maxNewTokens = GenerationOptions().maxNewTokens

    @OptionGroup var engine: EngineOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if (data == nil) == text.isEmpty { throw ValidationError("Give either --data or --text.") }
    }

    func run() async throws {
        let model = try source.load(engine)
        guard model.task != .seq2seq else { return try write(model) }
        func print(_ prediction: Prediction) throws { try Console.print(line(prediction, model.labels)) }
        if let data {
            try await model.predict(URL(fileURLWithPath: data), batchSize: source.batchSize, each: print)
        } else {
            try await model.predictions(for: text, batchSize: source.batchSize).forEach(print)
        }
    }

    /// Writes the targets of the sources.
    private func write(_ model: TrainedModel) throws {
        let folder = URL(fileURLWithPath: source.model)
        let tokenizer = try Tokenizer(contentsOf: folder)
        let ends = try EndTokens.ids(folder: folder, config: .init(folder: folder), tokenizer: tokenizer)
        let writer = try TargetGenerator(model.network, tokenizer: tokenizer, endTokens: ends)
        var options = GenerationOptions()
        options.maxNewTokens = maxNewTokens
        let texts = try data.map { try model.sources(of: URL(fileURLWithPath: $0)) } ?? text
        for start in stride(from: 0, to: texts.count, by: source.batchSize) {
            let part = Array(texts[start..<min(start + source.batchSize, texts.count)])
            for written in try writer.generate(part, options: options) {
                try Console.print(JSON.object(["text": .string(written.text)]).serialized())
            }
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
