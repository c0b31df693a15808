import Files
import Foundation

/// The folder that a command makes of others: one that was not there, apart from those that it reads. That it appears
/// whole or not at all is `AtomicFolder`'s work; this says where it may appear, and lets one process at a time make it.
enum NewFolder {
    /// Runs `body` on a temporary folder beside `output`, then gives it the output's name.
    ///
    /// - Parameters:
    ///   - sources: folders that must stay as they are.
    ///   - run: a folder that the output may lie in, but not be.
    /// - Throws: `AdapterError.merge` where the output would overwrite something; nothing is left behind.
    static func make<Result>(
        _ output: URL, apartFrom sources: [URL], within run: URL, _ body: (URL) throws -> Result
    ) throws -> Result {
        try requireFree(output, apartFrom: sources, within: run)
        let (parent, name) = (output.deletingLastPathComponent(), output.lastPathComponent)
        try AtomicFolder.makeFolder(parent.path)
        let lock = try FolderLock(parent, file: ".graft-\(name).lock", for: output)
        defer { withExtendedLifetime(lock) {} }
        try AtomicFolder.tidy(parent) { $0 == name }
        // Again, for what appeared while another had the lock.
        try requireFree(output, apartFrom: sources, within: run)
        return try AtomicFolder.create(at: output, body)
    }

    private static func requireFree(_ output: URL, apartFrom sources: [URL], within run: URL) throws {
        let path = resolved(output)
        for source in sources.map(resolved) where (path + "/").hasPrefix(source + "/") {
            throw AdapterError.merge(
                "\(output.path) lies in \(source), which is only read: choose another folder")
        }
        for source in (sources + [run]).map(resolved) where (source + "/").hasPrefix(path + "/") {
            throw AdapterError.merge(
                "\(output.path) holds \(source), which is only read: choose another folder")
        }
        guard FileManager.default.fileExists(atPath: output.path) else { return }
        let contents = try? FileManager.default.contentsOfDirectory(atPath: output.path)
        guard contents?.isEmpty == true else {
            throw AdapterError.merge("\(output.path) exists already: choose a folder that does not, or an empty one")
        }
    }

    /// The path without links and dots; of a folder that does not exist, as far as it does.
    private static func resolved(_ url: URL) -> String {
        let url = url.standardizedFileURL
        if FileManager.default.fileExists(atPath: url.path) { return url.resolvingSymlinksInPath().path }
        let parent = url.deletingLastPathComponent()
        guard parent.path != url.path else { return url.path }
        let base = resolved(parent)
        return (base == "/" ? "" : base) + "/" + url.lastPathComponent
    }
}
