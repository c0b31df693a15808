import Adapters
import Backbones
import Datasets
import Foundation
import JSON
import Methods
import Networks
import Optimization
import Reporting
import Support
import Tokenizers
import Torch

/// A training that was checked in full and is ready to run: model, grafts, data and optimizer.
final class TrainingSession {
    let configuration: TrainingConfiguration
    let model: Model
    let modelConfig: ModelConfig
    let newParameters: [String]
    let grafts: GraftSet
    let data: PreparedData
    let loader: BatchLoader
    let trainables: Trainables
    let lifecycle: (any Lifecycle)?
    let schedule: LearningRateSchedule
    let objective: any Objective
    let device: Device
    let checkpoints: CheckpointStore
    let digests = ProvenanceDigests()
    let totalSteps: Int
    /// What the forecast of the memory was made from.
    let memory: Forecast.MemoryConditions
    let forecast: Forecast
    /// The adapter's name on the model.
    let adapterName: String

    static let adapterName = "default"

    /// Reads and checks everything.
    static func prepare(_ configuration: TrainingConfiguration) async throws -> TrainingSession {
        try await TrainingSession(configuration, base: SessionBase.read(configuration), adapterName: adapterName)
    }

    /// What was read for a training, and can serve others on the same data and model.
    struct SessionBase {
        let modelConfig: ModelConfig
        let data: PreparedData
        let loaded: LoadedModel
        let device: Device

        /// Reads and checks model and data.
        static func read(_ configuration: TrainingConfiguration) async throws -> SessionBase {
            try configuration.training.validate()
            let device = try Device(configuration.training.device)
            try EngineSettings.apply(threads: configuration.training.threads, device: device)
            let folder = URL(fileURLWithPath: configuration.model)
            let modelConfig = try ModelConfig(folder: folder)
            let data =
                configuration.task == .imageClassification
                ? try PreparedData.readImages(configuration, model: modelConfig)
                : try await PreparedData.read(
                    configuration, tokenizer: Tokenizer(contentsOf: folder), model: modelConfig)
            let head = configuration.head(classes: data.labels?.count)
            let loaded = try configuration.start(modelConfig, head: head, device: device, padTokenID: data.padID)
            try loaded.model.requireFinite()
            return SessionBase(modelConfig: modelConfig, data: data, loaded: loaded, device: device)
        }
    }

    /// Grafts the method onto a model that no other adapter is active on.
    init(_ configuration: TrainingConfiguration, base: SessionBase, adapterName: String) throws {
        let arguments = configuration.training
        self.configuration = configuration
        self.adapterName = adapterName
        let loaded = base.loaded
        (modelConfig, data, device) = (base.modelConfig, base.data, base.device)
        model = loaded.model
        newParameters = loaded.newParameters

        let batching = try configuration.batchingOptions(limit: data.limit)
        let collator = try Collator(
            padID: data.padID ?? 0, paddingSide: .right, maximumColumns: data.limit, targetStart: model.targetStart)
        loader = try BatchLoader(data.training, options: batching, collator: collator)
        let batches = BatchingStatistics(loader)
        totalSteps =
            arguments.maxSteps > 0
            ? arguments.maxSteps
            : batches.steps(epochs: arguments.numTrainEpochs, accumulation: arguments.gradientAccumulationSteps)
        schedule = LearningRateSchedule(arguments, totalSteps: totalSteps)
        objective = try configuration.objective(classes: data.labels?.count)

        let method = try configuration.method.savingHead(of: loaded)
        let calibration = TrainingCalibration(
            model: model, loader: loader, objective: objective, device: device, arguments: arguments)
        grafts = try method.grafts(
            for: model,
            GraftStart(key: AdapterProvenance.methodKey(seed: arguments.seed), calibration: calibration))
        try model.add(grafts, named: adapterName)
        let plan = TrainingPlan(
            optimizer: arguments.optimizerSettings, schedule: schedule,
            stepsPerEpoch: (batches.batchesPerEpoch - 1) / arguments.gradientAccumulationSteps + 1,
            accumulation: arguments.gradientAccumulationSteps, maxGradNorm: arguments.maxGradNorm,
            key: RandomKey(seed: arguments.seed).derived("training"))
        lifecycle =
            arguments.optim == .mezo
            ? try MeZO(epsilon: arguments.mezoEpsilon).lifecycle(of: method, grafts, on: model, plan)
            : try method.lifecycle(of: grafts, on: model, plan)
        trainables = try Trainables(of: grafts, on: model, plan, lifecycle, device: device)
        checkpoints = CheckpointStore(
            folder: URL(fileURLWithPath: configuration.outputDirectory), limit: arguments.saveTotalLimit)
        memory = Forecast.MemoryConditions(
            active: trainables.activeCount, cells: batches.largestBatchCells, columns: batches.largestBatchColumns,
            vocabulary: configuration.task.isClassification ? 0 : try modelConfig.vocabularySize ?? 0,
            keepsProbabilities: try modelConfig.keepsAttentionProbabilities,
            usesBackward: lifecycle?.updateRule?.usesBackward ?? true,
            gradientCheckpointing: arguments.gradientCheckpointing)
        forecast = try Forecast(
            configuration, data.statistics, batches, model: model,
            memoryParts: Forecast.memory(model, grafts, memory), trainableParameters: trainables.count,
            steps: totalSteps, lengths: data.training.lengths)
        self.resolvedMethod = method
        try requireSensibleEvaluation()
        try requireFit(batching)
    }

    /// Refuses a choice of the best that could not be made.
    private func requireSensibleEvaluation() throws {
        let arguments = configuration.training
        let needs = [
            ("load_best_model_at_end", arguments.loadBestModelAtEnd),
            ("early_stopping_patience", arguments.earlyStoppingPatience != nil),
        ]
        if data.validation == nil, let key = needs.first(where: \.1)?.0 {
            throw TrainingError.option("\(key): there are no rows to judge by; set validation_file or validation_split")
        }
        let (name, known) = (mainMetric.name, objective.metricNames)
        guard known.contains(name) else {
            throw TrainingError.option(
                "metric_for_best_model: there is no metric `\(name)`"
                    + (nearestMatch(to: name, in: known).map { "; the nearest is `\($0)`" } ?? "") + "; known: "
                    + known.joined(separator: ", "))
        }
    }

    /// The method as it was grafted: with the head among the modules that are saved whole.
    let resolvedMethod: any Method

    /// Batches of validation rows in the order that pads least.
    var validation: EpochBatches? {
        get throws { try data.validation.map(evaluationBatches) }
    }

    /// Batches of rows for evaluation.
    func evaluationBatches(_ rows: EncodedDataset) throws -> EpochBatches {
        let options = BatchingOptions(
            strategy: .sequential, batchSize: configuration.training.perDeviceEvalBatchSize)
        return try BatchLoader(rows, options: options, collator: loader.collator).batches(from: BatchPosition())
    }

    /// Metrics of rows with this adapter alone.
    func evaluate(_ batches: EpochBatches) throws -> Evaluation {
        try alone { try objective.evaluate(model, batches, on: device) }
    }

    /// Runs something with this adapter alone in effect.
    func alone<Result>(_ body: () throws -> Result) throws -> Result {
        try model.activeAdapters == [adapterName] ? body() : model.withAdapters([adapterName], body)
    }

    /// The metric that says which evaluation is best.
    var mainMetric: MainMetric {
        guard let name = configuration.training.metricForBestModel else { return objective.mainMetric }
        let plain = name.hasPrefix("eval_") ? String(name.dropFirst(5)) : name
        let rises = plain != "loss" && plain != "perplexity"
        return MainMetric(plain, greaterIsBetter: configuration.training.greaterIsBetter ?? rises)
    }

    /// What deserves a word before training.
    var warnings: [RunWarning] {
        var warnings = data.warnings.map { RunWarning(code: "data", message: $0.description) }
        warnings += fromScratchWarnings + (balanceWarning.map { [$0] } ?? [])
        let saved = Set(grafts.parameters.keys)
        let frozen = newParameters.filter { !saved.contains($0) }
        if !frozen.isEmpty {
            warnings.append(
                RunWarning(
                    code: "random_frozen",
                    message:
                        "the checkpoint has no \(frozen.joined(separator: ", ")): they are random and stay so; add "
                        + "them to modules_to_save to train them"))
        }
        return warnings
    }

    /// What the run is, for its events.
    func description(resumedFrom step: Int) throws -> RunDescription {
        let arguments = configuration.training
        return RunDescription(
            model: configuration.model, method: type(of: configuration.method).card.name,
            task: configuration.task.rawValue, outputFolder: configuration.outputDirectory, forecast: forecast,
            trainableParameters: trainables.count, totalParameters: try model.parameterCount,
            device: device.description, threads: try Engine.threadCount(),
            seed: UInt64(bitPattern: Int64(arguments.seed)), totalSteps: totalSteps, epochs: arguments.numTrainEpochs,
            resumedFromStep: step, mainMetric: mainMetric)
    }
}

extension TrainingConfiguration {
    /// The head that the task needs; nil for what the checkpoint has.
    func head(classes: Int?) -> Head? {
        switch task {
        case .classification: .sequenceClassification(labels: classes ?? 2)
        case .imageClassification: .imageClassification(labels: classes ?? 2)
        case .causalLM, .preference: .causalLM
        case .seq2seq: .conditionalGeneration
        }
    }

    /// Rows that a batch cannot do without.
    var leastBatchSize: Int {
        if task == .preference, case .kto = preference.lossType { 2 } else { 1 }
    }

    fileprivate func objective(classes: Int?) throws -> any Objective {
        guard task == .preference else { return task.objective(classes: classes) }
        guard training.perDeviceTrainBatchSize >= leastBatchSize else {
            throw TrainingError.option(
                "per_device_train_batch_size: kto compares rows within a batch and needs at least \(leastBatchSize)")
        }
        return PreferenceObjective(options: preference)
    }

    fileprivate func batchingOptions(limit: Int) throws -> BatchingOptions {
        let seed = UInt64(bitPattern: Int64(training.seed))
        let size = training.perDeviceTrainBatchSize
        switch data.batching {
        case .lengthGrouped: return BatchingOptions(strategy: .lengthGrouped, batchSize: size, seed: seed)
        case .random: return BatchingOptions(strategy: .random, batchSize: size, seed: seed)
        case .packing:
            guard data.taskColumn == nil else {
                throw TrainingError.option(
                    "batching: rows of several tasks cannot be packed; use length_grouped or random")
            }
            guard task == .causalLM else {
                throw TrainingError.option("batching: packing is for task causal-lm; use length_grouped or random")
            }
            guard let length = data.maxLength else {
                throw TrainingError.option("max_length: packing needs it, the tokens of a row")
            }
            return BatchingOptions(strategy: .packing, batchSize: size, seed: seed, rowLength: min(length, limit))
        }
    }
}

extension Method {
    /// The method with the head of a classifier, and all else that the checkpoint lacks, among the modules that it
    /// trains and saves whole: what is random must not stay so.
    fileprivate func savingHead(of loaded: LoadedModel) throws -> any Method {
        guard var trained = self as? any SavesModules else { return self }
        let names: [String]
        switch loaded.head {
        case .sequenceClassification: names = ["classifier", "score", "classification_head"]
        case .imageClassification: names = ["classifier", "head"]
        default: return self
        }
        let paths = Set(loaded.model.modulePaths)
        let heads = names.filter(paths.contains)
        let drawn = loaded.newParameters.map { String($0[..<($0.lastIndex(of: ".") ?? $0.endIndex)]) }
        for module in heads + drawn where !trained.modulesToSave.contains(where: { module.hasPathEnd($0) }) {
            trained.modulesToSave.append(module)
        }
        return trained
    }
}

extension String {
    /// True when the path, or a module above it, ends with the name.
    fileprivate func hasPathEnd(_ name: String) -> Bool {
        self == name || hasSuffix("." + name) || hasPrefix(name + ".") || contains("." + name + ".")
    }
}

extension Model {
    /// The token that targets begin with, where they are sequences of their own.
    var targetStart: Int? { (network as? any EncoderDecoderNetwork)?.targetTokens.start }

    /// Refuses a checkpoint with NaN or infinity in it before any work is spent on it.
    fileprivate func requireFinite() throws {
        for parameter in parameters.values {
            guard try !parameter.base.dtype.isFloatingPoint || parameter.base.isAllFinite() else {
                throw NetworkError.notFinite(name: parameter.fileName)
            }
        }
    }
}
