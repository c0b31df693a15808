import Reporting

extension TrainingLoop {
    /// Ends a run that has taken more memory than it may, before the system ends it without a checkpoint.
    /// - Parameter isSaved: whether this step has a checkpoint already.
    func requireMemory(isSaved: Bool) throws {
        guard let limit = arguments.memoryLimit else { return }
        let peak = ProcessMemory.measure().peak
        guard peak > limit.bytes else { return }
        if !isSaved { try saveCheckpoint() }
        throw TrainingError.memory(
            "memory_limit: the run took \(Quantity.bytes(peak)) up to step \(progress.step), more than "
                + "\(Quantity.bytes(limit.bytes)), and was ended after a checkpoint; continue with --resume and a higher "
                + "limit\(arguments.gradientCheckpointing ? "" : " or gradient_checkpointing: true"), or begin anew with a "
                + "smaller per_device_train_batch_size or max_length")
    }
}
