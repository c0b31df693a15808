import Support

/// What can be wrong with a training before or while it runs.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    /// A key of the configuration that nothing reads.
    case unknownKey(key: String, nearest: String?)
    /// A value of the configuration that cannot be.
    case option(String)
    /// A file or folder that is not as it must be.
    case files(String)
    /// Loss, gradient or weights are no longer numbers.
    case notFinite(String)
    /// A resume that does not fit.
    case resume(String)
    /// More memory than the run may take.
    case memory(String)

    /// Neither the tokenizer nor the configuration has a token that could fill rows.
    static func noPadToken(model: String) -> TrainingError {
        .option(
            "\(model): neither tokenizer_config.json nor config.json names a pad or end token, which batches of different "
                + "lengths need")
    }

    /// True where the numbers went wrong, not the files.
    var isDivergence: Bool {
        if case .notFinite = self { true } else { false }
    }

    /// One sentence: what was wrong, where, what to do.
    public var description: String {
        switch self {
        case .unknownKey(let key, let nearest):
            "unknown key `\(shortened(message: key, to: 200))`" + (nearest.map { "; the nearest is `\($0)`" } ?? "")
                + "; `graft train --help` lists the keys"
        case .option(let text), .files(let text), .notFinite(let text), .resume(let text),
            .memory(let text):
            shortened(message: text)
        }
    }
}
