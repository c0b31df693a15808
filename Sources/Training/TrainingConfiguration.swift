import Datasets
import JSON
import Methods
import Support

/// Everything that decides a training, under the names that Hugging Face users know. The file form is YAML or JSON with
/// these keys; `method` is a name or an object of a name and options, and options of the method may also stand beside the
/// other keys.
public struct TrainingConfiguration: Sendable {
    /// What is learnt from the data.
    public enum Task: String, Codable, Sendable, CaseIterable {
        /// One of several classes for a text.
        case classification
        /// The next token.
        case causalLM = "causal-lm"
    }

    /// When something happens.
    public enum IntervalStrategy: String, Codable, Sendable, CaseIterable {
        case no
        case steps
        case epoch
    }

    /// The rule that updates the weights.
    public enum OptimizerName: String, Codable, Sendable, CaseIterable {
        case adamW = "adamw_torch"
        case sgd
    }

    /// How examples are put into batches.
    public enum Batching: String, Codable, Sendable, CaseIterable {
        /// Similar lengths together.
        case lengthGrouped = "length_grouped"
        /// In random order.
        case random
        /// Several examples in a row of `max_length` tokens that do not see each other.
        case packing
    }

    /// Folder of the checkpoint.
    public var model: String
    /// What is learnt.
    public var task: Task
    /// The method and its options.
    public var method: any Method
    /// Folder for everything the run leaves.
    public var outputDirectory: String

    /// Files of rows.
    public var data = DataOptions()
    /// The course of the training.
    public var training = TrainingArguments()

    /// A configuration with defaults for all but the essentials.
    public init(
        model: String, data trainFile: String, task: Task, method: any Method = LoRA(), outputDirectory: String
    ) {
        self.model = model
        self.task = task
        self.method = method
        self.outputDirectory = outputDirectory
        data.trainFile = trainFile
    }
}

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
    /// Column of the label.
    public var labelColumn: String?
    /// Names of the classes in order.
    public var labelNames: [String]?
    /// Number of classes, where labels are numbers.
    public var numLabels: Int?
    /// Columns of prompt, completion and messages.
    public var promptColumn = "prompt"
    public var completionColumn = "completion"
    public var messagesColumn = "messages"
    /// How the turns of a conversation are written: chatml, llama3, gemma or mistral.
    public var chatFormat: String?
    /// Most tokens of an example.
    public var maxLength: Int?
    /// What becomes of longer examples: right, left or error.
    public var truncation = Datasets.Truncation.right
    /// How examples are put into batches.
    public var batching = TrainingConfiguration.Batching.lengthGrouped
    /// Only so many rows of each file.
    public var maxTrainSamples: Int?
    public var maxEvalSamples: Int?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case trainFile = "train_file"
        case validationFile = "validation_file"
        case testFile = "test_file"
        case validationSplit = "validation_split"
        case textColumn = "text_column"
        case textPairColumn = "text_pair_column"
        case labelColumn = "label_column"
        case labelNames = "label_names"
        case numLabels = "num_labels"
        case promptColumn = "prompt_column"
        case completionColumn = "completion_column"
        case messagesColumn = "messages_column"
        case chatFormat = "chat_format"
        case maxLength = "max_length"
        case truncation
        case batching
        case maxTrainSamples = "max_train_samples"
        case maxEvalSamples = "max_eval_samples"
    }

    /// Hugging Face's defaults.
    public init() {}

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        trainFile = try keys.value(.trainFile, trainFile)
        validationFile = try keys.decodeIfPresent(String.self, forKey: .validationFile)
        testFile = try keys.decodeIfPresent(String.self, forKey: .testFile)
        validationSplit = try keys.value(.validationSplit, validationSplit)
        textColumn = try keys.decodeIfPresent(String.self, forKey: .textColumn)
        textPairColumn = try keys.decodeIfPresent(String.self, forKey: .textPairColumn)
        labelColumn = try keys.decodeIfPresent(String.self, forKey: .labelColumn)
        labelNames = try keys.decodeIfPresent([String].self, forKey: .labelNames)
        numLabels = try keys.decodeIfPresent(Int.self, forKey: .numLabels)
        promptColumn = try keys.value(.promptColumn, promptColumn)
        completionColumn = try keys.value(.completionColumn, completionColumn)
        messagesColumn = try keys.value(.messagesColumn, messagesColumn)
        chatFormat = try keys.decodeIfPresent(String.self, forKey: .chatFormat)
        maxLength = try keys.decodeIfPresent(Int.self, forKey: .maxLength)
        truncation = try keys.choice(.truncation, truncation)
        batching = try keys.choice(.batching, batching)
        maxTrainSamples = try keys.decodeIfPresent(Int.self, forKey: .maxTrainSamples)
        maxEvalSamples = try keys.decodeIfPresent(Int.self, forKey: .maxEvalSamples)
    }
}

/// The course of a training, under the names of Hugging Face's TrainingArguments and with their defaults, except that
/// the learning rate suits adapters and that examples of similar length go together.
public struct TrainingArguments: Codable, Sendable, Equatable {
    public var seed = 42
    public var numTrainEpochs = 3.0
    /// Ends after so many steps, whatever the epochs; -1 for none.
    public var maxSteps = -1
    public var perDeviceTrainBatchSize = 8
    public var perDeviceEvalBatchSize = 8
    public var gradientAccumulationSteps = 1
    public var learningRate = 2e-4
    public var weightDecay = 0.0
    public var adamBeta1 = 0.9
    public var adamBeta2 = 0.999
    public var adamEpsilon = 1e-8
    /// Momentum of `sgd`.
    public var momentum = 0.0
    public var maxGradNorm = 1.0
    public var lrSchedulerType = LearningRateSchedule.Shape.linear
    public var warmupRatio = 0.0
    public var warmupSteps = 0
    public var optim = TrainingConfiguration.OptimizerName.adamW
    public var loggingSteps = 10
    public var evalStrategy = TrainingConfiguration.IntervalStrategy.epoch
    public var evalSteps = 500
    public var saveStrategy = TrainingConfiguration.IntervalStrategy.epoch
    public var saveSteps = 500
    /// Checkpoints kept; the newest and the best stay.
    public var saveTotalLimit: Int? = 2
    public var loadBestModelAtEnd = false
    public var metricForBestModel: String?
    public var greaterIsBetter: Bool?
    /// Evaluations without a better metric before the run ends; nil for none.
    public var earlyStoppingPatience: Int?
    public var earlyStoppingThreshold = 0.0
    /// cpu, cuda or cuda:<index>.
    public var device = "cpu"
    /// Threads of one operation; nil for the physical cores.
    public var threads: Int?
    /// Compares with a linear classifier on the frozen features.
    public var linearProbe = false

    enum CodingKeys: String, CodingKey, CaseIterable {
        case seed
        case numTrainEpochs = "num_train_epochs"
        case maxSteps = "max_steps"
        case perDeviceTrainBatchSize = "per_device_train_batch_size"
        case perDeviceEvalBatchSize = "per_device_eval_batch_size"
        case gradientAccumulationSteps = "gradient_accumulation_steps"
        case learningRate = "learning_rate"
        case weightDecay = "weight_decay"
        case adamBeta1 = "adam_beta1"
        case adamBeta2 = "adam_beta2"
        case adamEpsilon = "adam_epsilon"
        case momentum
        case maxGradNorm = "max_grad_norm"
        case lrSchedulerType = "lr_scheduler_type"
        case warmupRatio = "warmup_ratio"
        case warmupSteps = "warmup_steps"
        case optim
        case loggingSteps = "logging_steps"
        case evalStrategy = "eval_strategy"
        case evalSteps = "eval_steps"
        case saveStrategy = "save_strategy"
        case saveSteps = "save_steps"
        case saveTotalLimit = "save_total_limit"
        case loadBestModelAtEnd = "load_best_model_at_end"
        case metricForBestModel = "metric_for_best_model"
        case greaterIsBetter = "greater_is_better"
        case earlyStoppingPatience = "early_stopping_patience"
        case earlyStoppingThreshold = "early_stopping_threshold"
        case device
        case threads
        case linearProbe = "linear_probe"
    }

    /// The defaults.
    public init() {}

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        seed = try keys.value(.seed, seed)
        numTrainEpochs = try keys.value(.numTrainEpochs, numTrainEpochs)
        maxSteps = try keys.value(.maxSteps, maxSteps)
        perDeviceTrainBatchSize = try keys.value(.perDeviceTrainBatchSize, perDeviceTrainBatchSize)
        perDeviceEvalBatchSize = try keys.value(.perDeviceEvalBatchSize, perDeviceEvalBatchSize)
        gradientAccumulationSteps = try keys.value(.gradientAccumulationSteps, gradientAccumulationSteps)
        learningRate = try keys.value(.learningRate, learningRate)
        weightDecay = try keys.value(.weightDecay, weightDecay)
        adamBeta1 = try keys.value(.adamBeta1, adamBeta1)
        adamBeta2 = try keys.value(.adamBeta2, adamBeta2)
        adamEpsilon = try keys.value(.adamEpsilon, adamEpsilon)
        momentum = try keys.value(.momentum, momentum)
        maxGradNorm = try keys.value(.maxGradNorm, maxGradNorm)
        lrSchedulerType = try keys.choice(.lrSchedulerType, lrSchedulerType)
        warmupRatio = try keys.value(.warmupRatio, warmupRatio)
        warmupSteps = try keys.value(.warmupSteps, warmupSteps)
        optim = try keys.choice(.optim, optim)
        loggingSteps = try keys.value(.loggingSteps, loggingSteps)
        evalStrategy = try keys.choice(.evalStrategy, evalStrategy)
        evalSteps = try keys.value(.evalSteps, evalSteps)
        saveStrategy = try keys.choice(.saveStrategy, saveStrategy)
        saveSteps = try keys.value(.saveSteps, saveSteps)
        saveTotalLimit = try keys.decodeIfPresent(Int.self, forKey: .saveTotalLimit) ?? saveTotalLimit
        loadBestModelAtEnd = try keys.value(.loadBestModelAtEnd, loadBestModelAtEnd)
        metricForBestModel = try keys.decodeIfPresent(String.self, forKey: .metricForBestModel)
        greaterIsBetter = try keys.decodeIfPresent(Bool.self, forKey: .greaterIsBetter)
        earlyStoppingPatience = try keys.decodeIfPresent(Int.self, forKey: .earlyStoppingPatience)
        earlyStoppingThreshold = try keys.value(.earlyStoppingThreshold, earlyStoppingThreshold)
        device = try keys.value(.device, device)
        threads = try keys.decodeIfPresent(Int.self, forKey: .threads)
        linearProbe = try keys.value(.linearProbe, linearProbe)
    }

    /// Refuses values that cannot be.
    func validate() throws {
        func require(_ condition: Bool, _ text: @autoclosure () -> String) throws {
            if !condition { throw TrainingError.option(text()) }
        }
        func atLeastOne(_ key: CodingKeys, _ value: Int) throws {
            try require(value >= 1, "\(key.rawValue): must be at least 1, found \(value)")
        }
        try atLeastOne(.perDeviceTrainBatchSize, perDeviceTrainBatchSize)
        try atLeastOne(.perDeviceEvalBatchSize, perDeviceEvalBatchSize)
        try atLeastOne(.gradientAccumulationSteps, gradientAccumulationSteps)
        try atLeastOne(.loggingSteps, loggingSteps)
        try atLeastOne(.evalSteps, evalSteps)
        try atLeastOne(.saveSteps, saveSteps)
        if let saveTotalLimit { try atLeastOne(.saveTotalLimit, saveTotalLimit) }
        if let threads { try atLeastOne(.threads, threads) }
        if let earlyStoppingPatience { try atLeastOne(.earlyStoppingPatience, earlyStoppingPatience) }
        try require(learningRate > 0 && learningRate.isFinite, "learning_rate: must be positive, found \(learningRate)")
        try require(weightDecay >= 0, "weight_decay: must not be negative, found \(weightDecay)")
        try require(maxGradNorm >= 0, "max_grad_norm: must not be negative (0 for no clipping), found \(maxGradNorm)")
        try require(
            maxSteps == -1 || maxSteps >= 1, "max_steps: must be at least 1, or -1 for none, found \(maxSteps)")
        try require(numTrainEpochs > 0, "num_train_epochs: must be positive, found \(numTrainEpochs)")
        try require((0...1).contains(warmupRatio), "warmup_ratio: must be from 0 to 1, found \(warmupRatio)")
        try require(warmupSteps >= 0, "warmup_steps: must not be negative, found \(warmupSteps)")
        try require(
            (0..<1).contains(adamBeta1) && (0..<1).contains(adamBeta2), "adam_beta1, adam_beta2: must be from 0 to below 1")
        try require(adamEpsilon > 0, "adam_epsilon: must be positive, found \(adamEpsilon)")
        try require(
            earlyStoppingPatience == nil || evalStrategy != .no,
            "early_stopping_patience: needs evaluations; set eval_strategy to steps or epoch")
        try require(
            !loadBestModelAtEnd || evalStrategy != .no,
            "load_best_model_at_end: needs evaluations; set eval_strategy to steps or epoch")
    }
}

extension KeyedDecodingContainer {
    /// The value at a key, or the default.
    func value<Value: Decodable>(_ key: Key, _ standard: Value) throws -> Value {
        try decodeIfPresent(Value.self, forKey: key) ?? standard
    }

    /// One of a few names, or the default; an unknown name is an error naming the nearest.
    func choice<Value: RawRepresentable & CaseIterable>(_ key: Key, _ standard: Value) throws -> Value
    where Value.RawValue == String {
        guard let name = try decodeIfPresent(String.self, forKey: key) else { return standard }
        if let value = Value(rawValue: name) { return value }
        let names = Value.allCases.map(\.rawValue)
        throw TrainingError.option(
            "\(key.stringValue): unknown value `\(name)`"
                + (nearestMatch(to: name, in: names).map { "; the nearest is `\($0)`" } ?? "") + "; known: "
                + names.joined(separator: ", "))
    }
}
