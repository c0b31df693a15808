import Testing

@testable import Datasets

struct LabelTests {
    private func labelled(_ labels: [RawLabel]) -> [Sample] {
        labels.enumerated().map { sample("text \($0)", label: $1, line: $0 + 2) }
    }

    private func learn(_ labels: [RawLabel], count: Int? = nil) throws -> [String] {
        try LabelVocabulary(learnedFrom: labelled(labels), count: count).names
    }

    @Test func namesAreSortedByTheirBytes() throws {
        #expect(
            try learn([.text("b"), .text("é"), .text("Z"), .text("b"), .text("10"), .text("9")])
                == ["10", "9", "Z", "b", "é"])
    }

    @Test func namesThatDifferInBytesOnlyAreTwoClasses() throws {
        #expect(try learn([.text("\u{E9}"), .text("e\u{301}")]).count == 2)
    }

    @Test func wholeNumbersAreTheClassesThemselves() throws {
        #expect(try learn([.integer(2), .integer(0), .integer(1), .integer(0)]) == ["0", "1", "2"])
        #expect(try learn([.text("1"), .text("0")]) == ["0", "1"])
        #expect(try learn([.text("1.0"), .text("0.0")]) == ["0", "1"])
        #expect(try learn([.integer(0), .integer(3)], count: 5) == ["0", "1", "2", "3", "4"])
    }

    @Test func elevenNumbersAreNotSortedAsText() throws {
        let labels = (0..<11).map { RawLabel.text(String($0)) }
        #expect(try learn(labels) == (0..<11).map(String.init))
    }

    @Test(
        arguments: [
            ([.text("a"), .text("a")], nil, "all 2 training examples have the label \"a\"; classification needs"),
            ([.integer(1), .integer(2)], nil, "the integer labels reach 2 but 0 never occurs"),
            (
                [.integer(0), .integer(1_000_000_000_000)], nil,
                "the integer labels reach 1000000000000 but 1 never occurs"
            ),
            ([.integer(0), .integer(-1)], nil, "data.csv:3: the label -1 is outside 0..<2"),
            ([.integer(0), .integer(3)], 3, "data.csv:3: the label 3 is outside 0..<3"),
            ([.text("a"), .text("b"), .text("c")], 2, "the data has 3 distinct labels but num_labels is 2"),
            ([.text("1"), .text("1.0")], 2, "all 2 training examples have the label \"1\""),
            ([.number(0.5), .integer(1)], nil, "data.csv:2: the label 0.5 is not a class; set num_labels to 1"),
            ([.text("a"), .text("b")], 1, "num_labels is 1 but must be from 2"),
        ] as [([RawLabel], Int?, String)])
    func unusableLabelsAreNamed(_ labels: [RawLabel], _ count: Int?, _ sentence: String) {
        let found = fault { _ = try learn(labels, count: count) }
        #expect(found.hasPrefix(sentence), "\(found)")
    }

    @Test func givenNamesKeepTheirOrder() throws {
        let vocabulary = try LabelVocabulary(names: ["pos", "neg"])
        let place = SourceLocation(file: "e.csv", position: .line(7))
        #expect(try vocabulary.index(of: .text("neg"), at: place) == 1)
        #expect(try vocabulary.index(of: .integer(0), at: place) == 0)
        #expect(try vocabulary.index(of: .text("1"), at: place) == 1)
        #expect(
            fault { _ = try vocabulary.index(of: .text("netural"), at: place) }
                == "e.csv:7: the label \"netural\" is not among the known labels; known are \"pos\", \"neg\"")
        #expect(fault { _ = try vocabulary.index(of: .text("Neg"), at: place) }.hasSuffix("did you mean \"neg\"?"))
        #expect(
            fault { _ = try vocabulary.index(of: .integer(2), at: place) }.hasPrefix("e.csv:7: the label 2 is outside"))
    }

    @Test func namesThatAreNumbersAreNeverTakenForIndices() throws {
        let vocabulary = try LabelVocabulary(names: ["1", "2", "3"])
        let place = SourceLocation(file: "e.csv", position: .line(7))
        #expect(try vocabulary.index(of: .integer(1), at: place) == 0)
        #expect(try vocabulary.index(of: .text("3"), at: place) == 2)
        #expect(
            fault { _ = try vocabulary.index(of: .integer(0), at: place) }.contains("is not among the known labels"))
    }

    @Test func namesMustBeUniqueAndSeveral() {
        #expect(fault { _ = try LabelVocabulary(names: ["a", "a"]) }.contains("a list of unique names"))
        #expect(fault { _ = try LabelVocabulary(names: ["a"]) }.contains("at least two names"))
    }

    @Test func aTrainingSetWithOneOfSeveralGivenClassesIsRefused() throws {
        let vocabulary = try LabelVocabulary(names: ["a", "b"])
        #expect(
            fault { try vocabulary.requireSeveral(in: labelled([.text("a"), .text("a")])) }
                .hasPrefix("all 2 training examples have the label \"a\""))
        try vocabulary.requireSeveral(in: labelled([.text("a"), .text("b")]))
        #expect(throws: DatasetError.self) { try vocabulary.requireSeveral(in: labelled([.text("a"), .integer(0)])) }
    }

    @Test func regressionTakesFiniteNumbers() throws {
        let place = SourceLocation(file: "e.csv", position: .line(7))
        #expect(try LabelSpace.regression.target(of: .text("-2.5e1"), at: place) == .value(-25))
        #expect(try LabelSpace.regression.target(of: .integer(3), at: place) == .value(3))
        for text in ["nan", "inf", "0x10", "", "three", "1e999", "1e99"] {
            #expect(throws: DatasetError.self) { try LabelSpace.regression.target(of: .text(text), at: place) }
        }
    }
}
