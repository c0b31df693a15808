/// How examples are put together.
public enum BatchingStrategy: String, Sendable, Codable, CaseIterable {
    /// In random order, padded to the longest of the batch.
    case random
    /// In random order, but similar lengths together.
    case lengthGrouped = "length_grouped"
    /// Several examples in one row, kept apart by segment numbers.
    case packing
    /// Longest first and without randomness, for evaluation; `Batch.exampleIndices` puts results in order again.
    case sequential
}

/// Choices of batching.
public struct BatchingOptions: Sendable, Equatable {
    /// How examples are put together.
    public var strategy: BatchingStrategy
    /// Rows of a batch (`per_device_train_batch_size`); a row is an example except when packing.
    public var batchSize: Int
    /// The seed of the order.
    public var seed: UInt64
    /// Whether the last batch is left out where it is not full.
    public var dropsLast: Bool
    /// The tokens of a row when packing.
    public var rowLength: Int?

    /// By default: grouped by length, 8 rows, every example used.
    public init(
        strategy: BatchingStrategy = .lengthGrouped, batchSize: Int = 8, seed: UInt64 = 42, dropsLast: Bool = false,
        rowLength: Int? = nil
    ) {
        self.strategy = strategy
        self.batchSize = batchSize
        self.seed = seed
        self.dropsLast = dropsLast
        self.rowLength = rowLength
    }
}
