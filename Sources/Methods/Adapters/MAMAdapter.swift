import Golden
import JSON
import Networks
import Torch

/// The mix-and-match adapter: a short prefix at every attention, and a scaled adapter beside every feed-forward part.
///
///     K ← [P_K; K], V ← [P_V; V]        [P_K, P_V] = W₂ tanh(W₁ T + b₁) + b₂
///     y = norm(x + FFN(z) + s·(W_up dropout(relu(W_down z + b_down)) + b_up))
///
/// z is what goes into the feed-forward part: the residual x where the norm follows, its norm where that comes first. T is
/// [attn_bn, size], W₁ [mid_dim, size]; W_down is [ffn_bn, size]. The positions of the tokens stay as they are. After the
/// training, keys and values are computed once and stored; T, W₁ and W₂ are dropped. s multiplies the bias as well, so
/// that folding it into W_up and b_up gives the same.
///
/// In an encoder-decoder the encoder's attentions, the decoder's and those to the source have a prefix each, with T, W₁
/// and W₂ of their own.
///
/// The other wirings of the paper's unified view are options. `ffn_option`: `sequential` (from the output, before the
/// residual) and `pfeiffer`. `attn_mode`: `prefix_nomlp` trains the keys and values themselves, and `adapter` puts an
/// adapter of width `attn_bn` at the attention, beside it (`attn_option: parallel`, added to the heads before the output
/// projection) or behind it (`sequential`). `attn_option` of a prefix: `cross_attn_noln` attends to it apart, and
/// `attn_composition` says whether that is simply added (`add`) or takes a share of the attention (`gate_add`, which equals
/// `concat`); `cross_attn` makes its queries from a norm of the input; `cross_attn_relu` has ReLU instead of softmax and
/// queries without the factor 1/√head, which makes of it an adapter in each head. `attn_bn: 0` and `ffn_bn: 0` leave out
/// one part. The attention's adapter has the factor, norm, start and dropout of the other. Defaults are those of the paper's summarisation; for classification it has attn_bn 16, ffn_bn 16
/// and s 2. The adapter's dropout is the model's own in the authors' code, 0.1 in all of theirs. Source: He et al. 2022
/// (arXiv:2110.04366, sections 3 and 4.6, table 1) and the authors' code.
public struct MAMAdapter: SavesModules, Equatable {
    /// What makes the keys and values.
    public enum AttentionMode: String, Codable, CaseIterable, Sendable {
        /// Two maps, while they are trained.
        case prefix
        /// None.
        case prefixWithoutMLP = "prefix_nomlp"
        /// No keys and values: a bottleneck in their place.
        case adapter
    }

    /// How what stands at an attention joins it.
    public enum AttentionOption: String, Codable, CaseIterable, Sendable {
        /// Keys and values before the sequence's own.
        case concat
        /// An attention of its own to keys and values, by queries from a norm of the input.
        case crossAttention = "cross_attn"
        /// The same with the attention's own queries.
        case crossAttentionWithoutNorm = "cross_attn_noln"
        /// ReLU in the place of softmax, and queries without the factor of scores.
        case crossAttentionReLU = "cross_attn_relu"
        /// An adapter of the attention's input, added to its heads.
        case parallel
        /// An adapter of the attention's output.
        case sequential
    }

    /// How the attention to a prefix joins that to the sequence.
    public enum AttentionComposition: String, Codable, CaseIterable, Sendable {
        /// Their sum.
        case add
        /// Their mean, weighted by the shares of the scores.
        case gateAdd = "gate_add"
    }

    /// Rows of keys and values at each attention.
    public var attentionBottleneck = 30
    /// What makes them.
    public var attentionMode = AttentionMode.prefix
    /// How they join the attention; nil for `concat`, or `parallel` for an adapter.
    public var attentionOption: AttentionOption?
    /// How an attention to a prefix of its own is added.
    public var attentionComposition = AttentionComposition.add
    /// Width between the maps.
    public var middleSize = 800
    /// Dropout of keys and values in training.
    public var prefixDropout = 0.0
    /// Channels of the adapter.
    public var feedForwardBottleneck = 512
    /// Where the adapter's input comes from.
    public var feedForwardOption = BottleneckWiring.parallel
    /// s.
    public var feedForwardScalar = BottleneckScale.fixed(4)
    /// Where the adapter has a norm of its own.
    public var feedForwardNorm = BottleneckNorm.none
    /// How the adapter starts.
    public var feedForwardStart = BottleneckStart.lora
    /// Dropout inside the adapter in training.
    public var adapterDropout = 0.1
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// The paper's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "mam-adapter",
        summary: "A prefix at every attention and a scaled adapter beside every feed-forward part.",
        family: "adapters",
        sites: "attentions, extra keys and values or heads; feed-forward parts and attentions, branches",
        paper: "He et al. 2022, arXiv:2110.04366", initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<MAMAdapter>] = [
        .init("attn_bn", \.attentionBottleneck),
        .init("attn_mode", \.attentionMode),
        .init("attn_option", \.attentionOption),
        .init("attn_composition", \.attentionComposition),
        .init("mid_dim", \.middleSize),
        .init("prefix_dropout", \.prefixDropout),
        .init("ffn_bn", \.feedForwardBottleneck),
        .init("ffn_option", \.feedForwardOption),
        .init("ffn_adapter_scalar", \.feedForwardScalar),
        .init("ffn_adapter_layernorm_option", \.feedForwardNorm),
        .init("ffn_adapter_init_option", \.feedForwardStart),
        .init("adapter_dropout", \.adapterDropout),
        .modulesToSave,
    ]

    /// Refuses what cannot be, before any model is needed.
    public func validate() throws {
        let sizes = [
            ("attn_bn", attentionBottleneck, 0), ("ffn_bn", feedForwardBottleneck, 0), ("mid_dim", middleSize, 1),
        ]
        for (name, value, least) in sizes where !(least...(1 << 20)).contains(value) {
            throw MethodError.option("\(name): must be between \(least) and \(1 << 20), found \(value)")
        }
        if attentionBottleneck == 0, feedForwardBottleneck == 0 {
            throw MethodError.option("attn_bn and ffn_bn are both 0, so there is nothing to train: set one of them")
        }
        let option = joining
        let isAdapters = option == .parallel || option == .sequential
        guard isAdapters == (attentionMode == .adapter) else {
            throw MethodError.option(
                "attn_option: \(option.rawValue) does not go with attn_mode \(attentionMode.rawValue); parallel and "
                    + "sequential are for adapter, the others for prefix and prefix_nomlp")
        }
        guard attentionComposition == .add || [.crossAttention, .crossAttentionWithoutNorm].contains(option) else {
            throw MethodError.option(
                "attn_composition: gate_add is for attn_option cross_attn and cross_attn_noln, not \(option.rawValue)")
        }
        try MethodError.requireDropout(prefixDropout, option: "prefix_dropout")
        try MethodError.requireDropout(adapterDropout, option: "adapter_dropout")
    }

    /// Keys and values for every attention, an adapter for every feed-forward part, and copies of the modules that are
    /// saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var set = GraftSet()
        if attentionBottleneck > 0 { try addAttentionPart(to: &set, model, start) }
        if feedForwardBottleneck > 0 {
            let sites = try ModuleSelection(Targeting())
                .sublayers(of: model, roles: [.feedForward])
            let settings = bottleneck(feedForwardBottleneck, feedForwardOption)
            try set.addBottlenecks(at: sites, start) { _ in settings }
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// How what stands at an attention joins it.
    private var joining: AttentionOption { attentionOption ?? (attentionMode == .adapter ? .parallel : .concat) }

    private func bottleneck(_ width: Int, _ wiring: BottleneckWiring) -> BottleneckSettings {
        BottleneckSettings(
            width: width, activation: .relu, start: feedForwardStart, wiring: wiring, scale: feedForwardScalar,
            dropout: adapterDropout, norm: feedForwardNorm)
    }

    private func addAttentionPart(to set: inout GraftSet, _ model: Model, _ start: GraftStart) throws {
        switch joining {
        case .parallel:
            let settings = bottleneck(attentionBottleneck, .parallel)
            for site in model.attentions.values {
                try site.requireQuery(for: "attn_option: parallel")
                try start.requireStored(attentionBottleneck, of: "\(site.path).adapter_down.weight")
                set.attentions[site.path] = try BottleneckHeads(settings, at: site, key: start.key.derived(site.path))
            }
        case .sequential:
            let sites = try ModuleSelection(Targeting())
                .sublayers(of: model, roles: [.attention, .crossAttention])
            let settings = bottleneck(attentionBottleneck, .sequential)
            try set.addBottlenecks(at: sites, start) { _ in settings }
        case .concat: try set.addPrefix(prefix, for: model, start)
        case .crossAttention, .crossAttentionWithoutNorm, .crossAttentionReLU:
            let option = joining
            try set.addPrefix(prefix, for: model, start) { prefix, site in
                try PrefixHeads(prefix, option, attentionComposition, at: site)
            }
        }
    }

    private var prefix: Prefix.Settings {
        Prefix.Settings(
            count: attentionBottleneck, hidden: attentionMode == .prefix ? middleSize : nil, tableDeviation: 0.02,
            dropout: prefixDropout, reach: .everyKind, shiftsPositions: false)
    }

    /// Drops the prefix's maps once the training is over.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        PrefixLifecycle(grafts.prefixes)
    }
}
