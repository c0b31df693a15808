/// Plans the batches of every epoch. A plan is a function of options, lengths and epoch alone, so that a run resumes at
/// (epoch, batch) without replaying anything.
public struct BatchSampler: Sendable {
    let lengths: [Int]
    let options: BatchingOptions
    /// The number of batches of every epoch; it is the same for all.
    public let batchesPerEpoch: Int

    /// Prepares planning for examples of the given lengths.
    ///
    /// - Throws: `DatasetError.invalidOption` for a batch size below 1, packing without a row length or with examples
    ///   beyond it, or options that leave no batch.
    public init(lengths: [Int], options: BatchingOptions) throws(DatasetError) {
        self.lengths = lengths
        self.options = options
        try Self.check(lengths, options)
        var rows = lengths.count
        if options.strategy == .packing, let rowLength = options.rowLength {
            // The number of packed rows depends on the lengths only, not on the order of equal ones.
            rows = Packing.rows(of: Array(lengths.indices), lengths: lengths, rowLength: rowLength).count
        }
        let full = rows / options.batchSize
        batchesPerEpoch = options.dropsLast || rows % options.batchSize == 0 ? full : full + 1
        guard batchesPerEpoch > 0 else {
            throw .invalidOption(
                name: "per_device_train_batch_size", value: String(options.batchSize),
                allowed: "at most the number of rows (\(rows)) while dataloader_drop_last is on")
        }
    }

    private static func check(_ lengths: [Int], _ options: BatchingOptions) throws(DatasetError) {
        guard options.batchSize >= 1 else {
            throw .invalidOption(
                name: "per_device_train_batch_size", value: String(options.batchSize), allowed: "at least 1")
        }
        guard !lengths.isEmpty, lengths.count < Int(Int32.max) else {
            throw .invalidOption(
                name: "the number of examples", value: String(lengths.count), allowed: "from 1 to \(Int32.max - 1)")
        }
        guard options.strategy == .packing else { return }
        let longest = lengths.max() ?? 0
        guard let rowLength = options.rowLength, rowLength >= longest else {
            throw .invalidOption(
                name: "max_length", value: options.rowLength.map(String.init) ?? "not set",
                allowed: "at least \(longest), the longest example, when packing")
        }
    }

    /// The batches of an epoch.
    ///
    /// - Complexity: O(n log n) for n examples; a batch is then found in constant time.
    public func plan(epoch: Int) -> EpochPlan {
        var random = CounterRandom(seed: options.seed, purpose: "batches", step: epoch)
        switch options.strategy {
        case .random: return EpochPlan(batches: cut(shuffled(with: &random).map { [$0] }))
        case .lengthGrouped: return EpochPlan(batches: lengthGrouped(with: &random))
        case .packing: return EpochPlan(batches: packed(with: &random))
        case .sequential:
            return EpochPlan(batches: cut(longestFirst(Array(lengths.indices)).map { [$0] }))
        }
    }

    private func shuffled(with random: inout CounterRandom) -> [Int] {
        var order = Array(lengths.indices)
        random.shuffle(&order)
        return order
    }

    /// Rows cut into batches.
    private func cut(_ rows: [[Int]]) -> [ArraySlice<[Int]>] {
        (0..<batchesPerEpoch).map { batch in
            rows[batch * options.batchSize..<min((batch + 1) * options.batchSize, rows.count)]
        }
    }

    /// Sorts by length, longest first; among equals the given order stays.
    private func longestFirst(_ order: [Int]) -> [Int] {
        order.enumerated().sorted { left, right in
            let (a, b) = (lengths[left.element], lengths[right.element])
            return a != b ? a > b : left.offset < right.offset
        }.map(\.element)
    }
}

extension BatchSampler {
    /// Cuts the shuffled order into spans of up to 50 batches, sorts each span by length and shuffles the batches.
    ///
    /// A span holds no more than a quarter of the data, so that batches differ between epochs in small sets too. When
    /// the last batch is dropped, it is the end of the shuffled order that goes, not the shortest examples.
    private func lengthGrouped(with random: inout CounterRandom) -> [ArraySlice<[Int]>] {
        var order = shuffled(with: &random)
        if options.dropsLast { order.removeLast(order.count - batchesPerEpoch * options.batchSize) }
        let batchesPerSpan = max(1, min(50, batchesPerEpoch / 4))
        let span = batchesPerSpan * options.batchSize
        var rows: [[Int]] = []
        for start in stride(from: 0, to: order.count, by: span) {
            let part = Array(order[start..<min(start + span, order.count)])
            rows += longestFirst(part).map { [$0] }
        }
        var batches = cut(rows)
        random.shuffle(&batches)
        return batches
    }

    /// Packs longest first, with equal lengths in random order, and shuffles the rows.
    private func packed(with random: inout CounterRandom) -> [ArraySlice<[Int]>] {
        guard let rowLength = options.rowLength else { return [] }
        var rows = Packing.rows(of: shuffled(with: &random), lengths: lengths, rowLength: rowLength)
        random.shuffle(&rows)
        return cut(rows)
    }
}
