import Backbones
import Datasets
import Foundation
import JSON
import Tokenizers

/// The rows of a training, read, checked and encoded.
struct PreparedData {
    let training: EncodedDataset
    let validation: EncodedDataset?
    let test: EncodedDataset?
    let labels: LabelVocabulary?
    /// The token that fills rows up; nil where rows are images.
    let padID: Int?
    let limit: Int
    let statistics: DatasetStatistics
    let warnings: [DatasetWarning]

    /// Reads and encodes all files. Nothing is trained, so every fault of the data shows here.
    static func read(
        _ configuration: TrainingConfiguration, tokenizer: Tokenizer, model: ModelConfig
    ) async throws -> PreparedData {
        let options = configuration.data
        let encoder = try TokenizerEncoding(tokenizer, for: model)
        guard let padID = encoder.padID else { throw TrainingError.noPadToken(model: configuration.model) }
        let task = try options.datasetTask(configuration.task)
        func file(_ path: String) throws -> DataFile { try DataFile(URL(fileURLWithPath: path)) }
        var parts = try DatasetParts(
            training: file(options.trainFile), validation: options.validationFile.map(file),
            test: options.testFile.map(file), for: task,
            taskColumn: options.taskColumn, holdingOut: options.validationSplit > 0 ? options.validationSplit : nil,
            seed: UInt64(bitPattern: Int64(configuration.training.seed)), skipsEmptyRows: true)
        parts.limit(training: options.maxTrainSamples, evaluation: options.maxEvalSamples)

        let labels = try configuration.task == .classification ? options.labels(parts, model) : nil
        let limits = EncodingOptions(
            maximumLength: options.maxLength, maximumPositions: try model.positionLimit, truncation: options.truncation,
            maximumPromptLength: options.maxPromptLength, maximumTargetLength: options.maxTargetLength,
            vocabularySize: try model.vocabularySize)
        let encode = try ExampleEncoder(encoder, labels: labels.map(LabelSpace.classes), options: limits)
        let encoding = configuration.task.encoding
        func encoded(_ set: SampleSet?) async throws -> EncodedDataset? {
            guard let set else { return nil }
            return try await encode.encode(set, for: encoding)
        }
        let training = try await encode.encode(parts.training, for: encoding)
        let validation = try await encoded(parts.validation)
        let test = try await encoded(parts.test)
        for rows in [training, validation, test].compactMap({ $0 }) { try configuration.requireAnswers(in: rows) }
        let statistics = DatasetStatistics(training, classes: labels?.count ?? 0)
        let evaluationSamples = (parts.validation?.samples ?? []) + (parts.test?.samples ?? [])
        let duplicates = DuplicateCounts(training: parts.training.samples, evaluation: evaluationSamples)
        return PreparedData(
            training: training, validation: validation, test: test, labels: labels, padID: padID, limit: encode.limit,
            statistics: statistics,
            warnings: DatasetWarning.warnings(
                statistics, limit: encode.limit, duplicates: duplicates, evaluationRows: evaluationSamples.count))
    }
}

extension TrainingConfiguration {
    /// Refuses answers that are judged alone where the loss compares two.
    fileprivate func requireAnswers(in rows: EncodedDataset) throws {
        guard task == .preference, preference.lossType != .kto, rows.examples.contains(where: { $0.isDesirable != nil })
        else { return }
        throw TrainingError.option(
            "loss_type: \(preference.lossType) compares two answers to each prompt (\(data.chosenColumn) and "
                + "\(data.rejectedColumn)); rows of one answer with a label are for kto")
    }
}

extension DatasetParts {
    /// Keeps only the first rows of each file.
    mutating func limit(training count: Int?, evaluation: Int?) {
        func first(_ set: SampleSet, _ count: Int?) -> SampleSet {
            guard let count else { return set }
            return SampleSet(samples: Array(set.samples.prefix(count)), skippedRows: set.skippedRows)
        }
        self.training = first(self.training, count)
        validation = validation.map { first($0, evaluation) }
        test = test.map { first($0, evaluation) }
    }
}

extension TrainingConfiguration.Task {
    /// What rows are encoded for.
    var encoding: EncodingTask {
        switch self {
        // Images are read, not encoded.
        case .classification, .imageClassification: .classification
        case .causalLM: .causalLM
        case .seq2seq: .seq2seq
        case .preference: .preference
        }
    }
}

extension DataOptions {
    /// How rows are to be read for a task.
    func datasetTask(_ task: TrainingConfiguration.Task, readsLabels: Bool = true) throws -> DatasetTask {
        switch task {
        case .classification:
            guard chatFormat == nil else {
                throw TrainingError.option(
                    "chat_format: task classification reads texts, not conversations; remove it, or choose task "
                        + "causal-lm or preference")
            }
            return .classification(
                ClassificationColumns(
                    text: textColumn, textPair: textPairColumn, label: labelColumn, readsLabels: readsLabels))
        case .seq2seq:
            return .seq2seq(
                Seq2SeqColumns(source: textColumn, target: summaryColumn, readsTargets: readsLabels))
        case .imageClassification: throw TrainingError.option("task: image-classification reads no columns")
        case .preference:
            return .preference(
                PreferenceColumns(
                    prompt: promptColumn, chosen: chosenColumn, rejected: rejectedColumn,
                    completion: completionColumn, label: labelColumn ?? "label",
                    conversation: try chatFormat.map { try ChatFormat(named: $0) }))
        case .causalLM:
            return .causalLM(
                CausalColumns(
                    text: textColumn ?? "text", prompt: promptColumn, completion: completionColumn,
                    messages: messagesColumn, conversation: try chatFormat.map { try ChatFormat(named: $0) }))
        }
    }

    /// The classes: the user's names, the model's own where it was made for them, or those of the training rows.
    fileprivate func labels(_ parts: DatasetParts, _ model: ModelConfig) throws -> LabelVocabulary {
        let labels: LabelVocabulary
        if let labelNames {
            labels = try LabelVocabulary(names: labelNames)
        } else if let names = try model.meaningfulLabelNames {
            labels = try LabelVocabulary(names: names)
        } else {
            labels = try LabelVocabulary(learnedFrom: parts.training.samples, count: numLabels)
        }
        try labels.requireSeveral(in: parts.training.samples)
        return labels
    }
}

extension ModelConfig {
    /// Names of classes that say something: not the `LABEL_0` that Hugging Face writes when nobody named them.
    var meaningfulLabelNames: [String]? {
        get throws {
            guard let names = try labelNames, !names.allSatisfy({ $0.hasPrefix("LABEL_") }) else { return nil }
            return names
        }
    }
}
