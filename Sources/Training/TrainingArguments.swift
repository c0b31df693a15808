import Optimization

/// The course of a training, under the names of Hugging Face's TrainingArguments and with their defaults, except that
/// the learning rate suits adapters and that examples of similar length go together.
public struct TrainingArguments: Codable, Sendable, Equatable {
    /// Root of every random draw: order of the rows, dropout, new parameters.
    public var seed = 42
    /// Passes over the training rows; may be a fraction.
    public var numTrainEpochs = 3.0
    /// Ends after so many steps, whatever the epochs; -1 for none.
    public var maxSteps = -1
    /// Rows of a training batch.
    public var perDeviceTrainBatchSize = 8
    /// Rows of an evaluation batch.
    public var perDeviceEvalBatchSize = 8
    /// Batches that one optimizer step adds up.
    public var gradientAccumulationSteps = 1
    /// The rate at the end of the warm-up.
    public var learningRate = 2e-4
    /// Decoupled weight decay of matrices; biases and vectors do not decay.
    public var weightDecay = 0.0
    /// Decay of AdamW's mean of gradients.
    public var adamBeta1 = 0.9
    /// Decay of AdamW's mean of squares.
    public var adamBeta2 = 0.999
    /// Added to the root of the mean of squares.
    public var adamEpsilon = 1e-8
    /// How far `mezo` moves the weights to either side.
    public var mezoEpsilon = 1e-3
    /// Momentum of `sgd`.
    public var momentum = 0.0
    /// Longer gradients are cut to this norm; 0 for no clipping.
    public var maxGradNorm = 1.0
    /// Shape of the rate after the warm-up.
    public var lrSchedulerType = LearningRateSchedule.Shape.linear
    /// Share of all steps in which the rate rises from zero.
    public var warmupRatio = 0.0
    /// Steps in which the rate rises from zero; wins over the ratio.
    public var warmupSteps = 0
    /// The rule that updates the weights.
    public var optim = TrainingConfiguration.OptimizerName.adamW
    /// Steps between two records of the loss.
    public var loggingSteps = 1
    /// When the validation rows are evaluated.
    public var evalStrategy = TrainingConfiguration.IntervalStrategy.epoch
    /// Steps between evaluations, for `steps`.
    public var evalSteps = 500
    /// When checkpoints are written.
    public var saveStrategy = TrainingConfiguration.IntervalStrategy.epoch
    /// Steps between checkpoints, for `steps`.
    public var saveSteps = 500
    /// Checkpoints kept, the newest and the best always; nil for all.
    public var saveTotalLimit: Int? = 2
    /// Ends with the adapter of the best evaluation.
    public var loadBestModelAtEnd = false
    /// The metric that decides which is best; nil for the task's own.
    public var metricForBestModel: String?
    /// Whether larger is better; nil for what the metric's name says.
    public var greaterIsBetter: Bool?
    /// Evaluations without a better metric before the run ends; nil for none.
    public var earlyStoppingPatience: Int?
    /// How much better an evaluation must be to count.
    public var earlyStoppingThreshold = 0.0
    /// What happens when loss, gradient or weights are no longer numbers.
    public var onNonfinite = TrainingConfiguration.NonfinitePolicy.stop
    /// What the learning rate is multiplied by when the run is taken back.
    public var rewindFactor = 0.5
    /// How often the run is taken back at most.
    public var maxRewinds = 3
    /// The most memory that the run may take; nil for no limit.
    public var memoryLimit: ByteCount?
    /// Blocks keep what goes into them and no more, and are run again in the backward.
    public var gradientCheckpointing = false
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
        case mezoEpsilon = "mezo_epsilon"
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
        case onNonfinite = "on_nonfinite"
        case rewindFactor = "rewind_factor"
        case maxRewinds = "max_rewinds"
        case memoryLimit = "memory_limit"
        case gradientCheckpointing = "gradient_checkpointing"
        case device
        case threads
        case linearProbe = "linear_probe"
    }

    /// The defaults.
    public init() {}

    /// Reads the keys; absent ones keep their defaults.
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
        mezoEpsilon = try keys.value(.mezoEpsilon, mezoEpsilon)
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
        // Null is a value here: no limit.
        if keys.contains(.saveTotalLimit) {
            saveTotalLimit = try keys.decodeIfPresent(Int.self, forKey: .saveTotalLimit)
        }
        loadBestModelAtEnd = try keys.value(.loadBestModelAtEnd, loadBestModelAtEnd)
        metricForBestModel = try keys.decodeIfPresent(String.self, forKey: .metricForBestModel)
        greaterIsBetter = try keys.decodeIfPresent(Bool.self, forKey: .greaterIsBetter)
        earlyStoppingPatience = try keys.decodeIfPresent(Int.self, forKey: .earlyStoppingPatience)
        earlyStoppingThreshold = try keys.value(.earlyStoppingThreshold, earlyStoppingThreshold)
        onNonfinite = try keys.choice(.onNonfinite, onNonfinite)
        rewindFactor = try keys.value(.rewindFactor, rewindFactor)
        maxRewinds = try keys.value(.maxRewinds, maxRewinds)
        memoryLimit = try keys.decodeIfPresent(ByteCount.self, forKey: .memoryLimit)
        gradientCheckpointing = try keys.value(.gradientCheckpointing, gradientCheckpointing)
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
        try require(
            weightDecay >= 0 && weightDecay.isFinite, "weight_decay: must not be negative, found \(weightDecay)")
        try require((0..<1).contains(momentum), "momentum: must be from 0 to below 1, found \(momentum)")
        try require(maxGradNorm >= 0, "max_grad_norm: must not be negative (0 for no clipping), found \(maxGradNorm)")
        try require(
            maxSteps == -1 || maxSteps >= 1, "max_steps: must be at least 1, or -1 for none, found \(maxSteps)")
        try require(
            numTrainEpochs > 0 && numTrainEpochs.isFinite, "num_train_epochs: must be positive, found \(numTrainEpochs)"
        )
        try require(
            rewindFactor > 0 && rewindFactor < 1, "rewind_factor: must be above 0 and below 1, found \(rewindFactor)")
        try atLeastOne(.maxRewinds, maxRewinds)
        try require((0...1).contains(warmupRatio), "warmup_ratio: must be from 0 to 1, found \(warmupRatio)")
        try require(warmupSteps >= 0, "warmup_steps: must not be negative, found \(warmupSteps)")
        try require(
            (0..<1).contains(adamBeta1) && (0..<1).contains(adamBeta2),
            "adam_beta1, adam_beta2: must be from 0 to below 1")
        try require(
            adamEpsilon > 0 && adamEpsilon.isFinite, "adam_epsilon: must be positive, found \(adamEpsilon)")
        try require(
            mezoEpsilon > 0 && mezoEpsilon.isFinite, "mezo_epsilon: must be positive, found \(mezoEpsilon)")
        try require(
            earlyStoppingThreshold.isFinite,
            "early_stopping_threshold: must be a number, found \(earlyStoppingThreshold)")
        try require(
            earlyStoppingPatience == nil || evalStrategy != .no,
            "early_stopping_patience: needs evaluations; set eval_strategy to steps or epoch")
        try require(
            !loadBestModelAtEnd || evalStrategy != .no,
            "load_best_model_at_end: needs evaluations; set eval_strategy to steps or epoch")
    }
}
