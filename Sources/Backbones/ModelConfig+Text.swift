import JSON
import Networks

/// What the data path asks of a text model's configuration.
extension ModelConfig {
    /// The configuration with the data's pad token, where it names none itself.
    func padding(with padTokenID: Int?) throws -> ModelConfig {
        guard let padTokenID, try self.padTokenID == nil else { return self }
        return try setting([("pad_token_id", .int(Int64(padTokenID)))])
    }

    /// The most tokens of a sequence; nil when the configuration names no limit.
    public var positionLimit: Int? {
        get throws {
            let limit = try optional("max_position_embeddings")?.int() ?? optional("n_positions")?.int()
            // RoBERTa's table starts with rows that no token uses: up to the pad id.
            let countsFromPadding = ["roberta", "xlm-roberta", "camembert"].contains(try modelType ?? "")
            return try limit.map { try countsFromPadding ? $0 - int("pad_token_id", default: 1, minimum: 0) - 1 : $0 }
        }
    }

    /// Rows of the embedding.
    public var vocabularySize: Int? {
        get throws { try optional("vocab_size")?.int() }
    }

    /// Whether the model tells the texts of a pair apart by segment types. Where it has no table of them, as GPT-2 and
    /// RoBERTa, Hugging Face's tokenizers give none.
    public var usesTokenTypes: Bool {
        get throws { try modelType == "bert" || (optional("type_vocab_size")?.int() ?? 0) > 1 }
    }

    /// The token that fills rows, where the configuration names one.
    public var padTokenID: Int? {
        get throws { try optional("pad_token_id")?.int() }
    }

    /// The token that ends a text; the first where there are several.
    public var endTokenID: Int? {
        get throws {
            guard let value = try optional("eos_token_id") else { return nil }
            if case .array = value.value { return try value.ints().first }
            return try value.int()
        }
    }

    /// This configuration with some keys set.
    public func setting(_ values: [(key: String, value: JSON)]) throws -> ModelConfig {
        var object = try node.object()
        for (key, value) in values { object[key] = value }
        return ModelConfig(.object(object), source: "config.json")
    }
}
