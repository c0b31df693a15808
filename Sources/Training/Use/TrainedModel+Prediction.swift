import Datasets
import Foundation
import Networks
import Torch

/// What a classifier says about one text or image.
public struct Prediction: Sendable, Equatable {
    /// The most probable class.
    public var label: String
    /// Its probability.
    public var score: Double
    /// The probabilities of all classes in the order of the model's labels.
    public var scores: [Double]
}

extension TrainedModel {
    /// Rows that are read, encoded and classified at a time.
    private static let chunkSize = 2048

    /// Classifies texts.
    public func predictions(for texts: [String], batchSize: Int = 32) async throws -> [Prediction] {
        try requireClassifier()
        guard case .texts(let encoder, let collator) = reading else {
            throw TrainingError.option("this model classifies images: name a safetensors file of them with --data")
        }
        let place = SourceLocation(file: "text")
        let samples = texts.map { Sample(location: place, content: .text($0, pair: nil)) }
        let encoded = try await encoder.encode(SampleSet(samples: samples), for: .classification)
        return try predictions(batches(encoded, size: batchSize, collator))
    }

    /// Classifies the rows of a file, which need no labels.
    /// - Parameter each: takes one prediction per row, in the order of the rows, as they are made.
    /// - Throws: `DatasetError` for a row that cannot be read; rows without a text are among them. `ImageDataError` for
    ///   images that the model does not take.
    public func predict(_ file: URL, batchSize: Int = 32, each: (Prediction) throws -> Void) async throws {
        try requireClassifier()
        switch reading {
        case .images(let format):
            let rows = try ImageFile(file, format: format, readsLabels: false).samples.encodedImages(classes: nil)
            var batches = try batches(rows, size: batchSize, Collator(padID: 0))
            while let batch = try batches.nextBatch() {
                try withoutGradients { try predictions(batch) }.forEach(each)
            }
        case .texts(let encoder, let collator):
            let rows = try SampleSet(
                reading: DataFile(file), for: data.datasetTask(task, readsLabels: false), taskColumn: data.taskColumn
            ).samples
            for start in stride(from: 0, to: rows.count, by: Self.chunkSize) {
                let chunk = Array(rows[start..<min(start + Self.chunkSize, rows.count)])
                let encoded = try await encoder.encode(SampleSet(samples: chunk), for: .classification)
                try predictions(batches(encoded, size: batchSize, collator)).forEach(each)
            }
        }
    }

    private func requireClassifier() throws {
        guard task.isClassification else {
            throw TrainingError.option("this model continues texts and has no classes: use `graft generate`")
        }
    }

    /// In the order of the rows.
    private func predictions(_ batches: EpochBatches) throws -> [Prediction] {
        try withoutGradients {
            var batches = batches
            var (found, places): ([Prediction], [Int]) = ([], [])
            while let batch = try batches.nextBatch() {
                found += try predictions(batch)
                places += batch.exampleIndices
            }
            return try inOriginalOrder(found, indices: places)
        }
    }

    /// In the order of the batch.
    private func predictions(_ batch: Batch) throws -> [Prediction] {
        let objective = ClassificationObjective(classes: labels.count)
        let scores = try objective.scores(model, batch, ForwardContext(scoresOnly: true), on: device)
        let shares: [Double] = try scores.to(.float64).softmax(-1).array()
        return (0..<batch.rows).map { prediction(Array(shares[$0 * labels.count..<($0 + 1) * labels.count])) }
    }

    /// Of classes with the same probability the first counts.
    private func prediction(_ scores: [Double]) -> Prediction {
        var best = 0
        for (index, score) in scores.enumerated() where score > scores[best] { best = index }
        return Prediction(label: labels[best], score: scores[best], scores: scores)
    }
}
