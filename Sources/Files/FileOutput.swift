import Foundation

/// The file that `AtomicFile` fills: bytes go to its end, one call after the other.
public final class FileOutput {
    /// The path that messages name.
    let path: String
    /// -1 once closed, so that an output that outlives its `AtomicFile.write` fails instead of writing elsewhere.
    private(set) var descriptor: Int32

    /// Owns a descriptor that is open for writing.
    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        if descriptor >= 0 { _ = Self.close(descriptor) }
    }

    /// Appends bytes.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            // One call takes at most 2 GiB less a page on Linux and refuses more on macOS.
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            let written = Self.write(descriptor, piece)
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno != EINTR {
                throw FileError.last(.write, path)
            }
        }
    }

    /// Appends bytes.
    public func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Waits until the bytes are on the disk.
    func synchronize() throws {
        guard Self.synchronize(descriptor) == 0 else { throw FileError.last(.write, path) }
    }

    /// Waits until what was written to a descriptor is on the disk; returns what `fsync` does.
    public static func synchronize(_ descriptor: Int32) -> Int32 {
        #if canImport(Darwin)
            // On macOS fsync only hands the bytes to the drive.
            if fcntl(descriptor, F_FULLFSYNC) == 0 { return 0 }
        #endif
        return fsync(descriptor)
    }

    /// Sets the permissions.
    func setPermissions(_ mode: mode_t) throws {
        guard fchmod(descriptor, mode) == 0 else { throw FileError.last(.write, path) }
    }

    /// Ends the writing. Network file systems report a full disk here.
    func close() throws {
        let closing = descriptor
        descriptor = -1
        guard Self.close(closing) == 0 else { throw FileError.last(.write, path) }
    }
}

// The names of the system's functions are those of the methods above.
extension FileOutput {
    private static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    private static func close(_ descriptor: Int32) -> Int32 {
        #if canImport(Darwin)
            Darwin.close(descriptor)
        #else
            Glibc.close(descriptor)
        #endif
    }
}
