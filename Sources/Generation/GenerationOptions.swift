/// How a text is continued. The defaults take the most likely token each time.
public struct GenerationOptions: Sendable, Equatable {
    /// Most tokens to add.
    public var maxNewTokens = 64
    /// Divides the scores before the draw; 0 takes the most likely token.
    public var temperature = 0.0
    /// Draws only from the most likely tokens, so many of them; nil for all.
    public var topK: Int?
    /// Draws only from the most likely tokens that together have this probability; 1 for all.
    public var topP = 1.0
    /// Above 1, tokens that stand in the text already become less likely; 1 changes nothing.
    public var repetitionPenalty = 1.0
    /// The draw at a position is a function of the seed and the position.
    public var seed = 42
    /// Texts that end the generation; they are not part of the result.
    public var stopStrings: [String] = []
    /// Keeps keys and values of earlier positions. Without it every token costs a forward over the whole text.
    public var usesCache = true

    /// The defaults.
    public init() {}

    /// Refuses values that cannot be.
    /// - Throws: `GenerationError.option` naming the option.
    public func validate() throws {
        func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
            if !condition { throw GenerationError.option(text()) }
        }
        try require(maxNewTokens >= 1, "max_new_tokens: must be at least 1, found \(maxNewTokens)")
        try require(
            temperature >= 0 && temperature.isFinite,
            "temperature: must be 0 (the most likely token) or above, found \(temperature)")
        if let topK { try require(topK >= 1, "top_k: must be at least 1, found \(topK)") }
        try require(topP > 0 && topP <= 1, "top_p: must be above 0 and at most 1, found \(topP)")
        try require(
            repetitionPenalty > 0 && repetitionPenalty.isFinite,
            "repetition_penalty: must be above 0, found \(repetitionPenalty)")
        try require(!stopStrings.contains(""), "stop: an empty text would end every generation at once")
    }
}
