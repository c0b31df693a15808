import Networks
import Optimization
import Torch

/// An inventory of low-rank adapters ("skills") that all tasks share, mixed anew for every task and every layer. The
/// parameters are mixed, not the outputs, and a row of a batch gets the mixture of its own task.
///
///     z = Z[task] as [H, S]      a = σ(z)      w = a / (Σ_s a + 1e-12)
///     A_b = concat_h Σ_s w[h,s] A[h,s]  [in, r]       B_b = concat_h Σ_s w[h,s] B[h,s]  [r, out]
///     y = x W₀ᵀ + b + (lora_alpha / r)·(x A_b) B_b
///
/// A is [H, S, in/H, r], B [H, S, r, out/H], Z [n_tasks, H·S]. With one split (H = 1) this is Poly, with several MHR:
/// every slice of the inputs and outputs is mixed by weights of its own. In training with a relaxed Bernoulli gate,
/// a = σ((z + log u − log(1 − u)) / temperature) for uniform u; otherwise, and in evaluation, a = σ(z).
///
/// A and B start as Hugging Face's: uniform within ±1/√(in/H) (the paper's code: ±1/√(3 in)) and zero; Z within ±1e-3.
/// Few-shot adaptation starts from the `inventory` that another run has trained: `finetune_type: none` trains skills and
/// a fresh Z (Poly, MHR), `z` the fresh Z alone (MHR-z), `mu` one adapter that starts as the plain mean of the skills
/// (MHR-mu). Tasks come from the key `task_column` of the data; with one task, rows need no number.
///
/// Adapters are exchanged with peft as `POLY`, whose scale is 1/r: another `lora_alpha` goes into B. The tensors of `mu`
/// are those of one skill. An adapter merges for one of its tasks, which `task_id` names where there are several.
///
/// Sources: Ponti et al. 2023 (arXiv:2202.13914); Caccia et al. 2023 (2211.03831), sections 3 and 4, and their released
/// code. Routers shared between layers, and its other normalisations, are not here.
public struct MultiHeadRouting: TargetsModules, TaskRouting, Equatable {
    /// Rank of a skill.
    public var r = 8
    /// Numerator of the scale.
    public var loraAlpha = 1.0
    /// Number of tasks.
    public var nTasks = 1
    /// Number of skills.
    public var nSkills = 4
    /// Heads that are mixed on their own; a divisor of every adapted layer's sizes.
    public var nSplits = 1
    /// peft's name of the router; there is no other.
    public var polyType = PolyType.poly
    /// Whether B starts at zero.
    public var initWeights = true
    /// Whether training draws the gates.
    public var relaxedBernoulli = true
    /// Softness of drawn gates.
    public var temperature = 1.0
    /// Learning rate of Z at the schedule's peak; nil for the run's.
    public var logitsLearningRate: Double?
    /// What is trained.
    public var finetuneType = FinetuneType.none
    /// The adapter file whose skills training starts from; nil for fresh ones.
    public var inventory: String?
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// peft's name of the router.
    public enum PolyType: String, Codable, CaseIterable, Sendable {
        case poly
    }

    /// What is trained.
    public enum FinetuneType: String, Codable, CaseIterable, Sendable {
        /// Skills and routing.
        case none
        /// Routing alone.
        case z
        /// One adapter, the mean of the skills at the start.
        case mu
    }

    /// peft's defaults: Poly with four skills of rank 8.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "mhr",
        summary: "Skills of low rank that every task mixes by weights of its own (Poly, MHR, MHR-z, MHR-mu).",
        family: "low rank", sites: "linear projections, parallel branch by task",
        paper: "Caccia et al. 2023, arXiv:2211.03831; Ponti et al. 2023, arXiv:2202.13914", initContract: .equalsBase,
        mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<MultiHeadRouting>] = [
        .init("r", \.r),
        .init("lora_alpha", \.loraAlpha),
        .init("n_tasks", \.nTasks),
        .init("n_skills", \.nSkills),
        .init("n_splits", \.nSplits),
        .init("poly_type", \.polyType),
        .init("init_weights", \.initWeights),
        .init("module_logits_relaxed_bernoulli", \.relaxedBernoulli),
        .init("temperature", \.temperature),
        .init("module_logits_learning_rate", \.logitsLearningRate),
        .init("finetune_type", \.finetuneType),
        .init("inventory", \.inventory),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses numbers that cannot be, before any model is needed.
    public func validate() throws {
        for (name, number) in [("r", r), ("n_tasks", nTasks), ("n_skills", nSkills), ("n_splits", nSplits)]
        where !(1...(1 << 24)).contains(number) {
            throw MethodError.option("\(name): must be from 1 to \(1 << 24), found \(number)")
        }
        guard temperature > 0 else { throw MethodError.option("temperature: must be positive, found \(temperature)") }
        guard loraAlpha.isFinite else { throw MethodError.option("lora_alpha: must be a number, found \(loraAlpha)") }
        if let rate = logitsLearningRate, !(rate >= 0) {
            throw MethodError.option("module_logits_learning_rate: must not be negative, found \(rate)")
        }
    }

    /// Skills and router for each chosen linear layer.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        // What is read has its skills already.
        let skills = try start.stored == nil ? inventory.map(SkillInventory.init) : nil
        guard finetuneType == .none || skills != nil || start.stored != nil else {
            throw MethodError.option("finetune_type: \(finetuneType.rawValue) needs the skills of an inventory")
        }
        var set = GraftSet()
        for site in try projections(of: model, start) {
            try requireSizes(of: site)
            try start.requireStored(nSplits, of: "\(site.path).poly_lora_A")
            try start.requireStored(trainedSkills, of: "\(site.path).poly_lora_A", dimension: 1)
            try start.requireStored(r, of: "\(site.path).poly_lora_A", dimension: 3)
            try start.requireStored(nTasks, of: "\(site.path).poly_router.module_logits")
            set.projections[site.path] = try SkillGraft(
                self, at: site, inventory: skills?.factors(self, at: site), key: start.key.derived(site.path))
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// Skills of each layer: the mean of all is one.
    var trainedSkills: Int { finetuneType == .mu ? 1 : nSkills }

    private func requireSizes(of site: Projection) throws {
        guard site.isLinear else {
            throw MethodError.option("target_modules: \(site.path) is no linear layer, which mhr needs")
        }
        for size in [site.inputSize, site.outputSize] where size % nSplits != 0 {
            throw MethodError.option("n_splits: \(nSplits) does not divide the size \(size) of \(site.path)")
        }
    }

    /// Z in a group of its own, without decay.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        guard finetuneType != .mu else { return nil }
        let peak = plan.schedule.peak
        let factor = logitsLearningRate.map { peak > 0 ? $0 / peak : 1 } ?? 1
        return RoutingTraining(factor: factor)
    }
}

/// The groups of a training of skills and routing.
private final class RoutingTraining: Lifecycle {
    private let factor: Double

    init(factor: Double) {
        self.factor = factor
    }

    var worksWithoutGradients: Bool { true }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let logits = variables.filter { $0.name.hasSuffix(SkillGraft.logitsName) }
        let others = variables.filter { !$0.name.hasSuffix(SkillGraft.logitsName) }
        let groups = [
            try ParameterGroup("routing", logits, weightDecay: 0, rate: .scaled(factor)),
            try ParameterGroup("adapter", others),
        ]
        return groups.filter { $0.count > 0 }
    }
}
