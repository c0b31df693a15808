import Networks

/// What stands on a backbone.
public enum Head: Sendable, Equatable {
    /// Nothing: the last hidden state.
    case features
    /// Scores over the vocabulary for every token.
    case maskedLM
    /// Scores over the vocabulary for the next token.
    case causalLM
    /// Scores over the vocabulary for the next token of a decoder that sees an encoder's output.
    case conditionalGeneration
    /// One score per class for a sequence.
    case sequenceClassification(labels: Int)
    /// One score per class for each token.
    case tokenClassification(labels: Int)
    /// One score per class for an image.
    case imageClassification(labels: Int)

    /// True for one score per class of a whole sequence.
    var isSequenceClassification: Bool {
        if case .sequenceClassification = self { true } else { false }
    }

    /// The head that an architecture's class name stands for.
    init(architecture: String, config: ModelConfig) throws {
        switch architecture {
        case let name where name.hasSuffix("ForMaskedLM") || name.hasSuffix("ForPreTraining"): self = .maskedLM
        case let name where name.hasSuffix("ForCausalLM") || name.hasSuffix("LMHeadModel"): self = .causalLM
        case let name where name.hasSuffix("ForConditionalGeneration"): self = .conditionalGeneration
        case let name where name.hasSuffix("ForSequenceClassification"):
            self = .sequenceClassification(labels: try config.labelCount)
        case let name where name.hasSuffix("ForTokenClassification"):
            self = .tokenClassification(labels: try config.labelCount)
        case let name where name.hasSuffix("ForImageClassification"):
            self = .imageClassification(labels: try config.labelCount)
        case let name where name.hasSuffix("Model"): self = .features
        default:
            throw NetworkError.unsupported(
                "config.json: architectures names `\(architecture)`, a head that is not supported yet")
        }
    }
}
