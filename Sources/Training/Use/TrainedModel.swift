import Backbones
import Datasets
import Foundation
import Networks
import Tokenizers
import Torch

/// A model that was trained, as its users need it: with its tokenizer and the names of its classes.
///
/// ```swift
/// let model = try TrainedModel(folder: checkpoint, adapter: adapter)
/// let prediction = try await model.predictions(for: ["a small test"]).first
/// ```
public struct TrainedModel {
    /// What it does.
    public let task: TrainingConfiguration.Task
    /// The names of the classes in the order of the head's rows; empty for language models.
    public let labels: [String]

    let adapted: AdaptedModel
    let reading: Reading
    let data: DataOptions
    let device: Device

    var model: Model { adapted.loaded.model }

    /// How rows become what the network takes.
    enum Reading {
        case texts(ExampleEncoder, Collator)
        case images(ImageFormat)
    }

    /// Loads a checkpoint and, on it, an adapter.
    /// - Parameters:
    ///   - data: columns, lengths and truncation; its files are not looked at.
    ///   - allowsOtherBase: loads an adapter although it was made for other weights.
    ///   - taskID: the task of rows that bring no number, for adapters that route by it.
    /// - Throws: what loading throws, `TrainingError` for a model that neither classifies nor continues.
    public init(
        folder: URL, adapter: URL? = nil, data: DataOptions = DataOptions(), device: Device = .cpu,
        allowsOtherBase: Bool = false, taskID: Int? = nil
    ) throws {
        let config = try ModelConfig(folder: folder)
        let format = try Backbones.imageFormat(config)
        let encoding = try format == nil ? TokenizerEncoding(Tokenizer(contentsOf: folder), for: config) : nil
        if let encoding, encoding.padID == nil { throw TrainingError.noPadToken(model: folder.path) }
        adapted = try AdaptedModel(
            folder: folder, adapter: adapter, options: .init(device: device), padTokenID: encoding?.padID,
            allowsOtherBase: allowsOtherBase, taskID: taskID)
        task = try TrainedModel.task(adapted)
        labels = try TrainedModel.labels(adapted)
        if let encoding {
            reading = try TrainedModel.texts(
                encoding, config, labels: labels, data, targetStart: adapted.loaded.model.targetStart)
        } else if let format {
            reading = .images(format)
        } else {
            throw ImageDataError.noImages(model: folder.path)
        }
        (self.data, self.device) = (data, device)
    }

    private static func texts(
        _ encoding: TokenizerEncoding, _ config: ModelConfig, labels: [String], _ data: DataOptions, targetStart: Int?
    ) throws -> Reading {
        let limits = EncodingOptions(
            maximumLength: data.maxLength, maximumPositions: try config.positionLimit, truncation: data.truncation,
            maximumTargetLength: data.maxTargetLength, vocabularySize: try config.vocabularySize)
        let space = try labels.isEmpty ? nil : LabelSpace.classes(LabelVocabulary(names: labels))
        let encoder = try ExampleEncoder(encoding, labels: space, options: limits)
        let collator = try Collator(
            padID: encoding.padID ?? 0, paddingSide: .right, maximumColumns: encoder.limit,
            targetStart: targetStart)
        return .texts(encoder, collator)
    }

    /// The task that the head is for. A head that starts at random has learnt nothing.
    private static func task(_ adapted: AdaptedModel) throws -> TrainingConfiguration.Task {
        let saved = adapted.adapter?.grafts.parameters
        let random = adapted.loaded.newParameters.filter { saved?[$0] == nil }
        if let name = random.first {
            throw TrainingError.option(
                "\(adapted.folder.path): neither the checkpoint nor the adapter has `\(name)`; name the adapter that was "
                    + "trained for this task")
        }
        switch adapted.loaded.head {
        case .sequenceClassification: return .classification
        case .causalLM: return .causalLM
        case .conditionalGeneration: return .seq2seq
        case .imageClassification: return .imageClassification
        default:
            throw TrainingError.option(
                "\(adapted.folder.path) has no head that classifies, or continues texts; name the adapter that was "
                    + "trained for that")
        }
    }

    /// As the adapter names them, else the checkpoint, else by their numbers.
    private static func labels(_ adapted: AdaptedModel) throws -> [String] {
        let count: Int
        switch adapted.loaded.head {
        case .sequenceClassification(let labels), .imageClassification(let labels): count = labels
        default: return []
        }
        if let names = adapted.adapter?.provenance.labels, names.count != count {
            throw TrainingError.option(
                "\(adapted.folder.path): the adapter names \(names.count) classes, but its head tells \(count) apart: the "
                    + "files do not belong together")
        }
        let named = [adapted.adapter?.provenance.labels, try adapted.loaded.config.labelNames]
        return named.compactMap { $0 }.first { $0.count == count } ?? (0..<count).map(String.init)
    }

    /// Batches of rows, longest first; images, which are all as long, in their order.
    func batches(_ rows: EncodedDataset, size: Int, _ collator: Collator) throws -> EpochBatches {
        let options = BatchingOptions(strategy: .sequential, batchSize: size)
        return try BatchLoader(rows, options: options, collator: collator).batches(from: BatchPosition())
    }
}

// MARK: Evaluation

extension TrainedModel {
    /// Measures the model on the rows of a file. Rows without a text are left out.
    /// - Throws: `DatasetError` or `ImageDataError` for what is wrong with the rows, what the network throws.
    public func evaluate(_ file: URL, batchSize: Int = 32) async throws -> Evaluation {
        try await task.objective(classes: labels.count)
            .evaluate(model, evaluationBatches(file, batchSize: batchSize), on: device)
    }

    /// Batches of the rows of a file.
    func evaluationBatches(_ file: URL, batchSize: Int) async throws -> EpochBatches {
        switch reading {
        case .texts(let encoder, let collator):
            let rows = try SampleSet(
                reading: DataFile(file), for: data.datasetTask(task), taskColumn: data.taskColumn,
                skipsEmptyRows: true)
            let encoded = try await encoder.encode(rows, for: task.encoding)
            return try batches(encoded, size: batchSize, collator)
        case .images(let format):
            let images = try ImageFile(file, format: format)
            try images.requireNames(labels)
            return try batches(
                images.samples.encodedImages(classes: labels.count), size: batchSize, Collator(padID: 0))
        }
    }
}
