import Networks
import Torch

extension Architecture {
    /// Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929, as Hugging Face lays it out. Files keep the names of
    /// transformers 4; the modules, and the adapters that peft writes now, have those of transformers 5.
    static let vit = Architecture(
        modelTypes: ["vit"],
        naming: Naming(
            prefix: "vit", heads: ["classifier", "decoder"],
            parts: ["embeddings", "encoder", "layers", "layernorm", "pooler"],
            renamedModules: [
                ("encoder.layer", "layers"),
                ("attention.attention.query", "attention.q_proj"),
                ("attention.attention.key", "attention.k_proj"),
                ("attention.attention.value", "attention.v_proj"),
                ("attention.output.dense", "attention.o_proj"),
                ("intermediate.dense", "mlp.fc1"),
                ("output.dense", "mlp.fc2"),
            ],
            ignoredEnds: [".embeddings.mask_token"], optionalModules: ["vit.pooler"]),
        build: { config, head, root in try ViT(root, ViTSettings(config), head: head) },
        images: { ImageFormat(try ViTSettings($0).patches, prefix: 1) })
}

/// The fields of `config.json` of a Hugging Face ViT.
struct ViTSettings {
    var patches: PatchEmbedding.Settings
    var hidden: Int
    var layers: Int
    var heads: Int
    var headSize: Int
    var intermediate: Int
    var qkvBias: Bool
    var activation: Activation
    var eps: Double
    var hiddenDropout: Double
    var attentionDropout: Double
    /// Spread of the parameters of a new head.
    var initialSpread: Double

    init(_ config: ModelConfig) throws {
        patches = try .init(
            image: config.extent("image_size", default: .init(height: 224, width: 224)),
            patch: config.extent("patch_size", default: .init(height: 16, width: 16)),
            channels: config.int("num_channels", default: 3))
        hidden = try config.int("hidden_size", default: 768)
        layers = try config.layerCount("num_hidden_layers", default: 12)
        heads = try config.int("num_attention_heads", default: 12)
        intermediate = try config.int("intermediate_size", default: 3072)
        qkvBias = try config.bool("qkv_bias", default: true)
        activation = try config.activation("hidden_act", default: "gelu")
        eps = try config.positive("layer_norm_eps", default: 1e-12)
        hiddenDropout = try config.rate("hidden_dropout_prob", default: 0)
        attentionDropout = try config.rate("attention_probs_dropout_prob", default: 0)
        initialSpread = try config.positive("initializer_range", default: 0.02)
        guard hidden % heads == 0 else {
            throw NetworkError.unsupported(
                "config.json: hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
        headSize = hidden / heads
        try config.require("head_dim", in: [.int(Int64(headSize))])
    }
}

/// The vision transformer: patches and a class token, blocks with the norm before each branch, a norm at the end.
final class ViT: Network {
    private let embeddings: ViTEmbeddings
    private let layers: [ViTLayer]
    private let body: Body
    private let norm: Norm
    private let classifier: Projection?

    init(_ root: Scope, _ settings: ViTSettings, head: Head) throws {
        let scope = root("vit")
        embeddings = try ViTEmbeddings(scope("embeddings"), settings)
        let places = (0..<settings.layers).map { scope("layers")($0) }
        layers = try places.enumerated().map { try ViTLayer($1, settings, index: $0) }
        body = Body(scope, size: settings.hidden, blocks: places, leadingTokens: 1)
        norm = try .layer(scope("layernorm"), size: settings.hidden, eps: settings.eps)
        switch head {
        case .features: classifier = nil
        case .imageClassification(let labels):
            classifier = try .linear(
                root("classifier"), input: settings.hidden, output: labels,
                initializer: .normal(std: settings.initialSpread))
        default: throw NetworkError.unsupported("a ViT classifies images: it has no head for text")
        }
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var input = input
        let embedded = try body.embedded(embeddings(input, context), &input, context)
        let readsFirst = context.scoresOnly && classifier != nil
        let hidden = try body(
            embedded, input, context, readsFirst: readsFirst, finish: { try norm($0, context) }
        ) { [self] index, x, input in
            try layers[index](x, input, context)
        }
        return ModelOutput(logits: try classifier?(hidden.select(1, 0), context), lastHiddenState: hidden)
    }
}

/// The class token and the patches, each with the vector of its position.
private final class ViTEmbeddings {
    private let classToken: Parameter
    private let positions: Parameter
    private let patches: PatchEmbedding
    private let dropout: Double
    private let path: String

    init(_ scope: Scope, _ settings: ViTSettings) throws {
        classToken = try scope.parameter("cls_token", [1, 1, settings.hidden])
        positions = try scope.parameter("position_embeddings", [1, settings.patches.count + 1, settings.hidden])
        patches = try PatchEmbedding(
            scope("patch_embeddings")("projection"), settings.patches, width: settings.hidden)
        dropout = settings.hiddenDropout
        path = scope.path
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let patches = try patches(input, context)
        let first = try classToken.value.expand([patches.size(0), -1, -1])
        return try context.dropout(Tensor.cat([first, patches], dim: 1) + positions.value, dropout, at: path)
    }
}

/// x + attention(norm x), then x + mlp(norm x).
private final class ViTLayer {
    private let attention: ViTAttention
    private let up: Projection
    private let down: Projection
    private let attentionSublayer: Sublayer
    private let mlpSublayer: Sublayer
    private let settings: ViTSettings

    init(_ scope: Scope, _ settings: ViTSettings, index: Int) throws {
        self.settings = settings
        let (hidden, eps) = (settings.hidden, settings.eps)
        attention = try ViTAttention(scope("attention"), settings, index: index)
        let mlp = scope("mlp")
        up = try .linear(mlp("fc1"), input: settings.hidden, output: settings.intermediate)
        down = try .linear(mlp("fc2"), input: settings.intermediate, output: settings.hidden)
        attentionSublayer = Sublayer(
            scope, .attention, size: hidden,
            placement: .before(try .layer(scope("layernorm_before"), size: hidden, eps: eps)),
            structure: attention.structure)
        mlpSublayer = Sublayer(
            scope, .feedForward, size: hidden,
            placement: .before(try .layer(scope("layernorm_after"), size: hidden, eps: eps)),
            structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down))
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let rate = settings.hiddenDropout
        let attended = try attentionSublayer(x, wanted: input.wanted, dropout: rate, context) {
            try attention($0, input, context)
        }
        return try mlpSublayer(attended, dropout: rate, context) { x in
            try down(settings.activation(up(x, context)), context)
        }
    }
}

/// Self-attention among all tokens of an image.
private final class ViTAttention {
    private let query: Projection
    private let key: Projection
    private let value: Projection
    private let output: Projection
    private let settings: ViTSettings
    private let site: AttentionSite

    init(_ scope: Scope, _ settings: ViTSettings, index: Int) throws {
        self.settings = settings
        site = AttentionSite(
            scope, index: index, size: settings.hidden, heads: settings.heads, keyHeads: settings.heads,
            headSize: settings.headSize)
        let (hidden, bias) = (settings.hidden, settings.qkvBias)
        query = try .linear(scope("q_proj"), input: hidden, output: hidden, bias: bias)
        key = try .linear(scope("k_proj"), input: hidden, output: hidden, bias: bias)
        value = try .linear(scope("v_proj"), input: hidden, output: hidden, bias: bias)
        output = try .linear(scope("o_proj"), input: hidden, output: hidden)
    }

    var structure: Sublayer.Structure {
        .attention(
            query: ProjectionSlice(query), key: ProjectionSlice(key), value: ProjectionSlice(value), output: output,
            heads: site.heads, keyHeads: site.keyHeads, headSize: site.headSize)
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let wanted = try input.wanted?.gathered(x) ?? x
        let attention = AttentionSettings(
            scale: 1 / Double(settings.headSize).squareRoot(), dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: false))
        let mixed = try context.attention(
            query(wanted, context).splitHeads(settings.heads, on: input.wanted),
            key(x, context).splitHeads(settings.heads),
            value(x, context).splitHeads(settings.heads), attention, input: input, at: site)
        return try output(mixed, context)
    }
}
