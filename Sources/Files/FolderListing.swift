import Foundation

/// What a folder holds.
public enum FolderListing {
    /// The names in a folder, sorted.
    /// - Throws: `FileError.system` where it cannot be read.
    public static func names(in folder: URL) throws(FileError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        } catch {
            throw FileError(.read, folder, error)
        }
    }
}
