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
public struct AdaLoRA: TargetsLayers, Equatable {
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
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()
    /// Which layers; all by default.
    public var layers = LayerChoice()
    /// Which existing biases are trained with it.
    public var bias = TrainedBiases.none
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
}

// MARK: Options by peft's names

extension AdaLoRA {
    /// Its options.
    public static let options: [MethodOption<AdaLoRA>] = [
        .init("target_r", \.targetR),
        .init("init_r", \.initR),
        .init("tinit", \.tinit),
        .init("tfinal", \.tfinal),
        .init("deltaT", \.deltaT),
        .init("beta1", \.beta1),
        .init("beta2", \.beta2),
        .init("orth_reg_weight", \.orthRegWeight),
        .init("total_step", \.totalStep),
        .init("rank_pattern", \.rankPattern),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .init("init_lora_weights", \.initLoRAWeights),
        .targetModules, .excludeModules, .layersToTransform, .layersPattern,
        .bias(\.bias, adapted: "lora_only"),
        .modulesToSave,
        .init("fan_in_fan_out", \.fanInFanOut),
    ]

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
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
        try layers.validate()
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
        let projections = try projections(of: model, start)
        let kept = try keptTriplets(of: projections, start)
        var set = GraftSet()
        for projection in projections {
            let own = kept[projection.path] ?? Array(repeating: true, count: initR)
            try start.requireStored(own.count { $0 }, of: "\(projection.path).lora_A")
            set.projections[projection.path] = try AdaLoRAGraft(
                self, kept: own, at: projection, key: start.key.derived(projection.path))
        }
        try set.addBiases(bias, of: model, adapted: projections)
        try set.addModules(modulesToSave, of: model)
        return set
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
