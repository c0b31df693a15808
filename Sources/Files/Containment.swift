import Foundation

/// Files that must be in the folder that a user named.
public enum Containment {
    /// Refuses a file that a symbolic link puts outside of its folder, where a stranger's folder could otherwise make a
    /// program read, and pass on, any file of its user.
    ///
    /// The folder itself may be a link. The cache of Hugging Face is one place: links from `snapshots/<revision>` to
    /// `blobs` of the same repository are followed. A file that is not there is left to whoever opens it.
    ///
    /// - Throws: `FileError.outside`.
    public static func require(_ file: URL, in folder: URL) throws {
        guard let target = realPath(file.path), let home = realPath(folder.path) else { return }
        let allowed = [home] + cache(around: home)
        guard !allowed.contains(where: { isBelow(target, $0) }) else { return }
        throw FileError.outside(path: file.path, target: target)
    }

    /// The folder of contents that belongs to a revision's folder in the cache of Hugging Face.
    private static func cache(around home: String) -> [String] {
        var parts = home.split(separator: "/", omittingEmptySubsequences: true)
        // A part of a model may lie in a folder of its own below the revision.
        guard let snapshots = parts.lastIndex(of: "snapshots"), snapshots + 1 < parts.count else { return [] }
        parts.removeSubrange(snapshots...)
        return ["/" + parts.joined(separator: "/") + "/blobs"]
    }

    private static func isBelow(_ path: String, _ folder: String) -> Bool {
        let folder = folder.hasSuffix("/") ? folder : folder + "/"
        return path.utf8.starts(with: folder.utf8)
    }

    /// The path without links, or nil where there is nothing.
    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
