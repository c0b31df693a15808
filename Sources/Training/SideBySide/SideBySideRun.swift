import Foundation
import JSON
import Methods
import Networks
import Reporting

/// Several adapters trained in one run: one base in memory, the same batches for all, one forward and one backward over
/// the rows of all of them. Each ends as it would have ended alone, up to rounding, in a folder of its own.
///
/// ```swift
/// let run = try await SideBySideRun(configuration)
/// for try await event in run.events() { print(event.adapter, event.event) }
/// ```
public final class SideBySideRun: Sendable {
    /// What happened to one of the adapters.
    public struct Event: Sendable {
        /// The adapter's name.
        public let adapter: String
        /// What happened.
        public let event: TrainingEvent
    }

    /// What is known of an adapter before it is trained.
    public struct Preview: Sendable {
        /// Its name.
        public let name: String
        /// The name of its method.
        public let method: String
        /// What it would take alone.
        public let forecast: Forecast
        /// Elements that it trains.
        public let trainableParameters: Int
        /// Modules that its method adapts.
        public let adaptedModules: [String]
        /// What deserves a word before training.
        public let warnings: [RunWarning]
    }

    /// The adapters in their order.
    public let previews: [Preview]
    private let thread: TrainingThread<Event>

    /// Reads and checks everything, and refuses adapters that cannot share a forward.
    public init(_ configuration: SideBySideConfiguration, start: TrainingRun.Start = .new) async throws {
        for adapter in configuration.adapters {
            try OutputFolder(URL(fileURLWithPath: adapter.configuration.outputDirectory)).check(start)
        }
        let sessions = try await SideBySideRun.sessions(configuration)
        previews = try sessions.map { session in
            Preview(
                name: session.adapterName, method: type(of: session.configuration.method).card.name,
                forecast: session.forecast, trainableParameters: session.trainables.count,
                adaptedModules: Array(session.grafts.projections.keys), warnings: session.warnings)
        }
        thread = TrainingThread { isStopped, emit in
            let places = if case .resume = start { try CommonCheckpoints(sessions) } else { CommonCheckpoints() }
            let runs = try sessions.map { session in
                let checkpoint = places.checkpoint(of: session)
                return try SessionRun(session, start, from: .given(checkpoint), isCancelled: isStopped) {
                    emit(Event(adapter: session.adapterName, event: $0))
                }
            }
            try SideBySideLoop(runs, isCancelled: isStopped).run()
        }
    }

    /// A session for each adapter, on one model and the same data.
    private static func sessions(_ configuration: SideBySideConfiguration) async throws -> [TrainingSession] {
        guard let first = configuration.adapters.first?.configuration else { return [] }
        let base = try await TrainingSession.SessionBase.read(first)
        return try configuration.adapters.map { adapter in
            // Each is made for the base alone.
            try base.loaded.model.activate([])
            return try SideBySideConfiguration.naming(adapter.name) {
                let session = try TrainingSession(adapter.configuration, base: base, adapterName: adapter.name)
                try session.requireShareable()
                return session
            }
        }
    }

    /// Runs the training on a thread of its own and gives its events. Ending the iteration early, or cancelling the task
    /// that iterates, ends the training after the step in progress, with checkpoints. A run happens once.
    public func events() -> AsyncThrowingStream<Event, any Error> { thread.events() }

    /// Ends the training after the step in progress, with checkpoints.
    public func stop() { thread.stop() }
}

/// Where several adapters can go on together: the newest step that all have a whole checkpoint of, but for those that
/// are over.
private struct CommonCheckpoints {
    private var chosen: [String: CheckpointStore.Checkpoint] = [:]

    /// None: a run that begins.
    init() {}

    init(_ sessions: [TrainingSession]) throws {
        var left: [(name: String, valid: [CheckpointStore.Checkpoint])] = []
        for session in sessions {
            let store = session.checkpoints
            let valid = try store.all().filter { (try? store.verify($0)) != nil }
            guard let newest = valid.last, try session.isOver(at: newest) else {
                left.append((session.adapterName, valid))
                continue
            }
            chosen[session.adapterName] = newest
        }
        let steps = left.map { Set($0.valid.map(\.step)) }
        let common = steps.dropFirst().reduce(steps.first ?? []) { $0.intersection($1) }.max()
        for (name, valid) in left { chosen[name] = valid.first { $0.step == common } }
    }

    func checkpoint(of session: TrainingSession) -> CheckpointStore.Checkpoint? { chosen[session.adapterName] }
}

extension TrainingSession {
    /// Whether a checkpoint is the end of its training.
    fileprivate func isOver(at checkpoint: CheckpointStore.Checkpoint) throws -> Bool {
        let progress = try checkpoints.progress(of: checkpoint)
        return TrainingLoop(self, progress: progress, isCancelled: { false }, emit: { _ in }).isOver
    }

    /// Refuses an adapter whose training needs a forward of its own.
    fileprivate func requireShareable() throws {
        func refuse(_ reason: String) -> TrainingError {
            .option("\(type(of: configuration.method).card.name) \(reason): train it alone")
        }
        guard objective is any SharedObjective else { throw refuse("has an objective for one adapter") }
        if configuration.training.optim == .mezo {
            throw TrainingError.option("optim: mezo takes its losses from forwards of its own: train the adapter alone")
        }
        if lifecycle?.updateRule != nil { throw refuse("makes the whole step itself") }
        if lifecycle?.changesLoss == true { throw refuse("computes its loss from forwards of its own") }
        try model.requireLanes(of: grafts, named: adapterName)
        if [.causalLM, .seq2seq].contains(configuration.task), let head = model.projectionBehindBlocks(of: grafts) {
            throw refuse("changes \(head), which gives the scores of all adapters")
        }
    }
}
