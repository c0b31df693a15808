/// What can be wrong with groups of trainable tensors and their state.
public enum OptimizationError: Error, Equatable, CustomStringConvertible {
    /// A group or variable that is not there, is there twice, or cannot do what is asked.
    case group(String)
    /// A saved state that does not fit.
    case state(String)

    /// One sentence: what was wrong, where, what to do.
    public var description: String {
        switch self {
        case .group(let text), .state(let text): text
        }
    }
}
