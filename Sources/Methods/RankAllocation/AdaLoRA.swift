import Networks
import Torch

/// AdaLoRA: a low-rank product in the form of a singular value decomposition, whose least important triplets are
/// switched off all over the model until a budget is met.
///
///     y = x Wᵀ + b + dropout(x) (A ∘ E)ᵀ Bᵀ · lora_alpha / (init_r + 1e-5)
///
/// A [init_r, in] and B [out, init_r] start as N(0, 0.02²), E [init_r, 1] as zeros; a lora_alpha that is not positive
/// stands for init_r. The loss gets orth_reg_weight times the mean over all A and B of ‖A Aᵀ − I‖_F and ‖Bᵀ B − I‖_F.
///
/// After each optimizer step k = 1, 2, …, T every tensor's importance is smoothed, from |p ∘ ∂p| at the updated value
/// and the gradient of that step, by `beta1`, and what it deviates from that by `beta2`. A triplet's score is the
/// product of the two at E_j, plus its mean over A's row j, plus its mean over B's column j. The budget falls from
/// init_r to target_r per module:
///
///     b(k) = ⌊(init − target) (1 − (k − tinit) / (T − tfinal − tinit))³ + target⌋     tinit < k ≤ T − tfinal
///
/// Every `deltaT` steps, and once at k = T − tfinal, E is zeroed where the score is among the lowest of the whole model
/// (ties go together). Until then a zeroed E trains on and is judged anew; afterwards the choice is final. The scale
/// stays what it was, however many triplets are left.
///
/// Sources: Zhang et al. 2023 (arXiv:2303.10512), eqs. 3 to 12 and algorithm 1; order of the steps and defaults as in
/// Hugging Face peft 0.21, which scores after the update. From inference: `total_step` may be left out, for that of the
/// run; where nothing is over the budget nothing is zeroed.
public struct AdaLoRA: SavesModules, Equatable {
    /// Average rank at the end.
    public var targetR = 8
    /// Rank at the start.
    public var initR = 12
    /// Steps before the budget begins to fall.
    public var tinit = 0
    /// Steps at the end in which the ranks stay.
    public var tfinal = 0
    /// Steps between two allocations.
    public var deltaT = 1
    /// Smoothing of the importance.
    public var beta1 = 0.85
    /// Smoothing of its uncertainty.
    public var beta2 = 0.85
    /// Weight of the orthogonality in the loss.
    public var orthRegWeight = 0.5
    /// Optimizer steps of the training; nil for the run's own number.
    public var totalStep: Int?
    /// Which triplets of a module are there, by the name of its E in peft's files; all where it has no entry.
    public var rankPattern: PatternTable<[Bool]> = [:]
    /// Numerator of the scale.
    public var loraAlpha = 8.0
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Whether E starts at zero; otherwise all three are drawn from N(0, 1).
    public var initLoRAWeights = true
    /// Which modules; nil for the query and value projections.
    public var targetModules: TargetModules?
    /// Modules that are left out again.
    public var excludeModules: TargetModules?
    /// Only these layers, by their index.
    public var layersToTransform: [Int]?
    /// Names of the module list that holds the layers, where paths have several numbers.
    public var layersPattern: [String] = []
    /// Which existing biases are trained with it.
    public var bias = LoRA.BiasTraining.none
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []
    /// Accepted because peft's configurations have it; each layer itself says how it stores its weight.
    public var fanInFanOut: Bool?

    /// peft's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "adalora",
        summary: "Low-rank products in SVD form; a global budget keeps the most important triplets.",
        family: "rank allocation", sites: "linear and convolution projections, parallel branch; loss; after the step",
        paper: "Zhang et al. 2023, arXiv:2303.10512", initContract: .equalsBase, mergeContract: .exact)

    /// Options without a default.
    public static let optionalOptions = [
        "target_modules", "exclude_modules", "layers_to_transform", "fan_in_fan_out", "total_step",
    ]
}

// MARK: Options by peft's names

extension AdaLoRA {
    enum CodingKeys: String, CodingKey {
        case targetR = "target_r"
        case initR = "init_r"
        case tinit, tfinal, deltaT, beta1, beta2
        case orthRegWeight = "orth_reg_weight"
        case totalStep = "total_step"
        case rankPattern = "rank_pattern"
        case loraAlpha = "lora_alpha"
        case loraDropout = "lora_dropout"
        case initLoRAWeights = "init_lora_weights"
        case targetModules = "target_modules"
        case excludeModules = "exclude_modules"
        case layersToTransform = "layers_to_transform"
        case layersPattern = "layers_pattern"
        case bias
        case modulesToSave = "modules_to_save"
        case fanInFanOut = "fan_in_fan_out"
    }

    /// Reads the options; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: CodingKeys.self)
        targetR = try options.option(.targetR, default: targetR)
        initR = try options.option(.initR, default: initR)
        tinit = try options.option(.tinit, default: tinit)
        tfinal = try options.option(.tfinal, default: tfinal)
        deltaT = try options.option(.deltaT, default: deltaT)
        beta1 = try options.option(.beta1, default: beta1)
        beta2 = try options.option(.beta2, default: beta2)
        orthRegWeight = try options.option(.orthRegWeight, default: orthRegWeight)
        totalStep = try options.decodeIfPresent(Int.self, forKey: .totalStep)
        rankPattern = try options.option(.rankPattern, default: rankPattern)
        loraAlpha = try options.option(.loraAlpha, default: loraAlpha)
        loraDropout = try options.option(.loraDropout, default: loraDropout)
        initLoRAWeights = try options.option(.initLoRAWeights, default: initLoRAWeights)
        targetModules = try options.decodeIfPresent(TargetModules.self, forKey: .targetModules)
        excludeModules = try options.decodeIfPresent(TargetModules.self, forKey: .excludeModules)
        layersToTransform = try options.decodeIfPresent(OneOrMore<Int>.self, forKey: .layersToTransform)?.values
        layersPattern = try options.decodeIfPresent(OneOrMore<String>.self, forKey: .layersPattern)?.values ?? []
        bias = try options.option(.bias, default: bias)
        modulesToSave = try options.option(.modulesToSave, default: modulesToSave)
        fanInFanOut = try options.decodeIfPresent(Bool.self, forKey: .fanInFanOut)
        try validate()
    }

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
        func require(_ condition: Bool, _ text: String) throws {
            if !condition { throw MethodError.option(text) }
        }
        try require(initR > 0, "init_r: the rank must be positive, found \(initR)")
        try require(
            (0...initR).contains(targetR), "target_r: must be between 0 and init_r (\(initR)), found \(targetR)")
        try require(tinit >= 0, "tinit: must not be negative, found \(tinit)")
        try require(tfinal >= 0, "tfinal: must not be negative, found \(tfinal)")
        try require(deltaT > 0, "deltaT: must be positive, found \(deltaT)")
        for (name, beta) in [("beta1", beta1), ("beta2", beta2)] {
            try require(beta > 0 && beta < 1, "\(name): must be between 0 and 1, found \(beta)")
        }
        try require(
            orthRegWeight >= 0 && orthRegWeight.isFinite,
            "orth_reg_weight: must be finite and not negative, found \(orthRegWeight)")
        try require(loraAlpha.isFinite, "lora_alpha: must be finite, found \(loraAlpha)")
        try require((0..<1).contains(loraDropout), "lora_dropout: must be at least 0 and below 1, found \(loraDropout)")
        if let totalStep { try requirePhases(totalStep) }
        for entry in rankPattern.entries {
            try require(
                entry.value.count == initR,
                "rank_pattern: `\(entry.key)` has \(entry.value.count) entries, init_r is \(initR)")
        }
        try require(
            layersPattern.isEmpty || layersToTransform != nil, "layers_pattern: needs layers_to_transform beside it")
    }

    /// Refuses a schedule without a step in which the budget falls and one before it that gives scores.
    func requirePhases(_ total: Int) throws {
        guard total > tfinal, total - tfinal > max(tinit, 1) else {
            throw MethodError.option(
                "total_step: \(total) steps leave none between tinit (\(tinit)) and tfinal (\(tfinal)) for the budget "
                    + "to fall; train longer or decrease these")
        }
    }

    /// Numerator of every module's scale.
    var scaling: Double { loraAlpha > 0 ? loraAlpha : Double(initR) }
}

// MARK: Grafts

extension AdaLoRA {
    /// Triplets for each chosen projection, and copies of the biases and modules that are trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try selection(names: start.names, isStrict: start.isStrict).projections(of: model)
        let kept = try keptTriplets(of: projections, start)
        var set = GraftSet()
        for projection in projections {
            let own = kept[projection.path] ?? Array(repeating: true, count: initR)
            try start.requireStored(own.count { $0 }, of: "\(projection.path).lora_A")
            set.projections[projection.path] = try AdaLoRAGraft(
                self, kept: own, at: projection, key: start.key.derived(projection.path))
        }
        try set.addBiases(bias.biases, of: model, adapted: projections)
        try set.addModules(modulesToSave, of: model)
        return set
    }

    func selection(names: @escaping (String) -> String = { $0 }, isStrict: Bool) -> TargetSelection {
        TargetSelection(
            targets: targetModules, excluded: excludeModules, modulesToSave: modulesToSave,
            layersToTransform: layersToTransform, layersPattern: layersPattern, names: names, isStrict: isStrict)
    }

    /// The triplets that `rank_pattern` leaves, by module path.
    private func keptTriplets(of projections: [Projection], _ start: GraftStart) throws -> [String: [Bool]] {
        let paths = Dictionary(
            projections.map { (start.names($0.path), $0.path) }, uniquingKeysWith: { first, _ in first })
        var kept: [String: [Bool]] = [:]
        for entry in rankPattern.entries {
            guard let path = paths[AdaLoRA.module(ofPattern: entry.key)] else {
                guard start.isStrict else { continue }
                throw MethodError.unmatched(option: "rank_pattern", pattern: entry.key, nearest: nil)
            }
            kept[path] = entry.value
        }
        return kept
    }

    /// The module of a key of peft's `rank_pattern`: `<module>.lora_E`, while training with the adapter's name behind it;
    /// names of parameters in peft's files have `base_model.model` before it.
    private static func module(ofPattern key: String) -> String {
        var parts = key.split(separator: ".", omittingEmptySubsequences: false)[...]
        if parts.starts(with: ["base_model", "model"]) { parts = parts.dropFirst(2) }
        if let place = parts.lastIndex(of: "lora_E") { parts = parts[..<place] }
        return parts.joined(separator: ".")
    }

    /// The allocation of the budget, and the orthogonality.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        try AdaLoRAAllocation(self, grafts.projections.values.compactMap { $0 as? AdaLoRAGraft }, plan)
    }
}
