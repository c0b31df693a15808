import Testing

@testable import Datasets

struct StatisticsTests {
    @Test func lengthsAreSummarised() {
        let odd = LengthSummary([5, 1, 3])
        #expect((odd.minimum, odd.median, odd.mean, odd.maximum) == (1, 3, 3, 5))
        let even = LengthSummary([4, 1, 2, 9])
        #expect((even.minimum, even.median, even.mean, even.maximum) == (1, 3, 4, 9))
        #expect(LengthSummary([]) == LengthSummary([0]))
    }

    @Test func languageModellingCountsLabelledTokens() {
        let data = EncodedDataset(
            examples: [
                Example(inputIDs: [1, 2, 3, 4], target: .tokens([-100, -100, 3, 4])),
                Example(inputIDs: [1, 2], target: .tokens([-100, -100]), isTruncated: true),
                Example(inputIDs: [1, 2], target: .tokens([-100, 2])),
                Example(inputIDs: [1, 2], target: .tokens([-100, 2])),
            ], skippedRows: 2)
        let statistics = DatasetStatistics(data)
        #expect(statistics.examples == 4)
        #expect(statistics.tokens == 10)
        #expect(statistics.labelledTokens == 4)
        #expect(statistics.labelledShare == 0.4)
        #expect(statistics.truncatedExamples == 1)
        #expect(statistics.truncatedShare == 0.25)
        #expect(statistics.unlabelledExamples == 1)
        #expect(statistics.skippedRows == 2)
        #expect(statistics.classCounts == [])
    }

    @Test func classesAreCounted() {
        let data = EncodedDataset(examples: [2, 0, 2].map { Example(inputIDs: [1], target: .classIndex($0)) })
        #expect(DatasetStatistics(data, classes: 4).classCounts == [1, 0, 2, 0])
        #expect(DatasetStatistics(data).classCounts == [1, 0, 2])
    }

    /// Lengths 9, 9, 5, 3, 1 in batches of 2: 2 × 9, 2 × 5 and 1 × 1 cells for 27 tokens.
    @Test func batchingIsCountedWithItsPadding() throws {
        let data = EncodedDataset(examples: examples(ofLengths: [3, 9, 5, 9, 1]))
        let loader = try BatchLoader(
            data, options: BatchingOptions(strategy: .sequential, batchSize: 2), collator: Collator(padID: 0))
        let statistics = BatchingStatistics(loader)
        #expect(statistics.batchesPerEpoch == 3)
        #expect(statistics.rows == 5)
        #expect(statistics.cells == 29)
        #expect(statistics.tokens == 27)
        #expect(statistics.largestBatchCells == 18 && statistics.largestBatchColumns == 9)
        #expect(statistics.paddingShare == 2.0 / 29)
        let rounded = BatchingStatistics(
            try BatchLoader(
                data, options: BatchingOptions(strategy: .sequential, batchSize: 2),
                collator: Collator(padID: 0, multiple: 8)))
        #expect(rounded.cells == 2 * 16 + 2 * 8 + 8)
    }

    @Test(arguments: BatchingStrategy.allCases)
    func theForecastIsWhatTheBatchesHold(_ strategy: BatchingStrategy) throws {
        let loader = try BatchLoader(
            EncodedDataset(examples: examples(ofLengths: randomLengths(90, upTo: 50, seed: 6))),
            options: BatchingOptions(strategy: strategy, batchSize: 8, rowLength: 50),
            collator: Collator(padID: 0, multiple: 4))
        let statistics = BatchingStatistics(loader)
        var stream = loader.batches(from: BatchPosition(epoch: 0))
        var batches: [Batch] = []
        while let batch = try stream.nextBatch() { batches.append(batch) }
        #expect(statistics.cells == batches.reduce(0) { $0 + $1.rows * $1.columns })
        #expect(statistics.tokens == batches.reduce(0) { $0 + $1.tokenCount })
        #expect(statistics.rows == batches.reduce(0) { $0 + $1.rows })
        #expect(statistics.largestBatchCells == batches.map { $0.rows * $0.columns }.max())
    }

    @Test func stepsCountTheLastPartialAccumulation() throws {
        let loader = try BatchLoader(
            EncodedDataset(examples: examples(ofLengths: Array(repeating: 1, count: 21))),
            options: BatchingOptions(strategy: .random, batchSize: 2), collator: Collator(padID: 0))
        let statistics = BatchingStatistics(loader)
        #expect(statistics.batchesPerEpoch == 11)
        #expect(statistics.stepsPerEpoch(accumulation: 4) == 3)
        #expect(statistics.stepsPerEpoch(accumulation: 1) == 11)
        #expect(statistics.steps(epochs: 3, accumulation: 4) == 9)
        #expect(statistics.steps(epochs: 1.5, accumulation: 4) == 5)
        #expect(statistics.steps(epochs: .nan, accumulation: 4) == 0)
    }

    @Test func duplicatesAreCountedByTheirTexts() {
        let training = ["a", "b", "a", "a"].map { sample($0, label: .text($0)) }
        let evaluation = ["a", "c", "b"].map { sample($0, label: .text("other")) }
        let counts = DuplicateCounts(training: training, evaluation: evaluation)
        #expect(counts.withinTraining == 2)
        #expect(counts.sharedWithTraining == 2)
    }

    @Test func bordersBetweenTextsCount() {
        #expect(sample("ab", pair: "c").contentDigest != sample("a", pair: "bc").contentDigest)
        #expect(sample("ab").contentDigest != sample("ab", pair: "").contentDigest)
    }

    @Test func warningsNameWhatWasCounted() {
        let data = EncodedDataset(
            examples: [
                Example(inputIDs: [1], target: .tokens([-100]), isTruncated: true),
                Example(inputIDs: [1, 2], target: .tokens([-100, 2])),
            ], skippedRows: 3)
        let warnings = DatasetWarning.warnings(
            DatasetStatistics(data), limit: 1,
            duplicates: DuplicateCounts(training: [sample("a"), sample("a")], evaluation: [sample("a")]),
            evaluationRows: 1)
        #expect(
            warnings == [
                .truncated(examples: 1, of: 2, limit: 1), .unlabelled(examples: 1, of: 2), .skippedRows(3),
                .repeatedRows(1, of: 2), .sharedRows(1, of: 1),
            ])
        #expect(DatasetWarning.warnings(DatasetStatistics(EncodedDataset(examples: [])), limit: 1) == [])
    }
}

struct DataSplitTests {
    private let rows = (0..<2_000).map { sample("row \($0)") }

    private func texts(_ samples: [Sample]) -> Set<UInt64> { Set(samples.map(\.contentDigest)) }

    @Test func theShareIsMetAndEveryRowHasOneSide() throws {
        let split = try DataSplit(rows, holdingOut: 0.1, seed: 1)
        #expect(split.training.count + split.validation.count == 2_000)
        #expect((140...260).contains(split.validation.count))
        #expect(texts(split.training).isDisjoint(with: texts(split.validation)))
    }

    @Test func sidesDependOnTextAndSeedOnly() throws {
        let held = texts(try DataSplit(rows, holdingOut: 0.1, seed: 1).validation)
        #expect(texts(try DataSplit(rows.reversed(), holdingOut: 0.1, seed: 1).validation) == held)
        let half = texts(try DataSplit(Array(rows.prefix(1_000)), holdingOut: 0.1, seed: 1).validation)
        #expect(half == held.intersection(texts(Array(rows.prefix(1_000)))))
        #expect(texts(try DataSplit(rows, holdingOut: 0.1, seed: 2).validation) != held)
        #expect(texts(try DataSplit(rows, holdingOut: 0.2, seed: 1).validation).isSuperset(of: held))
    }

    @Test func copiesStayOnOneSide() throws {
        let split = try DataSplit(rows + rows, holdingOut: 0.3, seed: 4)
        #expect(DuplicateCounts(training: split.training, evaluation: split.validation).sharedWithTraining == 0)
    }

    @Test func unusableSharesAndEmptySidesAreNamed() {
        for share in [0, 1, -0.1, .nan, .infinity] {
            #expect(fault { _ = try DataSplit(rows, holdingOut: share, seed: 1) }.hasPrefix("validation_split is"))
        }
        let found = fault { _ = try DataSplit([sample("a")], holdingOut: 0.5, seed: 1) }
        #expect(found.contains("of 1 row leaves the"))
    }
}

struct DatasetPartsTests {
    private func parts(withValidation: Bool, share: Double?) throws -> DatasetParts {
        let rows = (0..<200).map { "row \($0)" }.joined(separator: "\n")
        return try withFile("train.txt", rows) { training in
            try withFile("dev.txt", "one\ntwo\n") { validation in
                try DatasetParts(
                    training: DataFile(training), validation: withValidation ? DataFile(validation) : nil,
                    for: .causalLM(.init()), holdingOut: share)
            }
        }
    }

    @Test func aValidationFileWinsOverAShare() throws {
        let parts = try parts(withValidation: true, share: 0.5)
        #expect(parts.training.samples.count == 200)
        #expect(parts.validation?.samples.map(\.content) == [.text("one", pair: nil), .text("two", pair: nil)])
    }

    @Test func aShareIsHeldOutOfTheTrainingFile() throws {
        let parts = try parts(withValidation: false, share: 0.25)
        let held = try #require(parts.validation).samples.count
        #expect((25...75).contains(held))
        #expect(parts.training.samples.count == 200 - held)
    }

    @Test func withoutEitherThereIsNoValidation() throws {
        #expect(try parts(withValidation: false, share: nil).validation?.samples == nil)
    }
}
