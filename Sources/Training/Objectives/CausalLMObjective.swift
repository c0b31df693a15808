import Datasets
import Networks
import Reporting
import Torch

/// Cross entropy of the next token, over labelled tokens only: no scores are made for the others.
struct CausalLMObjective: Objective {
    let mainMetric = MainMetric("loss", greaterIsBetter: false)
    let metricNames = ["loss", "perplexity"]

    func lossSum(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor? {
        try lossSums(model, batch, context, on: device)?.first
    }

    func evaluate(_ model: Model, _ batches: EpochBatches, on device: Device) throws -> Evaluation {
        try withoutGradients {
            var batches = batches
            var counter = PerplexityCounter()
            while let batch = try batches.nextBatch() {
                guard let sum = try lossSum(model, batch, ForwardContext(), on: device) else { continue }
                counter.add(negativeLogLikelihood: try sum.item(), tokens: batch.targets.labelledCount)
            }
            return Evaluation(metrics: ["loss": counter.loss, "perplexity": counter.perplexity], confusion: nil)
        }
    }

    /// The flat positions whose next token is labelled, and those labels. A row's first label is never one: nothing
    /// stands before it.
    static func labelled(_ labels: [Int64], columns: Int) -> (places: [Int64], targets: [Int64]) {
        var (places, targets): ([Int64], [Int64]) = ([], [])
        for index in labels.indices where index % columns != 0 && labels[index] != Int64(ignoredLabel) {
            places.append(Int64(index - 1))
            targets.append(labels[index])
        }
        return (places, targets)
    }
}
