import Foundation

/// A regular file opened for reading.
///
/// Reads name their place, so one input serves several threads.
public final class FileInput: Sendable {
    /// The path it was opened by.
    public let path: String
    /// Its size in bytes when it was opened.
    public let size: Int

    let descriptor: Int32

    /// Opens a file; symbolic links are followed.
    ///
    /// - Throws: `FileError`; folders, devices and pipes are refused without waiting for them.
    public init(_ url: URL) throws {
        let path = url.path
        // Without O_NONBLOCK the opening of a pipe waits for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError.last(.open, path) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else {
            let error = FileError.last(.open, path)
            close(descriptor)
            throw error
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileError.notAFile(path: path)
        }
        self.path = path
        self.size = Int(facts.st_size)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Reads exactly `count` bytes from a place in the file; the caller bounds `count`.
    public func read(at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<count])
                let read = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
                if read > 0 {
                    filled += read
                } else if read == 0 {
                    throw FileError.shrank(path: path)
                } else if errno != EINTR {
                    throw FileError.last(.read, path)
                }
            }
        }
    }
}
