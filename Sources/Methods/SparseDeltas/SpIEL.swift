import Networks
import Optimization
import Torch

/// SpIEL: a fixed number of single weights of each matrix are trained, and which ones changes while training.
///
///     y = x (W + scatter(values, indices))ᵀ + b
///
/// `values` [k] start at 0, at `indices` [k] of W's matrix form [out, in] in row-major order, drawn uniformly without
/// replacement. Of N = ⌊density · parameters of the model⌋ deltas (or `num_tunable_weights`), each target gets
/// k = ⌊N · its size / size of all targets⌋.
///
/// After optimizer step t, where t mod reselection_steps = selection_accumulation_steps, the q = ⌊k · rate⌋ deltas of
/// the smallest absolute value leave. The rate is 1 the first time and initial_reselection_rate · (1 − t / T) later with
/// the policy `linear`, and initial_reselection_rate · (1 + cos(π t / T)) / 2 with `cosine`.
///
/// `rigl` (SpIEL-AG): from the start, and again from each step before a multiple of reselection_steps, the k largest
/// entries of the first micro-batch's gradient are candidates, and the gradients there are added up. Those of the largest
/// sum come in the leaving deltas' place, which begin at 0 with moments that are seeded from the mean gradient and with
/// the age of as many updates. What both leaves and comes in stays untouched. The update is AdamW with the deltas' own
/// ages: Δ = m / ((√v + ε) (1 − β₁^age) / √(1 − β₂^age)).
///
/// `sm3` (SpIEL-MA): u = min(row_i, col_j) + g², from accumulators that then take the maximum of u; the update is
/// g / √(u + ε). The inactive positions of the largest row_i · col_j come in. It keeps no state per delta.
///
/// Weight decay draws a delta to 0, so the weight to the pretrained one. Among equals the lower index comes in, and the
/// lower slot leaves.
///
/// Source: Ansell et al. 2024 (arXiv:2401.16405), sections 3.1 to 3.4, with the constants, the order of steps and the
/// place of ε of the release (`peft.tuners.sft`). From inference: the tie rule.
public struct SpIEL: TargetsModules, Equatable {
    /// How deltas are chosen and updated.
    public enum SelectionAlgorithm: String, Codable, CaseIterable, Sendable {
        /// Accumulated gradients.
        case rigl
        /// Momenta in rows and columns.
        case sm3
    }

    /// How the share of deltas that are exchanged falls.
    public enum RatePolicy: String, Codable, CaseIterable, Sendable {
        case linear
        case cosine
    }

    /// Deltas as a share of the model's parameters.
    public var density = 0.01
    /// Number of deltas; nil for `density`.
    public var numTunableWeights: Int?
    /// How deltas are chosen and updated.
    public var selectionAlgorithm = SelectionAlgorithm.rigl
    /// Steps between two reselections.
    public var reselectionSteps = 20
    /// Steps in which candidates' gradients are added up.
    public var selectionAccumulationSteps = 5
    /// Share of deltas that are exchanged at the start.
    public var initialReselectionRate = 0.2
    /// How that share falls.
    public var reselectionRatePolicy = RatePolicy.linear
    /// ε of the update; nil for 1e-6 of `rigl` and 1e-8 of `sm3`.
    public var epsilon: Double?
    /// Which projections; every linear layer but the head by default.
    public var targeting = Targeting(targetModules: .allLinear)

    /// The release's numbers.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "spiel", summary: "Single weights of each matrix are trained, and exchanged for better ones.",
        family: "sparse", sites: "linear projections, weight; gradient of the weight; optimizer state of entries",
        paper: "Ansell et al. 2024, arXiv:2401.16405", initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options

extension SpIEL {
    /// Its options.
    public static let options: [MethodOption<SpIEL>] = [
        .init("density", \.density),
        .init("num_tunable_weights", \.numTunableWeights),
        .init("selection_algorithm", \.selectionAlgorithm),
        .init("reselection_steps", \.reselectionSteps),
        .init("selection_accumulation_steps", \.selectionAccumulationSteps),
        .init("initial_reselection_rate", \.initialReselectionRate),
        .init("reselection_rate_policy", \.reselectionRatePolicy),
        .init("epsilon", \.epsilon),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        try require(density > 0 && density <= 1, "density: must be above 0 and at most 1, found \(density)")
        if let count = numTunableWeights {
            try require(count > 0, "num_tunable_weights: must be positive, found \(count)")
        }
        try require(selectionAccumulationSteps > 0, "selection_accumulation_steps: must be positive")
        try require(
            selectionAccumulationSteps < reselectionSteps,
            "selection_accumulation_steps: must be below reselection_steps (\(reselectionSteps)), found "
                + "\(selectionAccumulationSteps)")
        try require(
            (0...1).contains(initialReselectionRate),
            "initial_reselection_rate: must be between 0 and 1, found \(initialReselectionRate)")
        if let epsilon { try require(epsilon > 0, "epsilon: must be positive, found \(epsilon)") }
    }

    /// ε of the update.
    var updateEpsilon: Double { epsilon ?? (selectionAlgorithm == .rigl ? 1e-6 : 1e-8) }
}

// MARK: Grafts

extension SpIEL {
    /// Deltas for each chosen projection, and copies of the modules that are trained with them.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try linearProjections(of: model, start)
        var set = GraftSet()
        for (projection, count) in try counts(of: projections, on: model) where count > 0 {
            set.projections[projection.path] = try SpIELGraft(
                self, count: count, at: projection, key: start.key.derived(projection.path), stored: start.stored)
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The deltas of each module.
    private func counts(of projections: [Projection], on model: Model) throws -> [(Projection, Int)] {
        let sizes = projections.map { $0.inputSize * $0.outputSize }
        let all = sizes.reduce(0, +)
        let wanted = try numTunableWeights ?? Int(density * Double(model.parameterCount))
        guard wanted <= all else {
            throw MethodError.option(
                "density: \(wanted) deltas are more than the \(all) weights of the chosen modules; choose fewer deltas "
                    + "or more modules")
        }
        let counts = sizes.map { wanted.multipliedFullWidth(by: $0) }.map { all.dividingFullWidth($0).quotient }
        guard counts.contains(where: { $0 > 0 }) else {
            throw MethodError.option(
                "density: \(wanted) deltas over \(projections.count) modules leave none for any; choose more deltas")
        }
        return Array(zip(projections, counts))
    }

    /// Reselection, and the optimizer that knows the deltas' ages.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        SpIELReselection(self, grafts.projections.values.compactMap { $0 as? SpIELGraft }, plan)
    }
}
