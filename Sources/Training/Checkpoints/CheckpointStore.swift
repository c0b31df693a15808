import Adapters
import Datasets
import Files
import Foundation
import JSON
import Networks
import Torch

/// The checkpoints of a run: `checkpoint-N` folders that are whole or absent, verified before they are used.
struct CheckpointStore {
    /// One checkpoint on the disk.
    struct Checkpoint {
        let folder: URL
        let step: Int
        var bytes = 0
    }

    let folder: URL
    let limit: Int?

    private static let prefix = "checkpoint-"
    private static let stateFile = "training_state.safetensors"
    private static let progressFile = "trainer_state.json"
    private static let manifestFile = "manifest.json"
    private static let formatVersion = 2

    /// Writes a checkpoint of this moment, then removes those beyond the limit.
    func save(_ session: TrainingSession, _ progress: TrainingProgress) throws -> Checkpoint {
        let target = folder.appendingPathComponent(Self.prefix + String(progress.step))
        let bytes = try AtomicFolder.write(to: target) { temporary in
            try session.writeAdapter(to: temporary)
            let training = try session.state()
            try SafetensorsWriter.write(
                training.tensors, metadata: ["format": "pt"], to: temporary.appendingPathComponent(Self.stateFile))
            let state: JSON = [
                "format_version": .int(Int64(Self.formatVersion)), "progress": try JSON(encoding: progress),
                "configuration": try session.configuration.json, "random": .string(RandomKey.algorithm),
                "data_digest": try session.digests.data(session.configuration).map(JSON.string) ?? .null,
                "trainables": training.trainables, "method_state": training.method,
            ]
            try AtomicFile.write(
                state.serializedBytes(.pretty), to: temporary.appendingPathComponent(Self.progressFile))
            return try writeManifest(temporary)
        }
        try prune(keeping: progress)
        return Checkpoint(folder: target, step: progress.step, bytes: bytes)
    }

    /// The newest checkpoint that is whole, with the reasons why newer ones were passed over.
    func newestValid() throws -> (checkpoint: Checkpoint?, skipped: [String]) {
        var skipped: [String] = []
        for checkpoint in try all().reversed() {
            do {
                try verify(checkpoint.folder)
                return (checkpoint, skipped)
            } catch {
                skipped.append("\(checkpoint.folder.lastPathComponent): \(error)")
            }
        }
        return (nil, skipped)
    }

    /// Puts a session where the checkpoint was.
    func restore(_ checkpoint: Checkpoint, into session: TrainingSession) throws -> TrainingProgress {
        try verify(checkpoint.folder)
        let root = try JSON.Node(contentsOf: checkpoint.folder.appendingPathComponent(Self.progressFile))
        let version = try root.field("format_version").int()
        guard version == Self.formatVersion else {
            let isNewer = version > Self.formatVersion
            throw TrainingError.resume(
                "\(checkpoint.folder.path) was written by \(isNewer ? "a newer" : "an older") version of Graft (format "
                    + "\(version), this one has \(Self.formatVersion)): "
                    + (isNewer ? "update Graft" : "finish the run with that version, or start a new one"))
        }
        try session.configuration.requireResumable(from: root.field("configuration"))
        // The same path with other rows would go on in an order that means nothing.
        if let rows = try root.optional("data_digest"), !rows.isNull,
            try rows.string() != session.digests.data(session.configuration)
        {
            throw TrainingError.resume(
                "cannot resume: the rows of \(session.configuration.data.trainFile) are not those of the checkpoint; put "
                    + "them back, or start a new run in another output_dir")
        }
        try load(checkpoint, into: session)
        return try root.field("progress").decode()
    }

    /// Puts adapter, optimizer and method where the checkpoint was, but not the progress.
    func load(_ checkpoint: Checkpoint, into session: TrainingSession) throws {
        let root = try JSON.Node(contentsOf: checkpoint.folder.appendingPathComponent(Self.progressFile))
        try session.restore(
            SafetensorsFile(checkpoint.folder.appendingPathComponent(Self.stateFile)),
            trainables: root.field("trainables"), method: root.field("method_state"))
    }

    /// Checkpoints by rising step.
    func all() throws -> [Checkpoint] {
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).compactMap { name in
            guard name.hasPrefix(Self.prefix), let step = Int(name.dropFirst(Self.prefix.count)) else { return nil }
            return Checkpoint(folder: folder.appendingPathComponent(name), step: step)
        }.sorted { $0.step < $1.step }
    }

    /// Checkpoints beyond the limit, oldest first; the newest and the best stay.
    private func prune(keeping progress: TrainingProgress) throws {
        guard let limit else { return }
        let checkpoints = try all()
        var surplus = checkpoints.count - limit
        for checkpoint in checkpoints where surplus > 0 {
            if checkpoint.step == progress.step || checkpoint.step == progress.bestStep { continue }
            try FileManager.default.removeItem(at: checkpoint.folder)
            surplus -= 1
        }
    }

    /// The digest of every file, written last: a folder without it is not a checkpoint.
    private func writeManifest(_ folder: URL) throws -> Int {
        var files = JSON.Object()
        var bytes = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            let file = folder.appendingPathComponent(name)
            files[name] = .string(try Digest.file(file))
            bytes += try FileInput(file).size
        }
        let manifest: JSON = ["format_version": .int(Int64(Self.formatVersion)), "sha256": .object(files)]
        try AtomicFile.write(manifest.serializedBytes(.pretty), to: folder.appendingPathComponent(Self.manifestFile))
        return bytes
    }

    private func verify(_ folder: URL) throws {
        let manifest = try JSON.Node(contentsOf: folder.appendingPathComponent(Self.manifestFile))
        for (name, digest) in try manifest.field("sha256").members() {
            guard !name.contains("/"), try Digest.file(folder.appendingPathComponent(name)) == digest.string() else {
                throw TrainingError.resume("\(name) does not have the digest of the manifest")
            }
        }
    }
}

extension TrainingConfiguration {
    /// Keys that may differ between a run and its continuation: they do not change what a step computes, but for the
    /// length of the training, which stretches the schedule.
    private static let resumableKeys: Set = [
        "output_dir", "num_train_epochs", "max_steps", "logging_steps", "save_strategy", "save_steps",
        "save_total_limit",
        "eval_strategy", "eval_steps", "threads", "per_device_eval_batch_size", "early_stopping_patience",
        "early_stopping_threshold", "load_best_model_at_end", "linear_probe", "test_file",
    ]

    fileprivate func requireResumable(from stored: JSON.Node) throws {
        guard case .object(let now) = try json else { return }
        let before = try stored.object()
        for key in Set(now.keys).union(before.keys).sorted() where !Self.resumableKeys.contains(key) {
            guard now[key] == before[key] else {
                let old = before[key]?.serialized() ?? "not set"
                let new = now[key]?.serialized() ?? "not set"
                throw TrainingError.resume(
                    "cannot resume: `\(key)` was \(old) and is now \(new); keep it, or start a new run in another output_dir"
                )
            }
        }
    }
}
