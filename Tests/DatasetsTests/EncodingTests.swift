import Foundation
import Testing

@testable import Datasets

struct ClassificationEncodingTests {
    private let place = SourceLocation(file: "a.csv", position: .line(2))

    private func encode(
        _ text: String, _ pair: String? = nil, label: RawLabel? = nil, labels: LabelSpace? = nil,
        options: EncodingOptions = .init()
    ) throws -> Example {
        try ExampleEncoder(WordEncoder.bert, labels: labels, options: options)
            .classification(sample(text, pair: pair, label: label))
    }

    @Test func textsGetSpecialTokensAndTheirClass() throws {
        let classes = LabelSpace.classes(try LabelVocabulary(names: ["x", "y"]))
        let example = try encode("a bb ccc", label: .text("y"), labels: classes)
        #expect(example == Example(inputIDs: [1, 11, 13, 14, 2], target: .classIndex(1)))
    }

    @Test func pairsHaveTypes() throws {
        let example = try encode("a b", "c")
        #expect(example.inputIDs == [1, 11, 12, 2, 11, 2])
        #expect(example.typeIDs == [0, 0, 0, 0, 1, 1])
    }

    @Test func truncationKeepsSpecialTokens() throws {
        let right = try encode("a bb ccc dddd", options: .init(maximumLength: 4))
        #expect(right == Example(inputIDs: [1, 11, 13, 2], isTruncated: true))
        let left = try encode("a bb ccc dddd", options: .init(maximumLength: 4, truncation: .left))
        #expect(left == Example(inputIDs: [1, 14, 15, 2], isTruncated: true))
        #expect(try encode("a b", options: .init(maximumLength: 4)).isTruncated == false)
    }

    @Test func pairsLoseTokensOfTheLongerTextFirst() throws {
        let longFirst = try encode("a b c d e f", "g h", options: .init(maximumLength: 8))
        #expect(longFirst.inputIDs == [1, 11, 12, 12, 2, 11, 12, 2])
        #expect(longFirst.typeIDs == [0, 0, 0, 0, 0, 1, 1, 1])
        let longSecond = try encode("a b", "c d e f g h", options: .init(maximumLength: 8))
        #expect(longSecond.typeIDs == [0, 0, 0, 0, 1, 1, 1, 1])
    }

    /// The numbers of kept tokens that Python's `tokenizers` gives for `longest_first`.
    @Test(arguments: [
        (10, 4, 10, 6, 4), (4, 10, 10, 4, 6), (10, 10, 10, 5, 5), (10, 10, 11, 5, 6), (11, 10, 11, 6, 5),
        (10, 1, 3, 2, 1), (1, 9, 1, 0, 1), (9, 1, 1, 1, 0),
    ])
    func roomIsSharedAsInPython(_ first: Int, _ second: Int, _ room: Int, _ keptFirst: Int, _ keptSecond: Int) {
        #expect(ExampleEncoder.shares(of: room, first: first, second: second) == (keptFirst, keptSecond))
    }

    @Test(arguments: [
        (EncodingOptions(maximumLength: 3, truncation: .error), "data.csv:1: the example has 5 tokens, the limit is 3"),
        (
            EncodingOptions(maximumPositions: 4, truncation: .error),
            "data.csv:1: the example has 5 tokens, the limit is 4"
        ),
        (EncodingOptions(maximumLength: 2), "data.csv:1: max_length 2 leaves no room for text beside 2 special tokens"),
        (EncodingOptions(maximumLength: 9, maximumPositions: 8), "max_length is 9 but must be at most 8"),
        (EncodingOptions(maximumLength: 0), "max_length is 0 but must be at least 1"),
        (
            EncodingOptions(vocabularySize: 14),
            "data.csv:1: the tokenizer gives the id 14 but the model knows 14 tokens"
        ),
    ])
    func limitsAreEnforced(_ options: EncodingOptions, _ sentence: String) {
        let found = fault { _ = try encode("a bb ccc", options: options) }
        #expect(found.hasPrefix(sentence), "\(found)")
    }

    @Test func withoutMaximumLengthModelAndTokenizerDecide() throws {
        var tokenizer = WordEncoder.bert
        tokenizer.maximumLength = 512
        #expect(try ExampleEncoder(tokenizer).limit == 512)
        #expect(try ExampleEncoder(tokenizer, options: .init(maximumPositions: 128)).limit == 128)
        #expect(try ExampleEncoder(tokenizer, options: .init(maximumLength: 1_000)).limit == 1_000)
    }
}

struct CausalEncodingTests {
    private let place = SourceLocation(file: "a.jsonl", position: .line(2))

    private func encode(
        _ content: Sample.Content, _ tokenizer: WordEncoder = .llama, _ options: EncodingOptions = .init()
    ) throws -> Example {
        try ExampleEncoder(tokenizer, options: options).causal(Sample(location: place, content: content))
    }

    private func labels(_ example: Example) -> [Int32] {
        if case .tokens(let labels) = example.target { labels } else { [] }
    }

    @Test func runningTextIsLearntUpToItsEndToken() throws {
        let example = try encode(.text("a bb ccc", pair: nil))
        #expect(example.inputIDs == [1, 11, 13, 14, 3])
        #expect(labels(example) == [-100, 11, 13, 14, 3])
        #expect(example.labelledTokens == 4)
    }

    @Test func theFirstTokenIsNeverLearnt() throws {
        let example = try encode(.text("a bb", pair: nil), WordEncoder(endID: 3))
        #expect(labels(example) == [-100, 13, 3])
    }

    @Test func theEndTokenIsAnOptionAndNotDoubled() throws {
        #expect(try encode(.text("a", pair: nil), .llama, .init(appendsEnd: false)).inputIDs == [1, 11])
        #expect(try encode(.text("a", pair: nil), WordEncoder(beginID: 1)).inputIDs == [1, 11])
        let closing = WordEncoder(beginID: 1, separatorID: 3, endID: 3)
        let example = try encode(.text("a", pair: nil), closing)
        #expect(example.inputIDs == [1, 11, 3])
        #expect(labels(example) == [-100, 11, 3])
    }

    @Test func promptsAreNotLearnt() throws {
        let example = try encode(.completion(prompt: "a bb", completion: " ccc d"))
        #expect(example.inputIDs == [1, 11, 13, 14, 12, 3])
        #expect(labels(example) == [-100, -100, -100, 14, 12, 3])
    }

    @Test func aTokenAcrossTheBorderIsLearnt() throws {
        let example = try encode(.completion(prompt: "a b", completion: "cc d"))
        #expect(example.inputIDs == [1, 11, 14, 12, 3])
        #expect(labels(example) == [-100, -100, 14, 12, 3])
    }

    @Test func bordersAreCountedInUnicodeScalars() throws {
        let example = try encode(.completion(prompt: "e\u{301}👩‍👩‍👧 b", completion: " c"))
        #expect(labels(example).map { $0 == -100 } == [true, true, true, false, false])
    }

    @Test func anEmptyPromptLeavesTheWholeCompletion() throws {
        #expect(labels(try encode(.completion(prompt: "", completion: "a b"))) == [-100, 11, 12, 3])
    }

    @Test func onlyAssistantTurnsAreLearntAndNoTokensAreAdded() throws {
        let pieces = [("U a", false), (" A", false), (" b c", true), (" U d", false), (" A", false), (" e", true)]
        let example = try encode(
            .conversation(pieces.map { ConversationSegment(text: $0.0, isLabelled: $0.1) }))
        #expect(example.length == 9)
        #expect(labels(example).map { $0 != -100 } == [false, false, false, true, true, false, false, false, true])
    }

    @Test func truncationOnTheRightDropsTheEndToken() throws {
        let example = try encode(.text("a bb ccc dddd", pair: nil), .llama, .init(maximumLength: 4))
        #expect(example == Example(inputIDs: [1, 11, 13, 14], target: .tokens([-100, 11, 13, 14]), isTruncated: true))
    }

    @Test func truncationOnTheLeftKeepsTheBeginTokenAndTheEnd() throws {
        let options = EncodingOptions(maximumLength: 4, truncation: .left)
        let example = try encode(.completion(prompt: "a bb ccc", completion: " dddd"), .llama, options)
        #expect(example == Example(inputIDs: [1, 14, 15, 3], target: .tokens([-100, -100, 15, 3]), isTruncated: true))
    }

    @Test func aTextWithoutTokensIsRefused() {
        let found = fault { _ = try encode(.conversation([])) }
        #expect(found == "a.jsonl:2: the tokenizer refused the text: it gives no tokens")
    }
}

struct EncodingOfSetsTests {
    private struct Refusal: Error, CustomStringConvertible { let description = "no" }

    /// Refuses texts that begin with "bad", "bad late" only after a while.
    private struct Choosy: TextEncoder {
        let words = WordEncoder.llama
        var endID: Int? { words.endID }
        var padID: Int? { words.padID }
        var maximumLength: Int? { nil }

        func tokens(of text: String, pair: String?, addSpecialTokens: Bool) throws -> TokenSequence {
            if text == "bad late" { Thread.sleep(forTimeInterval: 0.05) }
            if text.hasPrefix("bad") { throw Refusal() }
            return try words.tokens(of: text, pair: pair, addSpecialTokens: addSpecialTokens)
        }
    }

    @Test func orderIsKeptOverAllCores() async throws {
        let texts = (0..<1_000).map { String(repeating: "x", count: 1 + $0 % 97) }
        let set = SampleSet(samples: texts.map { sample($0) }, skippedRows: 3)
        let data = try await ExampleEncoder(WordEncoder.bert).encode(set, for: .classification)
        #expect(data.examples.map { $0.inputIDs[1] } == texts.map { Int32(10 + $0.count) })
        #expect(data.skippedRows == 3)
    }

    @Test func theFirstFaultIsReported() async throws {
        let samples = (0..<2_000).map { index in
            sample(index == 20 ? "bad late" : index % 70 == 69 ? "bad" : "fine", line: index + 1)
        }
        await #expect(throws: DatasetError.encoding(samples[20].location, reason: "no")) {
            try await ExampleEncoder(Choosy()).encode(SampleSet(samples: samples), for: .causalLM)
        }
    }

    @Test func promptsThatFillTheLimitLeaveNothingToLearn() async throws {
        let short = Sample(
            location: SourceLocation(file: "a"), content: .completion(prompt: "a", completion: " b"))
        let long = Sample(
            location: SourceLocation(file: "a"), content: .completion(prompt: "a b c d e", completion: " f"))
        let encoder = try ExampleEncoder(WordEncoder.llama, options: .init(maximumLength: 4))
        let data = try await encoder.encode(SampleSet(samples: [short, long]), for: .causalLM)
        #expect(data.examples.map(\.labelledTokens) == [2, 0])
        #expect(DatasetStatistics(data).unlabelledExamples == 1)
        await #expect(throws: DatasetError.nothingLabelled(examples: 2)) {
            try await encoder.encode(SampleSet(samples: [long, long]), for: .causalLM)
        }
    }
}
