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
    private let modified: timespec

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
        modified = facts.lastModified
    }

    deinit { close(descriptor) }

    /// Holds the file against what it was when it was opened.
    ///
    /// - Throws: `FileError.shrank` or `.changed` where another program has written into it since.
    public func requireUnchanged() throws {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw FileError.last(.read, path) }
        let now = facts.lastModified
        guard facts.st_size >= off_t(size) else { throw FileError.shrank(path: path) }
        guard facts.st_size == off_t(size), now.tv_sec == modified.tv_sec, now.tv_nsec == modified.tv_nsec else {
            throw FileError.changed(path: path)
        }
    }

    /// Reads exactly `count` bytes from a place in the file; the caller bounds `count`.
    public func read(at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            try read(
                at: offset,
                into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]))
            filled = count
        }
    }

    /// Fills a buffer with the bytes from a place in the file on.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
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

extension stat {
    /// When the file's contents were last written.
    fileprivate var lastModified: timespec {
        #if canImport(Darwin)
            st_mtimespec
        #else
            st_mtim
        #endif
    }
}
