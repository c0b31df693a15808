extension TrainingConfiguration.Task {
    /// True for one of several classes.
    var isClassification: Bool {
        switch self {
        case .classification, .imageClassification: true
        case .causalLM, .seq2seq, .preference: false
        }
    }

    /// peft's name of the task, by which it chooses a class of its own; it has none for images.
    var peftName: String? {
        switch self {
        case .classification: "SEQ_CLS"
        case .causalLM, .preference: "CAUSAL_LM"
        case .seq2seq: "SEQ_2_SEQ_LM"
        case .imageClassification: nil
        }
    }

    /// What a batch's loss and an evaluation's metrics are.
    func objective(classes: Int?) -> any Objective {
        switch self {
        case .classification, .imageClassification: ClassificationObjective(classes: classes ?? 2)
        case .seq2seq: Seq2SeqObjective()
        case .causalLM, .preference: CausalLMObjective()
        }
    }
}
