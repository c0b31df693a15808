/// What a text became: tokens in a row, with what belongs to each.
///
/// All arrays have the same length.
public struct Encoding: Sendable, Equatable {
    /// The identifiers of the tokens.
    public internal(set) var ids: [Int] = []
    /// Which sequence of a pair each token belongs to, as the post-processor says.
    public internal(set) var typeIDs: [Int] = []
    /// The text of each token as the vocabulary has it; for an added token, what it matched.
    public internal(set) var tokens: [String] = []
    /// Where each token lies in its own text, in Unicode scalars; 0..<0 for tokens that are in no text.
    public internal(set) var offsets: [Range<Int>] = []
    /// 1 for tokens, 0 for padding.
    public internal(set) var attentionMask: [Int] = []
    /// 1 for tokens that the post-processor or padding added, 0 for tokens of the text.
    public internal(set) var specialTokensMask: [Int] = []
    /// The further windows that truncation left over.
    public internal(set) var overflowing: [Encoding] = []

    /// An encoding without tokens.
    public init() {}

    /// The number of tokens.
    public var count: Int { ids.count }

    /// Whether there are no tokens.
    public var isEmpty: Bool { ids.isEmpty }

    /// Compares everything; tokens by their bytes.
    public static func == (left: Encoding, right: Encoding) -> Bool {
        left.ids == right.ids && left.typeIDs == right.typeIDs && left.offsets == right.offsets
            && left.attentionMask == right.attentionMask && left.specialTokensMask == right.specialTokensMask
            && left.overflowing == right.overflowing
            && left.tokens.elementsEqual(right.tokens) { $0.utf8.elementsEqual($1.utf8) }
    }
}

extension Encoding {
    mutating func reserve(_ count: Int) {
        ids.reserveCapacity(count)
        tokens.reserveCapacity(count)
        offsets.reserveCapacity(count)
    }

    /// Fills the arrays that are the same for all tokens of a text.
    mutating func fill(typeID: Int) {
        typeIDs = [Int](repeating: typeID, count: count)
        attentionMask = [Int](repeating: 1, count: count)
        specialTokensMask = [Int](repeating: 0, count: count)
    }

    mutating func setTypeIDs(_ typeID: Int) { typeIDs = [Int](repeating: typeID, count: count) }

    /// A run of tokens that belong to no text.
    static func special(ids: [Int], tokens: [String], typeID: Int) -> Encoding {
        var encoding = Encoding()
        encoding.ids = ids
        encoding.tokens = tokens
        encoding.offsets = [Range<Int>](repeating: 0..<0, count: ids.count)
        encoding.fill(typeID: typeID)
        encoding.specialTokensMask = [Int](repeating: 1, count: ids.count)
        return encoding
    }

    /// Adds another encoding behind this one.
    ///
    /// Windows left over by truncation are combined, each with each, in the reference's order.
    mutating func append(_ other: Encoding) {
        var windows: [Encoding] = []
        for window in overflowing {
            windows.append(window.joined(other))
            for otherWindow in other.overflowing { windows.append(window.joined(otherWindow)) }
        }
        for otherWindow in other.overflowing { windows.append(joined(otherWindow)) }
        appendTokens(other)
        overflowing = windows
    }

    private func joined(_ other: Encoding) -> Encoding {
        var copy = self
        copy.overflowing = []
        copy.appendTokens(other)
        return copy
    }

    private mutating func appendTokens(_ other: Encoding) {
        ids += other.ids
        typeIDs += other.typeIDs
        tokens += other.tokens
        offsets += other.offsets
        attentionMask += other.attentionMask
        specialTokensMask += other.specialTokensMask
    }

    /// The tokens of a range, without windows.
    func slice(_ range: Range<Int>) -> Encoding {
        var slice = Encoding()
        slice.ids = Array(ids[range])
        slice.typeIDs = Array(typeIDs[range])
        slice.tokens = Array(tokens[range])
        slice.offsets = Array(offsets[range])
        slice.attentionMask = Array(attentionMask[range])
        slice.specialTokensMask = Array(specialTokensMask[range])
        return slice
    }
}
