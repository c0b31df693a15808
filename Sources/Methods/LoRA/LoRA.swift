import Networks
import Torch

/// LoRA and its family as Hugging Face peft computes them: a low-rank product beside a frozen linear map.
///
///     y = x Wᵀ + b + s·dropout(x) Aᵀ Bᵀ        s = lora_alpha / r, or lora_alpha / √r with use_rslora
///
/// A is [r, in], B is [out, r]. `use_dora` adds a trainable magnitude m [out] of the rows of W + s B A, whose norm n is a
/// constant in the backward: y = b + (m/n)·(x Wᵀ + s x Aᵀ Bᵀ). `init_lora_weights` chooses how A and B start; PiSSA,
/// OLoRA and LoftQ also replace the frozen weight by a residual. Options have peft's names and defaults.
///
/// Sources: Hu et al. 2021 (arXiv:2106.09685, eq. 3); Kalajdzievski 2023 (2312.03732) for rsLoRA; Liu et al. 2024
/// (2402.09353, eq. 5 and section 4.3) for DoRA; Meng et al. 2024 (2404.02948); Büyükakyüz 2024 (2406.01775); Li et al.
/// 2023 (2310.08659, algorithm 1).
public struct LoRA: TargetsLayers, Equatable {
    /// Rank of the product.
    public var r = 8
    /// Numerator of the scale.
    public var loraAlpha = 8.0
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()
    /// Which layers; all by default.
    public var layers = LayerChoice()
    /// Ranks of single modules by pattern.
    public var rankPattern: PatternTable<Int> = [:]
    /// Alphas of single modules by pattern.
    public var alphaPattern: PatternTable<Double> = [:]
    /// Scales by √r.
    public var useRSLoRA = false
    /// Trains a magnitude per output.
    public var useDoRA = false
    /// How the factors start.
    public var initLoRAWeights = LoRAInit.default
    /// Bits and iterations of LoftQ.
    public var loftqConfig = LoftQConfig()
    /// Which existing biases are trained with it.
    public var bias = TrainedBiases.none
    /// Gives B a bias of its own.
    public var loraBias = false
    /// Accepted because peft's configurations have it. Each layer itself says how it stores its weight, so the value
    /// changes nothing.
    public var fanInFanOut: Bool?

    /// peft's defaults.
    public init() {}

    /// What LoRA declares about itself.
    public static let card = MethodCard(
        name: "lora", summary: "A trainable low-rank product beside each chosen frozen linear map.",
        family: "low rank", sites: "linear, embedding and convolution projections, parallel branch",
        paper: "Hu et al. 2021, arXiv:2106.09685", initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options by peft's names

extension LoRA {
    /// Its options.
    public static let options: [MethodOption<LoRA>] = [
        .init("r", \.r),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .targetModules, .excludeModules, .layersToTransform, .layersPattern,
        .init("rank_pattern", \.rankPattern),
        .init("alpha_pattern", \.alphaPattern),
        .init("use_rslora", \.useRSLoRA),
        .init("use_dora", \.useDoRA),
        .init("init_lora_weights", \.initLoRAWeights),
        .init("loftq_config", \.loftqConfig),
        .bias(\.bias, adapted: "lora_only"),
        .init("lora_bias", \.loraBias),
        .modulesToSave,
        .init("fan_in_fan_out", \.fanInFanOut),
    ]

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
        try require(r > 0, "r: the rank must be positive, found \(r)")
        try require((0..<1).contains(loraDropout), "lora_dropout: must be at least 0 and below 1, found \(loraDropout)")
        for entry in rankPattern.entries {
            try require(
                entry.value > 0, "rank_pattern: the rank of `\(entry.key)` must be positive, found \(entry.value)")
        }
        try require(!(useDoRA && loraBias), "lora_bias: a bias of the branch cannot be combined with use_dora")
        try require(
            !(loraBias && !initLoRAWeights.isPlain),
            "lora_bias: can be combined only with init_lora_weights true, false or gaussian")
        try require(
            [4, 8].contains(loftqConfig.bits),
            "loftq_config: loftq_bits must be 4 or 8, found \(loftqConfig.bits)")
        try require(
            loftqConfig.iterations > 0, "loftq_config: loftq_iter must be positive, found \(loftqConfig.iterations)")
        try layers.validate()
    }

    /// s of a rank.
    public func scaling(rank: Int, alpha: Double) -> Double {
        useRSLoRA ? alpha / Double(rank).squareRoot() : alpha / Double(rank)
    }
}

// MARK: Grafts

/// One module that is adapted, with the rank and the alpha that hold there.
public struct LoRAPlacement: Sendable, Equatable {
    /// The module's path in the network.
    public var path: String
    /// Rank of the product.
    public var rank: Int
    /// Numerator of the scale.
    public var alpha: Double

    /// A module at a path with its rank and alpha.
    public init(path: String, rank: Int, alpha: Double) {
        self.path = path
        self.rank = rank
        self.alpha = alpha
    }
}

extension LoRA {
    /// Factors for each chosen projection, and copies of the biases and modules that are trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        let placements = try placements(on: model, names: start.names, isStrict: start.isStrict)
        for placement in placements {
            let factor = model.projections[placement.path]?.isEmbedding == true ? "lora_embedding_A" : "lora_A.weight"
            try start.requireStored(placement.rank, of: "\(placement.path).\(factor)")
        }
        return try grafts(for: model, at: placements, key: start.key)
    }

    /// The modules that the options mean, in the order of the network.
    /// - Parameters:
    ///   - names: how the options spell the network's paths.
    ///   - isStrict: whether every name and pattern must match something; otherwise one match is enough.
    public func placements(
        on model: Model, names: @escaping (String) -> String = { $0 }, isStrict: Bool = true
    ) throws -> [LoRAPlacement] {
        try validate()
        let selection = TargetSelection(targeting, layers: layers, names: names, isStrict: isStrict)
        let projections = try selection.projections(of: model)
        let ranks = try ModulePatterns(rankPattern.entries.map { ($0.key, $0.value) }, option: "rank_pattern")
        let alphas = try ModulePatterns(alphaPattern.entries.map { ($0.key, $0.value) }, option: "alpha_pattern")
        if isStrict {
            try ranks.requireMatches(in: projections.map { names($0.path) })
            try alphas.requireMatches(in: projections.map { names($0.path) })
        }
        return try projections.map { projection in
            let name = names(projection.path)
            return LoRAPlacement(
                path: projection.path, rank: try ranks.value(for: name) ?? r,
                alpha: try alphas.value(for: name) ?? loraAlpha)
        }
    }

    /// Makes the grafts for given modules.
    public func grafts(for model: Model, at placements: [LoRAPlacement], key: RandomKey) throws -> GraftSet {
        var set = GraftSet()
        var adapted: [Projection] = []
        for placement in placements {
            guard let projection = model.projections[placement.path] else {
                throw MethodError.unmatched(option: "target_modules", pattern: placement.path, nearest: nil)
            }
            set.projections[placement.path] = try LoRAGraft(
                self, rank: placement.rank, scaling: scaling(rank: placement.rank, alpha: placement.alpha),
                at: projection, key: key.derived(placement.path))
            adapted.append(projection)
        }
        try set.addBiases(bias, of: model, adapted: adapted)
        try set.addModules(modulesToSave, of: model)
        return set
    }
}
