/// What becomes of examples that exceed the limit.
public enum Truncation: String, Sendable, Codable, CaseIterable {
    /// They are an error.
    case error
    /// Their end is cut off.
    case right
    /// Their beginning is cut off.
    case left
}

/// How samples become examples.
public struct EncodingOptions: Sendable, Equatable {
    /// The most tokens of an example, special ones included (`max_length`); nil takes what model and tokenizer allow.
    public var maximumLength: Int?
    /// The most tokens of a target that is a sequence of its own (`max_target_length`), special ones included.
    public var maximumTargetLength: Int?
    /// The model's positions, which no example may exceed.
    public var maximumPositions: Int?
    /// What becomes of longer examples.
    public var truncation: Truncation
    /// Whether running texts and completions end with the tokenizer's end token.
    public var appendsEnd: Bool
    /// The most tokens of the prompt of a preference (`max_prompt_length`); nil for as many as fit.
    public var maximumPromptLength: Int?
    /// The number of rows of the model's embedding, to notice a tokenizer of another model.
    public var vocabularySize: Int?

    /// By default long examples lose their end and texts get their end token, as with Hugging Face's trainers.
    public init(
        maximumLength: Int? = nil, maximumPositions: Int? = nil, truncation: Truncation = .right,
        appendsEnd: Bool = true, maximumPromptLength: Int? = nil, maximumTargetLength: Int? = nil,
        vocabularySize: Int? = nil
    ) {
        self.maximumLength = maximumLength
        self.maximumPositions = maximumPositions
        self.truncation = truncation
        self.appendsEnd = appendsEnd
        self.maximumPromptLength = maximumPromptLength
        self.maximumTargetLength = maximumTargetLength
        self.vocabularySize = vocabularySize
    }

    /// The limit that holds for examples, or for what stands for the whole input of one.
    ///
    /// - Throws: `DatasetError.invalidOption` where `maximumLength` is not positive or exceeds the positions.
    func limit(tokenizer: Int?) throws(DatasetError) -> Int {
        if let maximumPromptLength, maximumPromptLength < 1 {
            throw .invalidOption(name: "max_prompt_length", value: String(maximumPromptLength), allowed: "at least 1")
        }
        return try limit(maximumLength, "max_length", tokenizer)
    }

    /// The limit that holds for targets that are sequences of their own.
    ///
    /// - Throws: `DatasetError.invalidOption` where `maximumTargetLength` is not positive or exceeds the positions.
    func targetLimit(tokenizer: Int?) throws(DatasetError) -> Int {
        try limit(maximumTargetLength, "max_target_length", tokenizer)
    }

    private func limit(_ given: Int?, _ name: String, _ tokenizer: Int?) throws(DatasetError) -> Int {
        let positions = maximumPositions ?? .max
        guard let given else { return min(positions, tokenizer ?? .max) }
        guard given > 0 else { throw .invalidOption(name: name, value: String(given), allowed: "at least 1") }
        guard given <= positions else {
            throw .invalidOption(
                name: name, value: String(given), allowed: "at most \(positions), the number of the model's positions")
        }
        return given
    }
}
