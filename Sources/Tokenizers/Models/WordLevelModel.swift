import JSON

/// Whole pieces as tokens.
struct WordLevelModel: Sendable {
    let vocabulary: Vocabulary
    private let unknown: Int?

    init(_ node: JSON.Node) throws {
        vocabulary = try Vocabulary(node.field("vocab"))
        unknown = vocabulary.entry(try node.field("unk_token").string())
    }

    func tokenize(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [ModelToken]) throws {
        guard let entry = vocabulary.entry(piece) ?? unknown else {
            throw TokenizerError.unencodable(
                reason: "\"\(UTF8Text.string(piece))\" is not in the vocabulary, nor is the unknown token")
        }
        let id = vocabulary.entries[entry].id
        tokens.append(ModelToken(id: id, start: 0, end: piece.count, text: .entry(entry)))
    }
}
