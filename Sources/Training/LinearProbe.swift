import Datasets
import Foundation
import Networks
import Optimization
import Reporting
import Torch

/// The baseline that every adapter must beat: a linear classifier on the frozen features, trained with the same steps,
/// batch size, rate and schedule. The features never change, so they are computed once.
enum LinearProbe {
    /// Metrics of the probe on the given rows.
    static func evaluate(_ session: TrainingSession, on rows: EncodedDataset) throws -> Evaluation {
        try session.model.withAdapters([]) {
            let training = try features(session, session.data.training)
            let evaluation = try features(session, rows)
            let classes = session.data.labels?.count ?? 2
            let weights = try train(session, training, classes: classes)
            return try withoutGradients {
                let scores = try evaluation.values.linear(weights.matrix, weights.bias)
                let predictions: [Int64] = try scores.argmax(-1).array()
                var confusion = ConfusionMatrix(classes: classes)
                try confusion.add(predictions: predictions.map(Int.init), labels: evaluation.labels.map(Int.init))
                let sum = try scores.crossEntropySum(Tensor(evaluation.labels)).item()
                return Evaluation(
                    metrics: [
                        "accuracy": confusion.accuracy, "loss": sum / Double(evaluation.labels.count),
                        "f1": confusion.macroF1,
                    ], confusion: confusion)
            }
        }
    }

    /// The first token's last hidden state of every row, which is what a classification head reads.
    private static func features(_ session: TrainingSession, _ rows: EncodedDataset) throws
        -> (values: Tensor, labels: [Int64])
    {
        try withoutGradients {
            var batches = try session.evaluationBatches(rows)
            var (parts, labels, places): ([Tensor], [Int64], [Int]) = ([], [], [])
            while let batch = try batches.nextBatch() {
                guard case .classes(let classes) = batch.targets else { continue }
                let output = try session.model(batch.modelInput(on: session.device), ForwardContext(scoresOnly: true))
                parts.append(try output.lastHiddenState.select(1, 0).to(.cpu))
                labels += classes
                places += batch.exampleIndices
            }
            // Back in the order of the file: the probe's batches are those of the run.
            let order = try Tensor(places.indices.sorted { places[$0] < places[$1] }.map(Int64.init))
            let ordered = places.indices.sorted { places[$0] < places[$1] }.map { labels[$0] }
            return (try Tensor.cat(parts).indexSelect(0, order), ordered)
        }
    }

    private static func train(
        _ session: TrainingSession, _ data: (values: Tensor, labels: [Int64]), classes: Int
    ) throws -> (matrix: Tensor, bias: Tensor) {
        let width = try data.values.size(1)
        let key = RandomKey(seed: session.configuration.training.seed).derived("linear_probe")
        let matrix = try Variable("probe.weight", Tensor.normal([classes, width], std: 0.02, key: key))
        let bias = try Variable("probe.bias", Tensor.zeros([classes]))
        let trainables = try Trainables(
            [ParameterGroup("probe", [matrix, bias])],
            optimizer: session.configuration.training.optimizerSettings.makeOptimizer())
        var position = BatchPosition()
        for step in 0..<session.totalSteps {
            let examples = try examples(session, &position)
            let rows = try Tensor(examples.map(Int64.init))
            let labels = try Tensor(examples.map { data.labels[$0] })
            try trainables.clearGradients()
            let scores = try data.values.indexSelect(0, rows).linear(matrix.value, bias.value)
            try (scores.crossEntropySum(labels) / Double(examples.count)).backward()
            try trainables.step(learningRate: session.schedule.rate(step: step))
        }
        return (try matrix.value.detach(), try bias.value.detach())
    }

    /// The examples of the next step of the run, accumulated batches together.
    private static func examples(_ session: TrainingSession, _ position: inout BatchPosition) throws -> [Int] {
        let perEpoch = session.loader.batchesPerEpoch
        var batches = session.loader.batches(from: position)
        let count = min(session.configuration.training.gradientAccumulationSteps, perEpoch - position.batch)
        let examples = try (0..<count).compactMap { _ in try batches.nextBatch() }.flatMap(\.exampleIndices)
        let isEpochEnd = batches.position.batch >= perEpoch
        position = isEpochEnd ? BatchPosition(epoch: position.epoch + 1) : batches.position
        return examples
    }
}
