/// Formulas as scikit-learn defines them, with its answer to a division by zero: 0.
extension ConfusionMatrix {
    /// Examples whose prediction is right.
    public var correct: Int {
        counts.reduce(0) { $0 + ($1.key.label == $1.key.prediction ? $1.value : 0) }
    }

    /// Right predictions divided by all; NaN if there is none.
    public var accuracy: Double { total > 0 ? Double(correct) / Double(total) : .nan }

    /// Right predictions of a class divided by all predictions of it; 0 if it was never predicted.
    public func precision(of label: Int) -> Double {
        Self.ratio(count(label: label, prediction: label), predicted[label] ?? 0)
    }

    /// Right predictions of a class divided by its examples; 0 if it has none.
    public func recall(of label: Int) -> Double {
        Self.ratio(count(label: label, prediction: label), support[label] ?? 0)
    }

    /// Harmonic mean of precision and recall of a class; 0 if it neither occurs nor was predicted.
    public func f1(of label: Int) -> Double {
        Self.ratio(2 * count(label: label, prediction: label), (support[label] ?? 0) + (predicted[label] ?? 0))
    }

    /// Mean F1 of the classes that occur among labels or predictions; a class that is in neither does not count.
    /// NaN if nothing was counted.
    public var macroF1: Double {
        let present = Set(support.keys).union(predicted.keys)
        guard !present.isEmpty else { return .nan }
        // Sorted, because the sum of floating-point numbers depends on the order and a set's order on the process.
        return present.sorted().reduce(0) { $0 + f1(of: $1) } / Double(present.count)
    }

    /// F1 over the counts of all classes together; with one label per example it equals accuracy.
    public var microF1: Double { accuracy }

    /// F1 of the class 1, for two classes.
    ///
    /// - Throws: ``MetricsError/notBinary(classes:)``.
    public func binaryF1() throws(MetricsError) -> Double {
        guard classes == 2 else { throw .notBinary(classes: classes) }
        return f1(of: 1)
    }

    /// Matthews correlation of labels and predictions, for any number of classes (Gorodkin 2004); 0 if all labels or
    /// all predictions are one class, NaN if nothing was counted.
    public var matthewsCorrelation: Double {
        guard total > 0 else { return .nan }
        let examples = Double(total)
        func sumOfSquares(_ counts: [Int: Int]) -> Double {
            counts.values.sorted().reduce(0) { $0 + Double($1) * Double($1) }
        }
        let agreement = support.keys.sorted().reduce(0.0) { sum, label in
            sum + Double(support[label] ?? 0) * Double(predicted[label] ?? 0)
        }
        let covariance = Double(correct) * examples - agreement
        let labelVariance = examples * examples - sumOfSquares(support)
        let predictionVariance = examples * examples - sumOfSquares(predicted)
        guard labelVariance > 0, predictionVariance > 0 else { return 0 }
        return covariance / (labelVariance.squareRoot() * predictionVariance.squareRoot())
    }

    private static func ratio(_ numerator: Int, _ denominator: Int) -> Double {
        denominator > 0 ? Double(numerator) / Double(denominator) : 0
    }
}
