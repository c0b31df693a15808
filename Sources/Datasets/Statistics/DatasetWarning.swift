/// What deserves a word before training but does not forbid it.
public enum DatasetWarning: Sendable, Equatable {
    /// Examples lost tokens to the limit.
    case truncated(examples: Int, of: Int, limit: Int)
    /// Examples have no labelled token.
    case unlabelled(examples: Int, of: Int)
    /// Rows with empty texts were left out.
    case skippedRows(Int)
    /// Training rows repeat each other.
    case repeatedRows(Int, of: Int)
    /// Evaluation rows are training rows too.
    case sharedRows(Int, of: Int)
}

extension DatasetWarning: CustomStringConvertible {
    /// One sentence.
    public var description: String {
        switch self {
        case .truncated(let examples, let all, let limit):
            "\(examples) of \(all) examples were cut to \(limit) tokens; raise max_length to keep them whole"
        case .unlabelled(let examples, let all):
            "\(examples) of \(all) examples have no labelled token and teach nothing; "
                + "their answers may lie beyond max_length"
        case .skippedRows(let rows): "\(rows) rows were skipped because a text or label is empty"
        case .repeatedRows(let rows, let all): "\(rows) of \(all) training rows repeat an earlier row"
        case .sharedRows(let rows, let all):
            "\(rows) of \(all) evaluation rows are in the training set too; their scores say little"
        }
    }
}

extension DatasetWarning {
    /// The warnings that follow from counts.
    ///
    /// - Parameters:
    ///   - limit: the length that examples were cut to.
    ///   - evaluationRows: the number of evaluation rows.
    public static func warnings(
        _ statistics: DatasetStatistics, limit: Int, duplicates: DuplicateCounts? = nil, evaluationRows: Int = 0
    ) -> [DatasetWarning] {
        let all = statistics.examples
        let candidates: [(count: Int, warning: DatasetWarning)] = [
            (statistics.truncatedExamples, .truncated(examples: statistics.truncatedExamples, of: all, limit: limit)),
            (statistics.unlabelledExamples, .unlabelled(examples: statistics.unlabelledExamples, of: all)),
            (statistics.skippedRows, .skippedRows(statistics.skippedRows)),
            (duplicates?.withinTraining ?? 0, .repeatedRows(duplicates?.withinTraining ?? 0, of: all)),
            (duplicates?.sharedWithTraining ?? 0, .sharedRows(duplicates?.sharedWithTraining ?? 0, of: evaluationRows)),
        ]
        return candidates.filter { $0.count > 0 }.map(\.warning)
    }
}
