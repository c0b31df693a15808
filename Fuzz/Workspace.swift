import Foundation

/// The folder of a worker: the case in `case`, and beside it a file that no reader may open.
struct Workspace {
    /// The file outside of the case, as paths from the case's parent name it.
    static let outside = "outside/model.safetensors"

    /// Where the reader finds the files.
    let folder: URL
    private let canary: URL
    private let content: [UInt8]
    private static let longAgo = timeval(tv_sec: 1_000_000_000, tv_usec: 0)

    /// - Parameter root: an empty folder.
    init(_ root: URL) throws {
        folder = root.appendingPathComponent("case")
        canary = root.appendingPathComponent(Self.outside)
        try FileManager.default.createDirectory(
            at: canary.deletingLastPathComponent(), withIntermediateDirectories: true)
        // A whole file, which a reader that got there would take without complaint.
        let header = #"{"weight":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#
        content = [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8) + [1, 2, 3, 4]
        try Data(content).write(to: canary)
        try resetAccess()
    }

    /// Puts a case's files in place of those of the case before.
    func take(_ files: FuzzCase) throws {
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        try files.write(to: folder)
    }

    /// Whether something has read the file outside since the last question, going by its time of access.
    func wasLeft() throws -> Bool {
        var facts = stat()
        guard stat(canary.path, &facts) == 0 else { return true }
        #if canImport(Darwin)
            let accessed = facts.st_atimespec.tv_sec
        #else
            let accessed = facts.st_atim.tv_sec
        #endif
        guard accessed != Self.longAgo.tv_sec else { return false }
        try resetAccess()
        return true
    }

    private func resetAccess() throws {
        // The time of writing lies after that of reading: file systems that save themselves the trouble of noting each
        // reading note the first one after a change.
        let times = [Self.longAgo, timeval(tv_sec: Self.longAgo.tv_sec + 1, tv_usec: 0)]
        guard utimes(canary.path, times) == 0 else { throw FuzzFault("cannot set the times of \(canary.path)") }
    }
}
