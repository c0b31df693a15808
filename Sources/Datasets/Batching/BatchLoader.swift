/// A place in the stream of batches; all that resuming needs of the data.
public struct BatchPosition: Sendable, Hashable, Codable {
    /// The epoch, from 0.
    public var epoch: Int
    /// The batch within the epoch, from 0.
    public var batch: Int

    /// The beginning, or another place.
    public init(epoch: Int = 0, batch: Int = 0) {
        self.epoch = epoch
        self.batch = batch
    }
}

/// The batches of a data set, epoch by epoch.
///
/// ```swift
/// let loader = try BatchLoader(data, options: options, collator: collator)
/// var batches = loader.batches(from: BatchPosition(epoch: 2, batch: 17))
/// while let batch = try batches.nextBatch() { … }
/// ```
public struct BatchLoader: Sendable {
    /// What the batches are made of.
    public let dataset: EncodedDataset
    /// What plans them.
    public let sampler: BatchSampler
    /// What lays them out.
    public let collator: Collator

    /// Checks the options against the data.
    ///
    /// - Throws: `DatasetError.invalidOption`, or `.mixedTargets` where the targets do not allow the batching.
    public init(_ dataset: EncodedDataset, options: BatchingOptions, collator: Collator) throws(DatasetError) {
        self.dataset = dataset
        sampler = try BatchSampler(lengths: dataset.lengths, options: options)
        self.collator = collator
        guard options.strategy == .packing else { return }
        let isPackable = dataset.examples.allSatisfy { if case .tokens = $0.target { true } else { false } }
        guard isPackable else {
            throw .invalidOption(
                name: "packing", value: "on", allowed: "off unless every token has a label (language modelling)")
        }
    }

    /// The number of batches of every epoch.
    public var batchesPerEpoch: Int { sampler.batchesPerEpoch }

    /// The batches of the position's epoch from the position on. They are made one at a time.
    public func batches(from position: BatchPosition) -> EpochBatches {
        EpochBatches(loader: self, plan: sampler.plan(epoch: position.epoch), position: position)
    }
}

/// The remaining batches of an epoch. Batches are independent: `batch(at:)` makes any one alone.
public struct EpochBatches: Sendable {
    private let loader: BatchLoader
    private let plan: EpochPlan
    /// The batch that comes next; beyond the last it has the number of batches.
    public private(set) var position: BatchPosition

    init(loader: BatchLoader, plan: EpochPlan, position: BatchPosition) {
        self.loader = loader
        self.plan = plan
        self.position = position
    }

    /// The number of batches of the epoch.
    public var count: Int { plan.count }

    /// Makes one batch of the epoch.
    public func batch(at index: Int) throws(DatasetError) -> Batch {
        guard (0..<plan.count).contains(index) else {
            throw .invalidOption(name: "the batch's number", value: String(index), allowed: "in 0..<\(plan.count)")
        }
        return try loader.collator.batch(plan[index], of: loader.dataset.examples)
    }

    /// Makes the next batch, or gives nil at the end of the epoch.
    public mutating func nextBatch() throws(DatasetError) -> Batch? {
        guard position.batch < plan.count else { return nil }
        let batch = try batch(at: position.batch)
        position.batch += 1
        return batch
    }
}
