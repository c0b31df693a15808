import JSON

/// What a model makes of a piece of text.
struct ModelToken: Sendable {
    /// Where the text of a token comes from.
    enum Text: Sendable {
        /// An entry of the vocabulary.
        case entry(Int)
        /// The piece's own bytes between the token's ends.
        case surface
    }

    var id: Int
    /// Bytes within the piece.
    var start: Int
    var end: Int
    var text: Text
}

/// The algorithm that turns pieces of text into tokens.
enum Model: Sendable {
    case bpe(BPEModel)
    case wordPiece(WordPieceModel)
    case wordLevel(WordLevelModel)
    case unigram(UnigramModel)

    var vocabulary: Vocabulary {
        switch self {
        case .bpe(let model): model.vocabulary
        case .wordPiece(let model): model.vocabulary
        case .wordLevel(let model): model.vocabulary
        case .unigram(let model): model.vocabulary
        }
    }

    /// Appends the tokens of a piece.
    ///
    /// - Throws: `TokenizerError.unencodable`.
    func tokenize(
        _ piece: UnsafeBufferPointer<UInt8>, _ scratch: Scratch, into tokens: inout [ModelToken]
    ) throws {
        switch self {
        case .bpe(let model): try model.tokenize(piece, scratch, into: &tokens)
        case .wordPiece(let model): try model.tokenize(piece, into: &tokens)
        case .wordLevel(let model): try model.tokenize(piece, into: &tokens)
        case .unigram(let model): try model.tokenize(piece, into: &tokens)
        }
    }
}

extension Model {
    /// Reads the section `model`; a missing type is found out from the other keys, as old files need it.
    init(_ node: JSON.Node) throws {
        let name = try node.optional("type")?.string() ?? Self.guessType(node)
        switch name {
        case "BPE": self = .bpe(try BPEModel(node))
        case "WordPiece": self = .wordPiece(try WordPieceModel(node))
        case "WordLevel": self = .wordLevel(try WordLevelModel(node))
        case "Unigram": self = .unigram(try UnigramModel(node))
        default:
            throw TokenizerError.unknownComponent(
                path: node.path, name: name, known: ["BPE", "WordPiece", "WordLevel", "Unigram"])
        }
    }

    private static func guessType(_ node: JSON.Node) throws -> String {
        let object = try node.object()
        if object["merges"] != nil { return "BPE" }
        if object["max_input_chars_per_word"] != nil { return "WordPiece" }
        if case .array? = object["vocab"] { return "Unigram" }
        return "WordLevel"
    }
}
