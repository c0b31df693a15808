/// Why predictions could not be counted.
public enum MetricsError: Error, Hashable, CustomStringConvertible {
    /// There are more predictions than labels, or fewer.
    case unequalCounts(predictions: Int, labels: Int)
    /// A prediction or label names no class.
    case classOutOfRange(kind: String, value: Int, classes: Int)
    /// A metric needs another number of classes.
    case notBinary(classes: Int)

    /// One sentence that says what was wrong and what to do.
    public var description: String {
        switch self {
        case .unequalCounts(let predictions, let labels):
            "There are \(predictions) predictions for \(labels) labels; give one prediction per label."
        case .classOutOfRange(let kind, let value, let classes):
            "The \(kind) \(value) names no class; there are \(classes) classes, counted from 0."
        case .notBinary(let classes):
            "Binary F1 needs two classes and there are \(classes); use macro or micro F1."
        }
    }

    static func requireEqualCounts(_ predictions: Int, _ labels: Int) throws(MetricsError) {
        guard predictions == labels else { throw .unequalCounts(predictions: predictions, labels: labels) }
    }
}
