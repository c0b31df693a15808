/// One class's share in a classification's result.
public struct ClassResult: Sendable, Hashable {
    /// The class's name.
    public var name: String
    /// Examples that have this label.
    public var support: Int
    /// Right predictions of the class divided by all predictions of it.
    public var precision: Double
    /// Right predictions of the class divided by its examples.
    public var recall: Double
    /// Harmonic mean of precision and recall.
    public var f1: Double

    /// States a class's result.
    public init(name: String, support: Int, precision: Double, recall: Double, f1: Double) {
        self.name = name
        self.support = support
        self.precision = precision
        self.recall = recall
        self.f1 = f1
    }
}

/// A class that was taken for another one.
public struct ConfusedPair: Sendable, Hashable {
    /// The class of the examples.
    public var label: String
    /// The class that was predicted for them.
    public var prediction: String
    /// How many examples this happened to.
    public var count: Int
    /// The part of the label's examples that this is, between 0 and 1.
    public var share: Double

    /// States a confusion.
    public init(label: String, prediction: String, count: Int, share: Double) {
        self.label = label
        self.prediction = prediction
        self.count = count
        self.share = share
    }
}

extension ConfusionMatrix {
    /// The result of each class that occurs among labels or predictions, in the order of the classes. A class beyond
    /// the end of `names` is named by its number.
    public func classResults(names: [String]) -> [ClassResult] {
        Set(support.keys).union(predicted.keys).sorted().map { label in
            ClassResult(
                name: Self.name(label, in: names), support: support[label] ?? 0, precision: precision(of: label),
                recall: recall(of: label), f1: f1(of: label))
        }
    }

    /// The most frequent confusions, most frequent first; of equals, the lower label and prediction first.
    public func confusedPairs(names: [String], limit: Int) -> [ConfusedPair] {
        let wrong = counts.filter { $0.key.label != $0.key.prediction }
        let ordered = wrong.sorted { first, second in
            (second.value, first.key.label, first.key.prediction)
                < (first.value, second.key.label, second.key.prediction)
        }
        return ordered.prefix(max(limit, 0)).map { pair, count in
            ConfusedPair(
                label: Self.name(pair.label, in: names), prediction: Self.name(pair.prediction, in: names),
                count: count, share: Double(count) / Double(support[pair.label] ?? count))
        }
    }

    private static func name(_ label: Int, in names: [String]) -> String {
        label < names.count ? names[label] : String(label)
    }
}
