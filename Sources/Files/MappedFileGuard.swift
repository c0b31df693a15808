import Foundation

/// Ends the program with one sentence and status 1 where the system would end it without a word: when it touches pages of
/// a mapped file that another program has cut away, or that the disk no longer gives.
///
/// A signal handler may take neither memory nor a lock. So the sentences are made when files are mapped, and wait in a
/// table of a fixed size; files beyond it are mapped without a sentence.
public enum MappedFileGuard {
    /// Begins to watch. For programs: the handlers of signals belong to a whole process, so no library sets them.
    public static func install() {
        _ = table
        var action = sigaction()
        #if canImport(Darwin)
            action.__sigaction_u.__sa_sigaction = { _, info, _ in MappedFileGuard.handle(info?.pointee.si_addr) }
        #else
            action.__sigaction_handler.sa_sigaction = { _, info, _ in
                MappedFileGuard.handle(info?.pointee._sifields._sigfault.si_addr)
            }
        #endif
        action.sa_flags = Int32(SA_SIGINFO)
        sigaction(SIGBUS, &action, nil)
    }

    /// Readies the sentence of a file that was mapped. Pair with `remove`.
    static func add(_ bytes: UnsafeMutableRawBufferPointer, path: String) {
        let line =
            "error: \(path) can no longer be read: another program cut it short while it was in use, or its disk failed; "
            + "put the whole file back and start again, a training with --resume\n"
        let sentence = UnsafeMutableRawBufferPointer.allocate(byteCount: line.utf8.count, alignment: 1)
        sentence.copyBytes(from: line.utf8)
        lock.withLock {
            guard let free = table.indices.first(where: { table[$0].start == nil }) else {
                return sentence.deallocate()
            }
            table[free] = Entry(start: bytes.baseAddress, count: bytes.count, sentence: sentence)
        }
    }

    /// Forgets a file before its map goes.
    static func remove(_ bytes: UnsafeMutableRawBufferPointer) {
        lock.withLock {
            guard let place = table.indices.first(where: { table[$0].start == bytes.baseAddress }) else { return }
            table[place].sentence.deallocate()
            table[place] = Entry()
        }
    }
}

extension MappedFileGuard {
    private struct Entry {
        var start: UnsafeMutableRawPointer?
        var count = 0
        var sentence = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    private static let lock = NSLock()
    /// Written under the lock. The handler reads it without: the entry of the map that a thread touches was there before
    /// the thread had the map, and goes after it.
    nonisolated(unsafe) private static let table: UnsafeMutableBufferPointer<Entry> = {
        let table = UnsafeMutableBufferPointer<Entry>.allocate(capacity: 4096)
        table.initialize(repeating: Entry())
        return table
    }()

    /// Runs in the signal's handler: no memory, no locks, nothing but calls that POSIX allows there.
    private static func handle(_ address: UnsafeMutableRawPointer?) {
        guard let address else { return end() }
        for entry in table {
            guard let start = entry.start, address >= start, address < start + entry.count else { continue }
            _ = write(STDERR_FILENO, entry.sentence.baseAddress, entry.sentence.count)
            _exit(1)
        }
        end()
    }

    /// Leaves a fault that is none of a mapped file to the system: the instruction runs again, without this handler.
    private static func end() { signal(SIGBUS, SIG_DFL) }
}
