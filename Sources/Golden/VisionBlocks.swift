import Networks
import Torch

/// Blocks of a vision transformer with the weights of a case, from embedded tokens (`pixelValues`, [rows, tokens, size])
/// to the last norm: for methods that act on the token sequence.
public final class VisionBlocks: Network {
    private let body: Body
    private let layers: [Layer]
    private let norm: Norm

    /// One block: x + attention(norm x), then x + mlp(norm x), with q, k and v in one projection.
    private struct Layer {
        let qkv: Projection
        let output: Projection
        let up: Projection
        let down: Projection
        let site: AttentionSite
        let attention: Sublayer
        let mlp: Sublayer
    }

    private init(_ root: Scope, size: Int, heads: Int, depth: Int, mlp: Int, eps: Double) throws {
        let places = (0..<depth).map { root("blocks")($0) }
        layers = try places.enumerated().map { index, scope in
            let qkv = try Projection.linear(scope("attn")("qkv"), input: size, output: 3 * size)
            let output = try Projection.linear(scope("attn")("proj"), input: size, output: size)
            let up = try Projection.linear(scope("mlp")("fc1"), input: size, output: mlp)
            let down = try Projection.linear(scope("mlp")("fc2"), input: mlp, output: size)
            func part(_ index: Int) -> ProjectionSlice {
                ProjectionSlice(qkv, outputs: (index * size)..<((index + 1) * size))
            }
            return Layer(
                qkv: qkv, output: output, up: up, down: down,
                site: AttentionSite(
                    scope("attn"), index: index, size: size, heads: heads, keyHeads: heads, headSize: size / heads),
                attention: Sublayer(
                    scope, .attention, size: size, placement: .before(try .layer(scope("norm1"), size: size, eps: eps)),
                    structure: .attention(
                        query: part(0), key: part(1), value: part(2), output: output, heads: heads, keyHeads: heads,
                        headSize: size / heads)),
                mlp: Sublayer(
                    scope, .feedForward, size: size,
                    placement: .before(try .layer(scope("norm2"), size: size, eps: eps)),
                    structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down)))
        }
        body = Body(root, size: size, blocks: places, leadingTokens: 1)
        norm = try .layer(root("norm"), size: size, eps: eps)
    }

    /// A model with the `base.*` tensors of a case; its `config` names `dim`, `heads`, `depth`, `mlp` and `eps`.
    public static func model(_ golden: GoldenCase) throws -> Model {
        let weights = try golden.tensors(below: "base.")
        let builder = NetworkBuilder(source: TensorWeights(weights))
        let config = golden.config
        let (size, heads) = (try config.field("dim").count(), try config.field("heads").count())
        guard size % heads == 0 else { throw GoldenError.unread("dim \(size) is not a multiple of heads \(heads)") }
        let network = try VisionBlocks(
            builder.root, size: size, heads: heads,
            depth: config.field("depth").count(), mlp: config.field("mlp").count(), eps: config.field("eps").double())
        return Model(network, builder)
    }

    /// Every token after the last norm.
    public func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let x = try input.requiredPixels()
        let hidden = try body(x, input, context, finish: { try norm($0, context) }) { [self] index, x, input in
            let layer = layers[index]
            let attended = try layer.attention(x, context) { try VisionBlocks.attend($0, layer, input, context) }
            return try layer.mlp(attended, context) { try layer.down(layer.up($0, context).gelu(), context) }
        }
        return ModelOutput(lastHiddenState: hidden)
    }

    private static func attend(
        _ x: Tensor, _ layer: Layer, _ input: ModelInput, _ context: ForwardContext
    ) throws -> Tensor {
        let (site, shape) = (layer.site, try x.shape)
        let joined = try layer.qkv(x, context)
        let parts = try (0..<3).map {
            try joined.narrow(2, $0 * site.size, site.size)
                .reshape([shape[0], shape[1], site.heads, site.headSize]).transpose(1, 2)
        }
        let settings = AttentionSettings(
            scale: 1 / Double(site.headSize).squareRoot(), pattern: AttentionPattern(causal: false))
        return try layer.output(
            context.attention(parts[0], parts[1], parts[2], settings, input: input, at: site), context)
    }
}

extension GoldenCase {
    /// The tensors whose names begin with a prefix, by what follows it.
    public func tensors(below prefix: String) throws -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        for name in tensors?.names ?? [] where name.hasPrefix(prefix) {
            found[String(name.dropFirst(prefix.count))] = try tensor(name)
        }
        return found
    }
}
