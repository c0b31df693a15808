import JSON
import Networks
import Torch

extension Architecture {
    static let bert = Architecture(
        modelTypes: ["bert"],
        naming: Naming(
            prefix: "bert", heads: ["cls", "classifier", "qa_outputs"],
            renamedEnds: [".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"],
            ignoredEnds: [".embeddings.position_ids"], optionalModules: ["bert.pooler"]),
        build: { config, head, root in
            try EncoderClassifier.bert(EncoderSettings(config, padding: .none), head: head, root)
        })
}

/// The fields that the BERT family shares.
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
    var isTied: Bool
    /// RoBERTa counts positions from this id + 1 and skips it; BERT counts from 0.
    var positionPadding: Int?

    /// Where positions count from.
    enum PositionPadding {
        case none
        case padID
    }

    init(_ config: ModelConfig, padding: PositionPadding) throws {
        try config.require("position_embedding_type", in: ["absolute"])
        try config.require("is_decoder", in: [false])
        try config.require("add_cross_attention", in: [false])
        vocabulary = try config.int("vocab_size", default: padding == .none ? 30522 : 50265)
        hidden = try config.int("hidden_size", default: 768)
        layers = try config.int("num_hidden_layers", default: 12)
        heads = try config.int("num_attention_heads", default: 12)
        intermediate = try config.int("intermediate_size", default: 3072)
        positions = try config.int("max_position_embeddings", default: padding == .none ? 512 : 514)
        types = try config.int("type_vocab_size", default: padding == .none ? 2 : 1)
        activation = try config.activation("hidden_act", default: "gelu")
        eps = try config.double("layer_norm_eps", default: padding == .none ? 1e-12 : 1e-5)
        hiddenDropout = try config.double("hidden_dropout_prob", default: 0.1)
        attentionDropout = try config.double("attention_probs_dropout_prob", default: 0.1)
        classifierDropout = try config.optional("classifier_dropout")?.double() ?? hiddenDropout
        isTied = try config.bool("tie_word_embeddings", default: true)
        positionPadding = padding == .padID ? try config.int("pad_token_id", default: 1, minimum: 0) : nil
        guard hidden % heads == 0 else {
            throw NetworkError.unsupported(
                "config.json: hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
        }
    }
}

/// Word, position and segment embeddings, summed and normalised.
final class EncoderEmbeddings {
    private let words: Projection
    private let positions: Projection
    private let types: Projection
    private let norm: LayerNorm
    private let settings: EncoderSettings
    private let path: String

    init(_ scope: Scope, _ settings: EncoderSettings) throws {
        self.settings = settings
        path = scope.path
        words = try .embedding(scope("word_embeddings"), count: settings.vocabulary, size: settings.hidden)
        positions = try .embedding(scope("position_embeddings"), count: settings.positions, size: settings.hidden)
        types = try .embedding(scope("token_type_embeddings"), count: settings.types, size: settings.hidden)
        norm = try LayerNorm(scope("LayerNorm"), size: settings.hidden, eps: settings.eps)
    }

    var wordEmbeddings: Projection { words }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let ids = try input.requiredIDs()
        let positionIDs = try input.positionIDs ?? defaultPositions(ids)
        let typeIDs = try input.tokenTypeIDs ?? Tensor.zeros(ids.shape, dtype: .int64, device: ids.device)
        let sum = try words(ids, context) + types(typeIDs, context) + positions(positionIDs, context)
        return try context.dropout(norm(sum), settings.hiddenDropout, at: path)
    }

    private func defaultPositions(_ ids: Tensor) throws -> Tensor {
        let length = try ids.size(1)
        let needed = length + (settings.positionPadding.map { $0 + 1 } ?? 0)
        guard needed <= settings.positions else {
            throw NetworkError.input(
                "a sequence of \(length) tokens is longer than the model's "
                    + "\(settings.positions - (needed - length)) positions: set max_length")
        }
        guard let padding = settings.positionPadding else {
            return try Tensor.arange(to: Double(length), device: ids.device).unsqueeze(0)
        }
        let tokens = try ids.ne(Double(padding)).to(.int64)
        return try tokens.cumsum(1) * tokens + Double(padding)
    }
}

/// Self-attention with its output projection, residual and norm.
final class EncoderAttention {
    private let query: Projection
    private let key: Projection
    private let value: Projection
    private let output: Projection
    private let norm: LayerNorm
    private let settings: EncoderSettings
    private let path: String

    init(_ scope: Scope, _ settings: EncoderSettings) throws {
        self.settings = settings
        path = scope.path
        let (hidden, inner) = (settings.hidden, scope("self"))
        query = try .linear(inner("query"), input: hidden, output: hidden)
        key = try .linear(inner("key"), input: hidden, output: hidden)
        value = try .linear(inner("value"), input: hidden, output: hidden)
        output = try .linear(scope("output")("dense"), input: hidden, output: hidden)
        norm = try LayerNorm(scope("output")("LayerNorm"), size: hidden, eps: settings.eps)
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        func heads(_ y: Tensor) throws -> Tensor {
            let shape = try y.shape
            return try y.reshape([shape[0], shape[1], settings.heads, -1]).transpose(1, 2)
        }
        let attention = AttentionSettings(
            scale: 1 / (Double(settings.hidden / settings.heads)).squareRoot(), dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: false))
        let mixed = try context.attention(
            heads(query(x, context)), heads(key(x, context)), heads(value(x, context)), attention, input: input,
            at: path + ".probabilities")
        let projected = try context.dropout(output(mixed, context), settings.hiddenDropout, at: path)
        return try norm(projected + x)
    }
}

/// Attention, then two linear layers, each with residual and norm.
final class EncoderLayer {
    private let attention: EncoderAttention
    private let up: Projection
    private let down: Projection
    private let norm: LayerNorm
    private let settings: EncoderSettings
    private let path: String

    init(_ scope: Scope, _ settings: EncoderSettings) throws {
        self.settings = settings
        path = scope.path
        attention = try EncoderAttention(scope("attention"), settings)
        up = try .linear(scope("intermediate")("dense"), input: settings.hidden, output: settings.intermediate)
        down = try .linear(scope("output")("dense"), input: settings.intermediate, output: settings.hidden)
        norm = try LayerNorm(scope("output")("LayerNorm"), size: settings.hidden, eps: settings.eps)
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let attended = try attention(x, input, context)
        let expanded = try settings.activation(up(attended, context))
        return try norm(context.dropout(down(expanded, context), settings.hiddenDropout, at: path) + attended)
    }
}

/// A bidirectional encoder with the head of its task.
final class EncoderClassifier: Network {
    private let embeddings: EncoderEmbeddings
    private let layers: [EncoderLayer]
    private let head: (Tensor, ForwardContext) throws -> Tensor?

    init(
        _ scope: Scope, _ settings: EncoderSettings,
        head: (EncoderEmbeddings) throws -> (Tensor, ForwardContext) throws -> Tensor?
    ) throws {
        embeddings = try EncoderEmbeddings(scope("embeddings"), settings)
        layers = try (0..<settings.layers).map { try EncoderLayer(scope("encoder")("layer")($0), settings) }
        self.head = try head(embeddings)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var x = try embeddings(input, context)
        for layer in layers { x = try layer(x, input, context) }
        return ModelOutput(logits: try head(x, context), lastHiddenState: x)
    }
}

extension EncoderClassifier {
    /// BERT with one of its heads.
    static func bert(_ settings: EncoderSettings, head: Head, _ root: Scope) throws -> EncoderClassifier {
        let body = root("bert")
        return try EncoderClassifier(body, settings) { embeddings in
            switch head {
            case .features: return { _, _ in nil }
            case .maskedLM: return try maskedLMHead(root("cls")("predictions"), settings, embeddings)
            case .sequenceClassification(let labels):
                let start = Initializer.normal(std: 0.02)
                let pooler = try Projection.linear(
                    body("pooler")("dense"), input: settings.hidden, output: settings.hidden, initializer: start)
                let classifier = try Projection.linear(
                    root("classifier"), input: settings.hidden, output: labels, initializer: start)
                return { x, context in
                    let pooled = try pooler(x.select(1, 0), context).tanh()
                    return try classifier(
                        context.dropout(pooled, settings.classifierDropout, at: classifier.path), context)
                }
            case .tokenClassification(let labels):
                return try tokenHead(root("classifier"), settings, labels: labels)
            default: throw NetworkError.unsupported("BERT has no head for \(head)")
            }
        }
    }

    /// A linear layer over each token.
    static func tokenHead(_ scope: Scope, _ settings: EncoderSettings, labels: Int) throws
        -> (Tensor, ForwardContext) throws -> Tensor?
    {
        let classifier = try Projection.linear(
            scope, input: settings.hidden, output: labels, initializer: .normal(std: 0.02))
        return { x, context in
            try classifier(context.dropout(x, settings.classifierDropout, at: classifier.path), context)
        }
    }

    private static func maskedLMHead(_ scope: Scope, _ settings: EncoderSettings, _ embeddings: EncoderEmbeddings) throws
        -> (Tensor, ForwardContext) throws -> Tensor?
    {
        let transform = scope("transform")
        let dense = try Projection.linear(transform("dense"), input: settings.hidden, output: settings.hidden)
        let norm = try LayerNorm(transform("LayerNorm"), size: settings.hidden, eps: settings.eps)
        let decoder =
            try settings.isTied
            ? Projection.linear(scope("decoder"), tiedTo: embeddings.wordEmbeddings)
            : Projection.linear(scope("decoder"), input: settings.hidden, output: settings.vocabulary, bias: false)
        let bias = try scope.parameter("bias", [settings.vocabulary])
        return { x, context in
            try decoder(norm(settings.activation(dense(x, context))), context) + bias.value
        }
    }
}
