import Networks
import Torch

/// The transformer of the BERT family with the head of its task: norms follow the residuals.
final class Encoder: Network {
    /// What stands on the last hidden state.
    typealias HeadFunction = (Tensor, ForwardContext) throws -> Tensor?

    private let embeddings: EncoderEmbeddings
    private let layers: [EncoderLayer]
    private let head: HeadFunction

    /// - Parameter head: makes the head, which may share the word embeddings.
    init(_ scope: Scope, _ settings: EncoderSettings, head: (EncoderEmbeddings) throws -> HeadFunction) throws {
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

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let size = settings.hidden / settings.heads
        let attention = AttentionSettings(
            scale: 1 / Double(size).squareRoot(), dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: settings.isCausal))
        let mixed = try context.attention(
            query(x, context).splitHeads(settings.heads), key(x, context).splitHeads(settings.heads),
            value(x, context).splitHeads(settings.heads), attention, input: input, at: path + ".probabilities")
        let projected = try context.dropout(output(mixed, context), settings.hiddenDropout, at: path)
        return try norm(projected + x)
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
        let attended = try attention(x, input, context)
        let expanded = try settings.activation(up(attended, context))
        return try norm(context.dropout(down(expanded, context), settings.hiddenDropout, at: path) + attended)
    }
}
