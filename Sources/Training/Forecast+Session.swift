import Datasets
import Methods
import Networks
import Optimization
import Reporting
import Torch

extension Forecast {
    /// What a training will take, from counts alone.
    init(
        _ configuration: TrainingConfiguration, _ rows: DatasetStatistics, _ batches: BatchingStatistics, model: Model,
        trainables: Trainables, steps: Int, lengths: [Int]
    ) throws {
        let total = try model.parameterCount
        let scoresTokens = configuration.task == .causalLM || configuration.task == .seq2seq
        self.init(
            examples: rows.examples, tokens: rows.tokens, truncatedShare: rows.truncatedShare,
            paddingShare: batches.paddingShare,
            labelledShare: scoresTokens ? rows.labelledShare : 1,
            lengths: LengthQuantiles(lengths: lengths), trainableParameters: trainables.count, totalParameters: total,
            memoryParts: try Forecast.memory(
                model, active: trainables.activeCount, cells: batches.largestBatchCells,
                scoresAllTokens: scoresTokens),
            batchesPerEpoch: batches.batchesPerEpoch, steps: steps)
    }

    /// The parts of the memory at its peak, in bytes.
    static func memory(_ model: Model, active: Int, cells: Int, scoresAllTokens: Bool) throws -> [MemoryPart] {
        let weights = try model.parameters.values.reduce(0) { try $0 + $1.base.count * $1.base.dtype.size }
        // The backward keeps what went into and came out of every linear layer above the lowest graft, and about as much
        // again of attention, norms and activations between them; measured on MiniLM and a Qwen2 shape.
        let isGrafted = model.projections.values.map { !$0.grafts.isEmpty || $0.weight.replacement != nil }
        let lowest = isGrafted.firstIndex(of: true) ?? model.projections.count
        let kept = model.projections.values.dropFirst(lowest).reduce(0) { sum, projection in
            if case .embedding = projection.kind { return sum }
            // Scores are made in chunks and only where something is labelled.
            return projection.outputSize > 8 * projection.inputSize ? sum : sum + projection.outputSize
        }
        let chunk = scoresAllTokens ? 2 * (128 << 20) : 0
        return [
            MemoryPart(name: "weights", bytes: weights),
            MemoryPart(name: "trainable values, gradients, moments", bytes: active * 16),
            // Of an encoder-decoder, a cell is the one half's or the other's.
            MemoryPart(name: "activations", bytes: cells * kept * 4 * 3 / max(1, model.bodies.count)),
            MemoryPart(name: "scores of one chunk", bytes: chunk),
            MemoryPart(name: "engine", bytes: 200 << 20),
        ].filter { $0.bytes > 0 }
    }
}
