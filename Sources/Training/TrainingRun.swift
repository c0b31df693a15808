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
        let run = try SessionRun(session, start, isCancelled: { self.isStopped }, emit)
        do {
            try run.finish(run.loop.run())
        } catch {
            run.fail(error)
            throw run.explained(error)
        }
    }
}
