import Datasets
import Tokenizers

/// A tokenizer as the data room needs it: without the truncation and padding that its file may ask for.
struct TokenizerEncoding: TextEncoder {
    private let tokenizer: Tokenizer
    let endID: Int?
    let padID: Int?
    // The model's positions are the limit; a shorter one is the user's `max_length`.
    let maximumLength: Int? = nil

    /// - Parameters:
    ///   - endID: the model's end token, where the tokenizer names none.
    ///   - padID: the model's pad token, where the tokenizer names none.
    init(_ tokenizer: Tokenizer, endID: Int?, padID: Int?) {
        self.tokenizer = tokenizer.withoutTruncation().withoutPadding()
        let end = tokenizer.specialTokens.eos?.id ?? endID
        self.endID = end
        // A pad token is never learnt nor seen; where no file names one, any token does.
        self.padID = tokenizer.specialTokens.pad?.id ?? padID ?? end
    }

    func tokens(of text: String, pair: String?, addSpecialTokens: Bool) throws -> TokenSequence {
        let encoding = try tokenizer.encode(text, pair: pair, addSpecialTokens: addSpecialTokens)
        return TokenSequence(
            ids: encoding.ids, typeIDs: encoding.typeIDs, offsets: encoding.offsets,
            isSpecial: encoding.specialTokensMask.map { $0 != 0 })
    }
}
