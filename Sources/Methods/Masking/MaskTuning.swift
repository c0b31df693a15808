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
public struct MaskTuning: SavesModules, Equatable {
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
    /// Which modules; nil for the variant's.
    public var targetModules: TargetModules?
    /// Modules that are left out again.
    public var excludeModules: TargetModules?
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

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

    /// Options without a default.
    public static let optionalOptions = ["target_modules", "exclude_modules"]

    enum CodingKeys: String, CodingKey {
        case variant
        case threshold
        case maskScale = "mask_scale"
        case maskInit = "mask_init"
        case maskLossWeight = "mask_loss_weight"
        case gdrLambda = "gdr_lambda"
        case gdrTemperature = "gdr_temperature"
        case fuseAlpha = "fuse_alpha"
        case targetModules = "target_modules"
        case excludeModules = "exclude_modules"
        case modulesToSave = "modules_to_save"
    }

    /// Reads the options; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: CodingKeys.self)
        variant = try options.option(.variant, default: variant)
        threshold = try options.option(.threshold, default: threshold)
        maskScale = try options.option(.maskScale, default: maskScale)
        maskInit = try options.option(.maskInit, default: maskInit)
        maskLossWeight = try options.option(.maskLossWeight, default: maskLossWeight)
        gdrLambda = try options.option(.gdrLambda, default: gdrLambda)
        gdrTemperature = try options.option(.gdrTemperature, default: gdrTemperature)
        fuseAlpha = try options.option(.fuseAlpha, default: fuseAlpha)
        targetModules = try options.decodeIfPresent(TargetModules.self, forKey: .targetModules)
        excludeModules = try options.decodeIfPresent(TargetModules.self, forKey: .excludeModules)
        modulesToSave = try options.option(.modulesToSave, default: modulesToSave)
        try validate()
    }

    /// Refuses numbers that cannot be.
    public func validate() throws {
        func require(_ condition: Bool, _ text: String) throws {
            if !condition { throw MethodError.option(text) }
        }
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
        if targetModules != nil {
            return try TargetSelection(
                targets: targetModules, excluded: excludeModules, modulesToSave: modulesToSave, layersPattern: [],
                names: start.names, isStrict: start.isStrict
            ).projections(of: model)
        }
        let branches = model.sublayers.values.filter { branch in
            switch variant {
            case .attention: branch.role != .feedForward
            case .feedForward: branch.role == .feedForward
            case .all: true
            }
        }
        let inside = Set(branches.flatMap(\.structure.projections).map(\.path))
        let selection = ModuleSelection(
            targets: nil, excluded: excludeModules, modulesToSave: modulesToSave, names: start.names)
        let chosen = Set(try selection.paths(among: model.projections.keys.filter(inside.contains)))
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
