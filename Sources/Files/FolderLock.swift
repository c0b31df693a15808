import Foundation

/// The right to write into a folder, which one holder at a time has, among processes as within one.
///
/// It is the kernel's lock on a small file in the folder, and goes when the holder does, however that ends: what a
/// killed process leaves is taken over without a word. The file says who holds it and since when.
public final class FolderLock: Sendable {
    /// The name of the file that is locked.
    public static let fileName = ".graft.lock"

    /// False where the file system knows no locks: nobody is kept out then.
    public let isEnforced: Bool
    private let folder: String
    private let path: String
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameters:
    ///   - folder: it must exist.
    ///   - name: the file; another one than the usual guards something in the folder, not the folder itself.
    ///   - subject: the path that a refusal names; the folder by default.
    /// - Throws: `FileError.inUse` where another has it; `FileError.system` where the file cannot be made.
    public init(_ folder: URL, file name: String = FolderLock.fileName, for subject: URL? = nil) throws {
        self.folder = folder.path
        path = folder.appendingPathComponent(name).path
        (descriptor, isEnforced) = try Self.take(path, for: (subject ?? folder).path)
        Self.sign(descriptor)
    }

    deinit {
        // Removed while it is held: whoever opened it meanwhile finds out that the name is another file's.
        if Self.isFile(descriptor, at: path) { unlink(path) }
        close(descriptor)
    }

    /// Refuses a folder that another holder has, without making anything.
    ///
    /// - Throws: `FileError.inUse`.
    public static func requireFree(_ folder: URL) throws {
        let path = folder.appendingPathComponent(fileName).path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        throw FileError.inUse(path: folder.path, holder: holder(descriptor))
    }

    /// Refuses to go on where the folder was removed, moved or replaced since the lock was taken: what is written would
    /// be lost, or be somebody else's.
    ///
    /// - Throws: `FileError.vanished`.
    public func requireInPlace() throws {
        guard Self.isFile(descriptor, at: path) else { throw FileError.vanished(path: folder) }
    }
}

extension FolderLock {
    /// Opens and locks the file. A look at the lock by `requireFree` lasts microseconds and is waited for.
    private static func take(_ path: String, for subject: String) throws -> (descriptor: Int32, isEnforced: Bool) {
        var patience = 10
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o666)
            guard descriptor >= 0 else { throw FileError.last(.write, path) }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                if isFile(descriptor, at: path) { return (descriptor, true) }
                // The one before removed the file after it was opened here.
                close(descriptor)
                continue
            }
            guard errno == EWOULDBLOCK || errno == EINTR else { return (descriptor, false) }
            patience -= 1
            guard patience > 0 else {
                defer { close(descriptor) }
                throw FileError.inUse(path: subject, holder: holder(descriptor))
            }
            close(descriptor)
            usleep(5000)
        }
    }

    /// Writes who holds the lock. A full disk is no reason to have none.
    private static func sign(_ descriptor: Int32) {
        var name = [CChar](repeating: 0, count: 256)
        let host = gethostname(&name, name.count - 1) == 0 ? name.withUnsafeBufferPointer(text) : ""
        let holder =
            "process \(getpid())" + (host.isEmpty ? "" : " on \(host)") + " since \(Date.now.ISO8601Format())\n"
        _ = ftruncate(descriptor, 0)
        _ = Array(holder.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// What the file says: somebody else's words, so only a little of them and nothing but plain characters.
    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let line = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }.filter { (32...126).contains($0) }
        return line.isEmpty ? "another process" : String(decoding: line, as: UTF8.self)
    }

    private static func text(_ name: UnsafeBufferPointer<CChar>) -> String {
        String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func isFile(_ descriptor: Int32, at path: String) -> Bool {
        var (own, named) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && lstat(path, &named) == 0 && own.st_ino == named.st_ino
            && own.st_dev == named.st_dev
    }
}
