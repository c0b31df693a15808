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
public struct LoRA: SavesModules, Equatable {
    /// Rank of the product.
    public var r = 8
    /// Numerator of the scale.
    public var loraAlpha = 8.0
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Which modules; nil for the query and value projections.
    public var targetModules: TargetModules?
    /// Modules that are left out again.
    public var excludeModules: TargetModules?
    /// Only these layers, by their index.
    public var layersToTransform: [Int]?
    /// Names of the module list that holds the layers, where paths have several numbers.
    public var layersPattern: [String] = []
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
    public var bias = BiasTraining.none
    /// Gives B a bias of its own.
    public var loraBias = false
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []
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

    /// Existing biases that are trained.
    public enum BiasTraining: String, Codable, CaseIterable, Sendable {
        case none
        case all
        case loraOnly = "lora_only"

        var biases: TrainedBiases {
            switch self {
            case .none: .none
            case .all: .all
            case .loraOnly: .adapted
            }
        }
    }
}

// MARK: Options by peft's names

extension LoRA {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case r
        case loraAlpha = "lora_alpha"
        case loraDropout = "lora_dropout"
        case targetModules = "target_modules"
        case excludeModules = "exclude_modules"
        case layersToTransform = "layers_to_transform"
        case layersPattern = "layers_pattern"
        case rankPattern = "rank_pattern"
        case alphaPattern = "alpha_pattern"
        case useRSLoRA = "use_rslora"
        case useDoRA = "use_dora"
        case initLoRAWeights = "init_lora_weights"
        case loftqConfig = "loftq_config"
        case bias
        case loraBias = "lora_bias"
        case modulesToSave = "modules_to_save"
        case fanInFanOut = "fan_in_fan_out"
    }

    /// The names of all options.
    public static let optionNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Options without a default.
    public static let optionalOptions = [
        "target_modules", "exclude_modules", "layers_to_transform", "fan_in_fan_out",
    ]

    /// Reads the options; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: CodingKeys.self)
        r = try options.option(.r, default: r)
        loraAlpha = try options.option(.loraAlpha, default: loraAlpha)
        loraDropout = try options.option(.loraDropout, default: loraDropout)
        targetModules = try options.decodeIfPresent(TargetModules.self, forKey: .targetModules)
        excludeModules = try options.decodeIfPresent(TargetModules.self, forKey: .excludeModules)
        layersToTransform = try options.decodeIfPresent(OneOrMore<Int>.self, forKey: .layersToTransform)?.values
        layersPattern = try options.decodeIfPresent(OneOrMore<String>.self, forKey: .layersPattern)?.values ?? []
        rankPattern = try options.option(.rankPattern, default: rankPattern)
        alphaPattern = try options.option(.alphaPattern, default: alphaPattern)
        useRSLoRA = try options.option(.useRSLoRA, default: useRSLoRA)
        useDoRA = try options.option(.useDoRA, default: useDoRA)
        initLoRAWeights = try options.option(.initLoRAWeights, default: initLoRAWeights)
        loftqConfig = try options.option(.loftqConfig, default: loftqConfig)
        bias = try options.option(.bias, default: bias)
        loraBias = try options.option(.loraBias, default: loraBias)
        modulesToSave = try options.option(.modulesToSave, default: modulesToSave)
        fanInFanOut = try options.decodeIfPresent(Bool.self, forKey: .fanInFanOut)
        try validate()
    }

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
        func require(_ condition: Bool, _ text: String) throws {
            if !condition { throw MethodError.option(text) }
        }
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
        try require(
            layersPattern.isEmpty || layersToTransform != nil, "layers_pattern: needs layers_to_transform beside it")
    }

    /// s of a rank.
    public func scaling(rank: Int, alpha: Double) -> Double {
        useRSLoRA ? alpha / Double(rank).squareRoot() : alpha / Double(rank)
    }
}

/// A value or a list of them, as peft's files write both.
struct OneOrMore<Value: Decodable & Sendable>: Decodable, Sendable {
    let values: [Value]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let one = try? container.decode(Value.self) {
            values = [one]
        } else {
            values = try container.decode([Value].self)
        }
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
        let selection = TargetSelection(
            targets: targetModules, excluded: excludeModules, modulesToSave: modulesToSave,
            layersToTransform: layersToTransform, layersPattern: layersPattern, names: names, isStrict: isStrict)
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
        try set.addBiases(bias.biases, of: model, adapted: adapted)
        try set.addModules(modulesToSave, of: model)
        return set
    }
}
