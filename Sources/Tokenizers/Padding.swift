import JSON

/// How texts are filled up to a common length.
public struct Padding: Sendable, Equatable {
    /// The common length.
    public enum Strategy: Sendable, Equatable {
        /// That of the longest text of a batch.
        case batchLongest
        /// A fixed number of tokens; longer texts stay as they are.
        case fixed(Int)
    }

    /// Which end is filled.
    public enum Direction: String, Sendable, CaseIterable {
        case left = "Left"
        case right = "Right"
    }

    /// The common length.
    public var strategy: Strategy
    /// Which end is filled.
    public var direction: Direction
    /// The length is rounded up to a multiple of this.
    public var multiple: Int?
    /// The identifier of the padding token.
    public var id: Int
    /// The type identifier of padding.
    public var typeID: Int
    /// The padding token.
    public var token: String

    /// By default fills the right end up to the longest text of the batch.
    public init(
        strategy: Strategy = .batchLongest, direction: Direction = .right, multiple: Int? = nil, id: Int = 0,
        typeID: Int = 0, token: String = "[PAD]"
    ) {
        self.strategy = strategy
        self.direction = direction
        self.multiple = multiple
        self.id = id
        self.typeID = typeID
        self.token = token
    }
}

extension Padding {
    /// Files may ask for no more than this, so that a hostile one cannot use up memory.
    private static let (maximumLength, maximumMultiple) = (1 << 17, 1 << 13)
    /// The same for all windows of a text together.
    private static let maximumTokens = 1 << 20

    init(_ node: JSON.Node) throws {
        let strategy = try node.field("strategy")
        if case .object = strategy.value {
            self.strategy = .fixed(try strategy.field("Fixed").int(in: 0...Self.maximumLength))
        } else if try strategy.string() == "BatchLongest" {
            self.strategy = .batchLongest
        } else {
            throw strategy.mismatch("\"BatchLongest\" or an object with the key \"Fixed\"", found: "another strategy")
        }
        direction = try node.field("direction").choice(Direction.self)
        multiple = try node.optional("pad_to_multiple_of")?.int(in: 0...Self.maximumMultiple)
        id = try node.field("pad_id").int(in: Vocabulary.identifiers)
        typeID = try node.field("pad_type_id").int(in: Vocabulary.identifiers)
        token = try node.field("pad_token").string()
    }

    /// Fills up all encodings of a batch, their windows included.
    ///
    /// - Throws: `TokenizerError.truncation` where the windows of a text would become absurdly many tokens.
    func apply(_ encodings: inout [Encoding]) throws {
        var length: Int
        switch strategy {
        case .fixed(let fixed): length = fixed
        case .batchLongest: length = encodings.map(\.count).max() ?? 0
        }
        if let multiple, multiple > 0, length % multiple > 0 { length += multiple - length % multiple }
        for encoding in encodings where (encoding.overflowing.count + 1) * length > Self.maximumTokens + length {
            throw TokenizerError.truncation(
                reason:
                    "its \(encoding.overflowing.count + 1) windows would be filled up to \(length) tokens each, more than "
                    + "\(Self.maximumTokens) in all")
        }
        for index in encodings.indices { fill(&encodings[index], to: length) }
    }

    private func fill(_ encoding: inout Encoding, to length: Int) {
        for index in encoding.overflowing.indices { fill(&encoding.overflowing[index], to: length) }
        let missing = length - encoding.count
        guard missing > 0 else { return }
        let at = direction == .right ? encoding.count : 0
        encoding.ids.insert(contentsOf: repeatElement(id, count: missing), at: at)
        encoding.typeIDs.insert(contentsOf: repeatElement(typeID, count: missing), at: at)
        encoding.tokens.insert(contentsOf: repeatElement(token, count: missing), at: at)
        encoding.offsets.insert(contentsOf: repeatElement(0..<0, count: missing), at: at)
        encoding.attentionMask.insert(contentsOf: repeatElement(0, count: missing), at: at)
        encoding.specialTokensMask.insert(contentsOf: repeatElement(1, count: missing), at: at)
    }
}
