import Foundation

/// Files that are written whole or not at all.
///
/// The bytes go to a temporary file in the same folder, to the disk, and then under their name in one step. Whatever
/// goes wrong before that step leaves the earlier file as it was and no temporary file behind; a reader never sees half
/// a file. A symbolic link under the name is replaced, not followed; the permissions of an earlier file are kept.
public enum AtomicFile {
    /// Writes bytes as the contents of a file.
    ///
    /// - Throws: `FileError` with the path and the system's reason.
    public static func write(_ bytes: [UInt8], to url: URL) throws {
        try write(to: url) { try $0.write(bytes) }
    }

    /// Writes a file piece by piece; when `body` throws, nothing has happened.
    ///
    /// - Throws: `FileError` with the path and the system's reason, and what `body` throws.
    public static func write<Result>(to url: URL, _ body: (FileOutput) throws -> Result) throws -> Result {
        let path = url.path
        let mode = try permissions(ofFileAt: path)
        let folder = url.deletingLastPathComponent()
        let temporary = folder.appendingPathComponent(TemporaryName().text).path
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError.last(.write, path) }
        let output = FileOutput(descriptor: descriptor, path: path)
        do {
            if let mode { try output.setPermissions(mode) }
            let result = try body(output)
            try output.synchronize()
            try output.close()
            guard rename(temporary, path) == 0 else { throw FileError.last(.replace, path) }
            try synchronizeFolder(folder.path)
            return result
        } catch {
            // Where the rename has happened, nothing has this name any more.
            unlink(temporary)
            throw error
        }
    }

    /// The permissions of the file that is to be replaced, or nil when there is none.
    ///
    /// - Throws: `FileError.notAFile` for what a rename must not replace: a folder, or a device such as `/dev/null`.
    private static func permissions(ofFileAt path: String) throws -> mode_t? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        if facts.st_mode & S_IFMT == S_IFLNK, stat(path, &facts) != 0 { return nil }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw FileError.notAFile(path: path) }
        return facts.st_mode & 0o777
    }

    /// Makes the rename itself last through a power failure, where the file system can.
    static func synchronizeFolder(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // A folder that may be written to but not listed cannot be opened; the file is in its place all the same.
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else { throw FileError.last(.write, path) }
    }
}
