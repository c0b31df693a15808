import Networks
import Torch

/// The decoder that Llama and its relatives share: rotary positions, RMS norms, grouped keys and values, a gated linear
/// unit. Where the families differ, `DecoderSettings` says how.
final class Decoder: CausalBackbone {
    let words: Projection
    private let layers: [DecoderLayer]
    private let body: Body
    private let norm: Norm
    private let rotary: RotaryEmbedding
    /// That of layers with a window, where it is another one.
    private let windowRotary: RotaryEmbedding?
    private let embeddingScale: Double?
    let positionLimit: Int?

    init(_ scope: Scope, _ settings: DecoderSettings) throws {
        positionLimit = settings.positions
        let words = try Projection.embedding(
            scope("embed_tokens"), count: settings.head.vocabulary, size: settings.hidden,
            paddingRow: settings.head.padID)
        self.words = words
        let places = (0..<settings.layers).map { scope("layers")($0) }
        layers = try places.enumerated().map { try DecoderLayer($1, settings, index: $0) }
        body = Body(scope, size: settings.hidden, blocks: places)
        norm = try settings.norm(scope("norm"), size: settings.hidden)
        rotary = try RotaryEmbedding(settings.rotary)
        windowRotary = try settings.windowRotary.map(RotaryEmbedding.init)
        // The factor is rounded to the type that the network computes in, as the checkpoints were trained.
        embeddingScale = try settings.embeddingScale.map {
            try Tensor.full([], $0, dtype: scope.dtype).item()
        }
    }

    var layerCount: Int { layers.count }

    func hiddenStates(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        var input = input
        var x = try words(input.checkedIDs(), context)
        if let embeddingScale { x = try x * embeddingScale }
        x = try body.embedded(x, &input, context)
        let positions = try input.positions(of: x, context)
        let dtype = try x.dtype
        let rotation = try rotary(positions, dtype: dtype)
        let windowRotation = try windowRotary.map { try $0(positions, dtype: dtype) } ?? rotation
        return try body(x, input, context, finish: { try norm($0, context) }) { [self] index, x, input in
            let layer = layers[index]
            return try layer(x, layer.isWindowed ? windowRotation : rotation, input, context)
        }
    }
}

/// Attention, then a gated linear unit, each with a norm before, in some families one after, and the residual.
final class DecoderLayer {
    /// Attention sees only a window.
    let isWindowed: Bool
    private let attention: DecoderAttention
    private let unit: DecoderUnit
    private let attentionSublayer: Sublayer
    private let unitSublayer: Sublayer
    private let dropout: Double

    init(_ scope: Scope, _ settings: DecoderSettings, index: Int) throws {
        let window = try settings.window(ofLayer: index)
        isWindowed = window != nil
        dropout = settings.residualDropout
        attention = try DecoderAttention(scope("self_attn"), settings, index: index, window: window)
        unit = try DecoderUnit(scope("mlp"), settings)
        func norm(_ name: String) throws -> Norm { try settings.norm(scope(name), size: settings.hidden) }
        let first = try norm("input_layernorm")
        let second = try norm("post_attention_layernorm")
        let (aroundAttention, aroundUnit): (Sublayer.Placement, Sublayer.Placement) =
            try settings.hasNormsAfter
            ? (
                .around(first, second),
                .around(norm("pre_feedforward_layernorm"), norm("post_feedforward_layernorm"))
            ) : (.before(first), .before(second))
        attentionSublayer = Sublayer(
            scope, .attention, size: settings.hidden, placement: aroundAttention, structure: attention.structure)
        unitSublayer = Sublayer(
            scope, .feedForward, size: settings.hidden, placement: aroundUnit, structure: unit.structure)
    }

    func callAsFunction(_ x: Tensor, _ rotation: Rotation, _ input: ModelInput, _ context: ForwardContext) throws
        -> Tensor
    {
        let attended = try attentionSublayer(x, wanted: input.wanted, dropout: dropout, context) {
            try attention($0, rotation, input, context)
        }
        return try unitSublayer(attended, dropout: dropout, context) { try unit($0, context) }
    }
}

/// Causal self-attention with rotary positions; several heads of queries may share one of keys and values.
final class DecoderAttention {
    /// Three projections, or one for all (Phi-3).
    private enum Inputs {
        case apart(queries: Projection, keys: Projection, values: Projection)
        case joined(Projection)
    }

    private let inputs: Inputs
    private let output: Projection
    private let queryNorm: Norm?
    private let keyNorm: Norm?
    private let attention: AttentionSettings
    private let settings: DecoderSettings
    private let site: AttentionSite

    init(_ scope: Scope, _ settings: DecoderSettings, index: Int, window: Int?) throws {
        self.settings = settings
        site = AttentionSite(
            scope, index: index, size: settings.hidden, heads: settings.heads, keyHeads: settings.keyHeads,
            headSize: settings.headSize)
        let (hidden, queries, keys) = (settings.hidden, settings.querySize, settings.keySize)
        if settings.isFused {
            inputs = .joined(
                try .linear(scope("qkv_proj"), input: hidden, output: queries + 2 * keys, bias: settings.inputBias))
        } else {
            func part(_ name: String, _ size: Int) throws -> Projection {
                try .linear(scope(name), input: hidden, output: size, bias: settings.inputBias)
            }
            inputs = .apart(
                queries: try part("q_proj", queries), keys: try part("k_proj", keys), values: try part("v_proj", keys))
        }
        output = try .linear(scope("o_proj"), input: queries, output: hidden, bias: settings.outputBias)
        queryNorm = try settings.hasHeadNorms ? settings.norm(scope("q_norm"), size: settings.headSize) : nil
        keyNorm = try settings.hasHeadNorms ? settings.norm(scope("k_norm"), size: settings.headSize) : nil
        attention = AttentionSettings(
            scale: settings.attentionScale, softcap: settings.attentionSoftcap, dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: true, window: window))
    }

    var structure: Sublayer.Structure {
        let (query, key, value): (ProjectionSlice, ProjectionSlice, ProjectionSlice)
        switch inputs {
        case .apart(let queries, let keys, let values):
            (query, key, value) = (ProjectionSlice(queries), ProjectionSlice(keys), ProjectionSlice(values))
        case .joined(let all):
            let (queries, keys) = (settings.querySize, settings.keySize)
            query = ProjectionSlice(all, outputs: 0..<queries)
            key = ProjectionSlice(all, outputs: queries..<(queries + keys))
            value = ProjectionSlice(all, outputs: (queries + keys)..<(queries + 2 * keys))
        }
        return .attention(
            query: query, key: key, value: value, output: output, heads: settings.heads,
            keyHeads: settings.keyHeads, headSize: settings.headSize)
    }

    func callAsFunction(_ x: Tensor, _ rotation: Rotation, _ input: ModelInput, _ context: ForwardContext) throws
        -> Tensor
    {
        func normed(_ y: Tensor, _ norm: Norm?) throws -> Tensor {
            guard let norm else { return y }
            let heads = try y.reshape([y.size(0), y.size(1), -1, settings.headSize])
            return try norm(heads, context).reshape(y.shape)
        }
        let projected = try project(x, input, context)
        let queries = try rotation(
            normed(projected.queries, queryNorm).splitHeads(settings.heads, on: input.queries))
        var keys = try rotation(normed(projected.keys, keyNorm).splitHeads(settings.keyHeads, on: input.tokens))
        var values = try projected.values.splitHeads(settings.keyHeads, on: input.tokens)
        if let cache = context.cache {
            (keys, values) = try cache.append(layer: site.index, keys: keys, values: values)
        }
        let mixed = try context.attention(queries, keys, values, attention, input: input, at: site)
        return try output(mixed, context)
    }

    private func project(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws
        -> (queries: Tensor, keys: Tensor, values: Tensor)
    {
        func wanted(_ x: Tensor) throws -> Tensor { try input.wanted?.gathered(x) ?? x }
        switch inputs {
        case .apart(let queries, let keys, let values):
            return (try queries(wanted(x), context), try keys(x, context), try values(x, context))
        case .joined(let projection):
            let all = try projection(x, context)
            let (queries, keys) = (settings.querySize, settings.keySize)
            return (
                try wanted(all.narrow(2, 0, queries)), try all.narrow(2, queries, keys),
                try all.narrow(2, queries + keys, keys)
            )
        }
    }
}

/// down(act(gate(x))·up(x)).
final class DecoderUnit {
    /// Two projections, or one whose first half is the gate (Phi-3).
    private enum Inputs {
        case apart(gate: Projection, up: Projection)
        case joined(Projection)
    }

    private let inputs: Inputs
    private let down: Projection
    private let activation: Activation
    private let intermediate: Int

    init(_ scope: Scope, _ settings: DecoderSettings) throws {
        let (hidden, bias) = (settings.hidden, settings.unitBias)
        activation = settings.activation
        intermediate = settings.intermediate
        if settings.isFused {
            inputs = .joined(
                try .linear(scope("gate_up_proj"), input: hidden, output: 2 * settings.intermediate, bias: bias))
        } else {
            inputs = .apart(
                gate: try .linear(scope("gate_proj"), input: hidden, output: settings.intermediate, bias: bias),
                up: try .linear(scope("up_proj"), input: hidden, output: settings.intermediate, bias: bias))
        }
        down = try .linear(scope("down_proj"), input: settings.intermediate, output: hidden, bias: bias)
    }

    var structure: Sublayer.Structure {
        switch inputs {
        case .apart(let gate, let up):
            .feedForward(gate: ProjectionSlice(gate), up: ProjectionSlice(up), down: down)
        case .joined(let all):
            .feedForward(
                gate: ProjectionSlice(all, outputs: 0..<intermediate),
                up: ProjectionSlice(all, outputs: intermediate..<(2 * intermediate)), down: down)
        }
    }

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        switch inputs {
        case .apart(let gate, let up):
            return try down(activation.gated(gate(x, context), up(x, context)), context)
        case .joined(let projection):
            let both = try projection(x, context)
            let (gate, up) = (
                try both.narrow(2, 0, intermediate), try both.narrow(2, intermediate, intermediate)
            )
            return try down(activation.gated(gate, up), context)
        }
    }
}
