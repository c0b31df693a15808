import Networks
import Optimization
import Torch

/// Chooses which weights of a frozen network stay: a score for each, cut to a binary mask, and gradients that are dropped
/// where they lead away from what the network knew.
///
///     y = (K ∘ W) x + b      K = 1[R > threshold]      ∂L/∂R = ∂L/∂(K∘W) ∘ W   (straight through)
///     a = ∂/∂R (task loss + mask_loss_weight · Σ ‖R‖₂)
///     b = ∂/∂R mean_i T² Σ_c −softmax(z_T / T)_c log softmax(z / T)_c,   z_T = f z₀ + (1 − f) z
///     P = ½ (1 + sign(a)(a + b)/(|a| + |b| + 1e-8))      g = ((1 − λ) + λ 1[P > U]) a,   U uniform in [0, 1)
///
/// z are the masked network's scores and z₀ those without masks, with the head as it is; T is `gdr_temperature`, f
/// `fuse_alpha`, λ `gdr_lambda`. Each step runs back twice, for b and then for a, and only g is applied. With
/// `gdr_lambda: 0` there is no gradient dropout, no second backward and no second network. Scores start at `mask_scale`,
/// or uniformly below it, so that a fresh adapter is the base as long as that is above the threshold.
///
/// Masked are the projections inside attentions (R-AMT), inside feed-forward branches (R-MMT), or both (R-PMT, without
/// the released code's patch embedding), unless `target_modules` names others. Biases and norms are not. The file holds
/// one bit for each weight, row by row, the first in a byte's highest place; what is read has scores 0 and 1. Merging
/// writes zeros. The released settings: Adam, 8e-5, no decay, 30 epochs.
///
/// Source: Zheng et al. 2023 (arXiv:2307.15049), section 3, and the released code. That the unmasked network shares the
/// trained head is this implementation's: the paper's CLIP has none.
public struct MaskTuning: TargetsModules, Equatable {
    /// Which matrices are masked.
    public var variant = Variant.attention
    /// Scores above this keep their weight.
    public var threshold = 5e-3
    /// Scores at the start, or their bound.
    public var maskScale = 1e-2
    /// How scores start.
    public var maskInit = Start.ones
    /// Weight of the norms of the scores.
    public var maskLossWeight = 1e-4
    /// Share of a gradient that is dropped where it disagrees, λ.
    public var gdrLambda = 1.0
    /// Temperature of the two networks' scores.
    public var gdrTemperature = 1.0
    /// Share of the unmasked network in the target, f.
    public var fuseAlpha = 1.0
    /// Which projections; those of the variant by default.
    public var targeting = Targeting()

    /// Which matrices are masked.
    public enum Variant: String, Codable, CaseIterable, Sendable {
        case attention = "r-amt"
        case feedForward = "r-mmt"
        case all = "r-pmt"
    }

    /// How scores start.
    public enum Start: String, Codable, CaseIterable, Sendable {
        case ones = "1s"
        case uniform
    }

    /// R-AMT with the released configuration.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "r-amt", summary: "A binary mask over frozen weights, with gradients dropped where they undo knowledge.",
        family: "masking", sites: "projections, masked weight; two backwards a step",
        paper: "Zheng et al. 2023, arXiv:2307.15049", initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<MaskTuning>] = [
        .init("variant", \.variant),
        .init("threshold", \.threshold),
        .init("mask_scale", \.maskScale),
        .init("mask_init", \.maskInit),
        .init("mask_loss_weight", \.maskLossWeight),
        .init("gdr_lambda", \.gdrLambda),
        .init("gdr_temperature", \.gdrTemperature),
        .init("fuse_alpha", \.fuseAlpha),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// Refuses numbers that cannot be.
    public func validate() throws {
        // A mask that was read has the scores 0 and 1.
        try require((0..<1).contains(threshold), "threshold: must be at least 0 and below 1, found \(threshold)")
        try require(maskScale.isFinite && maskScale > 0, "mask_scale: must be positive, found \(maskScale)")
        try require(maskLossWeight >= 0, "mask_loss_weight: must not be negative, found \(maskLossWeight)")
        try require((0...1).contains(gdrLambda), "gdr_lambda: must be from 0 to 1, found \(gdrLambda)")
        try require(gdrTemperature > 0, "gdr_temperature: must be positive, found \(gdrTemperature)")
        try require((0...1).contains(fuseAlpha), "fuse_alpha: must be from 0 to 1, found \(fuseAlpha)")
    }

    /// A mask for each chosen projection.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        for site in try sites(of: model, start) {
            set.projections[site.path] = try MaskGraft(self, at: site, key: start.key.derived(site.path))
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    private func sites(of model: Model, _ start: GraftStart) throws -> [Projection] {
        if targetModules != nil { return try projections(of: model, start) }
        let branches = model.sublayers.values.filter { branch in
            switch variant {
            case .attention: branch.role != .feedForward
            case .feedForward: branch.role == .feedForward
            case .all: true
            }
        }
        let inside = Set(branches.flatMap(\.structure.projections).map(\.path))
        let chosen = Set(try selection(start).paths(among: model.projections.keys.filter(inside.contains)))
        guard !chosen.isEmpty else {
            throw MethodError.option("variant: \(variant.rawValue) finds nothing to mask in this model")
        }
        return model.projections.values.filter { chosen.contains($0.path) }
    }

    /// Two backwards a step.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        MaskTraining(self, grafts.projections.values.compactMap { $0 as? MaskGraft })
    }
}
