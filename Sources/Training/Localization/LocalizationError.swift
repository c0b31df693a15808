/// What can be wrong with locating a skill between two checkpoints, or with a sparse difference of them.
public enum LocalizationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// An option that cannot be.
    case option(String)
    /// A tensor that only one of the two has.
    case missing(name: String)
    /// Two tensors that should have one shape.
    case shape(name: String, expected: [Int], found: [Int])
    /// A base patch with values outside 0 to 1.
    case notAProbability
    /// A loss that is not a number.
    case notFinite(batch: Int)
    /// Nothing may be grafted.
    case nothingGraftable(String)
    /// The checkpoints differ in nothing that may be grafted.
    case noDifference

    /// One sentence: what is wrong and what to do.
    public var description: String {
        switch self {
        case .option(let problem): problem
        case .missing(let name): "the tensor `\(name)` is not in both checkpoints: they must be of one architecture"
        case .shape(let name, let expected, let found):
            "the tensor `\(name)` has shape \(found) where \(expected) is expected: the checkpoints must be of one "
                + "architecture"
        case .notAProbability: "the base patch holds values outside 0 to 1: it must be a mask or probabilities"
        case .notFinite(let batch): "the loss of batch \(batch + 1) is not finite: check the checkpoints and the rows"
        case .nothingGraftable(let why): "no parameter may be grafted: \(why)"
        case .noDifference: "the two checkpoints are equal in every graftable parameter: there is no skill to locate"
        }
    }
}
