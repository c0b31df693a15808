import Networks
import Torch

extension Architecture {
    /// Lewis et al. 2019, https://arxiv.org/abs/1910.13461.
    static let bart = Architecture(
        modelTypes: ["bart"],
        naming: Naming(
            prefix: "model", heads: ["lm_head", "final_logits_bias", "classification_head", "qa_outputs"],
            parts: ["shared", "encoder", "decoder"],
            // fairseq's converter left version numbers in the files.
            ignoredEnds: ["coder.version"],
            optionalModules: ["model.encoder.embed_tokens", "model.decoder.embed_tokens"],
            tied: (
                embedding: "model.shared.weight",
                others: ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"]
            )),
        build: { config, head, root in
            let settings = try BARTSettings(config)
            let body = try BART(root("model"), settings)
            switch head {
            case .features: return BARTFeatures(body)
            case .conditionalGeneration: return try BARTGenerator(body, root)
            case .sequenceClassification(let labels):
                return try BARTClassifier(body, root("classification_head"), labels: labels)
            default: throw NetworkError.unsupported("a BART model has no head for \(head)")
            }
        })
}

/// An encoder that sees the whole source, a decoder that sees the target so far and the source: learned positions, norms
/// after the residuals, one table of words for both and for the scores.
final class BART: EncoderDecoderBody {
    let settings: BARTSettings
    /// The table of words, of which there is one.
    let words: Parameter
    private let encoder: BARTStack
    private let decoder: BARTStack

    init(_ scope: Scope, _ settings: BARTSettings) throws {
        self.settings = settings
        words = try scope("shared").parameter(
            "weight", [settings.vocabulary, settings.hidden], start: .normal(std: settings.initialSpread))
        encoder = try BARTStack(scope("encoder"), settings, settings.encoder, words: words, isDecoder: false)
        decoder = try BARTStack(scope("decoder"), settings, settings.decoder, words: words, isDecoder: true)
    }

    var decoderLayerCount: Int { settings.decoder.layers }
    var sourceLimit: Int? { settings.positions }
    var targetLimit: Int? { settings.positions }
    var targetTokens: TargetTokens { TargetTokens(start: settings.start, padding: settings.padding) }

    func encoded(_ input: ModelInput, _ context: ForwardContext) throws -> EncodedSource {
        guard input.segmentIDs == nil else {
            throw NetworkError.input("an encoder-decoder reads one source per row: packing does not fit it")
        }
        var input = input
        let states = try encoder(&input, seeing: nil, context)
        return EncodedSource(states: states, attentionMask: input.attentionMask)
    }

    func hiddenStates(_ input: ModelInput, seeing source: EncodedSource, _ context: ForwardContext) throws -> Tensor {
        guard let ids = input.decoderInputIDs else {
            throw NetworkError.input("an encoder-decoder needs decoder_input_ids")
        }
        var target = ModelInput(inputIDs: ids, attentionMask: input.decoderAttentionMask)
        target.taskIDs = input.taskIDs
        return try decoder(&target, seeing: source, context)
    }
}

/// The table of words with positions, and the layers of one half.
final class BARTStack {
    private let words: Projection
    private let positions: Projection
    private let norm: Norm
    private let layers: [BARTLayer]
    private let body: Body
    private let settings: BARTSettings
    private let half: BARTSettings.Half
    private let path: String

    init(
        _ scope: Scope, _ settings: BARTSettings, _ half: BARTSettings.Half, words: Parameter, isDecoder: Bool
    ) throws {
        (self.settings, self.half) = (settings, half)
        path = scope.path
        self.words = try .embedding(
            scope("embed_tokens"), count: settings.vocabulary, size: settings.hidden, tiedTo: words,
            paddingRow: settings.padding)
        positions = try .embedding(
            scope("embed_positions"), count: settings.positions + BARTSettings.firstPosition, size: settings.hidden)
        norm = try .layer(scope("layernorm_embedding"), size: settings.hidden, eps: BARTSettings.eps)
        let places = (0..<half.layers).map { scope("layers")($0) }
        layers = try places.enumerated().map {
            try BARTLayer($1, settings, half, index: $0, isDecoder: isDecoder)
        }
        body = Body(scope, size: settings.hidden, blocks: places)
    }

    /// [rows, length, hidden] after the last layer.
    /// - Parameters:
    ///   - input: this half's ids and mask, which follows where grafts insert rows.
    ///   - source: what the decoder sees; nil for the encoder.
    func callAsFunction(_ input: inout ModelInput, seeing source: EncodedSource?, _ context: ForwardContext) throws
        -> Tensor
    {
        var x = try words(input.checkedIDs(), context)
        if settings.scalesEmbedding { x = try x * Double(settings.hidden).squareRoot() }
        x = try body.embedded(x, &input, context)
        x = try x + positions(places(of: x, input, context, isDecoder: source != nil), context)
        x = try context.dropout(norm(x, context), settings.dropout, at: path)
        // Every place of a target counts, masked ones too: none may see what the mask hides.
        if source != nil, let mask = input.attentionMask, try mask.rank == 2 {
            input.attentionMask = try mask.unsqueeze(1)
        }
        return try body(x, input, context) { [self] index, x, input in
            if try isLeftOut(index, context) { return x }
            return try layers[index](x, input, seeing: source, context)
        }
    }

    /// [1, length]: places count from 0 over the padded row, whatever the mask says.
    private func places(of x: Tensor, _ input: ModelInput, _ context: ForwardContext, isDecoder: Bool) throws -> Tensor
    {
        let first = input.positionOffset + (isDecoder ? context.cache?.length ?? 0 : 0)
        let last = try first + x.size(1)
        guard last <= settings.positions else {
            throw NetworkError.input(
                "a sequence of \(last) tokens is longer than the model's \(settings.positions) positions: "
                    + "set \(isDecoder ? "max_target_length" : "max_length")")
        }
        let offset = BARTSettings.firstPosition
        return try Tensor.arange(Double(first + offset), to: Double(last + offset), device: x.device).unsqueeze(0)
    }

    /// In training whole layers may be left out at random (`encoder_layerdrop`).
    private func isLeftOut(_ index: Int, _ context: ForwardContext) throws -> Bool {
        guard context.isTraining, half.layerDropout > 0 else { return false }
        let key = context.key.derived("\(path).layers.\(index).layerdrop")
        return try Tensor.uniform([1], 0, 1, key: key).item() < half.layerDropout
    }
}
