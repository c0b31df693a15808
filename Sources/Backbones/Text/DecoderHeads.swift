import Networks
import Torch

/// A backbone in which no token sees a later one, without its head.
protocol CausalBackbone: AnyObject {
    /// The table of the words, which a tied head shares.
    var words: Projection { get }
    /// Number of layers that keep keys and values.
    var layerCount: Int { get }
    /// Positions that it was made for.
    var positionLimit: Int? { get }
    /// [rows, length, hidden] after the last norm, or those of the input's `wantedPlaces`.
    func hiddenStates(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor
}

/// What the heads of causal backbones are made from.
struct CausalHeadSettings {
    var hidden: Int
    var vocabulary: Int
    /// The head shares the table of the words.
    var isTied: Bool
    /// Scores over the vocabulary become softcap·tanh(scores / softcap).
    var softcap: Double?
    /// What rows are padded with; nil when the configuration does not say.
    var padID: Int?
    var tokenDropout: Double
    /// Name of the layer that scores tokens.
    var tokenScores: String

    /// Reads the fields that all causal families share.
    /// - Parameter padID: the family's default, when the field is absent; `null` means none.
    init(
        _ config: ModelConfig, hidden: Int, vocabulary: Int, isTied: Bool, padID: Int? = nil,
        tokenScores: String = "score"
    ) throws {
        self.hidden = hidden
        self.vocabulary = vocabulary
        self.isTied = try config.bool("tie_word_embeddings", default: isTied)
        self.padID = try config.isNull("pad_token_id") ? nil : config.optional("pad_token_id")?.int() ?? padID
        self.tokenScores = tokenScores
        tokenDropout = try config.double("classifier_dropout", default: config.double("hidden_dropout", default: 0.1))
    }
}

extension CausalBackbone {
    /// This backbone with the head of a task.
    func with(_ head: Head, _ settings: CausalHeadSettings, _ root: Scope) throws -> any Network {
        switch head {
        case .features: return CausalFeatures(self)
        case .causalLM:
            let scope = root("lm_head")
            let scores =
                try settings.isTied
                ? Projection.linear(scope, tiedTo: words)
                : Projection.linear(scope, input: settings.hidden, output: settings.vocabulary, bias: false)
            return CausalLanguageModel(self, scores, softcap: settings.softcap)
        case .sequenceClassification(let labels):
            let scores = try Projection.linear(
                root("score"), input: settings.hidden, output: labels, bias: false, initializer: .normal(std: 0.02))
            return CausalSequenceClassifier(self, scores, padID: settings.padID)
        case .tokenClassification(let labels):
            let scores = try Projection.linear(
                root(settings.tokenScores), input: settings.hidden, output: labels, initializer: .normal(std: 0.02))
            return CausalTokenClassifier(self, scores, dropout: settings.tokenDropout)
        default: throw NetworkError.unsupported("a causal decoder has no head for \(head)")
        }
    }
}

/// A causal backbone alone.
final class CausalFeatures: Network {
    private let backbone: any CausalBackbone

    init(_ backbone: any CausalBackbone) {
        self.backbone = backbone
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        ModelOutput(lastHiddenState: try backbone.hiddenStates(input, context))
    }
}

/// A causal backbone that predicts the next token.
final class CausalLanguageModel: CausalLanguageNetwork {
    private let backbone: any CausalBackbone
    private let head: Projection
    private let softcap: Double?

    init(_ backbone: any CausalBackbone, _ head: Projection, softcap: Double?) {
        self.backbone = backbone
        self.head = head
        self.softcap = softcap
    }

    var layerCount: Int { backbone.layerCount }
    var positionLimit: Int? { backbone.positionLimit }

    func hiddenStates(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        try backbone.hiddenStates(input, context)
    }

    func scores(_ hidden: Tensor, _ context: ForwardContext) throws -> Tensor {
        let scores = try head(hidden, context)
        return try softcap.map { try (scores / $0).tanh() * $0 } ?? scores
    }

    func lossSum(_ hidden: Tensor, labels: Tensor, _ context: ForwardContext) throws -> Tensor {
        try headLossSum(head, hidden, labels: labels, softcap: softcap, context)
    }
}

/// Scores a sequence by its last token that is not padding.
final class CausalSequenceClassifier: Network {
    private let backbone: any CausalBackbone
    private let head: Projection
    private let padID: Int?

    init(_ backbone: any CausalBackbone, _ head: Projection, padID: Int?) {
        self.backbone = backbone
        self.head = head
        self.padID = padID
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        guard input.segmentIDs == nil else {
            throw NetworkError.input("a sequence classifier scores one sequence per row: packing does not fit it")
        }
        let last = try lastTokens(input.requiredIDs())
        var input = input
        if let mask = input.attentionMask, try mask.rank == 2, try !mask.gather(1, last).ne(0).all() {
            // A masked token is to be scored: masks that leave out what only masked tokens see would not do.
            input.attentionMask = try mask.unsqueeze(1)
        }
        let hidden = try backbone.hiddenStates(input, context)
        let shape = try hidden.shape
        let place = try (last + Double(context.insertedRows)).to(.int64)
        let pooled = try hidden.gather(1, place.unsqueeze(2).expand([shape[0], 1, shape[2]])).squeeze(1)
        return ModelOutput(logits: try head(pooled, context), lastHiddenState: hidden)
    }

    /// [rows, 1]: the last place in each row whose id is not the padding's, whatever the attention mask says.
    private func lastTokens(_ ids: Tensor) throws -> Tensor {
        let (rows, length) = (try ids.size(0), try ids.size(1))
        let places = try Tensor.arange(to: Double(length), device: ids.device)
        guard let padID else {
            guard rows == 1 else {
                throw NetworkError.input(
                    "a batch of \(rows) rows needs pad_token_id in config.json, to find the last token of each")
            }
            return try places.narrow(0, length - 1, 1).unsqueeze(0)
        }
        return try (places * ids.ne(Double(padID)).to(.int64)).amax([1], keepDim: true)
    }
}

/// Scores each token.
final class CausalTokenClassifier: Network {
    private let backbone: any CausalBackbone
    private let head: Projection
    private let dropout: Double

    init(_ backbone: any CausalBackbone, _ head: Projection, dropout: Double) {
        self.backbone = backbone
        self.head = head
        self.dropout = dropout
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let hidden = try backbone.hiddenStates(input, context)
        let scores = try head(context.dropout(hidden, dropout, at: head.path), context)
        return ModelOutput(logits: scores, lastHiddenState: hidden)
    }
}
