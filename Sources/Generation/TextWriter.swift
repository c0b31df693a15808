import Networks
import Tokenizers

/// Writes texts with a model, whether it continues them or answers them.
public protocol TextWriter {
    /// Writes a text for each prompt.
    /// - Parameters:
    ///   - addSpecialTokens: puts the tokenizer's special tokens around the prompts; not for texts of a chat format,
    ///     which spell them out.
    ///   - onText: takes new text as it becomes complete, with the number of its prompt.
    /// - Throws: `GenerationError` before any work, what the network throws.
    func generate(
        _ prompts: [String], options: GenerationOptions, addSpecialTokens: Bool,
        onText: (Int, String) throws -> Void
    ) throws -> [Continuation]
}

extension TextGenerator: TextWriter {}

extension Model {
    /// What writes texts with this model: `TargetGenerator` for an encoder-decoder, `TextGenerator` for all others.
    /// - Parameter endTokens: tokens that end a text; see `EndTokens`.
    /// - Throws: `GenerationError.notCausal` for a network that predicts no next token.
    public func textWriter(tokenizer: Tokenizer, endTokens: Set<Int>) throws -> any TextWriter {
        if network is any EncoderDecoderNetwork {
            return try TargetGenerator(self, tokenizer: tokenizer, endTokens: endTokens)
        }
        return try TextGenerator(self, tokenizer: tokenizer, endTokens: endTokens)
    }

    /// Rows of the table of words: the first embedding of the network.
    var wordCount: Int? {
        for projection in projections.values {
            if case .embedding(let count, _) = projection.kind { return count }
        }
        return nil
    }
}
