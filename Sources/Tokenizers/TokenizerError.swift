import Support

/// Why a tokenizer cannot be loaded or a text not be encoded.
///
/// Values of a wrong kind in the files are reported as `JSONError`, with their path.
public enum TokenizerError: Error, Equatable, Sendable {
    /// There is no file where one is needed.
    case missingFile(path: String)
    /// The file names a kind of component that does not exist or is not supported.
    case unknownComponent(path: String, name: String, known: [String])
    /// A value of the file contradicts another or is out of bounds.
    case invalid(path: String, reason: String)
    /// A regular expression is malformed or uses something that is not supported.
    case pattern(String, reason: String)
    /// A regular expression needs too many steps on a text.
    case patternTooSlow(String)
    /// The model has no token for a text, and no unknown token either.
    case unencodable(reason: String)
    /// Truncation cannot be done as asked.
    case truncation(reason: String)
    /// No conversation format has this name.
    case unknownChatFormat(name: String, nearest: String)
    /// A conversation does not fit its format.
    case conversation(reason: String)
}

extension TokenizerError: CustomStringConvertible {
    /// One sentence: what was wrong, where, and what to do.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .missingFile(let path):
            "\(path): there is no tokenizer.json here"
        case .unknownComponent(let path, let name, let known):
            "\(path): the type \"\(name)\" is not known; known are \(known.joined(separator: ", "))"
        case .invalid(let path, let reason):
            "\(path): \(reason)"
        case .pattern(let pattern, let reason):
            "the pattern \"\(pattern)\" cannot be used: \(reason)"
        case .patternTooSlow(let pattern):
            "the pattern \"\(pattern)\" needs too many steps on this text; write it without nested repetitions"
        case .unencodable(let reason):
            "the text cannot be encoded: \(reason)"
        case .truncation(let reason):
            "the text cannot be truncated: \(reason)"
        case .unknownChatFormat(let name, let nearest):
            "there is no conversation format \"\(name)\"; did you mean \"\(nearest)\"?"
        case .conversation(let reason):
            "the conversation does not fit its format: \(reason)"
        }
    }
}
