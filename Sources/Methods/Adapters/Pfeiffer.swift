import Networks
import Torch

/// Pfeiffer's adapter: one bottleneck in each layer, behind the feed-forward part, around the norm that follows it.
///
///     u = norm(x + h)        y = norm(x + h + A(u))        A(u) = W₂ σ(W₁ u + b₁) + b₂
///
/// x is the residual and h the feed-forward's output, both [rows, length, size]; W₁ is [r, size], W₂ is [size, r]. The
/// same frozen norm acts twice: the adapter's input is the normed sum, its residual the sum itself. In networks with the
/// norm before the branch, y = x + h + A(h). r is size / `reduction_factor`, or `bottleneck`.
///
/// Defaults are AdapterHub's: a sixteenth of the channels, ReLU, weights of deviation 0.02; `init_weights: lora` starts at
/// the base. Source: Pfeiffer et al. 2021 (arXiv:2005.00247, section 3); the wiring around the norm is that of the code of
/// He et al. 2022, which agrees.
public struct Pfeiffer: BottleneckMethod, Equatable {
    /// Channels of the bottleneck; nil for a share of the residual's, by `reductionFactor`.
    public var bottleneck: Int?
    /// Channels of the residual for each of the bottleneck.
    public var reductionFactor: Double? = 16
    /// σ.
    public var adapterActivation = Activation.relu
    /// How the maps start.
    public var initWeights = BottleneckStart.bert
    /// Dropout inside the bottleneck in training.
    public var adapterDropout = 0.0
    /// Which feed-forward parts; all by default.
    public var targeting = Targeting()

    /// AdapterHub's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "pfeiffer", summary: "A bottleneck behind every feed-forward part, around the norm that follows it.",
        family: "adapters", sites: "feed-forward outputs, sequential branch",
        paper: "Pfeiffer et al. 2021, arXiv:2005.00247", initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<Pfeiffer>] = [
        .init("bottleneck", \.bottleneck, insteadOf: "reduction_factor", \.reductionFactor),
        .init("reduction_factor", \.reductionFactor),
        .init("adapter_activation", \.adapterActivation),
        .init("init_weights", \.initWeights),
        .init("adapter_dropout", \.adapterDropout),
        .targetModules, .excludeModules, .modulesToSave,
    ]

    /// A bottleneck for each chosen feed-forward part, and copies of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        var set = try bottlenecks(for: model, roles: [.feedForward], .pfeiffer, start)
        try set.addModules(modulesToSave, of: model)
        return set
    }
}
