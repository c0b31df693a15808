import Reporting
import Testing

/// Expected values: scikit-learn 1.9.1 with numpy 2.4.6, `accuracy_score`, `f1_score(average="macro")`,
/// `matthews_corrcoef` and `precision_recall_fscore_support(labels, predictions)`, all with default arguments.
@Suite("Classification metrics")
struct ClassificationMetricsTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var labels: [Int]
        var predictions: [Int]
        var classes: Int
        var accuracy: Double
        var macroF1: Double
        var matthews: Double
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "four classes", labels: [0, 1, 2, 2, 1, 0, 3, 3, 3, 1], predictions: [0, 2, 2, 2, 1, 0, 3, 1, 3, 1],
            classes: 4, accuracy: 0.8, macroF1: 0.8166666666666667, matthews: 0.7432432432432432),
        Case(
            name: "a class that is only predicted and one that is absent", labels: [0, 0, 1, 1, 4, 4],
            predictions: [0, 2, 1, 1, 4, 0], classes: 5, accuracy: 0.6666666666666666, macroF1: 0.5416666666666666,
            matthews: 0.560448538317805),
        Case(
            name: "one class, all right", labels: [1, 1, 1, 1], predictions: [1, 1, 1, 1], classes: 2, accuracy: 1,
            macroF1: 1, matthews: 0),
        Case(
            name: "one class, one wrong", labels: [1, 1, 1, 1], predictions: [1, 0, 1, 1], classes: 2, accuracy: 0.75,
            macroF1: 0.42857142857142855, matthews: 0),
        Case(
            name: "one class predicted", labels: [0, 1, 0, 1], predictions: [0, 0, 0, 0], classes: 2, accuracy: 0.5,
            macroF1: 0.3333333333333333, matthews: 0),
        Case(
            name: "two classes", labels: [0, 1, 1, 0, 1, 1, 0, 0, 1, 0], predictions: [0, 1, 0, 0, 1, 1, 1, 0, 1, 0],
            classes: 2, accuracy: 0.8, macroF1: 0.8, matthews: 0.6),
    ]

    @Test("agree with scikit-learn", arguments: cases)
    func agreesWithScikitLearn(_ given: Case) throws {
        var matrix = ConfusionMatrix(classes: given.classes)
        try matrix.add(predictions: given.predictions, labels: given.labels)
        #expect(abs(matrix.accuracy - given.accuracy) < 1e-15)
        #expect(abs(matrix.microF1 - given.accuracy) < 1e-15)
        #expect(abs(matrix.macroF1 - given.macroF1) < 1e-15)
        #expect(abs(matrix.matthewsCorrelation - given.matthews) < 1e-15)
        var counter = AccuracyCounter()
        try counter.add(predictions: given.predictions, labels: given.labels)
        #expect(counter.accuracy == matrix.accuracy)
    }

    @Test("give precision, recall, F1 and support of each class that occurs")
    func perClass() throws {
        var matrix = ConfusionMatrix(classes: 5)
        try matrix.add(predictions: [0, 2, 1, 1, 4, 0], labels: [0, 0, 1, 1, 4, 4])
        let results = matrix.classResults(names: ["a", "b", "c"])
        #expect(results.map(\.name) == ["a", "b", "c", "4"])
        #expect(results.map(\.support) == [2, 2, 0, 2])
        #expect(results.map(\.precision) == [0.5, 1, 0, 1])
        #expect(results.map(\.recall) == [0.5, 1, 0, 0.5])
        #expect(results.map(\.f1) == [0.5, 1, 0, 2.0 / 3])
    }

    @Test("give binary F1 of class 1, 0 where it is absent, and refuse other numbers of classes")
    func binary() throws {
        var matrix = ConfusionMatrix(classes: 2)
        try matrix.add(predictions: [0, 0], labels: [0, 0])
        #expect(try matrix.binaryF1() == 0)
        try matrix.add(predictions: [1, 0, 1], labels: [1, 1, 0])
        #expect(try matrix.binaryF1() == 0.5)
        #expect(throws: MetricsError.notBinary(classes: 3)) { try ConfusionMatrix(classes: 3).binaryF1() }
    }

    @Test("are undefined, not zero, where nothing was counted")
    func nothingCounted() {
        let matrix = ConfusionMatrix(classes: 3)
        #expect(matrix.accuracy.isNaN)
        #expect(matrix.macroF1.isNaN)
        #expect(matrix.matthewsCorrelation.isNaN)
        #expect(AccuracyCounter().accuracy.isNaN)
        #expect(matrix.classResults(names: []).isEmpty)
    }

    @Test("refuse classes out of range and unequal counts, and count nothing then")
    func refusals() {
        var matrix = ConfusionMatrix(classes: 3)
        #expect(throws: MetricsError.classOutOfRange(kind: "prediction", value: 3, classes: 3)) {
            try matrix.add(prediction: 3, label: 0)
        }
        #expect(throws: MetricsError.classOutOfRange(kind: "label", value: -100, classes: 3)) {
            try matrix.add(prediction: 0, label: -100)
        }
        #expect(throws: MetricsError.unequalCounts(predictions: 2, labels: 1)) {
            try matrix.add(predictions: [0, 1], labels: [0])
        }
        #expect(matrix.total == 0)
    }

    @Test("name the most frequent confusions first, ties by class")
    func confusions() throws {
        var matrix = ConfusionMatrix(classes: 3)
        try matrix.add(predictions: [1, 1, 2, 2, 0, 1, 1], labels: [0, 0, 1, 0, 1, 1, 2])
        let pairs = matrix.confusedPairs(names: ["a", "b", "c"], limit: 3)
        #expect(pairs.map { "\($0.label)>\($0.prediction):\($0.count)" } == ["a>b:2", "a>c:1", "b>a:1"])
        #expect(abs(pairs[0].share - 2.0 / 3) < 1e-15)
        #expect(matrix.count(label: 0, prediction: 1) == 2)
    }

    @Test("cost memory for the pairs that occur, not for all that could")
    func manyClasses() throws {
        var matrix = ConfusionMatrix(classes: .max)
        try matrix.add(prediction: .max - 1, label: 7)
        #expect(matrix.count(label: 7, prediction: .max - 1) == 1)
    }
}
