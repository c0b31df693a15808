import JSON
import Networks

/// The fields of BART's `config.json`.
struct BARTSettings {
    /// What encoder and decoder have each for themselves.
    struct Half {
        var layers: Int
        var heads: Int
        var intermediate: Int
        /// How often a layer is left out in training.
        var layerDropout: Double
    }

    /// The first rows of the tables of positions are those of no token.
    static let firstPosition = 2
    static let eps = 1e-5

    var vocabulary: Int
    var hidden: Int
    var positions: Int
    var encoder: Half
    var decoder: Half
    var activation: Activation
    var dropout: Double
    var attentionDropout: Double
    var activationDropout: Double
    var classifierDropout: Double
    var initialSpread: Double
    /// Words are multiplied by √hidden.
    var scalesEmbedding: Bool
    /// The scores come from the table of words.
    var isTied: Bool
    var padding: Int
    /// The decoder's first token.
    var start: Int
    /// What ends a text; a classifier reads the last one.
    var end: Int?

    init(_ config: ModelConfig) throws {
        // Fields that converters wrote for networks of other forms (mBART among them) under the same name.
        try config.require("normalize_before", in: [false])
        try config.require("add_final_layer_norm", in: [false])
        try config.require("normalize_embedding", in: [true])
        try config.require("static_position_embeddings", in: [false])
        try config.require("is_decoder", in: [false])
        vocabulary = try config.int("vocab_size", default: 50265)
        hidden = try config.int("d_model", default: 1024)
        positions = try config.int("max_position_embeddings", default: 1024)
        encoder = try Half(config, "encoder")
        decoder = try Half(config, "decoder")
        activation = try config.activation("activation_function", default: "gelu")
        dropout = try config.rate("dropout", default: 0.1)
        attentionDropout = try config.rate("attention_dropout", default: 0)
        activationDropout = try config.rate("activation_dropout", default: 0)
        classifierDropout = try config.rate("classifier_dropout", default: 0)
        initialSpread = try config.positive("init_std", default: 0.02)
        scalesEmbedding = try config.bool("scale_embedding", default: false)
        isTied = try config.bool("tie_word_embeddings", default: true)
        padding = try config.int("pad_token_id", default: 1, minimum: 0)
        start = try config.int("decoder_start_token_id", default: 2, minimum: 0)
        end = try config.isNull("eos_token_id") ? nil : config.endTokenID ?? 2
        for half in [encoder, decoder] where hidden % half.heads != 0 {
            throw NetworkError.unsupported(
                "config.json: d_model \(hidden) is not a multiple of the number of attention heads, \(half.heads)")
        }
        for (name, id) in [("pad_token_id", padding), ("decoder_start_token_id", start)] where id >= vocabulary {
            throw NetworkError.unsupported("config.json: \(name) is \(id), beyond the vocabulary of \(vocabulary)")
        }
    }
}

extension BARTSettings.Half {
    /// - Parameter name: `encoder` or `decoder`.
    fileprivate init(_ config: ModelConfig, _ name: String) throws {
        layers = try config.layerCount("\(name)_layers", default: 12)
        heads = try config.int("\(name)_attention_heads", default: 16)
        intermediate = try config.int("\(name)_ffn_dim", default: 4096)
        layerDropout = try config.rate("\(name)_layerdrop", default: 0)
    }
}
