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

    let model: Model
    let encoder: ExampleEncoder
    let collator: Collator
    let data: DataOptions
    let device: Device

    /// Loads a checkpoint and, on it, an adapter.
    /// - Parameters:
    ///   - data: columns, lengths and truncation; its files are not looked at.
    ///   - allowsOtherBase: loads an adapter although it was made for other weights.
    /// - Throws: what loading throws, `TrainingError` for a model that neither classifies nor continues texts.
    public init(
        folder: URL, adapter: URL? = nil, data: DataOptions = DataOptions(), device: Device = .cpu,
        allowsOtherBase: Bool = false
    ) throws {
        let config = try ModelConfig(folder: folder)
        let encoding = try TokenizerEncoding(Tokenizer(contentsOf: folder), for: config)
        guard let padID = encoding.padID else { throw TrainingError.noPadToken(model: folder.path) }
        let adapted = try AdaptedModel(
            folder: folder, adapter: adapter, options: .init(device: device), padTokenID: padID,
            allowsOtherBase: allowsOtherBase)
        task = try TrainedModel.task(adapted)
        labels = try TrainedModel.labels(adapted)
        model = adapted.loaded.model
        let limits = EncodingOptions(
            maximumLength: data.maxLength, maximumPositions: try config.positionLimit, truncation: data.truncation,
            vocabularySize: try config.vocabularySize)
        let space = try labels.isEmpty ? nil : LabelSpace.classes(LabelVocabulary(names: labels))
        encoder = try ExampleEncoder(encoding, labels: space, options: limits)
        collator = try Collator(padID: padID, paddingSide: .right, maximumColumns: encoder.limit)
        (self.data, self.device) = (data, device)
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
        default:
            throw TrainingError.option(
                "\(adapted.folder.path) has no head that classifies or continues texts; name the adapter that was "
                    + "trained for that")
        }
    }

    /// As the adapter names them, else the checkpoint, else by their numbers.
    private static func labels(_ adapted: AdaptedModel) throws -> [String] {
        guard case .sequenceClassification(let count) = adapted.loaded.head else { return [] }
        let named = [adapted.adapter?.provenance.labels, try adapted.loaded.config.labelNames]
        return named.compactMap { $0 }.first { $0.count == count } ?? (0..<count).map(String.init)
    }

    /// Batches of rows, longest first.
    func batches(_ rows: EncodedDataset, size: Int) throws -> EpochBatches {
        let options = BatchingOptions(strategy: .sequential, batchSize: size)
        return try BatchLoader(rows, options: options, collator: collator).batches(from: BatchPosition())
    }
}

// MARK: Evaluation

extension TrainedModel {
    /// Measures the model on the rows of a file. Rows without a text are left out.
    /// - Throws: `DatasetError` for what is wrong with the rows, what the network throws.
    public func evaluate(_ file: URL, batchSize: Int = 32) async throws -> Evaluation {
        let rows = try SampleSet(
            reading: DataFile(file), for: data.datasetTask(task), taskColumn: data.taskColumn, skipsEmptyRows: true)
        let encoded = try await encoder.encode(rows, for: task == .classification ? .classification : .causalLM)
        let batches = try batches(encoded, size: batchSize)
        let objective: any Objective =
            task == .classification ? ClassificationObjective(classes: labels.count) : CausalLMObjective()
        return try objective.evaluate(model, batches, on: device)
    }
}
