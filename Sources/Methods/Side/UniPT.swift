import Networks
import Torch

/// A small network beside a frozen backbone that runs without gradients. Every hidden state is mapped to a narrow width;
/// each guided state is re-organised by its similarity to an anchor; a learned confidence per state mixes the results.
///
///     Z_i = LN(down_i H_i)                             H_0 … H_L−1 the embeddings and the output of every block
///     S_i = ‖relu(A Z_iᵀ ∘ μ)‖₁ + I,  M_i = S_i Z_i     rows of L1 norm 1 (sum + l1_eps), μ the tokens' mask
///     w = softmax_i gate(p(A) ∘ p(Z_i))                p the mean over tokens
///     y = up(relu(A + LN(proj Σ w_i M_i)))
///
/// `anchor_last` (VSE∞, above): the anchor A = Z_L−1 is the last state, and y stands in for the backbone's output.
/// `anchor_embedding` (CLIP4Clip): A = anchor_down(relu e) for the pooled output e [rows, 1, d]; Z_i = down_i(relu H_i)
/// for all states; without I, but M_i gains the token of the pooled position; y = e + up(relu Σ w_i M_i), which takes e's
/// place. The norm of S is then clamped at `l1_eps` in place of adding it, and pooling counts at least one token.
///
/// m = d / reduction; down_i is [m, d], proj [m, m], up [d, m], gate [1, m], all with biases. `projection: mlp` is
/// CLIP-ViL's: proj = LN(Linear(relu(Linear))) by way of width d, and no relu before up.
///
/// Source: Diao et al. 2024 (arXiv:2308.14316), section 3, and its released code for VSE∞, CLIP4Clip and CLIP-ViL. That e
/// is the first token's last state in a backbone without a projected output is this implementation's; so is that the
/// backbone keeps its dropout in training. The forms for ResNet and MDETR need backbones that are not here.
public struct UniPT: SavesModules, Equatable {
    /// What the hidden states are compared with.
    public var variant = Variant.anchorLast
    /// d / m; nil for the variant's: 2, or 1 with `anchor_embedding`.
    public var reduction: Int?
    /// Which states are guided, 0 being the embeddings; nil for all.
    public var layers: [Int]?
    /// Keeps rows without similarities finite; nil for the variant's: 1e-8, or 1e-6 with `anchor_embedding`.
    public var l1Eps: Double?
    /// How it does that; nil for the variant's: add, or clamp with `anchor_embedding`.
    public var l1EpsMode: EpsMode?
    /// Whether the mapped states are normalised; nil for the variant's: true, or false with `anchor_embedding`.
    public var downNorm: Bool?
    /// Whether S has the identity; nil for the variant's: true, or false with `anchor_embedding`.
    public var identityResidual: Bool?
    /// What the mixture passes before it joins the anchor.
    public var projection = Mixing.linear
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// What the hidden states are compared with.
    public enum Variant: String, Codable, CaseIterable, Sendable {
        case anchorLast = "anchor_last"
        case anchorEmbedding = "anchor_embedding"
    }

    /// How `l1_eps` acts.
    public enum EpsMode: String, Codable, CaseIterable, Sendable {
        case add
        case clamp
    }

    /// What the mixture passes.
    public enum Mixing: String, Codable, CaseIterable, Sendable {
        case linear
        case mlp
    }

    /// The anchor is the last state.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "unipt", summary: "A narrow network beside the frozen backbone mixes its hidden states around an anchor.",
        family: "side network", sites: "bodies, in place of the output", paper: "Diao et al. 2024, arXiv:2308.14316",
        initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<UniPT>] = [
        .init("variant", \.variant),
        .init("reduction", \.reduction),
        .init("layers", \.layers),
        .init("l1_eps", \.l1Eps),
        .init("l1_eps_mode", \.l1EpsMode),
        .init("down_norm", \.downNorm),
        .init("identity_residual", \.identityResidual),
        .init("projection", \.projection),
        .modulesToSave,
    ]

    /// Refuses options that cannot be, before any model is needed.
    public func validate() throws {
        try require(reduction ?? 1 > 0, "reduction: must be at least 1, found \(reduction ?? 0)")
        try require(l1Eps ?? 1 > 0, "l1_eps: must be positive, found \(l1Eps ?? 0)")
        if let layers {
            try require(!layers.isEmpty, "layers: names no hidden state")
            try require(Set(layers).count == layers.count, "layers: names a hidden state twice")
        }
        try require(
            variant == .anchorLast || projection == .linear, "projection: mlp is a form of variant anchor_last")
    }

    /// A side network at the body, and the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        guard let body = model.bodies.values.first, model.bodies.count == 1 else {
            throw MethodError.option("unipt: needs a model of one stack of blocks, this one has \(model.bodies.count)")
        }
        guard !(model.network is any CausalLanguageNetwork) else {
            throw MethodError.option(
                "unipt: every token sees all others, which a model of the next token must not; use an encoder")
        }
        let width = body.size / (reduction ?? (variant == .anchorLast ? 2 : 1))
        guard width > 0 else {
            throw MethodError.option("reduction: leaves nothing of the model's \(body.size) channels")
        }
        let states = body.blocks.count + (variant == .anchorLast ? 0 : 1)
        let guided = layers ?? Array(0..<states)
        if let wrong = guided.first(where: { !(0..<states).contains($0) }) {
            throw MethodError.option("layers: there is no guided state \(wrong); there are \(states), from 0")
        }
        try start.requireStored(width, of: UniPTNetwork.name("up.weight", at: body.path), dimension: 1)
        var set = GraftSet()
        set.sides[body.path] = try UniPTNetwork(
            self, UniPTNetwork.Shape(path: body.path, hidden: body.size, width: width, output: body.size),
            guided: guided, key: start.key.derived("unipt"))
        try set.addModules(modulesToSave, of: model)
        return set
    }
}
