import Dispatch
import Foundation

/// What Ctrl-C does: the first one asks the work to end well, the second ends the process at once. `SIGTERM` counts as
/// Ctrl-C.
final class Interruption: @unchecked Sendable {
    // Unchecked: the action is behind the lock.
    private let lock = NSLock()
    private var action: (@Sendable () -> Void)?
    private var wasAsked = false
    private var sources: [any DispatchSourceSignal] = []

    /// Begins to listen. Before an action is set, a signal ends the process.
    init() {
        for number in [SIGINT, SIGTERM] {
            // Without this the system ends the process before the source is told.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.receive(number) }
            source.resume()
            sources.append(source)
        }
    }

    /// Sets what the first signal does.
    func onFirst(_ action: @escaping @Sendable () -> Void) {
        lock.withLock { self.action = action }
    }

    private func receive(_ number: Int32) {
        let first: (@Sendable () -> Void)? = lock.withLock {
            defer { wasAsked = true }
            return wasAsked ? nil : action
        }
        // A shell's status for a process that a signal ended; no cleaning up, since that could wait for the work.
        guard let first else { _exit(128 + number) }
        first()
    }
}
