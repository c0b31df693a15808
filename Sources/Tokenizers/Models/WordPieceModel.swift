import JSON

/// The longest known piece first, from the left; a word with an unknown part is unknown as a whole.
struct WordPieceModel: Sendable {
    let vocabulary: Vocabulary
    private let unknown: Int?
    private let maximumScalars: Int
    private let starting: ByteTrie
    private let continuing: ByteTrie

    init(_ node: JSON.Node) throws {
        vocabulary = try Vocabulary(node.field("vocab"))
        unknown = vocabulary.entry(try node.field("unk_token").string())
        maximumScalars = try node.field("max_input_chars_per_word").int(in: 0...Int.max)
        let prefix = Array(try node.field("continuing_subword_prefix").string().utf8)
        let keys = vocabulary.entries.enumerated().map { (bytes: Array($0.element.text.utf8), value: $0.offset) }
        starting = ByteTrie(keys)
        continuing = ByteTrie(
            keys.filter { $0.bytes.starts(with: prefix) }
                .map { (bytes: Array($0.bytes.dropFirst(prefix.count)), value: $0.value) })
    }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [ModelToken]) throws {
        let first = tokens.count
        var position = 0
        if Self.scalarCount(piece) <= maximumScalars {
            while position < piece.count {
                let trie = position == 0 ? starting : continuing
                guard let (end, entry) = trie.longestKey(in: piece, from: position, to: piece.count) else { break }
                let id = vocabulary.entries[entry].id
                tokens.append(ModelToken(id: id, start: position, end: end, text: .entry(entry)))
                position = end
            }
        }
        if position == piece.count { return }
        tokens.removeSubrange(first...)
        guard let unknown else {
            throw TokenizerError.unencodable(
                reason: "\"\(UTF8Text.string(piece))\" is not in the vocabulary, nor is the unknown token")
        }
        let id = vocabulary.entries[unknown].id
        tokens.append(ModelToken(id: id, start: 0, end: piece.count, text: .entry(unknown)))
    }

    private static func scalarCount(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var count = 0
        for byte in bytes where byte & 0xC0 != 0x80 { count += 1 }
        return count
    }
}
