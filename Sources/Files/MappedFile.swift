import Foundation

/// A whole file in memory as a private map: pages come from the file when they are first touched, and what is written
/// to them stays in this process.
///
/// The map holds what the file held as long as nobody writes into the file itself; files replaced by a rename, as
/// `AtomicFile` does, keep their old contents here. A file that another program cuts short in place cannot be read
/// safely through any map: the system ends the process that touches the missing pages.
public final class MappedFile: @unchecked Sendable {
    // Unchecked: the address never changes, and the bytes belong to whoever was handed them.

    /// All bytes of the file.
    public let bytes: UnsafeMutableRawBufferPointer

    /// Maps a file that was opened for reading. An empty file has no bytes.
    public init(_ file: FileInput) throws {
        guard file.size > 0 else {
            bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            return
        }
        // Without MAP_NORESERVE a writable map larger than the machine's memory is refused, though never filled.
        let address = mmap(
            nil, file.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileError.last(.map, file.path) }
        bytes = UnsafeMutableRawBufferPointer(start: address, count: file.size)
    }

    deinit {
        if let address = bytes.baseAddress { munmap(address, bytes.count) }
    }
}
