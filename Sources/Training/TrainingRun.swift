import Adapters
import Datasets
import Files
import Foundation
import JSON
import Methods
import Networks
import Reporting
import Support
import Torch

/// A training from its configuration to its files.
///
/// ```swift
/// let run = try await TrainingRun(configuration)
/// for try await event in run.events() {
///     if case .step(let step) = event { print(step.step, step.loss) }
/// }
/// ```
public final class TrainingRun: Sendable {
    /// What to do with an output folder that already holds a run.
    public enum Start: Sendable {
        /// Refuses it.
        case new
        /// Continues at the newest valid checkpoint; begins where there is none.
        case resume
        /// Removes the run's files first; others in the folder stay.
        case overwrite
    }

    /// The configuration that is run.
    public let configuration: TrainingConfiguration
    /// What the training will take.
    public let forecast: Forecast
    /// Modules that the method adapts, in the order of the network.
    public let adaptedModules: [String]
    /// What deserves a word before training but does not forbid it.
    public let warnings: [RunWarning]
    private let start: Start
    private let worker: Worker

    /// Reads and checks everything: configuration, checkpoint, tokenizer, data, targets, output folder. What can be
    /// wrong is found here, before any training.
    public init(_ configuration: TrainingConfiguration, start: Start = .new) async throws {
        let output = URL(fileURLWithPath: configuration.outputDirectory)
        try OutputFolder(output).check(start)
        try configuration.requireFreeBase(start)
        let session = try await TrainingSession.prepare(configuration)
        self.configuration = configuration
        self.start = start
        forecast = session.forecast
        adaptedModules = Array(session.grafts.projections.keys)
        warnings = session.warnings
        worker = Worker(session)
    }

    /// Runs the training on a thread of its own and gives its events. Ending the iteration early, or cancelling the task
    /// that iterates, ends the training after the step in progress, with a checkpoint. A run happens once: a second call
    /// gives a stream that throws.
    public func events() -> AsyncThrowingStream<TrainingEvent, any Error> {
        AsyncThrowingStream { continuation in
            guard worker.claim() else {
                continuation.finish(
                    throwing: TrainingError.option("this run has been started already: make another TrainingRun"))
                return
            }
            let thread = Thread { [worker, start] in
                do {
                    try worker.run(start) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            // The engine's parallel sections and the autograd graph of deep networks want more than the default stack.
            thread.stackSize = 16 << 20
            continuation.onTermination = { [worker] _ in worker.stop() }
            thread.start()
        }
    }

    /// Ends the training after the step in progress, with a checkpoint. The stream then ends with `finished`.
    public func stop() {
        worker.stop()
    }
}

/// Holds the session for the one thread that runs it.
private final class Worker: @unchecked Sendable {
    // Unchecked: `session` is touched by the one thread that claimed it, after `init`; the flags are behind the lock.
    private let session: TrainingSession
    private let lock = NSLock()
    private var claimed = false
    private var stopped = false

    init(_ session: TrainingSession) {
        self.session = session
    }

    /// True for the first caller alone.
    func claim() -> Bool {
        lock.withLock {
            defer { claimed = true }
            return !claimed
        }
    }

    func stop() {
        lock.withLock { stopped = true }
    }

    private var isStopped: Bool { lock.withLock { stopped } }

    func run(_ start: TrainingRun.Start, _ emit: @escaping (TrainingEvent) -> Void) throws {
        let folder = OutputFolder(URL(fileURLWithPath: session.configuration.outputDirectory))
        let lock = try folder.claim(start)
        do {
            try run(start, in: folder, lock, emit)
        } catch let error as FileError {
            // Of a folder that was taken away the first file says no more than that it cannot be written.
            try lock.requireInPlace()
            throw error
        }
    }

    private func run(
        _ start: TrainingRun.Start, in folder: OutputFolder, _ lock: FolderLock,
        _ emit: @escaping (TrainingEvent) -> Void
    ) throws {
        var progress = TrainingProgress()
        var notes: [RunWarning] = []
        if case .resume = start { (progress, notes) = try resume() }
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
        func send(_ event: TrainingEvent) throws {
            try recorder.consume(event)
            emit(event)
        }
        try folder.writeConfiguration(session.configuration)
        try send(.started(session.description(resumedFrom: progress.step)))
        if !lock.isEnforced { notes.append(.noLock(folder.url.path)) }
        for warning in session.warnings + notes { try send(.warning(warning)) }
        if progress.step == 0 { try evaluateBefore(send) }
        // What preparing has used and given back would otherwise stay beside what the steps need.
        ProcessMemory.releaseUnused()

        let loop = TrainingLoop(
            session, progress: progress, in: lock, isCancelled: { self.isStopped }, emit: send)
        do {
            try finish(loop, loop.run(), send)
        } catch {
            // The folder says how the run ended, where that can still be written.
            let outcome = (error as? TrainingError)?.isDivergence == true ? RunOutcome.diverged : .failed("\(error)")
            if let summary = try? summary(loop, outcome, evaluation: nil, baselines: [], adapter: nil) {
                try? recorder.consume(.finished(summary))
                emit(.finished(summary))
            }
            throw error
        }
    }

    private func resume() throws -> (TrainingProgress, [RunWarning]) {
        let (newest, skipped) = try session.checkpoints.newestValid()
        var warnings = skipped.map {
            RunWarning(code: "checkpoint_skipped", message: "a damaged checkpoint was passed over: \($0)")
        }
        guard let newest else {
            warnings.append(
                RunWarning(
                    code: "nothing_to_resume", message: "there is no checkpoint: the run starts from the beginning"))
            return (TrainingProgress(), warnings)
        }
        let progress = try session.checkpoints.restore(newest, into: session)
        let loop = TrainingLoop(session, progress: progress, isCancelled: { false }, emit: { _ in })
        if progress.step >= session.totalSteps || loop.hasStopped {
            warnings.append(.alreadyFinished(step: progress.step, stoppedEarly: loop.hasStopped))
        }
        return (progress, warnings)
    }

    /// The metrics of the untrained model, to compare with.
    private func evaluateBefore(_ send: (TrainingEvent) throws -> Void) throws {
        guard session.configuration.training.evalStrategy != .no, let validation = try session.validation else {
            return
        }
        let begin = ContinuousClock.now
        let evaluation = try session.objective.evaluate(session.model, validation, on: session.device)
        try send(
            .evaluation(
                EvaluationRecord(
                    step: 0, epoch: 0, metrics: evaluation.metrics, seconds: (ContinuousClock.now - begin).seconds)))
    }

    private func finish(_ loop: TrainingLoop, _ outcome: RunOutcome, _ send: (TrainingEvent) throws -> Void) throws {
        if outcome == .interrupted {
            try send(.finished(summary(loop, outcome, evaluation: nil, baselines: [], adapter: nil)))
            return
        }
        if session.configuration.training.loadBestModelAtEnd, let best = loop.progress.bestStep,
            let checkpoint = try session.checkpoints.all().first(where: { $0.step == best })
        {
            try session.checkpoints.verify(checkpoint)
            try session.checkpoints.load(checkpoint, into: session)
        }
        try session.lifecycle?.trainingDidEnd(
            session.moment(step: max(0, loop.progress.step - 1), epoch: loop.progress.position.epoch))
        let folder = URL(fileURLWithPath: session.configuration.outputDirectory)
        try session.writeAdapter(to: folder)
        let transformed = try session.configuration.transform.map { try $0.apply(to: folder, of: session) }
        var evaluation: Evaluation?
        if let rows = session.data.test ?? session.data.validation {
            let begin = ContinuousClock.now
            evaluation = try session.objective.evaluate(
                transformed?.model ?? session.model, session.evaluationBatches(rows), on: session.device)
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
            let untransformed = try session.objective.evaluate(
                session.model, session.evaluationBatches(rows), on: session.device)
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
                    loop, outcome, seconds: seconds, evaluation: evaluation, baselines: baselines, adapter: folder,
                    transformed: transformed)))
    }

    private func summary(
        _ loop: TrainingLoop, _ outcome: RunOutcome, seconds: Double? = nil, evaluation: Evaluation?,
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
