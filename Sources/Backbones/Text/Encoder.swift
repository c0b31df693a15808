import Networks
import Torch

/// The transformer of the BERT family with the head of its task: norms follow the residuals.
final class Encoder: Network {
    /// What stands on the last hidden state.
    typealias HeadFunction = (Tensor, ForwardContext) throws -> Tensor?

    private let embeddings: EncoderEmbeddings
    private let layers: [EncoderLayer]
    private let body: Body
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
        let places = (0..<settings.layers).map { scope("encoder")("layer")($0) }
        layers = try places.enumerated().map { try EncoderLayer($1, settings, index: $0) }
        body = Body(scope, size: settings.hidden, blocks: places)
        self.head = try head(embeddings)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var input = input
        let embedded = try embeddings(&input, at: body, context)
        let x = try body(embedded, input, context, readsFirst: context.scoresOnly && readsFirstToken) {
            [self] index, x, input in
            try layers[index](x, input, context)
        }
        return ModelOutput(logits: try head(x, context), lastHiddenState: x)
    }
}

/// Self-attention with its output projection.
private final class EncoderAttention {
    let output: Projection
    private let query: Projection
    private let key: Projection
    private let value: Projection
    private let settings: EncoderSettings
    private let site: AttentionSite

    init(_ scope: Scope, _ settings: EncoderSettings, index: Int) throws {
        self.settings = settings
        let (hidden, inner) = (settings.hidden, scope("self"))
        query = try .linear(inner("query"), input: hidden, output: hidden)
        key = try .linear(inner("key"), input: hidden, output: hidden)
        value = try .linear(inner("value"), input: hidden, output: hidden)
        output = try .linear(scope("output")("dense"), input: hidden, output: hidden)
        site = AttentionSite(
            scope, index: index, size: hidden, heads: settings.heads, keyHeads: settings.heads,
            headSize: hidden / settings.heads, query: ProjectionSlice(query))
    }

    var structure: Sublayer.Structure {
        .attention(
            query: ProjectionSlice(query), key: ProjectionSlice(key), value: ProjectionSlice(value), output: output,
            heads: site.heads, keyHeads: site.keyHeads, headSize: site.headSize)
    }

    /// - Parameter wanted: the positions whose outputs are wanted; they see all of `x`.
    func callAsFunction(_ wanted: Tensor, seeing x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws
        -> Tensor
    {
        let attention = AttentionSettings(
            scale: 1 / Double(site.headSize).squareRoot(), dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: settings.isCausal))
        let mixed = try context.attention(
            query(wanted, context).splitHeads(settings.heads, on: input.queries),
            key(x, context).splitHeads(settings.heads, on: input.tokens),
            value(x, context).splitHeads(settings.heads, on: input.tokens), attention, input: input, from: wanted,
            at: site)
        return try output(mixed, context)
    }
}

/// Attention, then two linear layers, each with residual and norm.
private final class EncoderLayer {
    private let attention: EncoderAttention
    private let up: Projection
    private let down: Projection
    private let attentionSublayer: Sublayer
    private let mlpSublayer: Sublayer
    private let settings: EncoderSettings

    init(_ scope: Scope, _ settings: EncoderSettings, index: Int) throws {
        self.settings = settings
        let (hidden, eps) = (settings.hidden, settings.eps)
        attention = try EncoderAttention(scope("attention"), settings, index: index)
        let attentionNorm = try Norm.layer(scope("attention")("output")("LayerNorm"), size: hidden, eps: eps)
        attentionSublayer = Sublayer(
            scope, .attention, size: hidden, placement: .after(attentionNorm), structure: attention.structure)
        up = try .linear(scope("intermediate")("dense"), input: hidden, output: settings.intermediate)
        down = try .linear(scope("output")("dense"), input: settings.intermediate, output: hidden)
        mlpSublayer = Sublayer(
            scope, .feedForward, size: hidden,
            placement: .after(try .layer(scope("output")("LayerNorm"), size: hidden, eps: eps)),
            structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down))
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let wanted = try input.wanted?.gathered(x) ?? x
        let attended = try attentionSublayer(wanted, dropout: settings.hiddenDropout, context) { wanted in
            try attention(wanted, seeing: x, input, context)
        }
        return try mlpSublayer(attended, dropout: settings.hiddenDropout, context) { x in
            try down(settings.activation(up(x, context)), context)
        }
    }
}
