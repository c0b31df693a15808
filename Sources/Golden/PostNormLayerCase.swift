import Networks
import Torch

/// One encoder layer with norms behind the residuals, made of the sites that backbones are made of, with the weights of
/// a case: for methods that act at sub-layers, attentions and norms.
///
/// Projections and norms have the case's own names: `q`, `k`, `v`, `out`, `fc1`, `fc2`, `ln1`, `ln2`. The sub-layers are
/// `attention` and `mlp`, the attention is `self`.
public final class PostNormLayer: Network {
    private let query: Projection
    private let key: Projection
    private let value: Projection
    private let output: Projection
    private let up: Projection
    private let down: Projection
    private let activation: Activation
    private let site: AttentionSite
    private let attention: Sublayer
    private let mlp: Sublayer

    /// Sizes and functions of a layer.
    struct Settings {
        var size: Int
        var inner: Int
        var heads: Int
        var eps: Double
        var activation: Activation
    }

    fileprivate init(_ root: Scope, _ settings: Settings) throws {
        let size = settings.size
        query = try .linear(root("q"), input: size, output: size)
        key = try .linear(root("k"), input: size, output: size)
        value = try .linear(root("v"), input: size, output: size)
        output = try .linear(root("out"), input: size, output: size)
        up = try .linear(root("fc1"), input: size, output: settings.inner)
        down = try .linear(root("fc2"), input: settings.inner, output: size)
        activation = settings.activation
        let headSize = size / settings.heads
        site = AttentionSite(
            root("self"), index: 0, size: size, heads: settings.heads, keyHeads: settings.heads, headSize: headSize,
            query: ProjectionSlice(query))
        attention = Sublayer(
            root, .attention, size: size,
            placement: .after(try .layer(root("ln1"), size: size, eps: settings.eps)),
            structure: .attention(
                query: ProjectionSlice(query), key: ProjectionSlice(key), value: ProjectionSlice(value),
                output: output, heads: settings.heads, keyHeads: settings.heads, headSize: headSize))
        mlp = Sublayer(
            root, .feedForward, size: size,
            placement: .after(try .layer(root("ln2"), size: size, eps: settings.eps)),
            structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down))
    }

    /// The layer's output for `pixelValues` [rows, length, size], with all tokens visible.
    public func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let settings = AttentionSettings(
            scale: 1 / Double(site.headSize).squareRoot(), pattern: AttentionPattern(causal: false))
        let attended = try attention(input.requiredPixels(), context) { x in
            let parts = try [query, key, value].map { projection in
                let y = try projection(x, context)
                return try y.reshape([y.size(0), y.size(1), site.heads, site.headSize]).transpose(1, 2)
            }
            return try output(
                context.attention(parts[0], parts[1], parts[2], settings, input: input, from: x, at: site), context)
        }
        let y = try mlp(attended, context) { try down(activation(up($0, context)), context) }
        return ModelOutput(logits: y, lastHiddenState: y)
    }
}

/// A case of one encoder layer on its way through a method's real grafts.
///
/// Weights are `base.<module>.weight` and `.bias`; those that the case trains may be `param.<module>.…`.
public struct PostNormLayerCase {
    /// The case.
    public let golden: GoldenCase
    /// The layer with the case's weights.
    public let model: Model
    /// What came out so far.
    public var comparison: Comparison

    /// The layer of a case whose configuration has `dim`, `heads`, `ffn`, `ln_eps` and the name of an activation.
    /// - Parameter activationKey: where the configuration has the activation of the feed-forward part.
    public init(_ golden: GoldenCase, activationKey: String) throws {
        self.golden = golden
        comparison = Comparison(golden)
        let config = golden.config
        let (size, heads) = (try config.field("dim").count(), try config.field("heads").count())
        guard heads > 0, size > 0, size % heads == 0 else {
            throw TorchError.invalid("\(golden.slug)/\(golden.name): dim \(size) is not a multiple of heads \(heads)")
        }
        var weights: [String: Tensor] = [:]
        for module in ["q", "k", "v", "out", "fc1", "fc2", "ln1", "ln2"] {
            for name in ["\(module).weight", "\(module).bias"] {
                weights[name] = try golden.optional("base.\(name)") ?? golden.tensor("param.\(name)")
            }
        }
        let builder = NetworkBuilder(source: TensorWeights(weights))
        let layer = try PostNormLayer(
            builder.root,
            PostNormLayer.Settings(
                size: size, inner: config.field("ffn").count(), heads: heads,
                eps: config.optional("ln_eps")?.double() ?? 1e-5,
                activation: PostNormLayerCase.activation(golden, activationKey)))
        model = Model(layer, builder)
    }

    /// The activation that the configuration names; GELU where it names none.
    public static func activation(_ golden: GoldenCase, _ key: String) throws -> Activation {
        let name = try golden.config.optional(key)?.string() ?? "gelu"
        let synonyms = ["gelu_erf": "gelu", "gelu_tanh": "gelu_pytorch_tanh"]
        return try Activation(named: synonyms[name] ?? name, field: key)
    }

    /// What the layer gives for an input with the adapters in effect.
    public func forward(_ x: Tensor) throws -> Tensor {
        try model(ModelInput(pixelValues: x)).lastHiddenState
    }

    /// Runs the layer on `in.x` and back from `in.cotangent`, and notes the output and the gradients.
    /// - Parameters:
    ///   - parameters: variables by the case's names for them.
    ///   - output: the case's name of the output.
    ///   - gradients: what stands before the names of the gradients.
    public mutating func replay(
        _ parameters: [(name: String, variable: Variable)], output: String = "out.y", gradients: String = "grad."
    ) throws {
        for (_, variable) in parameters { try variable.value.setGrad(nil) }
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try forward(x)
        comparison.produced(output, y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        for (name, tensor) in parameters.map({ ($0.name, $0.variable.value) }) + [("x", x)] {
            if let gradient = try tensor.grad { comparison.produced(gradients + name, gradient) }
        }
    }
}
