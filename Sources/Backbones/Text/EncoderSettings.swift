import JSON
import Networks

/// The fields of `config.json` that the BERT family shares.
struct EncoderSettings {
    var vocabulary: Int
    var hidden: Int
    var layers: Int
    var heads: Int
    var intermediate: Int
    var positions: Int
    var types: Int
    var activation: Activation
    var eps: Double
    var hiddenDropout: Double
    var attentionDropout: Double
    var classifierDropout: Double
    /// Spread of the parameters of a new head.
    var initialSpread: Double
    /// The masked language model's decoder is the word embedding.
    var isTied: Bool
    /// A token sees no later one.
    var isCausal: Bool
    /// The id of padding, whose embedding is never trained.
    var padding: Int?
    /// RoBERTa counts the tokens that are not padding, from the id of padding + 1; BERT counts all from 0.
    var positionsSkipPadding: Bool
    /// The id of padding where positions depend on it.
    var positionPadding: Int? { positionsSkipPadding ? padding : nil }

    /// What the families do not have in common where `config.json` is silent.
    struct Defaults {
        var vocabulary = 30522
        var padding = 0
        var positionsSkipPadding = false
    }

    init(_ config: ModelConfig, _ defaults: Defaults) throws {
        try config.require("position_embedding_type", in: ["absolute"])
        try config.require("add_cross_attention", in: [false])
        vocabulary = try config.int("vocab_size", default: defaults.vocabulary)
        hidden = try config.int("hidden_size", default: 768)
        layers = try config.layerCount("num_hidden_layers", default: 12)
        heads = try config.int("num_attention_heads", default: 12)
        intermediate = try config.int("intermediate_size", default: 3072)
        positions = try config.int("max_position_embeddings", default: 512)
        types = try config.int("type_vocab_size", default: 2)
        activation = try config.activation("hidden_act", default: "gelu")
        eps = try config.positive("layer_norm_eps", default: 1e-12)
        hiddenDropout = try config.rate("hidden_dropout_prob", default: 0.1)
        attentionDropout = try config.rate("attention_probs_dropout_prob", default: 0.1)
        classifierDropout = try config.rate("classifier_dropout", default: hiddenDropout)
        initialSpread = try config.positive("initializer_range", default: 0.02)
        isTied = try config.bool("tie_word_embeddings", default: true)
        isCausal = try config.bool("is_decoder", default: false)
        padding =
            try config.isNull("pad_token_id") ? nil : config.int("pad_token_id", default: defaults.padding, minimum: 0)
        positionsSkipPadding = defaults.positionsSkipPadding
        guard padding != nil || !positionsSkipPadding else {
            throw NetworkError.unsupported("config.json: pad_token_id is null, but positions are counted from it")
        }
        guard hidden % heads == 0 else {
            throw NetworkError.unsupported(
                "config.json: hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
    }

    /// How a new head's weights start.
    var newHead: Initializer { .normal(std: initialSpread) }
}
