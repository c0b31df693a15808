import Foundation

/// Files that are either completely there or not at all.
enum AtomicFile {
    /// Replaces a file: a sibling is written, synchronised and renamed over it. After an error the old file, if there
    /// was one, is unchanged and no sibling is left.
    static func write(_ bytes: some Collection<UInt8>, to file: URL) throws(ReportingError) {
        let folder = file.deletingLastPathComponent().path
        let sibling = "\(folder)/.\(file.lastPathComponent).\(UUID().uuidString).partial"
        do {
            let descriptor = try FileDescriptor(path: sibling, flags: O_WRONLY | O_CREAT | O_EXCL)
            try descriptor.write(bytes)
            try descriptor.synchronize()
        } catch {
            unlink(sibling)
            // The user knows the file, not its sibling.
            guard case .cannotWrite(_, let reason) = error else { throw error }
            throw .cannotWrite(path: file.path, reason: reason)
        }
        guard rename(sibling, file.path) == 0 else {
            let reason = ReportingError.systemReason
            unlink(sibling)
            throw .cannotWrite(path: file.path, reason: reason)
        }
        synchronize(folder: folder)
    }

    /// Makes the new name durable. Not every file system can, and the content is safe already, so a refusal is
    /// nothing that the user could act on.
    private static func synchronize(folder: String) {
        let number = open(folder, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return }
        fsync(number)
        close(number)
    }
}
