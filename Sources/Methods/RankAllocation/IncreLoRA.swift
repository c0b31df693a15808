import Networks
import Optimization
import Torch

/// IncreLoRA: low-rank products in SVD form that begin at rank 1 and grow where the training needs it most.
///
///     y = x Wᵀ + b + dropout(x) ΔWᵀ        ΔW = B (A ∘ E) · scaling / (ranknum + 1e-5)
///
/// A [n, in], B [out, n] and E [n, 1] are pieces one below the other: the first of rank `lora_r`, with A, B from
/// N(0, 0.02²) and E zero, then one of rank h = `incre_rank_num` for each growth, and last a reserve of rank h that is
/// ready for the next. With `advance_learn` the reserve's A and B train already, through an E that is held at 1e-5;
/// without, its E is 0 and nothing of it trains. ranknum counts the pieces in use; scaling is lora_alpha, or lora_r where
/// that is not positive. The loss gets reg_orth_coef times the mean of ‖A Aᵀ − I‖_F and ‖Bᵀ B − I‖_F.
///
/// After the backward of step s = 0, 1, …, each module's score is S = Σ |ΔW ∘ G| / √(out · in), with G = ∂L/∂ΔW = δᵀ
/// dropout(x). Until the total rank is the target, I ← β₁ I + (1 − β₁) S, then U ← β₂ U + (1 − β₂) |S − I|, and where
/// s > init_warmup and s mod incre_interval = 0 the modules with the `top_h` largest I · U take their reserve into use
/// and get another. What begins to train with a growth is a group of its own, whose learning rate warms up anew over the
/// steps that are left. At the target the remaining reserves are switched off: their E is zero.
///
/// `target_total_rank` is target_rank times the modules unless given; h is half of target_rank, at least 1. A growth of
/// h > 1 can pass over the target, and the reserves then stay, as in the release; `exact_budget` grows fewer modules
/// instead and ends at the last total that fits.
///
/// Sources: Zhang et al. 2023 (arXiv:2308.12043) through its release (`SVDLinear`, `RankAllocator` and the trainer's
/// order of steps and schedule). From inference: pieces of one growth are one tensor.
public struct IncreLoRA: TargetsModules, Equatable {
    /// Rank at the start.
    public var loraR = 1
    /// Average rank at the end.
    public var targetRank = 2
    /// Total rank at the end; nil for target_rank times the modules.
    public var targetTotalRank: Int?
    /// h: rank of one growth; nil for half of target_rank.
    public var increRankNum: Int?
    /// Modules that grow at a time.
    public var topH = 2
    /// Steps without growth at the start.
    public var initWarmup = 100
    /// Steps between two growths.
    public var increInterval = 100
    /// Smoothing of the score.
    public var beta1 = 0.85
    /// Smoothing of its uncertainty.
    public var beta2 = 0.85
    /// Numerator of the scale.
    public var loraAlpha = 16.0
    /// Dropout of the branch's input in training.
    public var loraDropout = 0.0
    /// Weight of the orthogonality in the loss.
    public var regOrthCoef = 0.1
    /// Whether the reserve trains before it is used.
    public var advanceLearn = true
    /// Whether each growth has a schedule of its own.
    public var multiLR = true
    /// Whether growth stops before it would pass over the target.
    public var exactBudget = false
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// The release's numbers for small data.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "increlora", summary: "Low-rank products in SVD form that grow in the most important modules.",
        family: "rank allocation", sites: "linear projections, parallel branch; loss; after the backward; groups",
        paper: "Zhang et al. 2023, arXiv:2308.12043", initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options

extension IncreLoRA {
    /// Its options.
    public static let options: [MethodOption<IncreLoRA>] = [
        .init("lora_r", \.loraR),
        .init("target_rank", \.targetRank),
        .init("target_total_rank", \.targetTotalRank),
        .init("incre_rank_num", \.increRankNum),
        .init("top_h", \.topH),
        .init("init_warmup", \.initWarmup),
        .init("incre_interval", \.increInterval),
        .init("beta1", \.beta1),
        .init("beta2", \.beta2),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .init("reg_orth_coef", \.regOrthCoef),
        .init("advance_learn", \.advanceLearn),
        .init("multi_lr", \.multiLR),
        .init("exact_budget", \.exactBudget),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        let positive = [
            ("lora_r", loraR), ("target_rank", targetRank), ("target_total_rank", targetTotalRank ?? 1),
            ("incre_rank_num", increRankNum ?? 1), ("top_h", topH), ("incre_interval", increInterval),
        ]
        for (name, value) in positive { try require(value > 0, "\(name): must be positive, found \(value)") }
        try require(initWarmup >= 0, "init_warmup: must not be negative, found \(initWarmup)")
        for (name, beta) in [("beta1", beta1), ("beta2", beta2)] {
            try require((0..<1).contains(beta), "\(name): must be at least 0 and below 1, found \(beta)")
        }
        try require(loraAlpha.isFinite, "lora_alpha: must be finite, found \(loraAlpha)")
        try require((0..<1).contains(loraDropout), "lora_dropout: must be at least 0 and below 1, found \(loraDropout)")
        try require(
            regOrthCoef >= 0 && regOrthCoef.isFinite,
            "reg_orth_coef: must be finite and not negative, found \(regOrthCoef)")
    }

    /// h.
    var growth: Int { increRankNum ?? max(1, targetRank / 2) }

    /// Numerator of every module's scale.
    var scaling: Double { loraAlpha > 0 ? loraAlpha : Double(loraR) }
}

// MARK: Grafts

extension IncreLoRA {
    /// Pieces for each chosen projection, as many as an adapter that is read has, and copies of the modules that are
    /// trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try projections(of: model, start)
        var set = GraftSet()
        for projection in projections {
            set.projections[projection.path] = try IncreLoRAGraft(
                self, at: projection, key: start.key.derived(projection.path), stored: start.stored)
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// Scores, growth and orthogonality.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        IncreLoRAGrowth(self, grafts.projections.values.compactMap { $0 as? IncreLoRAGraft })
    }
}
