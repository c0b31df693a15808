/// What encoding a data set needs of a tokenizer.
public protocol TextEncoder: Sendable {
    /// The tokens of a text or of a pair of texts.
    func tokens(of text: String, pair: String?, addSpecialTokens: Bool) throws -> TokenSequence

    /// The token that ends a text, if the tokenizer has one.
    var endID: Int? { get }
    /// The token that fills rows, if the tokenizer has one.
    var padID: Int? { get }
    /// The longest sequence that the tokenizer's files allow, if they say.
    var maximumLength: Int? { get }
}

/// Tokens with what they come from.
public struct TokenSequence: Sendable, Equatable {
    /// The ids.
    public var ids: [Int]
    /// 0 for the first text of a pair and 1 for the second, as the tokenizer's template says.
    public var typeIDs: [Int]
    /// The part of the text that each token stands for, in Unicode scalars; empty for inserted tokens.
    public var offsets: [Range<Int>]
    /// Whether the tokenizer's template inserted the token.
    public var isSpecial: [Bool]

    /// Collects tokens; all arrays have one entry per token.
    public init(ids: [Int], typeIDs: [Int], offsets: [Range<Int>], isSpecial: [Bool]) {
        self.ids = ids
        self.typeIDs = typeIDs
        self.offsets = offsets
        self.isSpecial = isSpecial
    }

    /// The number of tokens.
    public var count: Int { ids.count }

    /// Keeps the tokens at the given places.
    func keeping(_ places: [Int]) -> TokenSequence {
        TokenSequence(
            ids: places.map { ids[$0] }, typeIDs: places.map { typeIDs[$0] }, offsets: places.map { offsets[$0] },
            isSpecial: places.map { isSpecial[$0] })
    }
}
