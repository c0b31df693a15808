import Datasets
import Networks
import Reporting
import Torch

/// Cross entropy of one class per text or image.
struct ClassificationObjective: Objective {
    let classes: Int
    let mainMetric = MainMetric("accuracy", greaterIsBetter: true)
    let metricNames = ["accuracy", "loss", "f1", "matthews_correlation"]

    func lossSum(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor? {
        guard case .classes(let labels) = batch.targets else { return nil }
        return try scores(model, batch, context, on: device).crossEntropySum(Tensor(labels).to(device))
    }

    func evaluate(_ model: Model, _ batches: EpochBatches, on device: Device) throws -> Evaluation {
        try withoutGradients {
            var batches = batches
            var confusion = ConfusionMatrix(classes: classes)
            var loss = PerplexityCounter()
            while let batch = try batches.nextBatch() {
                guard case .classes(let labels) = batch.targets else { continue }
                let scores = try scores(model, batch, ForwardContext(scoresOnly: true), on: device)
                let sum = try scores.crossEntropySum(Tensor(labels).to(device)).item()
                loss.add(negativeLogLikelihood: sum, tokens: labels.count)
                let predictions: [Int64] = try scores.argmax(-1).array()
                try confusion.add(predictions: predictions.map(Int.init), labels: labels.map(Int.init))
            }
            return Evaluation(metrics: metrics(confusion, loss: loss.loss), confusion: confusion)
        }
    }

    private func metrics(_ confusion: ConfusionMatrix, loss: Double) -> MetricValues {
        var metrics: MetricValues = ["accuracy": confusion.accuracy, "loss": loss, "f1": confusion.macroF1]
        metrics["matthews_correlation"] = confusion.matthewsCorrelation
        return metrics
    }

    func scores(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor {
        guard let logits = try model(batch.modelInput(on: device), context).logits else {
            throw NetworkError.unsupported("this network has no head for classification")
        }
        return logits
    }
}
