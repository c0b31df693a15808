import Testing

@testable import Datasets

struct Seq2SeqTests {
    private func rows(_ text: String, _ columns: Seq2SeqColumns = .init()) throws -> SampleSet {
        try samples("rows.jsonl", text, for: .seq2seq(columns))
    }

    private func encode(_ source: String, _ target: String, _ options: EncodingOptions = .init()) throws -> Example {
        let sample = Sample(
            location: SourceLocation(file: "data.csv", position: .line(1)),
            content: .completion(prompt: source, completion: target))
        return try ExampleEncoder(WordEncoder(beginID: 1, separatorID: 2, endID: 2), options: options).seq2seq(sample)
    }

    @Test(arguments: [
        (#"{"input": "a", "target": "b"}"#, Seq2SeqColumns()),
        (#"{"id": 3, "document": "a", "summary": "b"}"#, Seq2SeqColumns()),
        (#"{"en": "a", "text": "x", "de": "b"}"#, Seq2SeqColumns(source: "en", target: "de")),
        (#"{"target": "a", "output": "b"}"#, Seq2SeqColumns(source: "target")),
    ])
    func columnsAreFoundByCustomaryNamesOrNamed(_ row: String, _ columns: Seq2SeqColumns) throws {
        #expect(try rows(row, columns).samples.map(\.content) == [.completion(prompt: "a", completion: "b")])
    }

    @Test func sourcesToAnswerNeedNoTarget() throws {
        let found = try rows(#"{"input": "a"}"#, Seq2SeqColumns(readsTargets: false)).samples.map(\.content)
        #expect(found == [.text("a", pair: nil)])
        #expect(fault { _ = try rows(#"{"input": "a"}"#) }.contains("target"))
        #expect(fault { _ = try rows(#"{"input": "a", "target": "b"}"#, .init(target: "c")) }.contains(#""c""#))
        #expect(fault { _ = try rows(#"{"input": "a", "target": " "}"#) }.contains("target"))
    }

    @Test func bothTextsHaveSpecialTokensOfTheirOwn() throws {
        let example = try encode("a bb", "ccc d eeee")
        #expect(example == Example(inputIDs: [1, 11, 13, 2], target: .sequence([1, 13, 12, 15, 2])))
        #expect((example.length, example.targetLength, example.tokenCount, example.labelledTokens) == (4, 5, 9, 5))
        let plain = Sample(
            location: SourceLocation(file: "data.csv", position: .line(1)),
            content: .completion(prompt: "a", completion: "b"))
        let ended = try ExampleEncoder(WordEncoder(beginID: 1, endID: 3)).seq2seq(plain)
        #expect(ended.target == .sequence([1, 11, 3]))
    }

    @Test func bothAreCutToLimitsOfTheirOwnAndTargetsKeepTheirEnd() throws {
        let options = EncodingOptions(maximumLength: 3, maximumTargetLength: 4)
        let cut = try encode("a bb ccc", "a bb ccc dddd", options)
        #expect(cut == Example(inputIDs: [1, 11, 2], target: .sequence([1, 11, 13, 2]), isTruncated: true))
        #expect(try encode("a", "a bb ccc dddd", options).isTruncated)
        #expect(try encode("a", "a b", options).isTruncated == false)
        #expect(fault { _ = try encode("a", "b c d", .init(truncation: .error, maximumTargetLength: 3)) }.contains("5"))
        #expect(fault { _ = try encode("a", "b", .init(maximumTargetLength: 0)) }.contains("max_target_length"))
        #expect(
            fault { _ = try encode("a", "b", .init(maximumPositions: 8, maximumTargetLength: 9)) }
                .contains("max_target_length"))
        #expect(fault { _ = try encode("a", "bb", .init(vocabularySize: 12)) }.contains("12"))
    }

    @Test func decodersReadTheLabelsMovedRight() throws {
        let examples = [
            Example(inputIDs: [1, 11, 2], target: .sequence([1, 12, 13, 2])),
            Example(inputIDs: [1, 2], target: .sequence([14, 2])),
        ]
        let batch = try Collator(padID: 0, targetStart: 7).batch([[0], [1]], of: examples)
        #expect(batch.inputIDs == [1, 11, 2, 1, 2, 0])
        #expect(batch.targets == .sequences([1, 12, 13, 2, 14, 2, -100, -100], columns: 4))
        #expect(batch.decoderInputIDs == [7, 1, 12, 13, 7, 14, 2, 0])
        #expect(batch.targets.labelledCount == 6)
        let statistics = try BatchingStatistics(
            BatchLoader(EncodedDataset(examples: examples), options: .init(batchSize: 2), collator: Collator(padID: 0)))
        #expect((statistics.cells, statistics.tokens) == (14, 11))
    }

    @Test func sequencesAreNeitherPackedNorMixedWithOtherTargets() throws {
        let data = EncodedDataset(examples: [Example(inputIDs: [1, 2], target: .sequence([2]))])
        let packing = BatchingOptions(strategy: .packing, rowLength: 8)
        #expect(throws: DatasetError.self) { try BatchLoader(data, options: packing, collator: Collator(padID: 0)) }
        let mixed = data.examples + [Example(inputIDs: [1], target: .classIndex(0))]
        #expect(throws: DatasetError.mixedTargets) { try Collator(padID: 0).batch([[0], [1]], of: mixed) }
    }
}
