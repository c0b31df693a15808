/// A rectangle of tokens with all that a model and a loss need of it, as plain numbers in row-major order.
public struct Batch: Sendable, Equatable {
    /// The number of rows.
    public let rows: Int
    /// The number of columns.
    public let columns: Int
    /// Tokens, [rows × columns], filled up with the pad token; none where rows are images.
    public internal(set) var inputIDs: [Int64]
    /// 1 for tokens, 0 for padding, [rows × columns]; none where rows are images.
    public internal(set) var attentionMask: [Int64]
    /// Segment types, [rows × columns]; nil where all are 0.
    public internal(set) var typeIDs: [Int64]?
    /// Positions, [rows × columns]: they restart at 0 with every packed example and skip padding on the left. Nil where
    /// a row simply counts from 0.
    public internal(set) var positionIDs: [Int64]?
    /// The number of the packed example within its row, -1 for padding, [rows × columns]; tokens attend within their
    /// number only. Nil where rows are not packed.
    public internal(set) var segmentIDs: [Int64]?
    /// The image of each row, where rows are images.
    public internal(set) var images: [ImageReference]?
    /// The number of the task of each row, [rows]; nil where rows have none.
    public internal(set) var taskIDs: [Int64]?
    /// What a decoder reads to predict targets that are sequences of their own, [rows × target columns]: the start token,
    /// then every label but the last. Nil where targets are none.
    public internal(set) var decoderInputIDs: [Int64]?
    /// What is to be learnt.
    public internal(set) var targets: BatchTargets
    /// Where each example lies, row by row.
    public internal(set) var segments: [BatchSegment]

    /// The examples' indices in their data set, row by row.
    public var exampleIndices: [Int] { segments.map(\.example) }

    /// The tokens of each row, padding aside.
    public var rowLengths: [Int] {
        segments.reduce(into: [Int](repeating: 0, count: rows)) { $0[$1.row] += $1.columns.count }
    }

    /// The number of tokens, padding aside.
    public var tokenCount: Int { segments.reduce(0) { $0 + $1.columns.count } }
}

/// The place of one example in a batch.
public struct BatchSegment: Sendable, Equatable {
    /// The example's index in its data set.
    public let example: Int
    /// The row.
    public let row: Int
    /// The columns.
    public let columns: Range<Int>
}

/// What a batch teaches.
public enum BatchTargets: Sendable, Equatable {
    /// Nothing.
    case none
    /// One class per row.
    case classes([Int64])
    /// One number per row.
    case values([Float])
    /// One label per token, [rows × columns], unshifted, `ignoredLabel` where nothing is to be learnt.
    case tokens([Int64])
    /// One label per place of a decoder, [rows × columns] with columns of their own: the scores of a place are those of
    /// its label. `ignoredLabel` fills rows up.
    case sequences([Int64], columns: Int)
    /// Labels as for `tokens` of twice as many rows as there are pairs: the better texts in the first half, the worse
    /// ones in the same order in the second.
    case preferences(labels: [Int64], pairs: Int)
    /// Labels as for `tokens`, and for each row whether its answer is desirable.
    case judgements(labels: [Int64], isDesirable: [Bool])

    /// What the loss is divided by: labelled tokens, rows, or pairs.
    public var labelledCount: Int {
        switch self {
        case .none: 0
        case .classes(let classes): classes.count
        case .values(let values): values.count
        case .preferences(_, let pairs): pairs
        case .judgements(_, let isDesirable): isDesirable.count
        case .tokens(let labels), .sequences(let labels, _): labels.count { $0 != Int64(ignoredLabel) }
        }
    }
}
