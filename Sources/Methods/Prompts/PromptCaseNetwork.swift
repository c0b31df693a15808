import Golden
import Networks
import Torch

/// The least network that prefixes and prompts can stand in: embedded words, and attentions whose queries, keys and
/// values are given.
final class PromptCaseNetwork: Network {
    /// Sizes of the attentions.
    struct Shape {
        var layers: Int
        var heads: Int
        var keyHeads: Int
        var headSize: Int
        /// Channels of the residual.
        var size: Int
    }

    /// What the attention of one layer is of, [rows, heads, length, head]; keys and values may have fewer heads.
    struct Heads {
        var query: Tensor
        var key: Tensor
        var value: Tensor
    }

    private let sites: [AttentionSite]
    private let body: Body
    private let words: Projection
    /// The layer that is run, of what, and whether a query sees no later position.
    var run: (layer: Int, heads: Heads, isCausal: Bool)?

    private init(_ builder: NetworkBuilder, _ shape: Shape) throws {
        let places = (0..<shape.layers).map { builder.root("layers")($0) }
        words = try .embedding(builder.root("words"), count: 1, size: shape.size)
        sites = places.enumerated().map { index, place in
            AttentionSite(
                place("attention"), index: index, size: shape.size, heads: shape.heads, keyHeads: shape.keyHeads,
                headSize: shape.headSize)
        }
        body = Body(builder.root, size: shape.size, blocks: places)
    }

    static func model(_ shape: Shape) throws -> (model: Model, network: PromptCaseNetwork) {
        let weights = ["words.weight": try Tensor.zeros([1, shape.size])]
        let builder = NetworkBuilder(source: TensorWeights(weights))
        let network = try PromptCaseNetwork(builder, shape)
        return (Model(network, builder), network)
    }

    /// What the attention gives, [rows, length, heads · head].
    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        guard let run, sites.indices.contains(run.layer) else {
            throw GoldenError.unread("it names no layer that it has")
        }
        var input = input
        let word = try words(Tensor([Int64(0)]).unsqueeze(0), context)
        _ = try body.embedded(word, &input, context)
        let site = sites[run.layer]
        let settings = AttentionSettings(
            scale: 1 / Double(site.headSize).squareRoot(), pattern: AttentionPattern(causal: run.isCausal))
        let y = try context.attention(
            run.heads.query, run.heads.key, run.heads.value, settings, input: input, at: site)
        return ModelOutput(logits: y, lastHiddenState: y)
    }
}
