import Foundation

/// Folders that appear whole or not at all.
public enum AtomicFolder {
    /// Makes a folder: `body` fills a hidden sibling, which then takes the name in one step. A folder that already has
    /// the name is replaced.
    ///
    /// The files themselves must have been synchronised by whoever writes them, as `AtomicFile` does.
    ///
    /// - Throws: `FileError` with the path and the system's reason, and what `body` throws; nothing is left behind then.
    public static func write<Result>(to url: URL, _ body: (URL) throws -> Result) throws -> Result {
        let manager = FileManager.default
        let parent = url.deletingLastPathComponent()
        let name = ".graft-\(url.lastPathComponent)-" + String(UInt64.random(in: .min ... .max), radix: 36) + ".tmp"
        let temporary = parent.appendingPathComponent(name)
        try makeFolder(temporary.path)
        do {
            let result = try body(temporary)
            try AtomicFile.synchronizeFolder(temporary.path)
            if manager.fileExists(atPath: url.path) {
                // Two renames, so that at every moment one of the two is whole under some name.
                let old = parent.appendingPathComponent(name + ".old")
                guard rename(url.path, old.path) == 0 else { throw FileError.last(.replace, url.path) }
                guard rename(temporary.path, url.path) == 0 else {
                    let error = FileError.last(.replace, url.path)
                    rename(old.path, url.path)
                    throw error
                }
                try? manager.removeItem(at: old)
            } else {
                guard rename(temporary.path, url.path) == 0 else { throw FileError.last(.replace, url.path) }
            }
            try AtomicFile.synchronizeFolder(parent.path)
            return result
        } catch {
            try? manager.removeItem(at: temporary)
            throw error
        }
    }

    /// Makes a folder and those above it.
    public static func makeFolder(_ path: String) throws {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
            if isFolder.boolValue { return }
            throw FileError.notAFile(path: path)
        }
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        if parent != path, !parent.isEmpty { try makeFolder(parent) }
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw FileError.last(.write, path) }
    }
}
