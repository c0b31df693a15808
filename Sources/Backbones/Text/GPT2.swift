import JSON
import Networks
import Torch

extension Architecture {
    static let gpt2 = Architecture(
        modelTypes: ["gpt2"],
        naming: Naming(
            prefix: "transformer", heads: ["lm_head", "score", "classifier", "qa_outputs"],
            parts: ["wte", "wpe", "h", "ln_f"],
            // The causal order was once stored as buffers; `attn.c_attn.bias` is a parameter and ends otherwise.
            ignoredEnds: [".attn.bias", ".attn.masked_bias"],
            tied: (embedding: "transformer.wte.weight", others: ["lm_head.weight"])),
        build: { config, head, root in
            let settings = try GPT2Settings(config)
            return try GPT2(root("transformer"), settings).with(head, settings.head, root)
        })
}

/// The fields of GPT-2.
struct GPT2Settings {
    var vocabulary: Int
    var hidden: Int
    var layers: Int
    var heads: Int
    var intermediate: Int
    var positions: Int
    var activation: Activation
    var eps: Double
    var attentionDropout: Double
    var embeddingDropout: Double
    var residualDropout: Double
    var scalesByHead: Bool
    var scalesByLayer: Bool
    var head: CausalHeadSettings

    init(_ config: ModelConfig) throws {
        try config.require("add_cross_attention", in: [false])
        try config.refuseUnsupportedDecoderFields()
        // The general names stand for GPT-2's own.
        func size(_ key: String, _ general: String, _ value: Int) throws -> Int {
            try config.int(key, default: config.int(general, default: value))
        }
        vocabulary = try config.int("vocab_size", default: 50257)
        hidden = try size("n_embd", "hidden_size", 768)
        layers = try config.layerCount("n_layer", default: config.layerCount("num_hidden_layers", default: 12))
        heads = try size("n_head", "num_attention_heads", 12)
        positions = try size("n_positions", "max_position_embeddings", 1024)
        intermediate = try config.int("n_inner", default: 4 * hidden)
        activation = try config.activation("activation_function", default: "gelu_new")
        eps = try config.double("layer_norm_epsilon", default: 1e-5)
        attentionDropout = try config.double("attn_pdrop", default: 0.1)
        embeddingDropout = try config.double("embd_pdrop", default: 0.1)
        residualDropout = try config.double("resid_pdrop", default: 0.1)
        scalesByHead = try config.bool("scale_attn_weights", default: true)
        scalesByLayer = try config.bool("scale_attn_by_inverse_layer_idx", default: false)
        head = try CausalHeadSettings(
            config, hidden: hidden, vocabulary: vocabulary, isTied: true, tokenScores: "classifier")
        guard hidden % heads == 0 else {
            throw NetworkError.unsupported("config.json: n_embd \(hidden) is not a multiple of n_head \(heads)")
        }
    }
}

/// Radford et al. 2019: learned positions, norms before each part, linear layers stored transposed.
final class GPT2: CausalBackbone {
    let words: Projection
    private let positions: Projection
    private let layers: [GPT2Layer]
    private let body: Body
    private let norm: Norm
    private let settings: GPT2Settings
    private let path: String

    init(_ scope: Scope, _ settings: GPT2Settings) throws {
        self.settings = settings
        path = scope.path
        words = try .embedding(scope("wte"), count: settings.vocabulary, size: settings.hidden)
        positions = try .embedding(scope("wpe"), count: settings.positions, size: settings.hidden)
        let places = (0..<settings.layers).map { scope("h")($0) }
        layers = try places.enumerated().map { try GPT2Layer($1, settings, index: $0) }
        body = Body(scope, size: settings.hidden, blocks: places)
        norm = try .layer(scope("ln_f"), size: settings.hidden, eps: settings.eps)
    }

    var layerCount: Int { layers.count }
    var positionLimit: Int? { settings.positions }

    func hiddenStates(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        var input = input
        var x = try body.embedded(words(input.checkedIDs(), context), &input, context)
        let needed = try x.size(1) + (context.cache?.length ?? 0) + input.positionOffset
        guard input.positionIDs != nil || needed <= settings.positions else {
            throw NetworkError.input(
                "a sequence of \(needed) tokens is longer than the model's \(settings.positions) positions: set max_length"
            )
        }
        x = try x + positions(input.positions(of: x, context), context)
        // Types, where a batch has them, are words, too.
        if let types = input.tokenTypeIDs { x = try x + words(types, context) }
        x = try context.dropout(x, settings.embeddingDropout, at: path)
        return try body(x, input, context, finish: { try norm($0, context) }) { [self] index, x, input in
            try layers[index](x, input, context)
        }
    }
}

/// Attention, then two linear layers, each with a norm before and the residual after.
final class GPT2Layer {
    private let attention: GPT2Attention
    private let up: Projection
    private let down: Projection
    private let attentionSublayer: Sublayer
    private let mlpSublayer: Sublayer
    private let settings: GPT2Settings

    init(_ scope: Scope, _ settings: GPT2Settings, index: Int) throws {
        self.settings = settings
        let hidden = settings.hidden
        attention = try GPT2Attention(scope("attn"), settings, index: index)
        up = try .transposedLinear(scope("mlp")("c_fc"), input: hidden, output: settings.intermediate)
        down = try .transposedLinear(scope("mlp")("c_proj"), input: settings.intermediate, output: hidden)
        attentionSublayer = Sublayer(
            scope, .attention, size: hidden,
            placement: .before(try .layer(scope("ln_1"), size: hidden, eps: settings.eps)),
            structure: attention.structure)
        mlpSublayer = Sublayer(
            scope, .feedForward, size: hidden,
            placement: .before(try .layer(scope("ln_2"), size: hidden, eps: settings.eps)),
            structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down))
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let rate = settings.residualDropout
        let attended = try attentionSublayer(x, wanted: input.wanted, dropout: rate, context) {
            try attention($0, input, context)
        }
        return try mlpSublayer(attended, dropout: rate, context) { x in
            try down(settings.activation(up(x, context)), context)
        }
    }
}

/// Causal self-attention from one projection for queries, keys and values.
final class GPT2Attention {
    private let queriesKeysValues: Projection
    private let output: Projection
    private let attention: AttentionSettings
    private let settings: GPT2Settings
    private let site: AttentionSite

    init(_ scope: Scope, _ settings: GPT2Settings, index: Int) throws {
        self.settings = settings
        let hidden = settings.hidden
        site = AttentionSite(
            scope, index: index, size: hidden, heads: settings.heads, keyHeads: settings.heads,
            headSize: hidden / settings.heads)
        queriesKeysValues = try .transposedLinear(scope("c_attn"), input: hidden, output: 3 * hidden)
        output = try .transposedLinear(scope("c_proj"), input: hidden, output: hidden)
        var scale = settings.scalesByHead ? 1 / Double(hidden / settings.heads).squareRoot() : 1
        if settings.scalesByLayer { scale /= Double(index + 1) }
        attention = AttentionSettings(
            scale: scale, dropout: settings.attentionDropout, pattern: AttentionPattern(causal: true))
    }

    var structure: Sublayer.Structure {
        func part(_ index: Int) -> ProjectionSlice {
            ProjectionSlice(
                queriesKeysValues, outputs: (index * settings.hidden)..<((index + 1) * settings.hidden))
        }
        return .attention(
            query: part(0), key: part(1), value: part(2), output: output, heads: site.heads,
            keyHeads: site.keyHeads, headSize: site.headSize)
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let joined = try queriesKeysValues(x, context)
        func part(_ index: Int) throws -> Tensor { try joined.narrow(2, index * settings.hidden, settings.hidden) }
        let wanted = try input.wanted?.gathered(part(0)) ?? part(0)
        let queries = try wanted.splitHeads(settings.heads, on: input.queries)
        var keys = try part(1).splitHeads(settings.heads, on: input.tokens)
        var values = try part(2).splitHeads(settings.heads, on: input.tokens)
        if let cache = context.cache {
            (keys, values) = try cache.append(layer: site.index, keys: keys, values: values)
        }
        let mixed = try context.attention(queries, keys, values, attention, input: input, at: site)
        return try output(mixed, context)
    }
}
