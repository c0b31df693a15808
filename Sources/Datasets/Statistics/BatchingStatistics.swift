/// What batching makes of a data set, for the forecast before training.
public struct BatchingStatistics: Sendable, Equatable, Codable {
    /// The number of batches of an epoch.
    public var batchesPerEpoch: Int
    /// Rows of the first epoch.
    public var rows: Int
    /// Cells of the first epoch's batches, padding included.
    public var cells: Int
    /// Cells that hold tokens.
    public var tokens: Int
    /// The most cells of a batch, which decides the memory.
    public var largestBatchCells: Int
    /// The columns of that batch.
    public var largestBatchColumns: Int

    /// Counts the first epoch's batches without making them.
    public init(_ loader: BatchLoader) {
        let plan = loader.sampler.plan(epoch: 0)
        let (lengths, examples) = (loader.sampler.lengths, loader.dataset.examples)
        batchesPerEpoch = plan.count
        (rows, cells, tokens, largestBatchCells, largestBatchColumns) = (0, 0, 0, 0, 0)
        for index in 0..<plan.count {
            let rowLengths = plan[index].map { row in row.reduce(0) { $0 + lengths[$1] } }
            // A preference takes two rows.
            let second = plan[index].count { row in row.contains { examples[$0].alternative != nil } }
            // Targets that are sequences have rows of their own.
            let target = plan[index].joined().map { examples[$0].targetLength }.max() ?? 0
            let columns = loader.collator.columns(forLongest: rowLengths.max() ?? 0)
            let size = (rowLengths.count + second) * columns + rowLengths.count * target
            rows += rowLengths.count
            cells += size
            tokens += plan[index].reduce(0) { sum, row in sum + row.reduce(0) { $0 + examples[$1].tokenCount } }
            if size > largestBatchCells { (largestBatchCells, largestBatchColumns) = (size, columns) }
        }
    }

    /// The share of cells that are padding.
    public var paddingShare: Double { share(cells - tokens, of: cells) }

    /// Optimizer steps of an epoch; the last may accumulate fewer batches.
    public func stepsPerEpoch(accumulation: Int) -> Int {
        let accumulation = max(1, accumulation)
        return batchesPerEpoch / accumulation + (batchesPerEpoch % accumulation == 0 ? 0 : 1)
    }

    /// Optimizer steps of a training (`num_train_epochs`, which may be a fraction).
    public func steps(epochs: Double, accumulation: Int) -> Int {
        let steps = (epochs * Double(stepsPerEpoch(accumulation: accumulation))).rounded(.up)
        return steps > 0 ? Int(exactly: min(steps, 0x1p53)) ?? 0 : 0
    }
}
