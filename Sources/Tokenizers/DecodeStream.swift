/// Decodes tokens as they are generated.
///
/// Only complete text comes out: bytes of a character whose other bytes are still to come are held back.
public struct DecodeStream: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    /// The tokens that decide about the text to come; those before are forgotten.
    private var ids: [Int] = []
    /// How many of them are given out already, and their text.
    private var doneCount = 0
    private var doneText = ""

    /// - Parameter skipSpecialTokens: whether special tokens are left out of the text.
    public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skipSpecialTokens
    }

    /// Takes the next token.
    ///
    /// - Returns: the text that is complete now; it may be empty.
    public mutating func append(_ id: Int) throws -> String {
        ids.append(id)
        let text = try tokenizer.decode(ids, skipSpecialTokens: skipsSpecialTokens)
        guard text.utf8.count > doneText.utf8.count, text.unicodeScalars.last != "\u{FFFD}" else { return "" }
        let new = Self.suffix(of: text, after: doneText)
        // What was given out before is not needed further, but the newest tokens are: their text may depend on
        // standing after others, as with spaces between words.
        ids.removeFirst(doneCount)
        doneCount = ids.count
        doneText = try tokenizer.decode(ids, skipSpecialTokens: skipsSpecialTokens)
        return new
    }

    /// Ends the stream.
    ///
    /// - Returns: what was held back, with replacement characters for what never became complete.
    public mutating func finish() throws -> String {
        let text = try tokenizer.decode(ids, skipSpecialTokens: skipsSpecialTokens)
        defer {
            ids = []
            doneCount = 0
            doneText = ""
        }
        return text.utf8.count > doneText.utf8.count ? Self.suffix(of: text, after: doneText) : ""
    }

    private static func suffix(of text: String, after prefix: String) -> String {
        String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }
}
