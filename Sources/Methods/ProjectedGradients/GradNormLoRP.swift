import Networks
import Optimization
import Torch

/// GradNormLoRP: Adam in a low-rank subspace of each matrix's gradient, on weights whose magnitude is learnt apart from
/// their direction.
///
/// GaLore: every `update_proj_gap` steps the gradient G [p, q] = U S Vᵀ of a matrix gives it a basis of `rank` vectors,
/// on the side that `proj_type` says. R = G V (right), Uᵀ G (left) or Uᵀ G V (full) is what Adam's m and v are kept of:
///
///     W ← W − lr · √(1 − β₂ᵏ) / (1 − β₁ᵏ) · scale · up(m / (√v + ε)),   then W ← W − lr · weight_decay · W
///
/// where up is the transposed product. A refresh leaves m and v as they are. With `std` the larger dimension stays:
/// right where p ≥ q. `eight_bit` keeps m and v as 8-bit codes in blocks of 256, with ε behind the bias correction.
///
/// `parametrization` says what the matrices are:
/// - `dora`, for fine-tuning: W = m ∘ (W₀ + s B A) / ‖W₀ + s B A‖ per row, as DoRA's; A and B are projected, m is not.
/// - `plain`: the weights themselves.
/// - `weight_norm`: the weights, as W = g v / ‖v‖ per row. Adam steps v along the projected (g/‖v‖) (G − ∂g · v/‖v‖) and
///   g along ∂g = Σ G ∘ v/‖v‖. With `reset_magnitude`, as in the release, g is ‖v‖ again before each step and v
///   steps along G.
///
/// Everything else (magnitudes, heads) follows the same Adam unprojected.
///
/// With `per_layer`, as in the releases' 8-bit runs, a projected matrix is stepped as soon as the backward has its
/// gradient, which then goes: the gradients of all weights never exist at once. The steps are the same, but gradients can
/// neither be summed over several batches nor cut to a common norm.
///
/// Sources: Huang et al. 2024 (arXiv:2412.19616); Zhao et al. 2024 (GaLore, arXiv:2403.03507), algorithms 1 and 2;
/// Dettmers et al. 2022 (arXiv:2110.02861) for the 8-bit states. The constants are the releases'. From inference: the
/// tangent projection of `weight_norm`, which the release omits.
public struct GradNormLoRP: TargetsModules, Equatable {
    /// What is trained of each target.
    public enum Parametrization: String, Codable, CaseIterable, Sendable {
        case dora
        case plain
        case weightNorm = "weight_norm"
    }

    /// Which side of a gradient is projected.
    public enum ProjectionType: String, Codable, CaseIterable, Sendable {
        case std
        case reverseStd = "reverse_std"
        case right
        case left
        case full
    }

    /// What is trained of each target.
    public var parametrization = Parametrization.dora
    /// Vectors of a basis.
    public var rank = 4
    /// Steps between two bases.
    public var updateProjGap = 200
    /// Factor of the projected update.
    public var scale = 1.0
    /// Which side is projected.
    public var projType = ProjectionType.std
    /// ε of Adam; nil for 1e-6, and 1e-8 with eight_bit.
    public var epsilon: Double?
    /// Keeps the moments in 8 bits.
    public var eightBit = false
    /// Whether `weight_norm` forgets its magnitudes before each step.
    public var resetMagnitude = false
    /// Whether each matrix is stepped in the middle of the backward.
    public var perLayer = false
    /// Rank of DoRA's product.
    public var loraR = 8
    /// Numerator of DoRA's scale.
    public var loraAlpha = 16.0
    /// Dropout of DoRA's branch.
    public var loraDropout = 0.1
    /// Which projections; those of query and value by default.
    public var targeting = Targeting()

    /// The release's numbers for fine-tuning.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "gradnormlorp",
        summary: "Adam in a low-rank subspace of the gradient, on weights with magnitudes of their own.",
        family: "projected gradients", sites: "linear projections, weight; optimizer",
        paper: "Huang et al. 2024, arXiv:2412.19616", initContract: .equalsBase, mergeContract: .exact)
}

// MARK: Options

extension GradNormLoRP {
    /// Its options.
    public static let options: [MethodOption<GradNormLoRP>] = [
        .init("parametrization", \.parametrization),
        .init("rank", \.rank),
        .init("scale", \.scale),
        .init("epsilon", \.epsilon),
        .init("update_proj_gap", \.updateProjGap),
        .init("proj_type", \.projType),
        .init("eight_bit", \.eightBit),
        .init("reset_magnitude", \.resetMagnitude),
        .init("per_layer", \.perLayer),
        .init("lora_r", \.loraR),
        .init("lora_alpha", \.loraAlpha),
        .init("lora_dropout", \.loraDropout),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        try require(rank > 0, "rank: must be positive, found \(rank)")
        try require(updateProjGap > 0, "update_proj_gap: must be positive, found \(updateProjGap)")
        try require(scale.isFinite && scale > 0, "scale: must be positive, found \(scale)")
        if let epsilon { try require(epsilon > 0, "epsilon: must be positive, found \(epsilon)") }
        try require(loraR > 0, "lora_r: must be positive, found \(loraR)")
        try require((0..<1).contains(loraDropout), "lora_dropout: must be at least 0 and below 1, found \(loraDropout)")
        try require(
            !(eightBit && parametrization == .weightNorm), "eight_bit: cannot be combined with weight_norm")
    }

    /// DoRA with the method's numbers.
    var dora: LoRA {
        var method = LoRA()
        (method.r, method.loraAlpha, method.loraDropout, method.useDoRA) = (loraR, loraAlpha, loraDropout, true)
        method.targeting = targeting
        return method
    }
}

// MARK: Grafts

extension GradNormLoRP {
    /// DoRA's factors, or copies of the targets' weights.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let projections = try projections(of: model, start)
        if let other = projections.first(where: { !isTrainable($0) }) {
            throw MethodError.option(
                "target_modules: \(other.path) is not a layer that gradnormlorp is defined for with parametrization "
                    + parametrization.rawValue)
        }
        if parametrization == .dora { return try dora.grafts(for: model, start) }
        var set = GraftSet()
        for projection in projections { try set.add(copyOf: projection.weight) }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// Rows of a weight that is stored transposed are not those of the outputs, which have magnitudes.
    private func isTrainable(_ site: Projection) -> Bool {
        guard parametrization == .weightNorm else { return site.isLinear }
        if case .linear = site.kind { return true }
        return false
    }

    /// Bases and the optimizer that works in them.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        var names = Set(
            grafts.projections.values.compactMap { $0 as? LoRAGraft }.flatMap { [$0.a.name, $0.b.name] })
        if parametrization != .dora {
            let targets = try projections(of: model, GraftStart(key: plan.key))
            names = Set(targets.map { $0.weight.name }.filter { grafts.parameters[$0] != nil })
        }
        if perLayer {
            guard plan.accumulation == 1 else {
                throw MethodError.option(
                    "per_layer: a gradient is used up before the next batch could add to it; set "
                        + "gradient_accumulation_steps to 1, found \(plan.accumulation)")
            }
            guard plan.maxGradNorm == 0 else {
                throw MethodError.option(
                    "per_layer: gradients that are never there at once have no common norm to be cut to; set "
                        + "max_grad_norm to 0, found \(plan.maxGradNorm)")
            }
        }
        return ProjectedTraining(self, projected: names, plan)
    }
}
