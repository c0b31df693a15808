/// The share of predictions that are right, for any number of classes.
///
/// Unlike ``ConfusionMatrix`` it keeps two numbers only, which suits next-token accuracy over a whole vocabulary.
public struct AccuracyCounter: Sendable, Hashable {
    /// Predictions that equal their label.
    public private(set) var correct = 0
    /// Predictions that were counted.
    public private(set) var total = 0

    /// A counter that has seen nothing.
    public init() {}

    /// Counts one prediction.
    public mutating func add(prediction: Int, label: Int) {
        correct += prediction == label ? 1 : 0
        total += 1
    }

    /// Counts many predictions at once.
    ///
    /// - Throws: ``MetricsError/unequalCounts(predictions:labels:)``.
    public mutating func add(predictions: [Int], labels: [Int]) throws(MetricsError) {
        try MetricsError.requireEqualCounts(predictions.count, labels.count)
        for (prediction, label) in zip(predictions, labels) { add(prediction: prediction, label: label) }
    }

    /// Right predictions divided by all; NaN if there is none.
    public var accuracy: Double { total > 0 ? Double(correct) / Double(total) : .nan }
}
