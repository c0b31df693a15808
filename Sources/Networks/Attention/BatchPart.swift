/// Some rows of a batch that goes through a network in parts.
public struct BatchPart: Sendable, Equatable {
    /// Which rows.
    public let rows: Range<Int>
    /// How many rows the whole batch has.
    public let count: Int

    /// Tokens of a part that are enough to keep the processors busy: more of them take memory and save no time.
    public static let tokens = 512

    /// The parts of a batch, as equal as they can be.
    /// - Parameters:
    ///   - count: rows of the batch.
    ///   - most: rows of a part, at most; at least one is taken.
    public static func parts(of count: Int, most: Int) -> [BatchPart] {
        guard count > 0 else { return [] }
        let most = max(1, most)
        let number = (count - 1) / most + 1
        return (0..<number).map { BatchPart(rows: count * $0 / number..<count * ($0 + 1) / number, count: count) }
    }

    /// Whether no part comes after this one.
    public var isLast: Bool { rows.upperBound == count }
}
