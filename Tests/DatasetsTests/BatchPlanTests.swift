import Testing

@testable import Datasets

struct CounterRandomTests {
    /// The reference outputs of SplitMix64 from the state 1234567.
    @Test func theGeneratorIsSplitMix64() {
        var random = CounterRandom(state: 1_234_567)
        #expect(
            (0..<5).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test func seedPurposeAndStepEachChangeTheStream() {
        func first(_ seed: UInt64, _ purpose: String, _ step: Int) -> UInt64 {
            var random = CounterRandom(seed: seed, purpose: purpose, step: step)
            return random.next()
        }
        #expect(first(1, "a", 0) == first(1, "a", 0))
        #expect(
            Set([first(1, "a", 0), first(2, "a", 0), first(1, "b", 0), first(1, "a", 1), first(0, "a", 1)]).count == 5)
    }

    @Test func boundedDrawsAreEven() {
        var random = CounterRandom(seed: 5, purpose: "test", step: 0)
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<60_000 { counts[Int(random.next(below: 6))] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
        // Without rejection, every third number below this bound comes twice as often as the others.
        let thirds = (0..<3_000).count { _ in random.next(below: 3 << 62) % 3 == 0 }
        #expect((850...1_150).contains(thirds))
    }

    /// Fixed so that an update of the code cannot change the order of runs that are under way.
    @Test func theShuffleIsFrozen() {
        var random = CounterRandom(seed: 42, purpose: "batches", step: 0)
        var order = Array(0..<10)
        random.shuffle(&order)
        #expect(order == [4, 2, 8, 6, 0, 3, 1, 7, 9, 5])
    }
}

struct BatchPlanTests {
    private static let sizes = [(1, 1), (7, 3), (64, 8), (101, 8), (333, 16), (1_000, 7)]

    private func plan(
        _ lengths: [Int], _ strategy: BatchingStrategy, _ batchSize: Int, epoch: Int = 0, seed: UInt64 = 1,
        dropsLast: Bool = false, rowLength: Int? = nil
    ) throws -> EpochPlan {
        let options = BatchingOptions(
            strategy: strategy, batchSize: batchSize, seed: seed, dropsLast: dropsLast, rowLength: rowLength)
        return try BatchSampler(lengths: lengths, options: options).plan(epoch: epoch)
    }

    private func rows(_ plan: EpochPlan) -> [[Int]] { (0..<plan.count).flatMap { plan[$0] } }

    private func padding(_ plan: EpochPlan, _ lengths: [Int]) -> Int {
        (0..<plan.count).reduce(0) { total, batch in
            let rowLengths = plan[batch].map { $0.reduce(0) { $0 + lengths[$1] } }
            return total + rowLengths.count * (rowLengths.max() ?? 0) - rowLengths.reduce(0, +)
        }
    }

    @Test(arguments: BatchingStrategy.allCases, sizes)
    func everyExampleComesOncePerEpoch(_ strategy: BatchingStrategy, _ size: (Int, Int)) throws {
        let lengths = randomLengths(size.0, upTo: 60, seed: UInt64(size.0))
        for epoch in 0..<3 {
            let plan = try plan(lengths, strategy, size.1, epoch: epoch, rowLength: 64)
            #expect(rows(plan).flatMap { $0 }.sorted() == Array(0..<size.0))
            #expect((0..<plan.count).allSatisfy { (1...size.1).contains(plan[$0].count) })
        }
    }

    @Test(arguments: BatchingStrategy.allCases, sizes)
    func allEpochsHaveTheStatedNumberOfBatches(_ strategy: BatchingStrategy, _ size: (Int, Int)) throws {
        let lengths = randomLengths(size.0, upTo: 60, seed: UInt64(size.0))
        for dropsLast in [false, true] {
            let options = BatchingOptions(
                strategy: strategy, batchSize: size.1, seed: 3, dropsLast: dropsLast, rowLength: 64)
            guard let sampler = try? BatchSampler(lengths: lengths, options: options) else { continue }
            for epoch in 0..<4 { #expect(sampler.plan(epoch: epoch).count == sampler.batchesPerEpoch) }
        }
    }

    @Test(arguments: [BatchingStrategy.random, .lengthGrouped, .packing])
    func theOrderFollowsFromSeedAndEpochAlone(_ strategy: BatchingStrategy) throws {
        let lengths = randomLengths(200, upTo: 60, seed: 9)
        let first = try plan(lengths, strategy, 8, epoch: 2, rowLength: 64)
        #expect(try plan(lengths, strategy, 8, epoch: 2, rowLength: 64) == first)
        #expect(try plan(lengths, strategy, 8, epoch: 3, rowLength: 64) != first)
        #expect(try plan(lengths, strategy, 8, epoch: 2, seed: 2, rowLength: 64) != first)
    }

    @Test func groupingByLengthSavesPaddingAndStaysRandom() throws {
        let lengths = randomLengths(2_000, upTo: 400, seed: 4)
        let random = padding(try plan(lengths, .random, 16), lengths)
        let grouped = padding(try plan(lengths, .lengthGrouped, 16), lengths)
        let sorted = padding(try plan(lengths, .sequential, 16), lengths)
        #expect(Double(grouped) < 0.15 * Double(random))
        #expect(sorted <= grouped)
        let batches = (0..<2).map { epoch in
            (try? plan(lengths, .lengthGrouped, 16, epoch: epoch)).map { plan in
                Set((0..<plan.count).map { plan[$0].flatMap { $0 }.sorted() })
            } ?? []
        }
        #expect(batches[0].isDisjoint(with: batches[1]))
    }

    @Test func droppingTheLastBatchLeavesFullBatchesOnly() throws {
        let lengths = randomLengths(103, upTo: 50, seed: 2)
        for strategy in [BatchingStrategy.random, .lengthGrouped] {
            let plan = try plan(lengths, strategy, 10, dropsLast: true)
            #expect(plan.count == 10)
            #expect((0..<10).allSatisfy { plan[$0].count == 10 })
        }
    }

    /// 15 examples lie in the last span, of which a sorted cut would always drop the 5 shortest.
    @Test func droppingDoesNotFavourTheShortest() throws {
        let lengths = Array(1...95)
        let dropped = try (0..<40).flatMap { epoch in
            let plan = try plan(lengths, .lengthGrouped, 10, epoch: epoch, dropsLast: true)
            return Set(0..<95).subtracting(rows(plan).flatMap { $0 }).map { lengths[$0] }
        }
        #expect(dropped.count == 200)
        #expect((40...56).contains(LengthSummary(dropped).mean))
    }

    @Test func evaluationGoesFromLongToShort() throws {
        let plan = try plan([3, 9, 5, 9, 1], .sequential, 2)
        #expect((0..<plan.count).map { plan[$0] } == [[[1], [3]], [[2], [0]], [[4]]])
    }

    @Test func resultsReturnToTheOrderOfTheData() throws {
        let plan = try plan([3, 9, 5, 9, 1], .sequential, 2)
        let indices = rows(plan).flatMap { $0 }
        #expect(try inOriginalOrder(indices.map { "r\($0)" }, indices: indices) == ["r0", "r1", "r2", "r3", "r4"])
        #expect(throws: DatasetError.self) { try inOriginalOrder(["a", "b"], indices: [0, 0]) }
        #expect(throws: DatasetError.self) { try inOriginalOrder(["a", "b"], indices: [0, 2]) }
        #expect(throws: DatasetError.self) { try inOriginalOrder(["a", "b"], indices: [1]) }
    }

    @Test(arguments: [
        ([], BatchingOptions(), "the number of examples is 0"),
        ([1], BatchingOptions(batchSize: 0), "per_device_train_batch_size is 0 but must be at least 1"),
        (
            [1, 2], BatchingOptions(batchSize: 3, dropsLast: true),
            "per_device_train_batch_size is 3 but must be at most"
        ),
        ([1, 9], BatchingOptions(strategy: .packing, rowLength: 8), "max_length is 8 but must be at least 9"),
        ([1], BatchingOptions(strategy: .packing), "max_length is not set but must be at least 1"),
    ])
    func unusableOptionsAreNamed(_ lengths: [Int], _ options: BatchingOptions, _ sentence: String) {
        let found = fault { _ = try BatchSampler(lengths: lengths, options: options) }
        #expect(found.hasPrefix(sentence), "\(found)")
    }
}

struct PackingTests {
    @Test(arguments: [1, 2, 10, 100, 1_000], [16, 100, 1_024])
    func rowsHoldEveryExampleOnceWithinTheLimit(_ count: Int, _ rowLength: Int) {
        let lengths = randomLengths(count, upTo: rowLength, seed: UInt64(count + rowLength))
        let rows = Packing.rows(of: Array(0..<count), lengths: lengths, rowLength: rowLength)
        #expect(rows.flatMap { $0 }.sorted() == Array(0..<count))
        #expect(rows.allSatisfy { $0.reduce(0) { $0 + lengths[$1] } <= rowLength })
        #expect(!rows.contains([]))
        let least = (lengths.reduce(0, +) + rowLength - 1) / rowLength
        // Nearly twice the volume only where examples exceed half a row each.
        #expect(Double(rows.count) <= 1.7 * Double(least) + 1)
    }

    @Test func firstFitDecreasingFillsRowsInOrder() {
        let rows = Packing.rows(of: Array(0..<6), lengths: [4, 7, 3, 6, 2, 5], rowLength: 10)
        #expect(rows == [[1, 2], [3, 0], [5, 4]])
    }

    @Test func theNumberOfRowsDoesNotDependOnTheOrder() {
        let lengths = randomLengths(500, upTo: 128, seed: 8)
        let counts = (0..<10).map { step in
            var order = Array(0..<500)
            var random = CounterRandom(seed: 0, purpose: "test", step: step)
            random.shuffle(&order)
            return Packing.rows(of: order, lengths: lengths, rowLength: 128).count
        }
        #expect(Set(counts).count == 1)
    }
}
