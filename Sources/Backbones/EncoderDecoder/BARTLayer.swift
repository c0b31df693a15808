import Networks
import Torch

/// Attention, in the decoder attention to the source, then two linear layers, each with residual and norm after it.
final class BARTLayer {
    private let attention: BARTAttention
    private let attentionSublayer: Sublayer
    private let cross: (attention: BARTAttention, sublayer: Sublayer)?
    private let up: Projection
    private let down: Projection
    private let mlpSublayer: Sublayer
    private let settings: BARTSettings

    init(_ scope: Scope, _ settings: BARTSettings, _ half: BARTSettings.Half, index: Int, isDecoder: Bool) throws {
        self.settings = settings
        let hidden = settings.hidden
        func norm(_ name: String) throws -> Norm {
            try .layer(scope(name), size: hidden, eps: BARTSettings.eps)
        }
        func sublayer(_ role: Sublayer.Role, _ attention: BARTAttention, _ name: String) throws -> Sublayer {
            Sublayer(scope, role, size: hidden, placement: .after(try norm(name)), structure: attention.structure)
        }
        attention = try BARTAttention(
            scope("self_attn"), settings, heads: half.heads, index: index, pattern: .init(causal: isDecoder))
        attentionSublayer = try sublayer(.attention, attention, "self_attn_layer_norm")
        if isDecoder {
            let attention = try BARTAttention(
                scope("encoder_attn"), settings, heads: half.heads, index: index, pattern: .init(causal: false),
                isCross: true)
            cross = (attention, try sublayer(.crossAttention, attention, "encoder_attn_layer_norm"))
        } else {
            cross = nil
        }
        up = try .linear(scope("fc1"), input: hidden, output: half.intermediate)
        down = try .linear(scope("fc2"), input: half.intermediate, output: hidden)
        mlpSublayer = Sublayer(
            scope, .feedForward, size: hidden, placement: .after(try norm("final_layer_norm")),
            structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down))
    }

    /// - Parameter source: what the decoder sees; nil for the encoder.
    func callAsFunction(
        _ x: Tensor, _ input: ModelInput, seeing source: EncodedSource?, _ context: ForwardContext
    ) throws -> Tensor {
        let rate = settings.dropout
        var x = try attentionSublayer(x, dropout: rate, context) { try attention($0, input, context) }
        if let cross, let source {
            x = try cross.sublayer(x, dropout: rate, context) { try cross.attention($0, seeing: source, context) }
        }
        return try mlpSublayer(x, dropout: rate, context) { x in
            let inner = try settings.activation(up(x, context))
            return try down(context.dropout(inner, settings.activationDropout, at: down.path), context)
        }
    }
}

/// Attention of a sequence to itself, or to the source.
final class BARTAttention {
    private let query: Projection
    private let key: Projection
    private let value: Projection
    private let output: Projection
    private let attention: AttentionSettings
    private let site: AttentionSite

    init(
        _ scope: Scope, _ settings: BARTSettings, heads: Int, index: Int, pattern: AttentionPattern,
        isCross: Bool = false
    ) throws {
        let hidden = settings.hidden
        func linear(_ name: String) throws -> Projection { try .linear(scope(name), input: hidden, output: hidden) }
        key = try linear("k_proj")
        value = try linear("v_proj")
        query = try linear("q_proj")
        output = try linear("out_proj")
        site = AttentionSite(
            scope, index: index, size: hidden, heads: heads, keyHeads: heads, headSize: hidden / heads,
            isCross: isCross, query: ProjectionSlice(query))
        attention = AttentionSettings(
            scale: 1 / Double(site.headSize).squareRoot(), dropout: settings.attentionDropout, pattern: pattern)
    }

    var structure: Sublayer.Structure {
        .attention(
            query: ProjectionSlice(query), key: ProjectionSlice(key), value: ProjectionSlice(value), output: output,
            heads: site.heads, keyHeads: site.keyHeads, headSize: site.headSize)
    }

    /// To the sequence itself.
    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        var (keys, values) = try keysAndValues(of: x, on: input.tokens, context)
        // The encoder sees its whole sequence at once and remembers nothing.
        if attention.pattern.causal, let cache = context.cache {
            (keys, values) = try cache.append(layer: site.index, keys: keys, values: values)
        }
        return try mixed(x, keys, values, input, context)
    }

    /// To what the encoder gave.
    func callAsFunction(_ x: Tensor, seeing source: EncodedSource, _ context: ForwardContext) throws -> Tensor {
        let (keys, values) = try source.keysAndValues(at: site, context) { try keysAndValues(of: $0, on: nil, context) }
        return try mixed(x, keys, values, ModelInput(attentionMask: source.attentionMask), context)
    }

    private func keysAndValues(of x: Tensor, on layout: TokenLayout?, _ context: ForwardContext) throws
        -> (keys: Tensor, values: Tensor)
    {
        (
            try key(x, context).splitHeads(site.heads, on: layout),
            try value(x, context).splitHeads(site.heads, on: layout)
        )
    }

    private func mixed(
        _ x: Tensor, _ keys: Tensor, _ values: Tensor, _ input: ModelInput, _ context: ForwardContext
    ) throws -> Tensor {
        let queries = try query(x, context).splitHeads(site.heads, on: input.queries)
        return try output(
            context.attention(queries, keys, values, attention, input: input, from: x, at: site), context)
    }
}
