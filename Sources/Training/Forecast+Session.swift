import Datasets
import Networks
import Reporting

extension Forecast {
    /// What a training will take, from counts alone.
    init(
        _ configuration: TrainingConfiguration, _ rows: DatasetStatistics, _ batches: BatchingStatistics, model: Model,
        memoryParts: [MemoryPart], trainableParameters: Int, steps: Int, lengths: [Int]
    ) throws {
        let total = try model.parameterCount
        let scoresTokens = configuration.task == .causalLM || configuration.task == .seq2seq
        self.init(
            examples: rows.examples, tokens: rows.tokens, truncatedShare: rows.truncatedShare,
            paddingShare: batches.paddingShare,
            labelledShare: scoresTokens ? rows.labelledShare : 1,
            lengths: LengthQuantiles(lengths: lengths), trainableParameters: trainableParameters,
            totalParameters: total, memoryParts: memoryParts,
            batchesPerEpoch: batches.batchesPerEpoch, steps: steps)
    }
}
