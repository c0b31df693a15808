/// A division of samples into a training and a validation set.
public struct DataSplit: Sendable {
    /// What is learnt.
    public let training: [Sample]
    /// What is held out.
    public let validation: [Sample]

    /// Holds out a share of the rows by a hash of their texts and the seed.
    ///
    /// A row's side depends on nothing else: added, removed or reordered rows move no other row, and copies of a text
    /// stay on one side. The share is met on average.
    ///
    /// - Throws: `DatasetError.invalidOption` unless `0 < share < 1`; `.emptySplit` where one side gets nothing.
    public init(_ samples: [Sample], holdingOut share: Double, seed: UInt64) throws(DatasetError) {
        guard share > 0, share < 1 else {
            throw .invalidOption(name: "validation_split", value: "\(share)", allowed: "between 0 and 1, both excluded")
        }
        let isHeldOut = samples.map { Self.position(of: $0, seed: seed) < share }
        training = zip(samples, isHeldOut).filter { !$0.1 }.map(\.0)
        validation = zip(samples, isHeldOut).filter { $0.1 }.map(\.0)
        for (part, rows) in [("training", training), ("validation", validation)] where rows.isEmpty {
            throw .emptySplit(part: part, share: share, rows: samples.count)
        }
    }

    /// A number in 0..<1 that belongs to the texts.
    private static func position(of sample: Sample, seed: UInt64) -> Double {
        var random = CounterRandom(seed: seed ^ sample.contentDigest, purpose: "validation_split", step: 0)
        return Double(random.next() >> 11) * 0x1p-53
    }
}
