import Files
import Foundation

/// A file that bytes are appended to over a long time, closed when the last reference goes.
final class AppendingFile {
    private let path: String
    private let descriptor: Int32

    /// Opens a file at its end.
    ///
    /// - Parameter flags: besides writing, what `open(2)` takes: `O_CREAT | O_EXCL` for example.
    /// - Throws: `FileError`; ``ReportingError/holdsAnotherRun(path:)`` where `O_EXCL` met a file.
    init(_ url: URL, flags: Int32) throws {
        path = url.path
        descriptor = open(path, flags | O_WRONLY | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw errno == EEXIST
                ? ReportingError.holdsAnotherRun(path: path) : FileError.system(.open, path: path, code: errno)
        }
    }

    deinit { close(descriptor) }

    /// Hands all bytes to the system, continuing where it took a part of them.
    func append(_ bytes: [UInt8]) throws {
        var start = 0
        while start < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress.map { $0 + start }, buffer.count - start)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure }
            start += written
        }
    }

    /// Waits until the bytes are on the disk.
    func synchronize() throws {
        let status = FileOutput.synchronize(descriptor)
        guard status == 0 || errno == EINVAL || errno == ENOTSUP else { throw failure }
    }

    /// Cuts the file after `length` bytes; what is appended then follows them.
    func truncate(to length: Int) throws {
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw failure }
    }

    private var failure: FileError { .system(.write, path: path, code: errno) }
}
