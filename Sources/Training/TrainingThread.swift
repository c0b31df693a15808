import Foundation
import Torch

/// Does a training once, on a thread of its own, and gives what happens as a stream.
final class TrainingThread<Event: Sendable>: @unchecked Sendable {
    // Unchecked: what `work` holds is touched by the one thread that claimed it, after `init`; the flags are behind the
    // lock.
    private let work: (_ isStopped: @escaping () -> Bool, _ emit: @escaping (Event) -> Void) throws -> Void
    private let lock = NSLock()
    private var claimed = false
    private var stopped = false

    /// - Parameter work: asks the first closure before every step whether to end, and hands events to the second.
    init(
        _ work: @escaping (_ isStopped: @escaping () -> Bool, _ emit: @escaping (Event) -> Void) throws -> Void
    ) {
        self.work = work
        // Whoever prepared the work leaves the processors to the thread that does it.
        Engine.endWaitingThreads()
    }

    /// Begins the work and gives its events; a second call gives a stream that throws. Ending the iteration stops it.
    func events() -> AsyncThrowingStream<Event, any Error> {
        AsyncThrowingStream { continuation in
            guard claim() else {
                continuation.finish(
                    throwing: TrainingError.option("this run has been started already: make another one"))
                return
            }
            let thread = Thread {
                do {
                    try self.work({ self.isStopped }, { continuation.yield($0) })
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            // The engine's parallel sections and the autograd graph of deep networks want more than the default stack.
            thread.stackSize = 16 << 20
            continuation.onTermination = { _ in self.stop() }
            thread.start()
        }
    }

    /// Ends the work after the step in progress.
    func stop() {
        lock.withLock { stopped = true }
    }

    private var isStopped: Bool { lock.withLock { stopped } }

    /// True for the first caller alone.
    private func claim() -> Bool {
        lock.withLock {
            defer { claimed = true }
            return !claimed
        }
    }
}
