/// What can be wrong with a generation before it starts.
public enum GenerationError: Error, Equatable, CustomStringConvertible {
    /// An option that cannot be.
    case option(String)
    /// The network does not predict the next token.
    case notCausal
    /// A prompt without a single token, and no token that could start a text.
    case emptyPrompt(index: Int)
    /// A prompt that fills all positions of the model.
    case promptTooLong(index: Int, tokens: Int, limit: Int)
    /// The tokenizer gives ids that the model has no row for.
    case foreignToken(id: Int, vocabulary: Int)

    /// One sentence: what was wrong, where, what to do.
    public var description: String {
        switch self {
        case .option(let text):
            text
        case .notCausal:
            "this network does not predict the next token: generation needs a causal language model or an "
                + "encoder-decoder (Llama, GPT-2, BART, …)"
        case .emptyPrompt(let index):
            "prompt \(index + 1) has no tokens, and the tokenizer names no token that starts a text: give some text"
        case .promptTooLong(let index, let tokens, let limit):
            "prompt \(index + 1) has \(tokens) tokens, which leaves no room in the model's \(limit) positions: shorten it"
        case .foreignToken(let id, let vocabulary):
            "the tokenizer gives the id \(id), but the model has \(vocabulary) rows: the tokenizer is of another model"
        }
    }
}
