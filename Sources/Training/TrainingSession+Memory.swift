import Datasets
import Reporting

extension TrainingSession {
    /// Refuses a training whose forecast is above the limit, with the smallest change that would fit.
    func requireFit(_ batching: BatchingOptions) throws {
        guard let limit = configuration.training.memoryLimit?.bytes, forecast.memoryBytes > limit else { return }
        let remedy =
            try sameSteps(batching, limit, checkpointing: false)
            ?? (canCheckpoint ? sameSteps(batching, limit, checkpointing: true) : nil) ?? shorterRows(batching, limit)
            ?? "even one row of a few tokens would not fit: raise the limit"
        throw TrainingError.memory(
            "memory_limit: the run would take about \(Quantity.bytes(forecast.memoryBytes)), more than "
                + "\(Quantity.bytes(limit)); \(remedy)")
    }

    private var canCheckpoint: Bool { memory.usesBackward && !memory.gradientCheckpointing }

    /// The largest batch that fits, with as many more of them in a step.
    /// - Parameter checkpointing: with blocks that are run again, the whole batch among those that are tried.
    private func sameSteps(_ batching: BatchingOptions, _ limit: Int, checkpointing: Bool) throws -> String? {
        let arguments = configuration.training
        let size = arguments.perDeviceTrainBatchSize
        let sizes = stride(from: checkpointing ? size : size - 1, through: configuration.leastBatchSize, by: -1)
        for smaller in sizes where size % smaller == 0 {
            let batch = try largestBatch(of: smaller, batching)
            let bytes = try memory(
                cells: batch.largestBatchCells, columns: batch.largestBatchColumns, checkpointing: checkpointing)
            guard bytes <= limit else { continue }
            var changes: [String] = []
            if checkpointing { changes.append("gradient_checkpointing: true") }
            if smaller < size {
                changes.append(
                    "per_device_train_batch_size: \(smaller) with gradient_accumulation_steps: "
                        + "\(arguments.gradientAccumulationSteps * size / smaller)")
            }
            return changes.joined(separator: " and ") + " makes the same steps in about " + Quantity.bytes(bytes)
                + (checkpointing ? ", with a second forward of each block" : "")
        }
        return nil
    }

    /// The longest rows that fit in the smallest batch.
    private func shorterRows(_ batching: BatchingOptions, _ limit: Int) throws -> String? {
        guard configuration.task != .imageClassification else { return nil }
        let (arguments, rows) = (configuration.training, configuration.leastBatchSize)
        let longest = try largestBatch(of: 1, batching).largestBatchCells
        let checkpointing = canCheckpoint
        for share in stride(from: 7, through: 1, by: -1) {
            let columns = longest * share / 8
            let bytes = try memory(cells: rows * columns, columns: columns, checkpointing: checkpointing)
            guard columns >= 8, bytes <= limit else { continue }
            return (checkpointing ? "gradient_checkpointing: true and " : "")
                + "max_length: \(columns) with per_device_train_batch_size: \(rows) and gradient_accumulation_steps: "
                + "\(max(1, arguments.gradientAccumulationSteps * arguments.perDeviceTrainBatchSize / rows)) takes about "
                + Quantity.bytes(bytes)
        }
        return nil
    }

    private func largestBatch(of size: Int, _ batching: BatchingOptions) throws -> BatchingStatistics {
        var options = batching
        options.batchSize = size
        return BatchingStatistics(try BatchLoader(data.training, options: options, collator: loader.collator))
    }

    private func memory(cells: Int, columns: Int, checkpointing: Bool) throws -> Int {
        var conditions = memory
        conditions.gradientCheckpointing = conditions.gradientCheckpointing || checkpointing
        (conditions.cells, conditions.columns) = (cells, columns)
        return try Forecast.memory(model, grafts, conditions).reduce(0) { $0 + $1.bytes }
    }
}
