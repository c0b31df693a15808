import Networks
import Torch

/// Both halves without a head.
final class BARTFeatures: Network {
    private let body: BART

    init(_ body: BART) {
        self.body = body
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        ModelOutput(lastHiddenState: try body.hiddenStates(input, context))
    }
}

/// Scores the target's next token by the table of words, with a fixed shift of each word's score.
final class BARTGenerator: EncoderDecoderNetwork {
    private let body: BART
    private let head: Projection
    /// [vocabulary]; stored by Hugging Face as a buffer that nothing trains.
    private let shift: Tensor?

    init(_ body: BART, _ root: Scope) throws {
        self.body = body
        let (size, count) = (body.settings.hidden, body.settings.vocabulary)
        head =
            try body.settings.isTied
            ? .linear(root("lm_head"), input: size, output: count, tiedTo: body.words)
            : .linear(root("lm_head"), input: size, output: count, bias: false)
        shift = try root.buffer("final_logits_bias", [1, count])?.reshape([count])
    }

    var decoderLayerCount: Int { body.decoderLayerCount }
    var sourceLimit: Int? { body.sourceLimit }
    var targetLimit: Int? { body.targetLimit }
    var targetTokens: TargetTokens { body.targetTokens }

    func encoded(_ input: ModelInput, _ context: ForwardContext) throws -> EncodedSource {
        try body.encoded(input, context)
    }

    func hiddenStates(_ input: ModelInput, seeing source: EncodedSource, _ context: ForwardContext) throws -> Tensor {
        try body.hiddenStates(input, seeing: source, context)
    }

    func scores(_ hidden: Tensor, _ context: ForwardContext) throws -> Tensor {
        let scores = try head(hidden, context)
        return try shift.map { try scores + $0 } ?? scores
    }

    func lossSum(_ hidden: Tensor, labels: Tensor, _ context: ForwardContext) throws -> Tensor {
        try headLossSum(head, hidden, labels: labels, shift: shift, context)
    }
}

/// Scores a text by what the decoder, which reads the text again, gives at its last end token.
final class BARTClassifier: Network {
    private let body: BART
    private let dense: Projection
    private let output: Projection
    private let end: Int

    init(_ body: BART, _ scope: Scope, labels: Int) throws {
        guard let end = body.settings.end else {
            throw NetworkError.unsupported("config.json: eos_token_id is null, but a BART classifier reads that token")
        }
        (self.body, self.end) = (body, end)
        let (hidden, start) = (body.settings.hidden, Initializer.normal(std: body.settings.initialSpread))
        dense = try .linear(scope("dense"), input: hidden, output: hidden, initializer: start)
        output = try .linear(scope("out_proj"), input: hidden, output: labels, initializer: start)
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let places = try lastEnds(of: input.checkedIDs())
        let hidden = try body.hiddenStates(input, context)
        let shape = try hidden.shape
        let place = try (places + Double(context.insertedRows)).to(.int64)
        let read = try hidden.gather(1, place.unsqueeze(2).expand([shape[0], 1, shape[2]])).squeeze(1)
        let rate = body.settings.classifierDropout
        let mixed = try dense(context.dropout(read, rate, at: dense.path), context).tanh()
        let scores = try output(context.dropout(mixed, rate, at: output.path), context)
        return ModelOutput(logits: scores, lastHiddenState: hidden)
    }

    /// [rows, 1]: the place of each row's last end token.
    private func lastEnds(of ids: Tensor) throws -> Tensor {
        let ends = try ids.eq(Double(end)).to(.int64)
        guard try ends.amax([1]).ne(0).all() else {
            throw NetworkError.input(
                "a text without the end token \(end): a BART classifier reads what stands there, so that each text needs "
                    + "one; long texts keep it when the tokenizer truncates, not when the ids are cut")
        }
        let numbers = try Tensor.arange(1, to: Double(ids.size(1) + 1), device: ids.device)
        return try ((numbers * ends).amax([1], keepDim: true) - 1).to(.int64)
    }
}
