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
public struct Houlsby: BottleneckMethod, Equatable {
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
    /// Which sub-layers; all by default.
    public var targeting = Targeting()

    /// The paper's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "houlsby",
        summary: "A bottleneck behind every attention and feed-forward part; the norms are trained too.",
        family: "adapters", sites: "sub-layer outputs, sequential branch; norms, whole parameters",
        paper: "Houlsby et al. 2019, arXiv:1902.00751", initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<Houlsby>] = [
        .init("bottleneck", \.bottleneck),
        .init("reduction_factor", \.reductionFactor, insteadOf: "bottleneck", \.bottleneck),
        .init("adapter_activation", \.adapterActivation),
        .init("init_weights", \.initWeights),
        .init("train_layer_norms", \.trainLayerNorms),
        .init("adapter_dropout", \.adapterDropout),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// A bottleneck for each chosen sub-layer, and copies of the norms and of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var set = try bottlenecks(for: model, roles: [.attention, .crossAttention, .feedForward], .sequential, start)
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
