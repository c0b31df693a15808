import Datasets
import Foundation
import Networks
import Torch

/// What a classifier says about one text.
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
        let place = SourceLocation(file: "text")
        return try await predictions(
            for: texts.map { Sample(location: place, content: .text($0, pair: nil)) }, batchSize: batchSize)
    }

    /// Classifies the rows of a file, which need no labels.
    /// - Parameter each: takes one prediction per row, in the order of the rows, as they are made.
    /// - Throws: `DatasetError` for a row that cannot be read; rows without a text are among them.
    public func predict(_ file: URL, batchSize: Int = 32, each: (Prediction) throws -> Void) async throws {
        try requireClassifier()
        let rows = try SampleSet(reading: DataFile(file), for: data.datasetTask(task, readsLabels: false)).samples
        for start in stride(from: 0, to: rows.count, by: Self.chunkSize) {
            let chunk = Array(rows[start..<min(start + Self.chunkSize, rows.count)])
            try await predictions(for: chunk, batchSize: batchSize).forEach(each)
        }
    }

    private func requireClassifier() throws {
        guard task == .classification else {
            throw TrainingError.option("this model continues texts and has no classes: use `graft generate`")
        }
    }

    private func predictions(for samples: [Sample], batchSize: Int) async throws -> [Prediction] {
        let encoded = try await encoder.encode(SampleSet(samples: samples), for: .classification)
        let objective = ClassificationObjective(classes: labels.count)
        return try withoutGradients {
            var batches = try batches(encoded, size: batchSize)
            var (found, places): ([Prediction], [Int]) = ([], [])
            while let batch = try batches.nextBatch() {
                let scores = try objective.scores(model, batch, ForwardContext(scoresOnly: true), on: device)
                let shares: [Double] = try scores.to(.float64).softmax(-1).array()
                for row in 0..<batch.rows {
                    found.append(prediction(Array(shares[row * labels.count..<(row + 1) * labels.count])))
                }
                places += batch.exampleIndices
            }
            return try inOriginalOrder(found, indices: places)
        }
    }

    /// Of classes with the same probability the first counts.
    private func prediction(_ scores: [Double]) -> Prediction {
        var best = 0
        for (index, score) in scores.enumerated() where score > scores[best] { best = index }
        return Prediction(label: labels[best], score: scores[best], scores: scores)
    }
}
