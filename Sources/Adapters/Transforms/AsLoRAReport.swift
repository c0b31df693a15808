/// How much of an adapter its LoRA form holds.
public struct AsLoRAReport: Sendable, Equatable {
    /// One projection that has a product.
    public struct Module: Sendable, Equatable {
        /// The projection's path.
        public var path: String
        /// Rank of the product.
        public var rank: Int
        /// Frobenius norm of the change that the adapter makes.
        public var change: Double
        /// Frobenius norm of the part of the change that the product lacks.
        public var error: Double

        /// The error as a share of the change.
        public var relativeError: Double { error / change }
    }

    /// The projections that have a product, in the order of the adapter.
    public var modules: [Module] = []
    /// Projections whose weight the adapter leaves as it is.
    public var unchanged: [String] = []
    /// Names of the parameters that are kept whole.
    public var whole: [String] = []
    /// The largest difference of an output between the two adapters.
    public var absoluteDeviation = 0.0
    /// The largest output, which the deviation is held against.
    public var outputScale = 0.0
    /// Batches that both were run on.
    public var probes = 0

    /// The error over all projections as a share of their change, in the Frobenius norm.
    public var relativeError: Double {
        let (error, change) = (
            modules.reduce(0) { $0 + $1.error * $1.error }, modules.reduce(0) { $0 + $1.change * $1.change }
        )
        return change == 0 ? 0 : (error / change).squareRoot()
    }

    /// `absoluteDeviation` as a share of `outputScale`.
    public var relativeDeviation: Double { absoluteDeviation == 0 ? 0 : absoluteDeviation / outputScale }
}
