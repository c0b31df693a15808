/// What a training run will take, computed from the data and the model before the first step.
public struct Forecast: Sendable, Hashable {
    /// Training examples.
    public var examples: Int
    /// Tokens of one epoch, padding excluded, after truncation.
    public var tokens: Int
    /// The part of the examples that truncation shortens, between 0 and 1.
    public var truncatedShare: Double
    /// The part of all computed positions that is padding, between 0 and 1.
    public var paddingShare: Double
    /// The part of the tokens that the loss counts, between 0 and 1.
    public var labelledShare: Double
    /// Lengths of the examples in tokens, before truncation.
    public var lengths: LengthQuantiles
    /// Number of parameters that training changes.
    public var trainableParameters: Int
    /// Number of all parameters, frozen ones included.
    public var totalParameters: Int
    /// What takes memory, largest first where the maker cares.
    public var memoryParts: [MemoryPart]
    /// Batches of one epoch.
    public var batchesPerEpoch: Int
    /// Optimizer steps of the whole run.
    public var steps: Int

    /// States a forecast.
    public init(
        examples: Int, tokens: Int, truncatedShare: Double, paddingShare: Double, labelledShare: Double,
        lengths: LengthQuantiles, trainableParameters: Int, totalParameters: Int, memoryParts: [MemoryPart],
        batchesPerEpoch: Int, steps: Int
    ) {
        self.examples = examples
        self.tokens = tokens
        self.truncatedShare = truncatedShare
        self.paddingShare = paddingShare
        self.labelledShare = labelledShare
        self.lengths = lengths
        self.trainableParameters = trainableParameters
        self.totalParameters = totalParameters
        self.memoryParts = memoryParts
        self.batchesPerEpoch = batchesPerEpoch
        self.steps = steps
    }

    /// Estimated peak memory in bytes: the sum of the parts.
    public var memoryBytes: Int {
        memoryParts.reduce(0) { sum, part in
            let (total, overflow) = sum.addingReportingOverflow(part.bytes)
            return overflow ? .max : total
        }
    }
}

/// How long examples are, in tokens.
public struct LengthQuantiles: Sendable, Hashable {
    /// The shortest example.
    public var minimum: Int
    /// Half of the examples are no longer than this.
    public var median: Int
    /// 95 % of the examples are no longer than this.
    public var p95: Int
    /// The longest example.
    public var maximum: Int

    /// States quantiles.
    public init(minimum: Int, median: Int, p95: Int, maximum: Int) {
        self.minimum = minimum
        self.median = median
        self.p95 = p95
        self.maximum = maximum
    }

    /// Measures lengths by the nearest-rank rule: the q-quantile is the smallest length that at least a part q of
    /// the examples does not exceed. All are 0 where there is no example.
    public init(lengths: [Int]) {
        let sorted = lengths.sorted()
        func rank(_ percent: Int) -> Int {
            guard !sorted.isEmpty else { return 0 }
            let place = (sorted.count * percent + 99) / 100
            return sorted[max(place, 1) - 1]
        }
        self.init(minimum: rank(0), median: rank(50), p95: rank(95), maximum: rank(100))
    }
}

/// A part of the memory that training takes.
public struct MemoryPart: Sendable, Hashable {
    /// What takes it, `frozen weights` for example.
    public var name: String
    /// How much, in bytes.
    public var bytes: Int

    /// Names a part.
    public init(name: String, bytes: Int) {
        self.name = name
        self.bytes = bytes
    }
}
