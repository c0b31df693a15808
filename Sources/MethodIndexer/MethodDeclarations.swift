/// Finds the types of a Swift file that declare a method.
///
/// The mark is the one declaration that every method must have: `static let card` (or `static var card`) with a
/// `MethodCard`, directly in the type or in an extension of it. Comments and strings are passed over, and a type inside
/// another is named with it. A protocol that asks for a card declares no method.
enum MethodDeclarations {
    /// The names of the types, as code outside of them writes them.
    static func types(in source: String) -> [String] {
        var scopes: [Scope] = []
        var found: [String] = []
        var statement: [Substring] = []
        for token in Tokens(source) {
            switch token {
            case "{":
                scopes.append(Scope(statement))
                statement = []
            case "}":
                if !scopes.isEmpty { scopes.removeLast() }
                statement = []
            default:
                statement.append(token)
            }
            guard token == "MethodCard", isCard(statement), let name = name(of: scopes) else { continue }
            found.append(name)
        }
        return found
    }

    /// `static let card = MethodCard` or `static var card: MethodCard` at the end of what was read.
    private static func isCard(_ statement: [Substring]) -> Bool {
        let end = statement.suffix(5)
        guard end.count == 5, let keyword = end.dropFirst().first else { return false }
        return end.first == "static" && (keyword == "let" || keyword == "var") && end.dropFirst(2).first == "card"
            && ["=", ":"].contains(end.dropFirst(3).first)
    }

    private static func name(of scopes: [Scope]) -> String? {
        let names = scopes.compactMap { scope in if case .type(let name) = scope { name } else { nil } }
        return names.count == scopes.count && !names.isEmpty ? names.joined(separator: ".") : nil
    }

    /// What a pair of braces holds.
    private enum Scope {
        case type(String)
        case other

        init(_ head: [Substring]) {
            let types: Set<Substring> = ["struct", "class", "enum", "actor", "extension"]
            // `class func` and what stands before a protocol (`import struct`) begin no type.
            let others: Set<Substring> = ["protocol", "func", "var", "let", "init", "subscript"]
            guard let place = head.lastIndex(where: { types.contains($0) || others.contains($0) }),
                types.contains(head[place]), place + 1 < head.count
            else {
                self = .other
                return
            }
            // An extension of a type inside another: `extension Outer . Inner`.
            var name = String(head[place + 1])
            var next = place + 2
            while next + 1 < head.count, head[next] == "." {
                name += "." + head[next + 1]
                next += 2
            }
            self = .type(name)
        }
    }
}
