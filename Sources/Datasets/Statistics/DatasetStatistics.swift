/// What a data set consists of, for the forecast before training.
public struct DatasetStatistics: Sendable, Equatable, Codable {
    /// The number of examples.
    public var examples: Int
    /// Rows left out because a text was empty.
    public var skippedRows: Int
    /// All tokens, after truncation.
    public var tokens: Int
    /// Tokens with a label; 0 where labels are not per token.
    public var labelledTokens: Int
    /// Examples of which no token has a label, where labels are per token.
    public var unlabelledExamples: Int
    /// Examples that lost tokens to the limit.
    public var truncatedExamples: Int
    /// The tokens of examples.
    public var lengths: LengthSummary
    /// How many examples each class has, by class index; empty where there are no classes.
    public var classCounts: [Int]

    /// Counts.
    ///
    /// - Parameter classes: the number of classes, so that classes without examples are counted as 0.
    public init(_ dataset: EncodedDataset, classes: Int = 0) {
        let all = dataset.examples
        examples = all.count
        skippedRows = dataset.skippedRows
        lengths = LengthSummary(dataset.lengths)
        tokens = all.reduce(0) { $0 + $1.tokenCount }
        truncatedExamples = all.count { $0.isTruncated }
        labelledTokens = 0
        unlabelledExamples = 0
        classCounts = [Int](repeating: 0, count: classes)
        for example in all { count(example) }
    }

    private mutating func count(_ example: Example) {
        switch example.target {
        case .none, .value: break
        case .classIndex(let index):
            guard index >= 0 else { return }
            if Int(index) >= classCounts.count {
                classCounts += Array(repeating: 0, count: Int(index) + 1 - classCounts.count)
            }
            classCounts[Int(index)] += 1
        case .tokens, .sequence:
            let labelled = example.labelledTokens
            labelledTokens += labelled
            if labelled == 0 { unlabelledExamples += 1 }
        }
    }

    /// The share of examples that lost tokens.
    public var truncatedShare: Double { share(truncatedExamples, of: examples) }

    /// The share of tokens that the loss counts.
    public var labelledShare: Double { share(labelledTokens, of: tokens) }
}

/// Shortest, middle and longest.
public struct LengthSummary: Sendable, Equatable, Codable {
    /// The shortest.
    public var minimum = 0
    /// The middle one, or the mean of the two middle ones.
    public var median = 0.0
    /// The arithmetic mean.
    public var mean = 0.0
    /// The longest.
    public var maximum = 0

    /// Summarises lengths; all is 0 where there are none.
    public init(_ lengths: [Int]) {
        let sorted = lengths.sorted()
        guard let first = sorted.first, let last = sorted.last else { return }
        let middle = sorted.count / 2
        minimum = first
        maximum = last
        median = sorted.count % 2 == 1 ? Double(sorted[middle]) : Double(sorted[middle - 1] + sorted[middle]) / 2
        mean = share(sorted.reduce(0, +), of: sorted.count)
    }
}

/// A part of a whole; 0 of nothing.
func share(_ part: Int, of whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
