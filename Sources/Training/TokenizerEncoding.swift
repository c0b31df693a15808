import Backbones
import Datasets
import Tokenizers

/// A tokenizer as the data room needs it: without the truncation and padding that its file may ask for.
struct TokenizerEncoding: TextEncoder {
    private let tokenizer: Tokenizer
    private let usesTypes: Bool
    let endID: Int?
    let padID: Int?
    // The model's positions are the limit; a shorter one is the user's `max_length`.
    let maximumLength: Int? = nil

    /// A tokenizer for a model, whose configuration names the end and pad tokens that the tokenizer does not.
    init(_ tokenizer: Tokenizer, for model: ModelConfig) throws {
        usesTypes = try model.usesTokenTypes
        self.tokenizer = tokenizer.withoutTruncation().withoutPadding()
        let end = try tokenizer.specialTokens.eos?.id ?? model.endTokenID
        self.endID = end
        // A pad token is never learnt nor seen; where no file names one, any token does.
        self.padID = try tokenizer.specialTokens.pad?.id ?? model.padTokenID ?? end
    }

    func tokens(of text: String, pair: String?, addSpecialTokens: Bool) throws -> TokenSequence {
        let encoding = try tokenizer.encode(text, pair: pair, addSpecialTokens: addSpecialTokens)
        let typeIDs = usesTypes ? encoding.typeIDs : encoding.typeIDs.map { _ in 0 }
        return TokenSequence(
            ids: encoding.ids, typeIDs: typeIDs, offsets: encoding.offsets,
            isSpecial: encoding.specialTokensMask.map { $0 != 0 })
    }
}
