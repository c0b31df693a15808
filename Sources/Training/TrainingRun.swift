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
    private let thread: TrainingThread<TrainingEvent>

    /// Reads and checks everything: configuration, checkpoint, tokenizer, data, targets, output folder. What can be
    /// wrong is found here, before any training.
    public init(_ configuration: TrainingConfiguration, start: Start = .new) async throws {
        let output = URL(fileURLWithPath: configuration.outputDirectory)
        try OutputFolder(output).check(start)
        try configuration.requireFreeBase(start)
        let session = try await TrainingSession.prepare(configuration)
        self.configuration = configuration
        forecast = session.forecast
        adaptedModules = Array(session.grafts.projections.keys)
        warnings = session.warnings
        thread = TrainingThread { isStopped, emit in
            let run = try SessionRun(session, start, isCancelled: isStopped, emit)
            do {
                try run.finish(run.loop.run())
            } catch {
                run.fail(error)
                throw run.explained(error)
            }
        }
    }

    /// Runs the training on a thread of its own and gives its events. Ending the iteration early, or cancelling the task
    /// that iterates, ends the training after the step in progress, with a checkpoint. A run happens once: a second call
    /// gives a stream that throws.
    public func events() -> AsyncThrowingStream<TrainingEvent, any Error> { thread.events() }

    /// Ends the training after the step in progress, with a checkpoint. The stream then ends with `finished`.
    public func stop() { thread.stop() }
}
