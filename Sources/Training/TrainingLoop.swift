import Datasets
import Files
import Foundation
import Methods
import Reporting

/// Where a training stands between two steps: everything that decides the rest, besides the tensors.
struct TrainingProgress: Codable, Equatable {
    /// Optimizer steps done.
    var step = 0
    /// The next batch.
    var position = BatchPosition()
    /// The best evaluation so far.
    var bestMetric: Double?
    var bestStep: Int?
    /// Evaluations since the best.
    var staleEvaluations = 0
    /// Seconds of training before this process.
    var seconds = 0.0
    /// Steps that no record holds yet.
    var window = LoggingWindow()
    /// Steps that changed nothing because their numbers went wrong, and how many of them came last.
    var skippedSteps = 0
    var skippedInARow = 0
    /// How often the run was taken back, and what its learning rate is multiplied by since.
    var rewinds = 0
    var rateFactor = 1.0
    /// The step that it was taken back to last.
    var rewoundTo: Int?
}

/// The training itself: batches in, events out, one thread. Files, bars and plots are consumers of the events.
final class TrainingLoop {
    let session: TrainingSession
    let arguments: TrainingArguments
    let emit: (TrainingEvent) throws -> Void
    var progress: TrainingProgress
    private let folder: FolderLock?
    private var savedStep: Int?
    private let isCancelled: () -> Bool
    private let started = ContinuousClock.now

    /// - Parameter folder: the lock of the output folder, which must stay in its place.
    init(
        _ session: TrainingSession, progress: TrainingProgress, in folder: FolderLock? = nil,
        isCancelled: @escaping () -> Bool, emit: @escaping (TrainingEvent) throws -> Void
    ) {
        self.session = session
        self.folder = folder
        self.progress = progress
        self.emit = emit
        self.isCancelled = isCancelled
        arguments = session.configuration.training
        session.trainables.rateFactor = progress.rateFactor
    }

    /// Seconds of training, earlier processes included.
    var seconds: Double { progress.seconds + (ContinuousClock.now - started).seconds }

    /// Runs to the end, to an early stop, or until cancelled between two steps.
    func run() throws -> RunOutcome {
        let perEpoch = session.loader.batchesPerEpoch
        if hasStopped { return .stoppedEarly }
        if arguments.onNonfinite == .rewind, progress.step == 0, progress.rewinds == 0 { try saveCheckpoint() }
        while progress.step < session.totalSteps {
            var batches = session.loader.batches(from: progress.position)
            let count = min(arguments.gradientAccumulationSteps, perEpoch - progress.position.batch)
            let parts = try (0..<count).compactMap { _ in try batches.nextBatch() }
            guard try step(parts) else { continue }
            progress.position = batches.position
            let isEpochEnd = progress.position.batch >= perEpoch
            if isEpochEnd { progress.position = BatchPosition(epoch: progress.position.epoch + 1) }
            if try finishStep(isEpochEnd: isEpochEnd) { return .stoppedEarly }
            // After the last step there is nothing left to interrupt: what was learnt is written.
            if progress.step < session.totalSteps, isCancelled() {
                if savedStep != progress.step { try saveCheckpoint() }
                return .interrupted
            }
        }
        return .completed
    }

    /// Takes a step that was made together with those of other adapters. True when the training ends early.
    /// - Parameter position: the batch that comes next.
    func take(_ outcome: StepOutcome, _ parts: [Batch], next position: BatchPosition, seconds: Double) throws -> Bool {
        let rate = session.schedule.rate(step: progress.step) * session.trainables.rateFactor
        progress.window.add(outcome, rate: rate, batches: parts, seconds: seconds)
        progress.step += 1
        progress.position = position
        let isEpochEnd = position.batch >= session.loader.batchesPerEpoch
        if isEpochEnd { progress.position = BatchPosition(epoch: position.epoch + 1) }
        return try finishStep(isEpochEnd: isEpochEnd)
    }

    /// Whether the evaluations so far have ended the training.
    var hasStopped: Bool { arguments.earlyStoppingPatience.map { progress.staleEvaluations >= $0 } ?? false }

    /// Whether there is nothing left to train.
    var isOver: Bool { progress.step >= session.totalSteps || hasStopped }

    /// One optimizer step; `TrainingStep` says what happens in it, and in which order. False where the training was
    /// taken back instead.
    private func step(_ parts: [Batch]) throws -> Bool {
        let begin = ContinuousClock.now
        let before = arguments.onNonfinite == .skip ? try session.state().copied() : nil
        let step = TrainingStep(session, parts, step: progress.step, epoch: progress.position.epoch)
        do {
            let outcome = try step.run(startsEpoch: progress.position.batch == 0)
            progress.window.add(
                outcome, rate: step.moment.learningRate, batches: parts,
                seconds: (ContinuousClock.now - begin).seconds)
            progress.skippedInARow = 0
        } catch let error as TrainingError where error.isDivergence {
            if arguments.onNonfinite == .rewind {
                try rewind(after: error)
                return false
            }
            guard let before else { throw error }
            try skip(error, before)
        }
        progress.step += 1
        return true
    }

    /// Events, evaluation and checkpoint that a step brings. True when the training ends early.
    private func finishStep(isEpochEnd: Bool) throws -> Bool {
        let isLast = progress.step == session.totalSteps
        try folder?.requireInPlace()
        if !progress.window.isEmpty, progress.step % arguments.loggingSteps == 0 || isLast {
            try emit(.step(progress.window.record(step: progress.step, epoch: epoch)))
            progress.window = LoggingWindow()
        }
        var stops = false
        var isBest = false
        if session.data.validation != nil, isDue(arguments.evalStrategy, arguments.evalSteps, isEpochEnd, isLast) {
            isBest = try evaluateNow()
            stops = hasStopped
        }
        // The end of a training is saved, so that a resumed run knows of it.
        let saves =
            isDue(arguments.saveStrategy, arguments.saveSteps, isEpochEnd, isLast)
            || (stops && arguments.saveStrategy != .no) || (isBest && arguments.loadBestModelAtEnd)
        if saves { try saveCheckpoint() }
        if !isLast, !stops { try requireMemory(isSaved: saves) }
        return stops
    }

    private func isDue(
        _ strategy: TrainingConfiguration.IntervalStrategy, _ interval: Int, _ isEpochEnd: Bool, _ isLast: Bool
    ) -> Bool {
        switch strategy {
        case .no: false
        case .steps: progress.step % interval == 0 || isLast
        case .epoch: isEpochEnd || isLast
        }
    }

    /// Epochs done, with the part of the current one.
    var epoch: Double {
        Double(progress.position.epoch) + Double(progress.position.batch) / Double(session.loader.batchesPerEpoch)
    }

    /// Evaluates on the validation rows; true when it is the best so far.
    private func evaluateNow() throws -> Bool {
        guard let validation = try session.validation else { return false }
        let begin = ContinuousClock.now
        let evaluation = try session.evaluate(validation)
        let main = session.mainMetric
        // Undefined metrics, as a correlation of one class, are no better than any.
        let value = evaluation.metrics[main.name] ?? .nan
        let isBest =
            progress.bestMetric.map { best in
                let margin = main.greaterIsBetter ? value - best : best - value
                return margin > arguments.earlyStoppingThreshold
            } ?? value.isFinite
        if isBest {
            (progress.bestMetric, progress.bestStep, progress.staleEvaluations) = (value, progress.step, 0)
        } else {
            progress.staleEvaluations += 1
        }
        try emit(
            .evaluation(
                EvaluationRecord(
                    step: progress.step, epoch: epoch, metrics: evaluation.metrics,
                    seconds: (ContinuousClock.now - begin).seconds, isBest: isBest)))
        return isBest
    }

    func saveCheckpoint() throws {
        let begin = ContinuousClock.now
        var saved = progress
        saved.seconds = seconds
        try folder?.requireInPlace()
        let checkpoint = try session.checkpoints.save(session, saved)
        savedStep = progress.step
        try emit(
            .checkpoint(
                CheckpointRecord(
                    path: checkpoint.folder.path, step: progress.step, bytes: checkpoint.bytes,
                    seconds: (ContinuousClock.now - begin).seconds)))
    }
}

/// What happened since the last record.
struct LoggingWindow: Codable, Equatable {
    private var losses: [Double] = []
    private var norm = 0.0
    private var penalty: Double?
    private var rate = 0.0
    private var tokens = 0
    private var labelled = 0
    private var padding = 0
    private var examples = 0
    private var seconds = 0.0

    /// True where nothing has happened, or only steps that were skipped.
    var isEmpty: Bool { losses.isEmpty }

    mutating func add(_ outcome: StepOutcome, rate: Double, batches: [Batch], seconds: Double) {
        losses.append(outcome.loss)
        norm = outcome.gradientNorm
        penalty = outcome.penalty
        self.rate = rate
        self.seconds += seconds
        for batch in batches {
            tokens += batch.tokenCount
            if case .tokens = batch.targets {
                labelled += batch.targets.labelledCount
            } else {
                // A class stands for the whole text.
                labelled += batch.tokenCount
            }
            padding += batch.rows * batch.columns - batch.tokenCount
            examples += batch.segments.count
        }
    }

    func record(step: Int, epoch: Double) -> StepRecord {
        StepRecord(
            step: step, epoch: epoch, loss: losses.reduce(0, +) / Double(max(1, losses.count)), gradientNorm: norm,
            penalty: penalty, learningRate: rate, tokens: tokens, labelledTokens: labelled, paddingTokens: padding,
            examples: examples,
            seconds: seconds, memoryBytes: ProcessMemory.measure().current)
    }
}

extension Duration {
    /// In seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
