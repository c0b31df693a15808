import Foundation

/// A whole file in memory, private to this process: what is written to it never reaches the file.
///
/// Small files are copied, and from then on nothing that happens to them matters. Larger ones are mapped: pages come from
/// the file when they are first touched. Files replaced by a rename, as `AtomicFile` does, keep their old contents here.
/// A file that another program writes into in place cannot be read safely through any map: changed pages may show
/// either contents, and the system ends the process that touches pages which a cut has taken away. `requireUnchanged()`
/// before and after the pages are used turns both into an error in all but the moment between; `MappedFileGuard` gives
/// the end in that moment its sentence.
public final class MappedFile: @unchecked Sendable {
    // Unchecked: the address never changes, and the bytes belong to whoever was handed them.

    /// Files up to this size are copied: adapters and states of trainings, but few weights of networks.
    public static let largestCopy = 32 << 20

    /// All bytes of the file.
    public let bytes: UnsafeMutableRawBufferPointer
    /// The file as long as its contents matter: nil for a copy.
    private let file: FileInput?

    /// Takes a file that was opened for reading. An empty file has no bytes.
    ///
    /// - Throws: `FileError`, also where the file has changed since it was opened.
    public init(_ file: FileInput) throws {
        guard file.size > 0 else {
            bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            self.file = nil
            return
        }
        let isCopied = file.size <= Self.largestCopy
        // Without MAP_NORESERVE a writable map larger than the machine's memory is refused, though never filled.
        let flags = isCopied ? MAP_PRIVATE | Self.anonymous : MAP_PRIVATE | MAP_NORESERVE
        let address = mmap(nil, file.size, PROT_READ | PROT_WRITE, flags, isCopied ? -1 : file.descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileError.last(.map, file.path) }
        bytes = UnsafeMutableRawBufferPointer(start: address, count: file.size)
        self.file = isCopied ? nil : file
        guard isCopied else {
            MappedFileGuard.add(bytes, path: file.path)
            return
        }
        try file.read(at: 0, into: bytes)
        try file.requireUnchanged()
    }

    deinit {
        guard let address = bytes.baseAddress else { return }
        if file != nil { MappedFileGuard.remove(bytes) }
        munmap(address, bytes.count)
    }

    /// Holds a mapped file against what it was when it was opened.
    ///
    /// - Throws: `FileError.shrank` or `.changed`.
    public func requireUnchanged() throws { try file?.requireUnchanged() }

    #if canImport(Darwin)
        private static let anonymous = MAP_ANON
    #else
        private static let anonymous = MAP_ANONYMOUS
    #endif
}
