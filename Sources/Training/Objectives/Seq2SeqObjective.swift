import Datasets
import Networks
import Reporting
import Torch

/// Cross entropy of a target's tokens, each from the source and the target's tokens before it. Padding gets no scores.
struct Seq2SeqObjective: Objective {
    let mainMetric = MainMetric("loss", greaterIsBetter: false)
    let metricNames = ["loss", "perplexity", "token_accuracy", "exact_match"]
    /// Labels whose scores are in memory at a time in an evaluation.
    private static let chunkSize = 256

    func lossSum(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> Tensor? {
        guard let labelled = try labelled(model, batch, context, on: device) else { return nil }
        return try labelled.network.lossSum(
            labelled.hidden, labels: Tensor(labelled.labels).to(device), context)
    }

    /// `exact_match` is the share of targets of which the most likely token is right at every place, given those before
    /// it: what a greedy generation would write to the end.
    func evaluate(_ model: Model, _ batches: EpochBatches, on device: Device) throws -> Evaluation {
        try withoutGradients {
            var batches = batches
            var (loss, right, exact, rows) = (PerplexityCounter(), 0, 0, 0)
            while let batch = try batches.nextBatch() {
                let context = ForwardContext()
                guard let labelled = try labelled(model, batch, context, on: device) else { continue }
                var wrong: Set<Int> = []
                for start in stride(from: 0, to: labelled.labels.count, by: Self.chunkSize) {
                    let part = Array(labelled.labels[start...].prefix(Self.chunkSize))
                    let hidden = try labelled.hidden.narrow(0, start, part.count)
                    let scores = try labelled.network.scores(hidden, context)
                    let sum = try scores.crossEntropySum(Tensor(part).to(device)).item()
                    loss.add(negativeLogLikelihood: sum, tokens: part.count)
                    let likely: [Int64] = try scores.argmax(-1).array()
                    for (place, isRight) in zip(likely, part).map(==).enumerated() {
                        if isRight { right += 1 } else { wrong.insert(labelled.rows[start + place]) }
                    }
                }
                rows += batch.rows
                exact += batch.rows - wrong.count
            }
            return Evaluation(
                metrics: [
                    "loss": loss.loss, "perplexity": loss.perplexity,
                    "token_accuracy": Double(right) / Double(loss.tokens), "exact_match": Double(exact) / Double(rows),
                ], confusion: nil)
        }
    }

    /// The hidden states [count, size] of the places that have labels, with the labels and the rows they are of.
    private struct Labelled {
        let network: any EncoderDecoderNetwork
        let hidden: Tensor
        let labels: [Int64]
        let rows: [Int]
    }

    private func labelled(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws
        -> Labelled?
    {
        try lanes(model, batch, context, on: device)?.first
    }

    /// The labelled places of each of the adapters side by side, from one forward.
    private func lanes(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws
        -> [Labelled]?
    {
        guard case .sequences(let labels, let columns) = batch.targets else { return nil }
        guard let network = model.network as? any EncoderDecoderNetwork else {
            throw NetworkError.unsupported("this network writes no target: task seq2seq needs an encoder-decoder")
        }
        let places = labels.indices.filter { labels[$0] != Int64(ignoredLabel) }
        guard !places.isEmpty else { return nil }
        let input = try batch.modelInput(on: device)
        var hidden = try network.hiddenStates(context.lanes > 1 ? input.repeated(context.lanes) : input, context)
        // Rows that grafts put before the target's tokens predict none of the labels.
        if context.insertedRows > 0 { hidden = try hidden.narrow(1, context.insertedRows, columns) }
        let kept = try Tensor(places.map(Int64.init)).to(device)
        let count = batch.rows * columns
        let states = try hidden.reshape([context.lanes * count, -1])
        return try (0..<context.lanes).map { lane in
            Labelled(
                network: network, hidden: try states.narrow(0, lane * count, count).indexSelect(0, kept),
                labels: places.map { labels[$0] }, rows: places.map { $0 / columns })
        }
    }
}

extension Seq2SeqObjective: SharedObjective {
    func lossSums(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> [Tensor]? {
        try lanes(model, batch, context, on: device)?.map {
            try $0.network.lossSum($0.hidden, labels: Tensor($0.labels).to(device), context)
        }
    }
}
