import Foundation

/// Numbers that a worker writes and its supervisor reads, also after the worker's sudden end: a shared map of a file.
final class SharedRecord {
    /// What each number is.
    enum Slot: Int, CaseIterable {
        /// The execution that runs, or the first that has not run.
        case execution
        /// Cases that the reader took.
        case accepted
        /// Cases that it refused.
        case refused
        /// Growth of the peak of memory since the corpus was read, in bytes.
        case growth
    }

    private let numbers: UnsafeMutablePointer<Int>
    private static let byteCount = Slot.allCases.count * MemoryLayout<Int>.stride

    /// - Parameter file: made, with zeros, where it is not there.
    init(_ file: URL) throws {
        let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FuzzFault("cannot open \(file.path)") }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(Self.byteCount)) == 0,
            let address = mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            address != MAP_FAILED
        else { throw FuzzFault("cannot map \(file.path)") }
        numbers = address.bindMemory(to: Int.self, capacity: Slot.allCases.count)
    }

    deinit { munmap(numbers, Self.byteCount) }

    subscript(slot: Slot) -> Int {
        get { numbers[slot.rawValue] }
        set { numbers[slot.rawValue] = newValue }
    }
}
