/// The batches of one epoch as example indices.
///
/// A batch has rows; a row has one example, or several where they are packed.
public struct EpochPlan: Sendable, Equatable {
    private var order: [Int32] = []
    private var rowEnds: [Int] = []
    private var batchEnds: [Int] = []

    /// Collects batches in the order of use.
    init(batches: some Sequence<some Sequence<[Int]>>) {
        for batch in batches {
            for row in batch {
                order.append(contentsOf: row.lazy.map(Int32.init))
                rowEnds.append(order.count)
            }
            batchEnds.append(rowEnds.count)
        }
    }

    /// The number of batches.
    public var count: Int { batchEnds.count }

    /// The rows of a batch.
    ///
    /// - Complexity: the size of the batch; no other batch is looked at.
    public subscript(batch: Int) -> [[Int]] {
        let first = batch == 0 ? 0 : batchEnds[batch - 1]
        return (first..<batchEnds[batch]).map { row in
            ((row == 0 ? 0 : rowEnds[row - 1])..<rowEnds[row]).map { Int(order[$0]) }
        }
    }
}
