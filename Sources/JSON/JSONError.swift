import Support

/// What was wrong with a JSON text or with a value in it.
public enum JSONError: Error, Equatable, Sendable {
    /// The text is not JSON. Line and column count from 1, columns in Unicode scalars.
    case syntax(source: String, line: Int, column: Int, problem: String)
    /// The value at `path` is of another kind or range than needed.
    case mismatch(path: String, expected: String, found: String)
    /// The object at `path` lacks a needed key.
    case missing(path: String, key: String)
    /// The object at `path` has a key that nothing reads.
    case unknownKey(path: String, key: String, known: [String])
    /// The file cannot be read.
    case unreadable(path: String, reason: String)
}

extension JSONError: CustomStringConvertible {
    /// One sentence: where, and what was expected.
    public var description: String {
        shortened(message: fullDescription)
    }

    private var fullDescription: String {
        switch self {
        case .syntax(let source, let line, let column, let problem):
            "\(source.isEmpty ? "JSON text" : source): line \(line), column \(column): \(problem)"
        case .mismatch(let path, let expected, let found):
            "\(path.isEmpty ? "JSON value" : path): expected \(expected), found \(found)"
        case .missing(let path, let key):
            "\(path.isEmpty ? "JSON object" : path): the key \"\(key)\" is missing"
        case .unknownKey(let path, let key, let known):
            "\(path.isEmpty ? "" : path + ": ")unknown key \"\(key)\""
                + (nearestMatch(to: key, in: known).map { "; the nearest is \"\($0)\"" }
                    ?? "; known keys: \(known.joined(separator: ", "))")
        case .unreadable(let path, let reason):
            "\(path): \(reason)"
        }
    }
}
