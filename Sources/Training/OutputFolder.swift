import Files
import Foundation
import JSON

/// The folder that a run leaves its files in, step by step and under a lock; it may hold an earlier run to continue.
struct OutputFolder {
    let url: URL

    init(_ url: URL) {
        self.url = url
    }

    /// Names of what a run writes; everything else in the folder is somebody else's.
    private static let own = [
        "run.json", "config.yaml", "metrics.jsonl", "result.json", "report.html", "adapter_config.json",
        "adapter_model.safetensors",
    ]

    private func ownFiles() throws -> [String] {
        guard FileManager.default.fileExists(atPath: url.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: url.path).filter { name in
            (Self.own + RunTransform.names).contains(name) || CheckpointStore.isName(name)
        }
    }

    /// Refuses a folder that cannot be written, that another run writes to, or that holds a run which nobody said to
    /// continue or replace. Leaves nothing behind.
    func check(_ start: TrainingRun.Start) throws {
        try FolderLock.requireFree(url)
        try requireVacant(start)
        try probeWritable()
    }

    private func requireVacant(_ start: TrainingRun.Start) throws {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue {
            throw TrainingError.files("output_dir: \(url.path) is a file; name a folder")
        }
        if case .new = start, try !ownFiles().isEmpty {
            throw TrainingError.files(
                "output_dir: \(url.path) already holds a run; continue it with --resume, replace it with --overwrite, or "
                    + "name another folder")
        }
    }

    /// Makes the folder and takes its lock; what killed runs left half written goes, and the files of an earlier run
    /// where it is to be overwritten.
    /// - Returns: the lock, to be held as long as anything is written.
    func claim(_ start: TrainingRun.Start) throws -> FolderLock {
        try AtomicFolder.makeFolder(url.path)
        let lock = try FolderLock(url)
        // Again, for what another run has written since.
        try requireVacant(start)
        try AtomicFolder.tidy(url) { name in
            name.map { CheckpointStore.isName($0) || $0 == TrainingConfiguration.newBaseName } ?? true
        }
        if case .overwrite = start { try removeOwnFiles() }
        return lock
    }

    /// Makes the folder and takes its lock; nothing in it is touched.
    func lockOnly() throws -> FolderLock {
        try AtomicFolder.makeFolder(url.path)
        return try FolderLock(url)
    }

    private func removeOwnFiles() throws {
        for name in try ownFiles() { try FileManager.default.removeItem(at: url.appendingPathComponent(name)) }
    }

    /// Removes the records of steps, where there are any.
    func removeLog() throws {
        let log = url.appendingPathComponent("metrics.jsonl")
        guard FileManager.default.fileExists(atPath: log.path) else { return }
        try FileManager.default.removeItem(at: log)
    }

    /// The resolved configuration; JSON is YAML.
    func writeConfiguration(_ configuration: TrainingConfiguration) throws {
        let text = try configuration.json.serialized(.pretty) + "\n"
        try AtomicFile.write(Array(text.utf8), to: url.appendingPathComponent("config.yaml"))
    }

    /// Writes and removes a small file in the nearest folder that exists.
    private func probeWritable() throws {
        var folder = url
        while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
            folder = folder.deletingLastPathComponent()
        }
        let draw = String(UInt64.random(in: .min ... .max), radix: 36)
        let probe = folder.appendingPathComponent(".graft-\(draw).tmp")
        do {
            try AtomicFile.write([0], to: probe)
            try FileManager.default.removeItem(at: probe)
        } catch let error as FileError {
            throw TrainingError.files(
                "output_dir: nothing can be written to \(url.path) (\(error)); name another folder")
        }
    }
}
