import JSON
import Networks
import Torch

/// Prompt tuning: P trained rows stand before the embedded tokens of every text; the network stays as it is.
///
///     X ← [E; X]        E [P, hidden]
///
/// The attention mask covers the rows, positions run over the whole length, and a causal model predicts a text's first
/// token from the last row. Of an encoder-decoder the encoder has them; one that writes has a table of twice as many, as
/// peft's files do, of which the second half never acts. Options have the names and defaults of Hugging Face peft's `PromptTuningConfig`.
///
/// Source: Lester et al. 2021 (arXiv:2104.08691), section 2; starts of section 3.
public struct PromptTuning: SavesModules, Equatable {
    /// How the rows start.
    public enum Start: String, Codable, CaseIterable, Sendable {
        /// From a normal of deviation 1, as torch's embeddings start.
        case random = "RANDOM"
        /// Rows of the table of words, drawn without repetition.
        case sampleVocabulary = "SAMPLE_VOCAB"
        /// The embedded tokens of a text; known to adapters that are read, whose rows are in their file.
        case text = "TEXT"
    }

    /// P.
    public var numVirtualTokens = 20
    /// How the rows start.
    public var promptTuningInit = Start.random
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// Twenty random rows.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "prompt_tuning", summary: "Trained rows before the embedded tokens of every text.",
        family: "prompts", sites: "token sequence", paper: "Lester et al. 2021, arXiv:2104.08691",
        initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<PromptTuning>] = [
        .init("num_virtual_tokens", \.numVirtualTokens),
        .init("prompt_tuning_init", \.promptTuningInit),
        .modulesToSave,
    ]

    /// The rows at the network's token sequence, and copies of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        guard numVirtualTokens > 0 else {
            throw MethodError.option("num_virtual_tokens must be positive, found \(numVirtualTokens)")
        }
        let (body, words) = try model.promptBody("prompt_tuning")
        let size = try PromptSize(numVirtualTokens, of: model, table: "prompt_embeddings", start)
        let rows = try Variable("prompt_embeddings", startRows(size.total, body.size, words: words, start))
        var set = GraftSet()
        set.tokens[body.path] = PromptGraft([rows], size) { rows.value }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func startRows(_ rows: Int, _ size: Int, words: Projection, _ start: GraftStart) throws -> Tensor {
        if start.stored != nil { return try Tensor.zeros([rows, size]) }
        let key = start.key.derived("prompt_embeddings")
        switch promptTuningInit {
        case .random: return try Tensor.normal([rows, size], key: key)
        case .sampleVocabulary:
            let count = try words.weight.base.size(0)
            guard rows <= count else {
                throw MethodError.option(
                    "num_virtual_tokens: the vocabulary has \(count) words to start \(rows) rows from")
            }
            let order = try Tensor.uniform([count], 0, 1, key: key).topK(rows).indices
            return try words.weight.base.indexSelect(0, order).to(.float32)
        case .text:
            throw MethodError.option(
                "prompt_tuning_init: TEXT needs a tokenizer, which a method does not see; use RANDOM or SAMPLE_VOCAB")
        }
    }
}

extension PromptTuning: PeftMethod {
    /// One table of rows.
    public static let peft = PeftFormat.promptLearning(
        "PROMPT_TUNING", ignoring: ["prompt_tuning_init_text", "tokenizer_kwargs", "tokenizer_name_or_path"])

    /// The options, and the sizes that peft asks for beside them.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        var object = promptOptions(
            place, rows: numVirtualTokens, size: place.model.bodies.values.first?.size ?? 0)
        // The text that rows began with is of no use any more.
        object["prompt_tuning_init"] = .string((promptTuningInit == .text ? .random : promptTuningInit).rawValue)
        object["prompt_tuning_init_text"] = .null
        object["tokenizer_kwargs"] = .null
        object["tokenizer_name_or_path"] = .null
        return object
    }
}
