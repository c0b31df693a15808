import JSON

/// A step that adds special tokens and finishes offsets.
enum PostProcessor: Sendable {
    case bert(BERTProcessing)
    case roberta(BERTProcessing, OffsetTrimming?)
    case byteLevel(OffsetTrimming?)
    case template(TemplateProcessing)

    /// How many tokens will be added.
    func addedTokens(isPair: Bool) -> Int {
        switch self {
        case .bert: isPair ? 3 : 2
        case .roberta: isPair ? 4 : 2
        case .byteLevel: 0
        case .template(let template): template.addedTokens(isPair: isPair)
        }
    }

    /// Works on the parts of the result: at first one or two texts.
    func process(_ parts: inout [Encoding], addsSpecialTokens: Bool) {
        switch self {
        case .bert(let bert): if addsSpecialTokens { bert.process(&parts, separatesTwice: false) }
        case .roberta(let roberta, let trimming):
            trimming?.apply(&parts)
            for index in parts.indices { parts[index].setTypeIDs(0) }
            if addsSpecialTokens { roberta.process(&parts, separatesTwice: true) }
        case .byteLevel(let trimming): trimming?.apply(&parts)
        case .template(let template): template.process(&parts, addsSpecialTokens: addsSpecialTokens)
        }
    }

    private static let known = ["BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"]

    /// Reads the section `post_processor` as the steps it consists of.
    static func read(_ node: JSON.Node) throws -> [PostProcessor] {
        let name = try node.field("type").string()
        switch name {
        case "Sequence": return try node.field("processors").elements().flatMap(read)
        case "BertProcessing": return [.bert(try BERTProcessing(node))]
        case "RobertaProcessing": return [.roberta(try BERTProcessing(node), try OffsetTrimming(node))]
        case "ByteLevel": return [.byteLevel(try OffsetTrimming(node))]
        case "TemplateProcessing": return [.template(try TemplateProcessing(node))]
        default: throw TokenizerError.unknownComponent(path: node.path, name: name, known: known)
        }
    }
}

/// A token before the first text, one after each; RoBERTa puts another one before the second text.
struct BERTProcessing: Sendable {
    private let start: (token: String, id: Int)
    private let separator: (token: String, id: Int)

    init(_ node: JSON.Node) throws {
        start = try Self.token(node.field("cls"))
        separator = try Self.token(node.field("sep"))
    }

    private static func token(_ node: JSON.Node) throws -> (token: String, id: Int) {
        let pair = try node.elements()
        guard pair.count == 2 else { throw node.mismatch("a token and its identifier") }
        return (try pair[0].string(), try pair[1].int(in: Vocabulary.identifiers))
    }

    func process(_ parts: inout [Encoding], separatesTwice: Bool) {
        for index in parts.indices {
            let typeID = separatesTwice || index == 0 ? 0 : 1
            let windows = parts[index].overflowing.map {
                wrap($0, isFirst: index == 0, separatesTwice: separatesTwice, typeID: typeID)
            }
            parts[index] = wrap(parts[index], isFirst: index == 0, separatesTwice: separatesTwice, typeID: typeID)
            parts[index].overflowing = windows
        }
    }

    private func wrap(_ encoding: Encoding, isFirst: Bool, separatesTwice: Bool, typeID: Int) -> Encoding {
        var inner = encoding
        inner.overflowing = []
        if separatesTwice { inner.setTypeIDs(0) }
        // What an earlier step added counts as text here.
        inner.specialTokensMask = [Int](repeating: 0, count: inner.count)
        var result = Encoding()
        if isFirst {
            result.append(.special(ids: [start.id], tokens: [start.token], typeID: typeID))
        } else if separatesTwice {
            result.append(.special(ids: [separator.id], tokens: [separator.token], typeID: typeID))
        }
        result.append(inner)
        result.append(.special(ids: [separator.id], tokens: [separator.token], typeID: typeID))
        return result
    }
}

/// Takes the spaces out of the offsets of byte-level tokens.
struct OffsetTrimming: Sendable {
    private let addsPrefixSpace: Bool

    /// - Returns: nil where the component does not trim.
    init?(_ node: JSON.Node) throws {
        addsPrefixSpace = try node.field("add_prefix_space").bool()
        guard try node.field("trim_offsets").bool() else { return nil }
    }

    func apply(_ parts: inout [Encoding]) {
        for index in parts.indices {
            trim(&parts[index])
            for window in parts[index].overflowing.indices { trim(&parts[index].overflowing[window]) }
        }
    }

    private func trim(_ encoding: inout Encoding) {
        for index in encoding.tokens.indices {
            let token = encoding.tokens[index]
            guard Self.mayHaveSpace(token) else { continue }
            var leading = token.unicodeScalars.prefix(while: Self.isSpace).count
            let trailing = token.unicodeScalars.reversed().prefix(while: Self.isSpace).count
            var start = encoding.offsets[index].lowerBound
            var end = encoding.offsets[index].upperBound
            if leading > 0 {
                // A single space at the start of the text is one that was added, not one of the text.
                if index == 0 || start == 0, addsPrefixSpace, leading == 1 { leading = 0 }
                start = min(start + leading, end)
            }
            if trailing > 0, end >= trailing { end = max(end - trailing, start) }
            encoding.offsets[index] = start..<end
        }
    }

    /// A quick look at the outermost bytes: nearly all tokens begin and end with letters.
    private static func mayHaveSpace(_ token: String) -> Bool {
        guard let first = token.utf8.first, let last = token.utf8.last else { return false }
        return first <= 0x20 || last <= 0x20 || first >= 0x80 || last >= 0x80
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value == ByteLevelAlphabet.space || ScalarProperties.of(scalar.value).contains(.whitespace)
    }
}
