import ArgumentParser
import Files
import Foundation
import Generation
import Networks
import Reporting
import Tokenizers
import Torch
import Training

/// `graft generate`: continues texts.
struct GenerateCommand: GraftCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Continue texts with a causal language model, or answer them.",
        discussion: """
            An encoder-decoder (BART) writes a new text of the one that it reads. The text goes to the standard output, statistics to the standard error. Without a temperature the most \
            likely token is taken each time. One prompt is shown as it is written; several (--prompts, one per line) \
            run side by side, and each continuation is one line, its line breaks written as \\n.
            """)

    @Option(help: "The checkpoint folder.", completion: .directory)
    var model: String

    @Option(help: "An adapter folder.", completion: .directory)
    var adapter: String?

    @Option(name: .customLong("task-id"), help: "The task of all prompts, for adapters that route by it.")
    var taskID: Int?

    @Option(help: "The text to continue. Without it and --prompts, the standard input is.")
    var prompt: String?

    @Option(help: "A file of prompts, one per line.", completion: .file())
    var prompts: String?

    @Option(help: "Most tokens to add.")
    var maxNewTokens = GenerationOptions().maxNewTokens

    @Option(help: "0 takes the most likely token; higher values draw more freely.")
    var temperature = GenerationOptions().temperature

    @Option(help: "Draw only from so many of the most likely tokens.")
    var topK: Int?

    @Option(help: "Draw only from the most likely tokens that together have this probability.")
    var topP = GenerationOptions().topP

    @Option(help: "Above 1, tokens that stand in the text already become less likely.")
    var repetitionPenalty = GenerationOptions().repetitionPenalty

    @Option(help: "The root of all random draws.")
    var seed = GenerationOptions().seed

    @Option(help: "A text that ends the generation; may be given several times.")
    var stop: [String] = []

    @Option(
        help: ArgumentHelp(
            "Take each prompt as what a user says in a conversation of this format.",
            valueName: ChatFormat.allCases.map(\.rawValue).joined(separator: "|")))
    var chat: String?

    @Option(help: "Prompts that run side by side.")
    var batchSize = 8

    @OptionGroup var engine: EngineOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if prompt != nil, prompts != nil { throw ValidationError("--prompt and --prompts exclude each other.") }
        if batchSize < 1 { throw ValidationError("--batch-size must be at least 1.") }
    }

    func run() async throws {
        let options = generationOptions
        try options.validate()
        let format = try chat.map { try ChatFormat(named: $0) }
        let texts = try self.texts().map { text in try format.map { try question(text, in: $0) } ?? text }
        let adapted = try AdaptedModel(
            folder: URL(fileURLWithPath: model), adapter: adapter.map { URL(fileURLWithPath: $0) },
            options: .init(device: try engine.apply()), taskID: taskID)
        let tokenizer = try Tokenizer(contentsOf: adapted.folder)
        let ends = try EndTokens.ids(folder: adapted.folder, config: adapted.loaded.config, tokenizer: tokenizer)
        let generator = try adapted.loaded.model.textWriter(tokenizer: tokenizer, endTokens: ends)
        let clock = ContinuousClock()
        var results: [Continuation] = []
        let duration = try clock.measure {
            if texts.count == 1, prompts == nil {
                results = try generator.generate(texts, options: options, addSpecialTokens: format == nil) {
                    try Console.write($1)
                }
                try Console.print()
            } else {
                for start in stride(from: 0, to: texts.count, by: batchSize) {
                    let batch = Array(texts[start..<min(start + batchSize, texts.count)])
                    let continued = try generator.generate(
                        batch, options: options, addSpecialTokens: format == nil, onText: { _, _ in })
                    for result in continued { try Console.print(result.text.replacing("\n", with: "\\n")) }
                    results += continued
                }
            }
        }
        Console.complain(statistics(results, seconds: duration / .seconds(1)))
    }

    /// A conversation of one turn, up to where the assistant begins to answer.
    private func question(_ text: String, in format: ChatFormat) throws -> String {
        let message = ChatFormat.Message(role: "user", content: text)
        return try format.segments([message], addsGenerationPrompt: true).map(\.text).joined()
    }

    private var generationOptions: GenerationOptions {
        var options = GenerationOptions()
        options.maxNewTokens = maxNewTokens
        options.temperature = temperature
        options.topK = topK
        options.topP = topP
        options.repetitionPenalty = repetitionPenalty
        options.seed = seed
        options.stopStrings = stop
        return options
    }

    private func texts() throws -> [String] {
        if let prompt { return [prompt] }
        guard let prompts else {
            let input = try FileHandle.standardInput.read(upToCount: TextLines.maximumBytes + 1) ?? Data()
            var text = try TextLines.text(input, source: "the standard input")
            // The newline that ends a typed line is no part of the prompt.
            if text.hasSuffix("\n") { text.removeLast() }
            return [text]
        }
        return try TextLines.read(URL(fileURLWithPath: prompts))
    }

    private func statistics(_ results: [Continuation], seconds: Double) -> String {
        let (read, new) = (results.reduce(0) { $0 + $1.promptTokens }, results.reduce(0) { $0 + $1.ids.count })
        let rate = Quantity.number(Double(new) / max(seconds, 1e-9), digits: 3)
        var line =
            "\(Quantity.count(read)) prompt tokens, \(Quantity.count(new)) new tokens in \(Quantity.duration(seconds)) "
            + "(\(rate) tokens/s)"
        if results.count == 1, let only = results.first {
            switch only.finish {
            case .endToken: line += "; ended by the model"
            case .stopString: line += "; ended by a stop text"
            case .length: line += "; ended by the number of tokens"
            }
        }
        return line
    }
}
