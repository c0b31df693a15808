import Networks
import Torch

/// The transformer of the BERT family with the head of its task: norms follow the residuals.
final class Encoder: Network {
    /// What stands on the last hidden state.
    typealias HeadFunction = (Tensor, ForwardContext) throws -> Tensor?

    private let embeddings: EncoderEmbeddings
    private let layers: [EncoderLayer]
    private let head: HeadFunction
    private let readsFirstToken: Bool

    /// - Parameters:
    ///   - readsFirstToken: whether the head looks at the first token alone.
    ///   - head: makes the head, which may share the word embeddings.
    init(
        _ scope: Scope, _ settings: EncoderSettings, readsFirstToken: Bool,
        head: (EncoderEmbeddings) throws -> HeadFunction
    ) throws {
        self.readsFirstToken = readsFirstToken && !settings.isCausal
        embeddings = try EncoderEmbeddings(scope("embeddings"), settings)
        layers = try (0..<settings.layers).map { try EncoderLayer(scope("encoder")("layer")($0), settings) }
        self.head = try head(embeddings)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var x = try embeddings(input, context)
        for layer in layers.dropLast() { x = try layer(x, input, context) }
        // The last layer's other positions would reach nothing: most of its work is left out, forward and backward.
        let places = context.scoresOnly && readsFirstToken ? 1 : try x.size(1)
        if let last = layers.last { x = try last(x, places: places, input, context) }
        return ModelOutput(logits: try head(x, context), lastHiddenState: x)
    }
}

/// Self-attention with its output projection, residual and norm.
private final class EncoderAttention {
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

    /// - Parameter places: how many positions, from the first, are wanted; they see all of `x`.
    func callAsFunction(_ x: Tensor, places: Int, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let wanted = try x.first(places)
        let size = settings.hidden / settings.heads
        let attention = AttentionSettings(
            scale: 1 / Double(size).squareRoot(), dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: settings.isCausal))
        let mixed = try context.attention(
            query(wanted, context).splitHeads(settings.heads), key(x, context).splitHeads(settings.heads),
            value(x, context).splitHeads(settings.heads), attention, input: input, at: path + ".probabilities")
        let projected = try context.dropout(output(mixed, context), settings.hiddenDropout, at: path)
        return try norm(projected + wanted)
    }
}

extension Tensor {
    /// The first positions of [rows, length, hidden]; itself where that is all.
    fileprivate func first(_ places: Int) throws -> Tensor {
        try places == size(1) ? self : narrow(1, 0, places)
    }
}

/// Attention, then two linear layers, each with residual and norm.
private final class EncoderLayer {
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
        try self(x, places: x.size(1), input, context)
    }

    /// The first `places` positions after this layer.
    func callAsFunction(_ x: Tensor, places: Int, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let attended = try attention(x, places: places, input, context)
        let expanded = try settings.activation(up(attended, context))
        return try norm(context.dropout(down(expanded, context), settings.hiddenDropout, at: path) + attended)
    }
}
