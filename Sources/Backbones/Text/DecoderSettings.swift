import JSON
import Networks
import Torch

/// What distinguishes the members of the Llama family, one value per difference.
struct DecoderSettings {
    var hidden: Int
    var layers: Int
    var heads: Int
    /// Heads of keys and values; each serves heads / keyHeads heads of queries.
    var keyHeads: Int
    /// Features of a head, not always hidden / heads.
    var headSize: Int
    var intermediate: Int
    var positions: Int
    var activation: Activation
    var eps: Double
    var rotary: RotarySettings
    /// That of layers with a window, where it differs (Gemma 3).
    var windowRotary: RotarySettings?
    var head: CausalHeadSettings
    var attentionScale: Double
    var attentionDropout: Double

    /// Biases of the projections to queries, keys and values; of the one behind attention; of the gated unit.
    var inputBias = false
    var outputBias = false
    var unitBias = false
    /// Queries and keys are normalised per head (Qwen3, Gemma 3).
    var hasHeadNorms = false
    /// Norms scale by 1 + weight (Gemma).
    var normOffset = 0.0
    /// Attention and gated unit each have a norm behind them (Gemma 2 and 3).
    var hasNormsAfter = false
    /// Embeddings are multiplied by this (Gemma).
    var embeddingScale: Double?
    var attentionSoftcap: Double?
    var residualDropout = 0.0
    /// Queries, keys and values come from one projection, gate and up from another (Phi-3).
    var isFused = false
    /// Size of the window, and which layers have one.
    var window: Int?
    var isWindowed: @Sendable (Int) -> Bool = { _ in false }

    /// The values of a family's fields where config.json leaves them out.
    struct Defaults {
        var vocabulary: Int
        var hidden: Int
        var intermediate: Int
        var layers = 32
        var heads = 32
        /// nil for as many as `heads`.
        var keyHeads: Int?
        /// nil for hidden / heads.
        var headSize: Int?
        var positions: Int
        var activation = (key: "hidden_act", value: "silu")
        var eps = 1e-6
        var isTied = false
        var padID: Int?
    }

    /// Reads what all members share.
    /// - Parameter rotary: what the family says about its rotary embedding; head and positions are filled in here.
    init(
        _ config: ModelConfig, _ defaults: Defaults, rotary family: (inout RotaryFamily) throws -> Void = { _ in }
    ) throws {
        try config.refuseUnsupportedDecoderFields()
        hidden = try config.int("hidden_size", default: defaults.hidden)
        layers = try config.layerCount("num_hidden_layers", default: defaults.layers)
        heads = try config.int("num_attention_heads", default: defaults.heads)
        let keyHeads = try config.isNull("num_key_value_heads") ? heads : defaults.keyHeads ?? heads
        self.keyHeads = try config.int("num_key_value_heads", default: keyHeads)
        headSize = try config.int(
            "head_dim", default: config.isNull("head_dim") ? hidden / heads : defaults.headSize ?? hidden / heads)
        intermediate = try config.int("intermediate_size", default: defaults.intermediate)
        positions = try config.int("max_position_embeddings", default: defaults.positions)
        activation = try config.activation(defaults.activation.key, default: defaults.activation.value)
        eps = try config.double("rms_norm_eps", default: defaults.eps)
        attentionDropout = try config.double("attention_dropout", default: 0)
        guard headSize > 0, heads % self.keyHeads == 0 else {
            throw NetworkError.unsupported(
                "config.json: \(heads) heads of \(headSize) features cannot share \(self.keyHeads) heads of keys and values"
            )
        }
        attentionScale = 1 / Double(headSize).squareRoot()
        var rotaryFamily = RotaryFamily(headSize: headSize, positions: positions)
        try family(&rotaryFamily)
        (rotary, windowRotary) = try RotarySettings.read(config, rotaryFamily)
        head = try CausalHeadSettings(
            config, hidden: hidden, vocabulary: config.int("vocab_size", default: defaults.vocabulary),
            isTied: defaults.isTied, padID: defaults.padID)
    }

    /// Features of all queries of a token.
    var querySize: Int { heads * headSize }
    /// Features of all keys, or values, of a token.
    var keySize: Int { keyHeads * headSize }

    /// The window of a layer, nil when it sees everything before.
    func window(ofLayer index: Int) throws -> Int? {
        guard isWindowed(index) else { return nil }
        guard let window else {
            throw NetworkError.unsupported(
                "config.json: layer \(index) is to attend to a sliding window, but there is no sliding_window in effect"
            )
        }
        return window
    }

    /// A norm of this family.
    func norm(_ scope: Scope, size: Int) throws -> Norm {
        try Norm.rms(scope, size: size, eps: eps, offset: normOffset)
    }
}

extension ModelConfig {
    /// Refuses fields of relatives whose computation is another one: mixtures of experts, chunked or two-sided attention,
    /// quantised weights.
    func refuseUnsupportedDecoderFields() throws {
        try require("is_causal", in: [true])
        try require("use_bidirectional_attention", in: [false])
        let fields = [
            "quantization_config", "num_experts", "num_local_experts", "n_routed_experts", "num_experts_per_tok",
            "moe_intermediate_size", "attention_chunk_size", "per_layer_config",
        ]
        for field in fields { try require(field, in: [false, 0]) }
    }

    /// `layer_types`: whether each layer attends to a window; nil when the file does not say.
    func windowedLayers(_ count: Int) throws -> [Bool]? {
        guard let types = try optional("layer_types")?.strings() else { return nil }
        guard types.count == count else {
            throw NetworkError.unsupported("config.json: layer_types names \(types.count) of \(count) layers")
        }
        return try types.map { type in
            switch type {
            case "full_attention": return false
            case "sliding_attention": return true
            default: throw NetworkError.unsupported("config.json: layer_types: `\(type)` is not supported")
            }
        }
    }
}
