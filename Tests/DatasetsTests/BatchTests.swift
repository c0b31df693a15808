import Testing

@testable import Datasets

struct CollatorTests {
    @Test func shorterRowsAreFilledOnTheRight() throws {
        let batch = try Collator(padID: 9).batch([[1], [0]], of: examples(ofLengths: [2, 3]))
        #expect((batch.rows, batch.columns) == (2, 3))
        #expect(batch.inputIDs == [100, 101, 102, 0, 1, 9])
        #expect(batch.attentionMask == [1, 1, 1, 1, 1, 0])
        #expect(batch.targets == .tokens([-100, 101, 102, -100, 1, -100]))
        #expect(batch.targets.labelledCount == 3)
        #expect(batch.exampleIndices == [1, 0])
        #expect(batch.rowLengths == [3, 2])
        #expect(batch.tokenCount == 5)
        #expect(batch.positionIDs == nil && batch.segmentIDs == nil && batch.typeIDs == nil)
    }

    @Test func paddingOnTheLeftShiftsPositions() throws {
        let batch = try Collator(padID: 9, paddingSide: .left).batch([[1], [0]], of: examples(ofLengths: [2, 3]))
        #expect(batch.inputIDs == [100, 101, 102, 9, 0, 1])
        #expect(batch.attentionMask == [1, 1, 1, 0, 1, 1])
        #expect(batch.positionIDs == [0, 1, 2, 0, 0, 1])
        #expect(batch.targets == .tokens([-100, 101, 102, -100, -100, 1]))
    }

    @Test func columnsAreRoundedUpButNotBeyondTheModel() throws {
        let collator = try Collator(padID: 0, multiple: 8, maximumColumns: 20)
        #expect([1, 8, 9, 17, 20].map(collator.columns(forLongest:)) == [8, 8, 16, 20, 20])
        #expect(try collator.batch([[0]], of: examples(ofLengths: [3])).columns == 8)
        #expect(throws: DatasetError.self) { try Collator(padID: 0, multiple: 0) }
    }

    @Test func packedRowsRestartPositionsAndNumberTheirSegments() throws {
        let batch = try Collator(padID: 9, multiple: 3).batch([[0, 2], [1]], of: examples(ofLengths: [2, 4, 3]))
        #expect(batch.columns == 6)
        #expect(batch.inputIDs == [0, 1, 200, 201, 202, 9, 100, 101, 102, 103, 9, 9])
        #expect(batch.positionIDs == [0, 1, 0, 1, 2, 0, 0, 1, 2, 3, 0, 0])
        #expect(batch.segmentIDs == [0, 0, 1, 1, 1, -1, 0, 0, 0, 0, -1, -1])
        #expect(batch.attentionMask == [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0])
        // The first token of a segment is never predicted from the segment before it.
        #expect(batch.targets == .tokens([-100, 1, -100, 201, 202, -100, -100, 101, 102, 103, -100, -100]))
        #expect(batch.rowLengths == [5, 4])
        #expect(
            batch.segments == [
                BatchSegment(example: 0, row: 0, columns: 0..<2), BatchSegment(example: 2, row: 0, columns: 2..<5),
                BatchSegment(example: 1, row: 1, columns: 0..<4),
            ])
    }

    @Test func typesAppearWhereSomeExampleHasThem() throws {
        let all = [Example(inputIDs: [1, 2], typeIDs: [0, 1]), Example(inputIDs: [3])]
        #expect(try Collator(padID: 0).batch([[0], [1]], of: all).typeIDs == [0, 1, 0, 0])
    }

    @Test func classesAndNumbersComePerRow() throws {
        let classes = (0..<3).map { Example(inputIDs: [1], target: .classIndex(Int32($0))) }
        #expect(try Collator(padID: 0).batch([[2], [0]], of: classes).targets == .classes([2, 0]))
        let values = [0.5, 2].map { Example(inputIDs: [1], target: .value($0)) }
        #expect(try Collator(padID: 0).batch([[0], [1]], of: values).targets == .values([0.5, 2]))
        let unlabelled = [Example(inputIDs: [1])]
        #expect(try Collator(padID: 0).batch([[0]], of: unlabelled).targets == .none)
    }

    @Test func differentKindsOfTargetsDoNotMix() {
        let all = [
            Example(inputIDs: [1], target: .classIndex(0)), Example(inputIDs: [1]),
            Example(inputIDs: [1], target: .tokens([-100])), Example(inputIDs: [1], target: .classIndex(1)),
        ]
        for rows in [[[0], [1]], [[1], [0]], [[2], [1]], [[0, 3]]] {
            #expect(throws: DatasetError.mixedTargets) { try Collator(padID: 0).batch(rows, of: all) }
        }
    }
}

struct BatchLoaderTests {
    private func loader(_ strategy: BatchingStrategy, lengths: [Int]) throws -> BatchLoader {
        try BatchLoader(
            EncodedDataset(examples: examples(ofLengths: lengths)),
            options: BatchingOptions(strategy: strategy, batchSize: 4, seed: 3, rowLength: 64),
            collator: Collator(padID: 7))
    }

    @Test(arguments: BatchingStrategy.allCases)
    func seekingEqualsIterating(_ strategy: BatchingStrategy) throws {
        let loader = try loader(strategy, lengths: randomLengths(57, upTo: 40, seed: 1))
        for epoch in 0..<2 {
            var all = loader.batches(from: BatchPosition(epoch: epoch))
            var iterated: [Batch] = []
            while let batch = try all.nextBatch() { iterated.append(batch) }
            #expect(iterated.count == loader.batchesPerEpoch)
            for start in 0...iterated.count {
                var rest = loader.batches(from: BatchPosition(epoch: epoch, batch: start))
                #expect(try rest.nextBatch() == (start < iterated.count ? iterated[start] : nil))
                let next = BatchPosition(epoch: epoch, batch: min(start + 1, iterated.count))
                #expect(rest.position == next)
            }
        }
    }

    @Test(arguments: BatchingStrategy.allCases)
    func everyTokenComesOncePerEpochInItsOrder(_ strategy: BatchingStrategy) throws {
        let lengths = randomLengths(80, upTo: 64, seed: 5)
        let loader = try loader(strategy, lengths: lengths)
        var stream = loader.batches(from: BatchPosition(epoch: 1))
        var seen: [Int: [Int64]] = [:]
        while let batch = try stream.nextBatch() {
            #expect(batch.columns <= 64)
            for segment in batch.segments {
                let base = segment.row * batch.columns
                let cells = segment.columns.map { base + $0 }
                #expect(seen.updateValue(cells.map { batch.inputIDs[$0] }, forKey: segment.example) == nil)
                if let positions = batch.positionIDs {
                    #expect(cells.map { positions[$0] } == segment.columns.indices.map { Int64($0 - cells[0] + base) })
                }
            }
            #expect(batch.attentionMask.reduce(0, +) == Int64(batch.tokenCount))
        }
        #expect(seen.count == 80)
        for (example, tokens) in seen { #expect(tokens == (0..<lengths[example]).map { Int64(100 * example + $0) }) }
    }

    @Test func batchesBeyondTheEpochAreRefused() throws {
        let batches = try loader(.random, lengths: [1, 2]).batches(from: BatchPosition(epoch: 0))
        #expect(throws: DatasetError.self) { try batches.batch(at: 1) }
        #expect(throws: DatasetError.self) { try batches.batch(at: -1) }
    }

    @Test func packingNeedsLabelsPerToken() {
        let found = fault {
            _ = try BatchLoader(
                EncodedDataset(examples: [Example(inputIDs: [1], target: .classIndex(0))]),
                options: BatchingOptions(strategy: .packing, rowLength: 8), collator: Collator(padID: 0))
        }
        #expect(found.hasPrefix("packing is on but must be off"))
    }
}
