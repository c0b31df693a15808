/// The sets of a training: what is learnt, and what it is measured on.
public struct DatasetParts: Sendable {
    /// What is learnt.
    public var training: SampleSet
    /// What is measured during training.
    public var validation: SampleSet?
    /// What is measured at the end.
    public var test: SampleSet?

    /// Reads the files. A validation file wins over a share to hold out of the training file.
    ///
    /// - Parameters:
    ///   - taskColumn: the column of the number of a row's task; nil where rows have none.
    ///   - heldOutShare: the part of the training rows to hold out (`validation_split`).
    ///   - seed: decides which rows are held out.
    /// - Throws: a `DatasetError`; see `SampleSet.init(reading:for:skipsEmptyRows:)` and `DataSplit`.
    public init(
        training: DataFile, validation: DataFile? = nil, test: DataFile? = nil, for task: DatasetTask,
        taskColumn: String? = nil, holdingOut heldOutShare: Double? = nil, seed: UInt64 = 42,
        skipsEmptyRows: Bool = false
    ) throws {
        let read = { (file: DataFile) in
            try SampleSet(reading: file, for: task, taskColumn: taskColumn, skipsEmptyRows: skipsEmptyRows)
        }
        try self.init(
            training: read(training), validation: validation.map(read), test: test.map(read),
            holdingOut: heldOutShare, seed: seed)
    }

    /// Takes sets that were read. A validation set wins over a share to hold out of the training set.
    ///
    /// - Throws: a `DatasetError`; see `DataSplit`.
    public init(
        training: SampleSet, validation: SampleSet? = nil, test: SampleSet? = nil,
        holdingOut heldOutShare: Double? = nil, seed: UInt64 = 42
    ) throws(DatasetError) {
        self.training = training
        self.validation = validation
        self.test = test
        guard let heldOutShare, validation == nil else { return }
        let split = try DataSplit(training.samples, holdingOut: heldOutShare, seed: seed)
        self.training.samples = split.training
        self.validation = SampleSet(samples: split.validation)
    }
}
