import Reporting

/// What becomes of a step whose numbers went wrong.
extension TrainingLoop {
    /// Steps in a row that may be skipped: a training that learns from none of so many will not recover.
    private static let mostSkipsInARow = 10

    /// Leaves the step out. All that trains is as it was before: values, what the optimizer remembers, clocks, and what
    /// the method keeps.
    /// - Parameter before: the state before the step.
    func skip(_ error: TrainingError, _ before: TrainingState) throws {
        try session.restore(before)
        progress.skippedSteps += 1
        progress.skippedInARow += 1
        guard progress.skippedInARow <= Self.mostSkipsInARow else {
            throw TrainingError.notFinite("\(error); the \(Self.mostSkipsInARow) steps before it were skipped already")
        }
        try emit(.warning(RunWarning(code: "step_skipped", message: "skipped: \(error)", step: progress.step + 1)))
    }

    /// Takes the training back to its newest checkpoint, with a smaller learning rate from there on; where that is the
    /// one that it was taken back to before, to the one before that, since weights may be numbers and lost all the same.
    /// The checkpoint is written again with that in it, so that a run which is killed afterwards resumes the same way.
    func rewind(after error: TrainingError) throws {
        guard progress.rewinds < arguments.maxRewinds else {
            throw TrainingError.notFinite(
                "\(error); the run was taken back \(progress.rewinds) time\(progress.rewinds == 1 ? "" : "s") already "
                    + "(max_rewinds)")
        }
        guard var newest = try session.checkpoints.newestValid().checkpoint else {
            throw TrainingError.notFinite("\(error); there is no checkpoint to go back to")
        }
        let failed = newest
        if newest.step == progress.rewoundTo,
            let earlier = try? session.checkpoints.newestValid(before: newest.step).checkpoint
        {
            newest = earlier
        }
        var restored = try session.checkpoints.restore(newest, into: session)
        restored.rewinds = progress.rewinds + 1
        restored.rewoundTo = newest.step
        restored.rateFactor = progress.rateFactor * arguments.rewindFactor
        // The time that was spent counts, though what it brought does not.
        restored.seconds = progress.seconds
        progress = restored
        session.trainables.rateFactor = restored.rateFactor
        try emit(
            .warning(
                RunWarning(
                    code: "rewound",
                    message: "\(error); back to \(newest.folder.lastPathComponent), from there on with "
                        + "\(restored.rateFactor) times the learning rate",
                    step: restored.step)))
        try saveCheckpoint()
        // Last: until the earlier one has all that it needs, a killed run resumes at the later one.
        if failed.step != newest.step { try session.checkpoints.remove(failed) }
    }
}
