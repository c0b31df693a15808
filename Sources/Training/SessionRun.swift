import Adapters
import Files
import Foundation
import JSON
import Methods
import Networks
import Reporting
import Support
import Torch

/// The run of one session in its output folder, from the claim of the folder to the files at the end. The loop in between
/// is its own or, where several adapters share a forward, that of all.
final class SessionRun {
    /// Where a resumed run goes on.
    enum Checkpoint {
        /// At the newest that is whole.
        case newest
        /// At this one; at the beginning for nil.
        case given(CheckpointStore.Checkpoint?)
    }

    let session: TrainingSession
    /// The training between its steps.
    let loop: TrainingLoop
    private let lock: FolderLock
    private let recorder: RunRecorder
    private let emit: (TrainingEvent) -> Void

    /// Claims the folder, resumes where that is asked for, and sends the events that come before the first step.
    init(
        _ session: TrainingSession, _ start: TrainingRun.Start, from checkpoint: Checkpoint = .newest,
        isCancelled: @escaping () -> Bool, _ emit: @escaping (TrainingEvent) -> Void
    ) throws {
        let folder = OutputFolder(URL(fileURLWithPath: session.configuration.outputDirectory))
        let lock = try folder.claim(start)
        var progress = TrainingProgress()
        var notes: [RunWarning] = []
        if case .resume = start { (progress, notes) = try SessionRun.resume(session, checkpoint) }
        // A process that died before its first checkpoint left a log that nothing builds on.
        if progress.step == 0 {
            try folder.removeLog()
            try session.writeNewBase()
        }
        let recorder = RunRecorder(
            folder: RunFolder(folder.url), configuration: try session.configuration.json.serialized(.pretty),
            environment: RunEnvironment.current(
                graft: GraftVersion.current, engine: "libtorch \(try Engine.version())",
                threads: try Engine.threadCount()))
        (self.session, self.lock, self.recorder, self.emit) = (session, lock, recorder, emit)
        loop = TrainingLoop(session, progress: progress, in: lock, isCancelled: isCancelled) { event in
            try recorder.consume(event)
            emit(event)
        }
        do {
            try begin(in: folder, notes)
        } catch {
            throw explained(error)
        }
    }

    private func begin(in folder: OutputFolder, _ warnings: [RunWarning]) throws {
        try folder.writeConfiguration(session.configuration)
        try send(.started(session.description(resumedFrom: loop.progress.step)))
        let unlocked = lock.isEnforced ? [] : [RunWarning.noLock(folder.url.path)]
        for warning in session.warnings + warnings + unlocked { try send(.warning(warning)) }
        if loop.progress.step == 0 { try evaluateBefore() }
        // What preparing has used and given back would otherwise stay beside what the steps need.
        Engine.releaseFreedMemory()
    }

    /// The error to report: of a folder that was taken away the first file says no more than that it cannot be written.
    func explained(_ error: any Error) -> any Error {
        guard error is FileError else { return error }
        do {
            try lock.requireInPlace()
            return error
        } catch {
            return error
        }
    }

    private func send(_ event: TrainingEvent) throws {
        try recorder.consume(event)
        emit(event)
    }

    /// Says how a run ended that could not be finished, where that can still be written.
    func fail(_ error: any Error) {
        let outcome = (error as? TrainingError)?.isDivergence == true ? RunOutcome.diverged : .failed("\(error)")
        guard let summary = try? summary(outcome, evaluation: nil, baselines: [], adapter: nil) else { return }
        try? recorder.consume(.finished(summary))
        emit(.finished(summary))
    }

    /// Puts the session where a checkpoint was.
    private static func resume(
        _ session: TrainingSession, _ choice: Checkpoint
    ) throws -> (TrainingProgress, [RunWarning]) {
        let (chosen, skipped): (CheckpointStore.Checkpoint?, [String])
        switch choice {
        case .newest: (chosen, skipped) = try session.checkpoints.newestValid()
        case .given(let checkpoint): (chosen, skipped) = (checkpoint, [])
        }
        var warnings = skipped.map {
            RunWarning(code: "checkpoint_skipped", message: "a damaged checkpoint was passed over: \($0)")
        }
        guard let chosen else {
            warnings.append(
                RunWarning(
                    code: "nothing_to_resume", message: "there is no checkpoint: the run starts from the beginning"))
            return (TrainingProgress(), warnings)
        }
        let progress = try session.checkpoints.restore(chosen, into: session)
        let loop = TrainingLoop(session, progress: progress, isCancelled: { false }, emit: { _ in })
        if loop.isOver { warnings.append(.alreadyFinished(step: progress.step, stoppedEarly: loop.hasStopped)) }
        return (progress, warnings)
    }

    /// The metrics of the untrained model, to compare with.
    private func evaluateBefore() throws {
        guard session.configuration.training.evalStrategy != .no, let validation = try session.validation else {
            return
        }
        let begin = ContinuousClock.now
        let evaluation = try session.evaluate(validation)
        try send(
            .evaluation(
                EvaluationRecord(
                    step: 0, epoch: 0, metrics: evaluation.metrics, seconds: (ContinuousClock.now - begin).seconds)))
    }

    /// Writes what the training leaves, and says how it ended.
    func finish(_ outcome: RunOutcome) throws {
        if outcome == .interrupted {
            try send(.finished(summary(outcome, evaluation: nil, baselines: [], adapter: nil)))
            return
        }
        if session.configuration.training.loadBestModelAtEnd, let best = loop.progress.bestStep,
            let checkpoint = try session.checkpoints.all().first(where: { $0.step == best })
        {
            try session.checkpoints.verify(checkpoint)
            try session.checkpoints.load(checkpoint, into: session)
        }
        try session.alone {
            try session.lifecycle?.trainingDidEnd(
                session.moment(step: max(0, loop.progress.step - 1), epoch: loop.progress.position.epoch))
        }
        let folder = URL(fileURLWithPath: session.configuration.outputDirectory)
        try session.writeAdapter(to: folder)
        let transformed = try session.configuration.transform.map { try $0.apply(to: folder, of: session) }
        var evaluation: Evaluation?
        if let rows = session.data.test ?? session.data.validation {
            let begin = ContinuousClock.now
            let batches = try session.evaluationBatches(rows)
            evaluation =
                try transformed.map { try session.objective.evaluate($0.model, batches, on: session.device) }
                ?? session.evaluate(batches)
            if session.data.test != nil, let evaluation {
                try send(
                    .evaluation(
                        EvaluationRecord(
                            step: loop.progress.step, epoch: loop.epoch, split: "test", metrics: evaluation.metrics,
                            seconds: (ContinuousClock.now - begin).seconds)))
            }
        }
        let seconds = loop.seconds
        var baselines: [Baseline] = []
        if transformed != nil, let rows = session.data.test ?? session.data.validation {
            let untransformed = try session.evaluate(session.evaluationBatches(rows))
            baselines.append(Baseline(name: "before_transform", metrics: untransformed.metrics))
        }
        if session.configuration.training.linearProbe, session.configuration.task.isClassification,
            let rows = session.data.test ?? session.data.validation
        {
            baselines.append(
                Baseline(name: "linear_probe", metrics: try LinearProbe.evaluate(session, on: rows).metrics))
        }
        try send(
            .finished(
                summary(
                    outcome, seconds: seconds, evaluation: evaluation, baselines: baselines, adapter: folder,
                    transformed: transformed)))
    }

    private func summary(
        _ outcome: RunOutcome, seconds: Double? = nil, evaluation: Evaluation?,
        baselines: [Baseline], adapter: URL?, transformed: TransformedRun? = nil
    ) throws -> RunSummary {
        let names = session.data.labels?.names ?? []
        let output = session.configuration.outputDirectory
        let weights = transformed?.file ?? adapter.map { $0.appendingPathComponent(AdapterFolder.weightsName) }
        let made = transformed.map { [RunFile(label: $0.label, path: $0.file.path)] } ?? []
        return RunSummary(
            outcome: outcome, steps: loop.progress.step, epochs: loop.epoch, seconds: seconds ?? loop.seconds,
            metrics: evaluation?.metrics ?? [:], bestStep: loop.progress.bestStep, baselines: baselines,
            trainableParameters: session.trainables.count, totalParameters: try session.model.parameterCount,
            peakMemoryBytes: ProcessMemory.measure().peak, adapterBytes: try weights.map { try FileInput($0).size },
            classes: evaluation?.confusion?.classResults(names: names) ?? [],
            confusions: evaluation?.confusion?.confusedPairs(names: names, limit: 10) ?? [],
            files: adapter == nil
                ? []
                : [
                    RunFile(label: "adapter", path: output),
                    RunFile(label: "report", path: output + "/report.html"),
                ] + made,
            nextCommands: session.configuration.nextCommands(outcome))
    }
}

extension RunWarning {
    fileprivate static func noLock(_ folder: String) -> RunWarning {
        RunWarning(
            code: "no_lock",
            message: "the file system of \(folder) knows no locks: nothing keeps a second run from writing there")
    }

    fileprivate static func alreadyFinished(step: Int, stoppedEarly: Bool) -> RunWarning {
        RunWarning(
            code: "already_finished",
            message: stoppedEarly
                ? "the run ended after step \(step) because nothing improved further: nothing is left to train; a "
                    + "larger early_stopping_patience would go on"
                : "the run has all its \(step) steps: nothing is left to train; a larger num_train_epochs or max_steps "
                    + "would go on")
    }
}
