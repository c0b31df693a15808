import Foundation

/// Folders that appear whole or not at all.
public enum AtomicFolder {
    /// Makes a folder: `body` fills a hidden sibling, which then takes the name in one step. A folder that already has
    /// the name is replaced. The parent must exist.
    ///
    /// The files themselves must have been synchronised by whoever writes them, as `AtomicFile` does.
    ///
    /// - Throws: `FileError` with the path and the system's reason, and what `body` throws; nothing is left behind then.
    public static func write<Result>(to url: URL, _ body: (URL) throws -> Result) throws -> Result {
        try make(url, body) { temporary, name in
            guard FileManager.default.fileExists(atPath: url.path) else { return try move(temporary, to: url) }
            // Two renames, so that at every moment one of the two is whole under some name; `tidy` knows which.
            let old = url.deletingLastPathComponent().appendingPathComponent(name.old.text)
            try move(url, to: old)
            do {
                try move(temporary, to: url)
            } catch {
                rename(old.path, url.path)
                throw error
            }
            try? FileManager.default.removeItem(at: old)
        }
    }

    /// Makes a folder as `write` does, but only where there is none, or an empty one.
    ///
    /// - Throws: `FileError` with the path and the system's reason, and what `body` throws; nothing is left behind then.
    public static func create<Result>(at url: URL, _ body: (URL) throws -> Result) throws -> Result {
        // Anything but an empty folder makes the rename fail.
        try make(url, body) { temporary, _ in try move(temporary, to: url) }
    }

    /// Removes a folder in one step as far as its name goes: what is left of it when the process is killed meanwhile
    /// has a temporary name.
    public static func remove(_ url: URL) throws {
        let aside = url.deletingLastPathComponent()
            .appendingPathComponent(TemporaryName(target: url.lastPathComponent).text)
        try move(url, to: aside)
        try delete(aside)
    }

    /// Cleans up what killed processes left of their writing in a folder. Only for who knows that nobody writes there:
    /// under a `FolderLock`.
    ///
    /// - Parameter isMeant: of the names of folders that were written, those whose left-overs are meant.
    ///   Nil stands for single files.
    public static func tidy(_ folder: URL, where isMeant: (String?) -> Bool) throws {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else { return }
        for name in names {
            guard let temporary = TemporaryName(name), isMeant(temporary.target) else { continue }
            let item = folder.appendingPathComponent(name)
            if temporary.isOld, let target = temporary.target.map(folder.appendingPathComponent),
                !FileManager.default.fileExists(atPath: target.path)
            {
                // Killed between the two renames: the new folder is not in its place, so the old one is taken back.
                try move(item, to: target)
            } else {
                try delete(item)
            }
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

extension AtomicFolder {
    /// Fills a hidden sibling and hands it to `place`.
    private static func make<Result>(
        _ url: URL, _ body: (URL) throws -> Result, place: (URL, TemporaryName) throws -> Void
    ) throws -> Result {
        let parent = url.deletingLastPathComponent()
        let name = TemporaryName(target: url.lastPathComponent)
        let temporary = parent.appendingPathComponent(name.text)
        // Not with those above it: where the parent was taken away, nothing is to appear in its place.
        guard mkdir(temporary.path, 0o777) == 0 else { throw FileError.last(.write, url.path) }
        do {
            let result = try body(temporary)
            try AtomicFile.synchronizeFolder(temporary.path)
            try place(temporary, name)
            try AtomicFile.synchronizeFolder(parent.path)
            return result
        } catch {
            try? FileManager.default.removeItem(at: temporary)
            throw error
        }
    }

    /// Removes what is there. What went away meanwhile, with the folder that it was in, is no failure here: whoever writes
    /// to that folder holds its lock, which tells.
    private static func delete(_ url: URL) throws {
        do {
            try FileManager.default.removeItem(at: url)
        } catch {
            guard FileManager.default.fileExists(atPath: url.path) else { return }
            let reason = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            throw FileError.system(.remove, path: url.path, code: Int32(truncatingIfNeeded: reason?.code ?? Int(EIO)))
        }
    }

    private static func move(_ source: URL, to target: URL) throws {
        guard rename(source.path, target.path) == 0 else { throw FileError.last(.replace, target.path) }
    }
}
