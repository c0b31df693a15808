import JSON

/// Texts and special tokens in the order of a template.
struct TemplateProcessing: Sendable {
    private enum Piece: Sendable {
        case sequence(Int, typeID: Int)
        case special(ids: [Int], tokens: [String], typeID: Int)
    }

    private let single: [Piece]
    private let pair: [Piece]

    init(_ node: JSON.Node) throws {
        let tokens = try node.field("special_tokens")
        single = try node.field("single").elements().map { try Self.piece($0, tokens) }
        pair = try node.field("pair").elements().map { try Self.piece($0, tokens) }
        for template in [single, pair] { try Self.check(template, node) }
        for case .sequence(1, _) in single {
            throw TokenizerError.invalid(
                path: node.path, reason: "the template for single texts uses the second text of a pair")
        }
    }

    /// A template of many pieces, each of many tokens, would make every text as long as the product.
    private static func check(_ template: [Piece], _ node: JSON.Node) throws {
        var (texts, tokens) = (0, 0)
        for piece in template {
            switch piece {
            case .sequence: texts += 1
            case .special(let ids, _, _): tokens += ids.count
            }
        }
        guard texts <= maximumTexts, tokens <= maximumTokens else {
            throw TokenizerError.invalid(
                path: node.path,
                reason: "a template puts in \(texts) texts and \(tokens) tokens, more than \(maximumTexts) and "
                    + "\(maximumTokens)")
        }
    }

    private static let (maximumTexts, maximumTokens) = (16, 4096)

    private static func piece(_ node: JSON.Node, _ tokens: JSON.Node) throws -> Piece {
        if let sequence = try node.optional("Sequence") {
            let typeID = try sequence.field("type_id").int(in: Vocabulary.identifiers)
            switch try sequence.field("id").string() {
            case "A": return .sequence(0, typeID: typeID)
            case "B": return .sequence(1, typeID: typeID)
            case let other: throw try sequence.field("id").mismatch("\"A\" or \"B\"", found: "\"\(other)\"")
            }
        }
        let special = try node.field("SpecialToken")
        let typeID = try special.field("type_id").int(in: Vocabulary.identifiers)
        let token = try tokens.field(special.field("id").string())
        let ids = try token.field("ids").ints()
        let texts = try token.field("tokens").strings()
        guard ids.count == texts.count, ids.allSatisfy(Vocabulary.identifiers.contains) else {
            throw TokenizerError.invalid(path: token.path, reason: "each of its tokens needs one valid identifier")
        }
        return .special(ids: ids, tokens: texts, typeID: typeID)
    }

    func addedTokens(isPair: Bool) -> Int {
        (isPair ? pair : single).reduce(0) { sum, piece in
            if case .special(let ids, _, _) = piece { sum + ids.count } else { sum }
        }
    }

    func process(_ parts: inout [Encoding], addsSpecialTokens: Bool) {
        guard parts.count == 1 || parts.count == 2 else { return }
        var result: [Encoding] = []
        for piece in parts.count == 2 ? pair : single {
            switch piece {
            case .sequence(let index, let typeID):
                parts[index].setTypeIDs(typeID)
                result.append(parts[index])
            case .special(let ids, let tokens, let typeID):
                if addsSpecialTokens { result.append(.special(ids: ids, tokens: tokens, typeID: typeID)) }
            }
        }
        parts = result
    }
}
