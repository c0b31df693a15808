import Backbones
import JSON

/// The `config.json` of a merged checkpoint.
struct MergedConfig {
    private(set) var object: JSON.Object

    /// - Parameter config: the base's.
    init(_ config: ModelConfig) {
        guard case .object(let object) = config.json else {
            self.object = [:]
            return
        }
        self.object = object
    }

    /// States that the head has a weight of its own.
    mutating func untie() {
        object["tie_word_embeddings"] = false
    }

    /// Names the head and its classes.
    /// - Parameters:
    ///   - isNew: whether the base lacks it.
    ///   - labels: the classes' names; nil for those that the configuration has, or plain numbers.
    mutating func set(_ head: Head, isNew: Bool, labels: [String]?, config: ModelConfig) throws {
        let (count, suffix) = MergedConfig.classes(of: head)
        if isNew, let suffix, let stem = try stem(config) { object["architectures"] = [.string(stem + suffix)] }
        guard let count else { return }
        if let labels, labels.count != count {
            throw AdapterError.merge("\(labels.count) names were given for the head's \(count) classes")
        }
        let known = try config.labelNames.flatMap { $0.count == count ? $0 : nil }
        guard isNew || labels != nil else { return }
        let names = labels ?? known ?? (0..<count).map { "LABEL_\($0)" }
        object["num_labels"] = nil
        object["id2label"] = .object(JSON.Object(names.enumerated().map { ("\($0.offset)", .string($0.element)) }))
        object["label2id"] = .object(JSON.Object(names.enumerated().map { ($0.element, .int(Int64($0.offset))) }))
    }

    private static func classes(of head: Head) -> (count: Int?, suffix: String?) {
        switch head {
        case .features: (nil, "Model")
        case .maskedLM: (nil, "ForMaskedLM")
        case .causalLM: (nil, "ForCausalLM")
        case .conditionalGeneration: (nil, "ForConditionalGeneration")
        case .sequenceClassification(let labels): (labels, "ForSequenceClassification")
        case .tokenClassification(let labels): (labels, "ForTokenClassification")
        case .imageClassification(let labels): (labels, "ForImageClassification")
        }
    }

    /// What the family's class names begin with.
    private func stem(_ config: ModelConfig) throws -> String? {
        let endings = ["ForPreTraining", "ForMaskedLM", "ForCausalLM", "LMHeadModel", "Model"]
        if let name = try config.architecture, let ending = endings.first(where: { name.hasSuffix($0) }) {
            return String(name.dropLast(ending.count))
        }
        if let name = try config.architecture, let range = name.range(of: "For") {
            return String(name[..<range.lowerBound])
        }
        return try config.modelType.flatMap { MergedConfig.stems[$0] }
    }

    private static let stems = [
        "bart": "Bart", "bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "gpt2": "GPT2",
        "llama": "Llama",
        "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "gemma": "Gemma", "gemma2": "Gemma2",
        "phi3": "Phi3", "vit": "ViT",
    ]
}
