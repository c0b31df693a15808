import Testing

@testable import Datasets

@Suite struct PreferenceTests {
    private func example(_ texts: Preference, _ options: EncodingOptions = EncodingOptions()) throws -> Example {
        let encoder = try ExampleEncoder(WordEncoder.llama, options: options)
        return try encoder.preference(
            Sample(location: SourceLocation(file: "pairs.jsonl"), content: .preference(texts)))
    }

    private let texts = Preference(
        prompt: "one two three", chosen: " four five", rejected: " six", isConversation: false)

    @Test func bothTextsBeginWithThePromptAndOnlyAnswersAreLabelled() throws {
        let example = try example(texts)
        let other = try #require(example.alternative)
        guard case .tokens(let labels) = example.target else { throw DatasetError.mixedTargets }
        let prompt = labels.prefix { $0 == ignoredLabel }.count
        #expect(prompt == 4)
        #expect(Array(example.inputIDs.prefix(prompt)) == Array(other.inputIDs.prefix(prompt)))
        #expect(other.labels.prefix { $0 == ignoredLabel }.count == prompt)
        #expect(labels.suffix(3) == example.inputIDs.suffix(3))
        #expect(example.inputIDs.last == 3 && other.inputIDs.last == 3)
        #expect(example.length == 7 && example.tokenCount == 13)
    }

    @Test func aTokenAcrossTheBorderIsNotMade() throws {
        // Joined, the space would belong to the answer's first word.
        let apart = try example(
            Preference(prompt: "one two ", chosen: "four", rejected: "six", isConversation: false))
        let other = try #require(apart.alternative)
        guard case .tokens(let labels) = apart.target else { throw DatasetError.mixedTargets }
        #expect(labels.prefix { $0 == ignoredLabel }.count == 4)
        #expect(Array(apart.inputIDs.prefix(4)) == Array(other.inputIDs.prefix(4)))
    }

    @Test func aLongPromptLosesItsBeginningAlikeForBoth() throws {
        let whole = try example(texts)
        for options in [EncodingOptions(maximumPromptLength: 2), EncodingOptions(maximumLength: 5)] {
            let cut = try example(texts, options)
            let other = try #require(cut.alternative)
            #expect(cut.isTruncated)
            #expect(cut.inputIDs[0] == whole.inputIDs[0] && cut.inputIDs[1] == whole.inputIDs[3])
            #expect(Array(other.inputIDs.prefix(2)) == Array(cut.inputIDs.prefix(2)))
            #expect(cut.labelledTokens == whole.labelledTokens)
        }
        let tight = try example(texts, EncodingOptions(maximumLength: 4))
        #expect(tight.inputIDs.count == 4)
        #expect(throws: DatasetError.self) { try example(texts, EncodingOptions(maximumLength: 5, truncation: .error)) }
        #expect(throws: DatasetError.self) { try example(texts, EncodingOptions(maximumLength: 2)) }
    }

    @Test func batchesHoldTheBetterTextsAboveTheWorse() throws {
        let examples = try [example(texts), example(texts)]
        let batch = try Collator(padID: 0).batch([[0], [1]], of: examples)
        guard case .preferences(let labels, let pairs) = batch.targets else { throw DatasetError.mixedTargets }
        #expect(batch.rows == 4 && pairs == 2 && batch.targets.labelledCount == 2)
        #expect(labels.count == batch.rows * batch.columns)
        #expect(batch.exampleIndices == [0, 1, 0, 1])
        #expect(Array(batch.inputIDs[..<7]) == examples[0].inputIDs.map(Int64.init))
    }

    @Test func answersOfConversationsNeedAChatFormatAndOneTurn() throws {
        let rows = #"{"prompt": [{"role": "user", "content": "a"}], "chosen": "b", "rejected": "c"}"#
        #expect(
            fault { _ = try samples("p.jsonl", rows, for: .preference(PreferenceColumns())) }.contains("chat format"))
        let plain = #"{"prompt": "a", "chosen": "b"}"#
        #expect(fault { _ = try samples("p.jsonl", plain, for: .preference(PreferenceColumns())) }.contains("rejected"))
    }

    @Test(arguments: [
        ("true", true), ("false", false), ("1", true), ("0", false), (#""true""#, true), (#""False""#, false),
    ])
    func anAnswerAloneIsJudgedByItsLabel(label: String, isDesirable: Bool) throws {
        let rows = #"{"prompt": "one two three", "completion": " four five", "label": "# + label + "}"
        let samples = try samples("p.jsonl", rows, for: .preference(PreferenceColumns()))
        let encoder = try ExampleEncoder(WordEncoder.llama)
        let judged = try encoder.preference(try #require(samples.samples.first))
        #expect(judged.isDesirable == isDesirable && judged.alternative == nil)
        let better = try example(texts)
        #expect(judged.inputIDs == better.inputIDs && judged.target == better.target)
        let batch = try Collator(padID: 0).batch([[0], [0]], of: [judged])
        guard case .judgements(let labels, let judgements) = batch.targets else { throw DatasetError.mixedTargets }
        #expect(judgements == [isDesirable, isDesirable] && labels.count == batch.rows * batch.columns)
        #expect(batch.targets.labelledCount == 2)
        #expect(throws: DatasetError.self) { try Collator(padID: 0).batch([[0], [1]], of: [judged, better]) }
    }

    @Test(arguments: ["2", "null", #""maybe""#, "[true]"])
    func aLabelThatIsNoJudgementIsRefused(label: String) throws {
        let rows = #"{"prompt": "a", "completion": "b", "label": "# + label + "}"
        #expect(fault { _ = try samples("p.jsonl", rows, for: .preference(PreferenceColumns())) }.contains("label"))
        let missing = #"{"prompt": "a", "completion": "b"}"#
        #expect(
            fault { _ = try samples("p.jsonl", missing, for: .preference(PreferenceColumns())) }.contains("label"))
    }
}
