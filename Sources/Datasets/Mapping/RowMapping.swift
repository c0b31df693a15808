/// Turns rows of a file into samples. It is made for the columns of the file's first row.
public protocol RowMapping: Sendable {
    /// The sample that a row states.
    ///
    /// - Throws: a `DatasetError` with the row's place.
    func sample(from record: Record) throws -> Sample
}

/// What a data file is read for.
public enum DatasetTask: Sendable {
    /// Texts with one label each: a class, or a number for regression.
    case classification(ClassificationColumns)
    /// Texts that a language model learns to continue.
    case causalLM(CausalColumns)
    /// Sources, and the targets that a model learns to write of them.
    case seq2seq(Seq2SeqColumns)
    /// Prompts with two answers each.
    case preference(PreferenceColumns)

    /// Chooses the columns that fit the row.
    func mapping(for record: Record) throws -> any RowMapping {
        switch self {
        case .classification(let columns): try columns.mapping(for: record)
        case .causalLM(let columns): try columns.mapping(for: record)
        case .seq2seq(let columns): try columns.mapping(for: record)
        case .preference(let columns): try columns.mapping(for: record)
        }
    }
}

/// The samples of one file.
public struct SampleSet: Sendable {
    /// The samples in the file's order.
    public var samples: [Sample]
    /// How many rows were left out because a text was empty.
    public var skippedRows: Int

    /// Collects samples.
    public init(samples: [Sample], skippedRows: Int = 0) {
        self.samples = samples
        self.skippedRows = skippedRows
    }

    /// Reads a whole file.
    ///
    /// - Parameters:
    ///   - taskColumn: the column of the number of a row's task; nil where rows have none.
    ///   - skipsEmptyRows: leaves rows with a missing or blank text or label out and counts them, instead of throwing.
    /// - Throws: a `DatasetError`, `.noRows` also where every row was skipped.
    public init(reading file: DataFile, for task: DatasetTask, taskColumn: String? = nil, skipsEmptyRows: Bool = false)
        throws
    {
        var samples: [Sample] = []
        var skipped = 0
        var mapping: (any RowMapping)?
        try file.forEachRecord { record in
            let chosen = try mapping ?? task.mapping(for: record)
            mapping = chosen
            do {
                var sample = try chosen.sample(from: record)
                sample.taskID = try taskColumn.map(record.index)
                samples.append(sample)
            } catch DatasetError.emptyValue where skipsEmptyRows {
                skipped += 1
            }
        }
        if samples.isEmpty { throw DatasetError.noRows(path: file.url.relativePath) }
        self.init(samples: samples, skippedRows: skipped)
    }
}
