extension TrainingConfiguration.Task {
    /// True for one of several classes.
    var isClassification: Bool { self != .causalLM }

    /// peft's name of the task, by which it chooses a class of its own; it has none for images.
    var peftName: String? {
        switch self {
        case .classification: "SEQ_CLS"
        case .causalLM: "CAUSAL_LM"
        case .imageClassification: nil
        }
    }

    /// What a batch's loss and an evaluation's metrics are.
    func objective(classes: Int?) -> any Objective {
        isClassification ? ClassificationObjective(classes: classes ?? 2) : CausalLMObjective()
    }
}
