import Networks
import Torch

/// The heads that the members of the family have in common.
extension Encoder {
    /// A linear layer over each token.
    static func tokenHead(_ scope: Scope, _ settings: EncoderSettings, labels: Int) throws -> HeadFunction {
        let classifier = try Projection.linear(
            scope, input: settings.hidden, output: labels, initializer: settings.newHead)
        return { x, context in
            try classifier(context.dropout(x, settings.classifierDropout, at: classifier.path), context)
        }
    }
}

/// The last part of a masked language model: scores over the vocabulary with a bias for each word.
struct EncoderDecoder {
    private let decoder: Projection
    private let bias: Parameter

    /// - Parameter scope: the head, which holds `decoder` and `bias`.
    init(_ scope: Scope, _ settings: EncoderSettings, words: Projection) throws {
        let own = scope("decoder")
        decoder =
            try settings.isTied
            ? .linear(own, tiedTo: words)
            : .linear(own, input: settings.hidden, output: settings.vocabulary, bias: false)
        bias = try EncoderDecoder.bias(scope, own, settings)
    }

    /// Files name the bias once or twice. Two that differ were never tied, and then the decoder's is the one that acts.
    private static func bias(_ scope: Scope, _ own: Scope, _ settings: EncoderSettings) throws -> Parameter {
        let shape = [settings.vocabulary]
        if own.has("bias"), !settings.isTied || !scope.has("bias") { return try own.parameter("bias", shape) }
        let shared = try scope.parameter("bias", shape)
        return try own.differs("bias", from: shared) ? own.parameter("bias", shape) : shared
    }

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        try decoder(x, context) + bias.value
    }
}
