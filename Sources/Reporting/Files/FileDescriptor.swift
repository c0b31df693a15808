import Foundation

/// A file that is open for writing, closed when the last reference goes.
final class FileDescriptor {
    let path: String
    private let number: Int32

    /// Opens a file.
    ///
    /// - Parameter flags: what `open(2)` takes, `O_WRONLY | O_CREAT` for example.
    /// - Throws: ``ReportingError``; ``ReportingError/holdsAnotherRun(path:)`` where `O_EXCL` met a file.
    init(path: String, flags: Int32) throws(ReportingError) {
        self.path = path
        number = open(path, flags | O_CLOEXEC, 0o666)
        guard number >= 0 else {
            throw errno == EEXIST
                ? .holdsAnotherRun(path: path) : .cannotWrite(path: path, reason: ReportingError.systemReason)
        }
    }

    deinit { close(number) }

    /// Writes all bytes, continuing where the system wrote a part of them.
    func write(_ bytes: some Collection<UInt8>) throws(ReportingError) {
        let bytes = Array(bytes)
        var start = 0
        while start < bytes.count {
            let written = bytes.withUnsafeBytes { buffer in
                Foundation.write(number, buffer.baseAddress.map { $0 + start }, buffer.count - start)
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure }
            start += written
        }
    }

    /// Waits until the bytes are on the device.
    func synchronize() throws(ReportingError) {
        // Pipes and some network file systems have nothing to wait for and say EINVAL.
        guard fsync(number) == 0 || errno == EINVAL else { throw failure }
    }

    /// Cuts the file after `length` bytes and continues there.
    func truncate(to length: Int) throws(ReportingError) {
        guard ftruncate(number, off_t(length)) == 0, lseek(number, 0, SEEK_END) >= 0 else { throw failure }
    }

    private var failure: ReportingError { .cannotWrite(path: path, reason: ReportingError.systemReason) }
}
