import Support

/// What can be wrong with a network and its weights.
public enum NetworkError: Error, Equatable, CustomStringConvertible {
    /// The checkpoint has no tensor of this name.
    case missingTensor(name: String, source: String, nearest: String?)
    /// A tensor of the checkpoint has another shape than its place in the network.
    case shape(name: String, expected: [Int], found: [Int])
    /// The checkpoint has tensors that no part of the network takes.
    case unexpectedTensors(names: [String], source: String)
    /// A tensor that is not a number somewhere.
    case notFinite(name: String)
    /// A field of the configuration, or a combination of fields, that is not supported.
    case unsupported(String)
    /// An input that does not fit the network.
    case input(String)
    /// An adapter that cannot become part of the weights.
    case unmergeable(String)
    /// No adapter has this name.
    case unknownAdapter(name: String, known: [String])

    /// One sentence: what was wrong, where, what to do.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .missingTensor(let name, let source, let nearest):
            return "\(source) has no tensor `\(name)`" + (nearest.map { "; the nearest is `\($0)`" } ?? "")
        case .shape(let name, let expected, let found):
            return "tensor `\(name)` has shape \(found), the configuration asks for \(expected)"
        case .unexpectedTensors(let names, let source):
            let shown = names.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
            let more = names.count > 5 ? " and \(names.count - 5) more" : ""
            return "\(source) holds tensors that the network has no place for: \(shown)\(more)"
        case .notFinite(let name):
            return "tensor `\(name)` holds NaN or infinite values: the file is damaged or the training diverged"
        case .unsupported(let text), .input(let text), .unmergeable(let text):
            return text
        case .unknownAdapter(let name, let known):
            return "no adapter is named `\(name)`; loaded: \(known.isEmpty ? "none" : known.joined(separator: ", "))"
        }
    }
}

extension NetworkError {
    /// What an adapter adds to a module's output has no place in its weights.
    static func missingBias(of path: String) -> NetworkError {
        .unmergeable(
            "\(path) has no bias that the adapter's shift could be folded into: use the adapter unmerged, or train it "
                + "without this module")
    }
}
