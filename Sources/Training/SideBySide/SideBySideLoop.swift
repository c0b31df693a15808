import Datasets
import Foundation
import Methods
import Reporting

/// The training of several adapters in step: the same batches for all, each with its own records, evaluations and
/// checkpoints. One that ends early, or whose numbers go wrong, leaves the others alone.
final class SideBySideLoop {
    private var runs: [SessionRun]
    private let isCancelled: () -> Bool
    private var failure: (any Error)?

    /// - Parameter runs: all at the same step, but for those that are over.
    init(_ runs: [SessionRun], isCancelled: @escaping () -> Bool) {
        self.runs = runs
        self.isCancelled = isCancelled
    }

    /// Trains to the end, and lets each adapter write what it leaves.
    /// - Throws: the first error of an adapter, after the others have ended.
    func run() throws {
        do {
            try leave { $0.loop.hasStopped ? .stoppedEarly : nil }
            try sideBySide()
            while let loop = runs.first?.loop, loop.progress.step < loop.session.totalSteps {
                try step(loop)
                guard isCancelled() else { continue }
                for run in runs where !run.loop.isOver { try run.loop.saveCheckpoint() }
                try leave { $0.loop.isOver ? nil : .interrupted }
            }
            try leave { _ in .completed }
        } catch {
            // What none of the adapters caused alone ends them all.
            for run in runs { run.fail(error) }
            throw runs.first?.explained(error) ?? error
        }
        if let failure { throw failure }
    }

    /// One step of all, from the position that they share.
    private func step(_ loop: TrainingLoop) throws {
        let begin = ContinuousClock.now
        let (session, progress) = (loop.session, loop.progress)
        var batches = session.loader.batches(from: progress.position)
        let left = session.loader.batchesPerEpoch - progress.position.batch
        let count = min(session.configuration.training.gradientAccumulationSteps, left)
        let parts = try (0..<count).compactMap { _ in try batches.nextBatch() }
        let step = SharedStep(
            runs.map(\.session), parts, step: progress.step, epoch: progress.position.epoch)
        let outcomes = try step.run(startsEpoch: progress.position.batch == 0)
        let seconds = (ContinuousClock.now - begin).seconds
        var ended: [ObjectIdentifier: Result<RunOutcome, any Error>] = [:]
        for (run, outcome) in zip(runs, outcomes) {
            do {
                let stops = try run.loop.take(outcome.get(), parts, next: batches.position, seconds: seconds)
                if stops { ended[ObjectIdentifier(run)] = .success(.stoppedEarly) }
            } catch let error as TrainingError where error.isDivergence {
                ended[ObjectIdentifier(run)] = .failure(error)
            }
        }
        guard !ended.isEmpty else { return }
        for run in runs {
            if case .failure(let error)? = ended[ObjectIdentifier(run)] {
                run.fail(error)
                failure = failure ?? TrainingError.notFinite("adapter \(run.session.adapterName): \(error)")
            }
        }
        try leave { run in
            if case .success(let outcome)? = ended[ObjectIdentifier(run)] { outcome } else { nil }
        }
        runs.removeAll { ended[ObjectIdentifier($0)] != nil }
        try sideBySide()
    }

    /// Lets the adapters with an outcome finish, and goes on with the others.
    private func leave(_ outcome: (SessionRun) -> RunOutcome?) throws {
        let leaving = runs.compactMap { run in outcome(run).map { (run, $0) } }
        runs.removeAll { run in leaving.contains { $0.0 === run } }
        for (run, outcome) in leaving { try run.finish(outcome) }
        if !leaving.isEmpty { try sideBySide() }
    }

    /// Puts the adapters that are left in effect, each on its own rows.
    private func sideBySide() throws {
        guard let model = runs.first?.session.model else { return }
        try model.activateSideBySide(runs.map(\.session.adapterName))
    }
}
