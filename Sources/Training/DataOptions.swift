import Datasets

/// Where the rows are and which columns count.
public struct DataOptions: Codable, Sendable, Equatable {
    /// Rows to learn from.
    public var trainFile = ""
    /// Rows to evaluate on while training.
    public var validationFile: String?
    /// Rows to evaluate on at the end.
    public var testFile: String?
    /// Share of the training rows held out where there is no validation file.
    public var validationSplit = 0.0
    /// Column of the text.
    public var textColumn: String?
    /// Column of a second text.
    public var textPairColumn: String?
    /// Column of the text to write, for seq2seq; `text_column` is what it is written of.
    public var summaryColumn: String?
    /// Column of the label; of a single answer to a prompt, whether it is desirable.
    public var labelColumn: String?
    /// Column of the number of the row's task, for methods that route by it.
    public var taskColumn: String?
    /// Names of the classes in order.
    public var labelNames: [String]?
    /// Number of classes, where labels are numbers.
    public var numLabels: Int?
    /// Column of the prompt.
    public var promptColumn = "prompt"
    /// Column of the completion; of preferences, of the only answer.
    public var completionColumn = "completion"
    /// Column of the better answer to the prompt.
    public var chosenColumn = "chosen"
    /// Column of the other answer.
    public var rejectedColumn = "rejected"
    /// Column of the turns of a conversation.
    public var messagesColumn = "messages"
    /// How the turns of a conversation are written: chatml, llama3, gemma or mistral.
    public var chatFormat: String?
    /// Most tokens of an example.
    public var maxLength: Int?
    /// Most tokens of the text to write, for seq2seq.
    public var maxTargetLength: Int?
    /// Most tokens of the prompt of a preference.
    public var maxPromptLength: Int?
    /// What becomes of longer examples: right, left or error.
    public var truncation = Datasets.Truncation.right
    /// How examples are put into batches.
    public var batching = TrainingConfiguration.Batching.lengthGrouped
    /// Only so many rows of the training file.
    public var maxTrainSamples: Int?
    /// Only so many rows of the validation and test files.
    public var maxEvalSamples: Int?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case trainFile = "train_file"
        case validationFile = "validation_file"
        case testFile = "test_file"
        case validationSplit = "validation_split"
        case textColumn = "text_column"
        case textPairColumn = "text_pair_column"
        case summaryColumn = "summary_column"
        case labelColumn = "label_column"
        case taskColumn = "task_column"
        case labelNames = "label_names"
        case numLabels = "num_labels"
        case promptColumn = "prompt_column"
        case completionColumn = "completion_column"
        case chosenColumn = "chosen_column"
        case rejectedColumn = "rejected_column"
        case messagesColumn = "messages_column"
        case chatFormat = "chat_format"
        case maxLength = "max_length"
        case maxTargetLength = "max_target_length"
        case maxPromptLength = "max_prompt_length"
        case truncation
        case batching
        case maxTrainSamples = "max_train_samples"
        case maxEvalSamples = "max_eval_samples"
    }

    /// Hugging Face's defaults.
    public init() {}

    /// Reads the keys; absent ones keep their defaults.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        trainFile = try keys.value(.trainFile, trainFile)
        validationFile = try keys.decodeIfPresent(String.self, forKey: .validationFile)
        testFile = try keys.decodeIfPresent(String.self, forKey: .testFile)
        validationSplit = try keys.value(.validationSplit, validationSplit)
        textColumn = try keys.decodeIfPresent(String.self, forKey: .textColumn)
        textPairColumn = try keys.decodeIfPresent(String.self, forKey: .textPairColumn)
        summaryColumn = try keys.decodeIfPresent(String.self, forKey: .summaryColumn)
        labelColumn = try keys.decodeIfPresent(String.self, forKey: .labelColumn)
        taskColumn = try keys.decodeIfPresent(String.self, forKey: .taskColumn)
        labelNames = try keys.decodeIfPresent([String].self, forKey: .labelNames)
        numLabels = try keys.decodeIfPresent(Int.self, forKey: .numLabels)
        promptColumn = try keys.value(.promptColumn, promptColumn)
        completionColumn = try keys.value(.completionColumn, completionColumn)
        chosenColumn = try keys.value(.chosenColumn, chosenColumn)
        rejectedColumn = try keys.value(.rejectedColumn, rejectedColumn)
        messagesColumn = try keys.value(.messagesColumn, messagesColumn)
        chatFormat = try keys.decodeIfPresent(String.self, forKey: .chatFormat)
        maxLength = try keys.decodeIfPresent(Int.self, forKey: .maxLength)
        maxTargetLength = try keys.decodeIfPresent(Int.self, forKey: .maxTargetLength)
        maxPromptLength = try keys.decodeIfPresent(Int.self, forKey: .maxPromptLength)
        truncation = try keys.choice(.truncation, truncation)
        batching = try keys.choice(.batching, batching)
        maxTrainSamples = try keys.decodeIfPresent(Int.self, forKey: .maxTrainSamples)
        maxEvalSamples = try keys.decodeIfPresent(Int.self, forKey: .maxEvalSamples)
    }
}
