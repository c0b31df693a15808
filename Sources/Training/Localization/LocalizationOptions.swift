/// How a skill is located.
public struct LocalizationOptions: Codable, Sendable, Equatable {
    /// Where parameters that are not graftable come from in every forward.
    public enum Others: String, Codable, Sendable, CaseIterable {
        /// The checkpoint before fine-tuning; what it lacks, such as a classifier, comes from the other.
        case pre
        /// The fine-tuned checkpoint.
        case fine
    }

    /// Share of the graftable scalars in the base patch of largest movement.
    public var sparsity = 1e-5
    /// c of the sigmoid.
    public var sigmoidBias = 10.0
    /// The step on the scores.
    public var learningRate = 1e7
    /// Steps on the scores.
    public var epochs = 10
    /// Batches of a step.
    public var batches = 128
    /// Rows of a batch.
    public var batchSize = 8
    /// Layers from this one on are graftable.
    public var fixLayers = 0
    /// Whether what stands before the layers stays as it is.
    public var fixEmbeddings = true
    /// Whether what stands after the layers stays as it is.
    public var fixHead = true
    /// Whether only biases are graftable.
    public var onlyBiases = false
    /// Where the others come from.
    public var othersFrom = Others.pre
    /// The root of the draws: scores and the order of the rows.
    public var seed = 42

    enum CodingKeys: String, CodingKey {
        case sparsity
        case sigmoidBias = "sigmoid_bias"
        case learningRate = "learning_rate"
        case epochs
        case batches
        case batchSize = "batch_size"
        case fixLayers = "fix_layers"
        case fixEmbeddings = "fix_embeddings"
        case fixHead = "fix_head"
        case onlyBiases = "only_biases"
        case othersFrom = "others_from"
        case seed
    }

    /// The release's settings.
    public init() {}

    func validate() throws {
        func require(_ condition: Bool, _ text: String) throws {
            if !condition { throw LocalizationError.option(text) }
        }
        try require((0...1).contains(sparsity), "sparsity: must be from 0 to 1, found \(sparsity)")
        try require(sigmoidBias.isFinite, "sigmoid_bias: must be a number")
        try require(learningRate >= 0 && learningRate.isFinite, "learning_rate: must not be negative")
        try require(epochs >= 0 && batches >= 1 && batchSize >= 1, "epochs, batches, batch_size: must be positive")
        try require(fixLayers >= 0, "fix_layers: must not be negative")
    }

    /// The graftable ones of a network's parameters, given in its order. A layer's parameters have its number in their
    /// name; what stands before the first is an embedding, what stands after the last belongs to the head.
    public func graftable(_ names: [String]) -> [String] {
        let layers = names.map { name in name.split(separator: ".").compactMap { Int($0) }.first }
        let first = layers.firstIndex { $0 != nil } ?? names.count
        return zip(names, layers).enumerated().compactMap { index, element in
            let (name, layer) = element
            if onlyBiases, !name.hasSuffix("bias") { return nil }
            if let layer { return layer >= fixLayers ? name : nil }
            return index < first ? (fixEmbeddings ? nil : name) : (fixHead ? nil : name)
        }
    }
}
