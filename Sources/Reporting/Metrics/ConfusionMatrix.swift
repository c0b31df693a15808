/// How often each class was taken for each other: what accuracy, F1 and Matthews correlation are computed from.
///
/// Only pairs that occur are stored, so many classes cost nothing until they are met.
public struct ConfusionMatrix: Sendable, Hashable {
    /// A label and what was predicted for it.
    struct Pair: Sendable, Hashable {
        var label: Int
        var prediction: Int
    }

    /// Number of classes; classes are counted from 0.
    public let classes: Int
    /// Examples that were counted.
    public private(set) var total = 0
    private(set) var counts: [Pair: Int] = [:]
    /// Examples per label and per prediction, for the classes that occur.
    private(set) var support: [Int: Int] = [:]
    private(set) var predicted: [Int: Int] = [:]

    /// A matrix that has seen nothing.
    public init(classes: Int) {
        self.classes = classes
    }

    /// Counts one example.
    ///
    /// - Throws: ``MetricsError/classOutOfRange(kind:value:classes:)``; the matrix is then unchanged.
    public mutating func add(prediction: Int, label: Int) throws(MetricsError) {
        try require(prediction, kind: "prediction")
        try require(label, kind: "label")
        counts[Pair(label: label, prediction: prediction), default: 0] += 1
        support[label, default: 0] += 1
        predicted[prediction, default: 0] += 1
        total += 1
    }

    /// Counts many examples at once.
    ///
    /// - Throws: ``MetricsError``; the examples before the faulty one are then counted.
    public mutating func add(predictions: [Int], labels: [Int]) throws(MetricsError) {
        try MetricsError.requireEqualCounts(predictions.count, labels.count)
        for (prediction, label) in zip(predictions, labels) { try add(prediction: prediction, label: label) }
    }

    /// How many examples of `label` were predicted as `prediction`.
    public func count(label: Int, prediction: Int) -> Int {
        counts[Pair(label: label, prediction: prediction)] ?? 0
    }

    private func require(_ value: Int, kind: String) throws(MetricsError) {
        guard value >= 0, value < classes else {
            throw .classOutOfRange(kind: kind, value: value, classes: classes)
        }
    }
}
