import Golden
import Networks
import Torch

/// Houlsby's adapters: a bottleneck behind the output of every attention and every feed-forward part, before the residual
/// is added; the norms of the network are trained with them.
///
///     y = norm(x + h + A(h))        A(h) = W₂ σ(W₁ h + b₁) + b₂
///
/// x is the residual and h the branch's output, both [rows, length, size]; W₁ is [r, size], W₂ is [size, r]. In networks
/// with the norm before the branch, y = x + h + A(h). r is `bottleneck`, or size / `reduction_factor`.
///
/// Defaults are the paper's: 64 channels, GELU, weights drawn with deviation 1e-3 within two deviations, so that a fresh
/// adapter is nearly, but not exactly, the identity; `init_weights: lora` starts exactly there. Sources: Houlsby et al.
/// 2019 (arXiv:1902.00751, section 2.1 and figure 2). That all norms are trained, the embeddings' among them, is the
/// authors' code; which activation, is from memory of it.
public struct Houlsby: SavesModules, Equatable {
    /// Channels of the bottleneck; nil for a share of the residual's, by `reductionFactor`.
    public var bottleneck: Int? = 64
    /// Channels of the residual for each of the bottleneck.
    public var reductionFactor: Double?
    /// σ.
    public var adapterActivation = Activation.gelu
    /// How the maps start.
    public var initWeights = BottleneckStart.truncatedNormal
    /// Whether the norms are trained with the adapters.
    public var trainLayerNorms = true
    /// Dropout inside the bottleneck in training.
    public var adapterDropout = 0.0
    /// Which sub-layers; nil for all.
    public var targetModules: TargetModules?
    /// Sub-layers that are left out again.
    public var excludeModules: TargetModules?
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// The paper's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "houlsby",
        summary: "A bottleneck behind every attention and feed-forward part; the norms are trained too.",
        family: "adapters", sites: "sub-layer outputs, sequential branch; norms, whole parameters",
        paper: "Houlsby et al. 2019, arXiv:1902.00751", initContract: .differs, mergeContract: .never)

    /// Options without a default.
    public static let optionalOptions = ["reduction_factor", "target_modules", "exclude_modules"]

    enum CodingKeys: String, CodingKey {
        case bottleneck
        case reductionFactor = "reduction_factor"
        case adapterActivation = "adapter_activation"
        case initWeights = "init_weights"
        case trainLayerNorms = "train_layer_norms"
        case adapterDropout = "adapter_dropout"
        case targetModules = "target_modules"
        case excludeModules = "exclude_modules"
        case modulesToSave = "modules_to_save"
    }

    /// Reads the options; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: CodingKeys.self)
        reductionFactor = try options.decodeIfPresent(Double.self, forKey: .reductionFactor)
        // One of the two takes the place of the default for the other.
        let width = try options.decodeIfPresent(Int.self, forKey: .bottleneck)
        bottleneck = width ?? (reductionFactor == nil ? bottleneck : nil)
        adapterActivation = try options.activation(.adapterActivation, default: adapterActivation)
        initWeights = try options.option(.initWeights, default: initWeights)
        trainLayerNorms = try options.option(.trainLayerNorms, default: trainLayerNorms)
        adapterDropout = try options.option(.adapterDropout, default: adapterDropout)
        targetModules = try options.decodeIfPresent(TargetModules.self, forKey: .targetModules)
        excludeModules = try options.decodeIfPresent(TargetModules.self, forKey: .excludeModules)
        modulesToSave = try options.option(.modulesToSave, default: modulesToSave)
        try validate()
    }

    private var width: BottleneckWidth {
        BottleneckWidth(bottleneck: bottleneck, reductionFactor: reductionFactor)
    }

    private func validate() throws {
        try width.validate()
        try MethodError.requireDropout(adapterDropout, option: "adapter_dropout")
    }

    /// A bottleneck for each chosen sub-layer, and copies of the norms and of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let sites = try ModuleSelection(
            targets: targetModules, excluded: excludeModules, modulesToSave: modulesToSave, names: start.names,
            isStrict: start.isStrict
        ).sublayers(of: model, roles: [.attention, .crossAttention, .feedForward])
        var set = GraftSet()
        try set.addBottlenecks(at: sites, start) { site in
            BottleneckSettings(
                width: try width.channels(of: site.size), activation: adapterActivation, start: initWeights,
                wiring: .sequential, dropout: adapterDropout)
        }
        if trainLayerNorms {
            for norm in model.norms.values {
                try set.add(copyOf: norm.weight)
                if let bias = norm.bias { try set.add(copyOf: bias) }
            }
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The layer case of the three baselines beside each other: this one, Pfeiffer's and BitFit.
    public static let replays = [BaselineReplay.replay]
}
