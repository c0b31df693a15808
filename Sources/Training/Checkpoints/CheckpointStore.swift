import Adapters
import Files
import Foundation
import JSON
import Reporting
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

    /// Whether a folder of this name is a checkpoint.
    static func isName(_ name: String) -> Bool { step(of: name) != nil }

    private static func step(of name: String) -> Int? {
        guard name.hasPrefix(prefix), let step = Int(name.dropFirst(prefix.count)), step >= 0,
            name == CheckpointRecord.folderName(step: step)
        else { return nil }
        return step
    }

    /// Writes a checkpoint of this moment, then removes those beyond the limit.
    func save(_ session: TrainingSession, _ progress: TrainingProgress) throws -> Checkpoint {
        let target = folder.appendingPathComponent(CheckpointRecord.folderName(step: progress.step))
        let bytes = try AtomicFolder.write(to: target) { temporary in
            try session.writeAdapter(to: temporary)
            let training = try session.state()
            try SafetensorsWriter.write(
                training.tensors, metadata: ["format": "pt"], to: temporary.appendingPathComponent(Self.stateFile))
            let state: JSON = [
                "format_version": .int(Int64(CheckpointManifest.formatVersion)),
                "progress": try JSON(encoding: progress), "configuration": try session.configuration.json,
                "random": .string(RandomKey.algorithm), "digests": try digests(session),
                "trainables": training.trainables, "method_state": training.method,
            ]
            try AtomicFile.write(
                state.serializedBytes(.pretty), to: temporary.appendingPathComponent(Self.progressFile))
            return try CheckpointManifest.write(to: temporary)
        }
        try prune(keeping: progress)
        return Checkpoint(folder: target, step: progress.step, bytes: bytes)
    }

    /// The newest checkpoint that is whole, with the reasons why newer ones were passed over. The newest is the one of
    /// the most steps: the times of files, which clocks and copies change, are not looked at.
    ///
    /// - Parameter end: with it, only checkpoints of fewer steps count.
    /// - Throws: `TrainingError.resume` for one of another format, and where there are checkpoints but none is whole.
    func newestValid(before end: Int = .max) throws -> (checkpoint: Checkpoint?, skipped: [String]) {
        var skipped: [String] = []
        for checkpoint in try all().reversed() where checkpoint.step < end {
            do {
                try verify(checkpoint)
                return (checkpoint, skipped)
            } catch let error as OtherFormat {
                throw TrainingError.resume("\(error)")
            } catch {
                skipped.append("\(checkpoint.folder.lastPathComponent): \(error)")
            }
        }
        guard skipped.isEmpty else {
            throw TrainingError.resume(
                "cannot resume: no checkpoint in \(folder.path) is whole (\(skipped.joined(separator: "; "))); begin anew "
                    + "with --overwrite")
        }
        return (nil, skipped)
    }

    /// Puts a session where a checkpoint was, which has been verified.
    func restore(_ checkpoint: Checkpoint, into session: TrainingSession) throws -> TrainingProgress {
        let root = try JSON.Node(contentsOf: checkpoint.folder.appendingPathComponent(Self.progressFile))
        try requireFormat(root.field("format_version").int(), checkpoint.folder)
        try session.configuration.requireResumable(from: root.field("configuration"))
        try load(checkpoint, into: session)
        try requireSame(root.field("digests"), session)
        return try root.field("progress").decode()
    }

    /// Puts adapter, optimizer and method where the checkpoint was, but not the progress.
    func load(_ checkpoint: Checkpoint, into session: TrainingSession) throws {
        let root = try JSON.Node(contentsOf: checkpoint.folder.appendingPathComponent(Self.progressFile))
        try session.restore(
            SafetensorsFile(checkpoint.folder.appendingPathComponent(Self.stateFile)),
            trainables: root.field("trainables"), method: root.field("method_state"))
    }

    /// Where the training stood at a checkpoint, which has been verified.
    func progress(of checkpoint: Checkpoint) throws -> TrainingProgress {
        try JSON.Node(contentsOf: checkpoint.folder.appendingPathComponent(Self.progressFile)).field("progress")
            .decode()
    }

    /// Removes a checkpoint that is not to be resumed at.
    func remove(_ checkpoint: Checkpoint) throws { try AtomicFolder.remove(checkpoint.folder) }

    /// Checkpoints by rising step.
    func all() throws -> [Checkpoint] {
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FolderListing.names(in: folder).compactMap { name in
            Self.step(of: name).map { Checkpoint(folder: folder.appendingPathComponent(name), step: $0) }
        }.sorted { $0.step < $1.step }
    }

    /// Refuses a checkpoint that is not whole, or of another format.
    func verify(_ checkpoint: Checkpoint) throws {
        let manifest = try CheckpointManifest(readingFrom: checkpoint.folder)
        try requireFormat(manifest.version, checkpoint.folder)
        try manifest.verify(requiring: [Self.stateFile, Self.progressFile])
    }

    /// Checkpoints beyond the limit, oldest first; the newest and the best stay. Those of later steps are not of this
    /// course of the run, were passed over as damaged, and count for nothing.
    private func prune(keeping progress: TrainingProgress) throws {
        guard let limit else { return }
        let checkpoints = try all().filter { $0.step <= progress.step }
        var surplus = checkpoints.count - limit
        for checkpoint in checkpoints where surplus > 0 {
            if checkpoint.step == progress.step || checkpoint.step == progress.bestStep { continue }
            try AtomicFolder.remove(checkpoint.folder)
            surplus -= 1
        }
    }
}

// MARK: What must be the same

extension CheckpointStore {
    /// A checkpoint that this version cannot read.
    private struct OtherFormat: Error, CustomStringConvertible {
        let description: String
    }

    private func requireFormat(_ version: Int, _ folder: URL) throws {
        let own = CheckpointManifest.formatVersion
        guard version != own else { return }
        let isNewer = version > own
        throw OtherFormat(
            description: "\(folder.path) was written by \(isNewer ? "a newer" : "an older") version of Graft (format "
                + "\(version), this one has \(own)): "
                + (isNewer ? "update Graft" : "finish the run with that version, or start a new one"))
    }

    /// What the rest of a run depends on and only has a name in the configuration: rows, base weights, tokenizer.
    private func digests(_ session: TrainingSession) throws -> JSON {
        let (configuration, digests) = (session.configuration, session.digests)
        let checkpoint = URL(fileURLWithPath: configuration.basePath)
        let hasTokenizer = configuration.task != .imageClassification
        return [
            "data": try digests.data(configuration).map(JSON.string) ?? .null,
            "base": try digests.base(session, checkpoint).map(JSON.string) ?? .null,
            "tokenizer": hasTokenizer ? try digests.tokenizer(checkpoint).map(JSON.string) ?? .null : .null,
        ]
    }

    /// The same paths with something else in them would go on in a way that means nothing.
    private func requireSame(_ stored: JSON.Node, _ session: TrainingSession) throws {
        let now = JSON.Node(try digests(session))
        let configuration = session.configuration
        let subjects = [
            ("data", "the rows of \(configuration.data.trainFile)"), ("base", "the weights of \(configuration.model)"),
            ("tokenizer", "the tokenizer of \(configuration.model)"),
        ]
        for (key, subject) in subjects {
            guard let before = try stored.optional(key), try before.value != now.optional(key)?.value else { continue }
            throw TrainingError.resume(
                "cannot resume: \(subject) \(key == "tokenizer" ? "is" : "are") not \(key == "tokenizer" ? "that" : "those") "
                    + "of the checkpoint; put them back, or start a new run in another output_dir")
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
        "early_stopping_threshold", "load_best_model_at_end", "linear_probe", "test_file", "memory_limit",
        "gradient_checkpointing",
        "on_nonfinite", "rewind_factor", "max_rewinds", "transform",
    ]

    fileprivate func requireResumable(from stored: JSON.Node) throws {
        guard case .object(let now) = try json else { return }
        let before = try stored.object()
        for key in Set(now.keys).union(before.keys).sorted() where !Self.resumableKeys.contains(key) {
            guard let difference = Difference(key, before[key], now[key]) else { continue }
            throw TrainingError.resume(
                "cannot resume: `\(difference.key)` was \(difference.before) and is now \(difference.now); keep it, or "
                    + "start a new run in another output_dir")
        }
    }

    /// The first value that differs, with its path: `method.r`.
    private struct Difference {
        let key: String
        let before: String
        let now: String

        init?(_ key: String, _ before: JSON?, _ now: JSON?) {
            guard before != now else { return nil }
            if case .object(let old)? = before, case .object(let new)? = now, old["name"] == new["name"] {
                let keys = Set(old.keys).union(new.keys).sorted()
                if let inner = keys.lazy.compactMap({ Difference("\(key).\($0)", old[$0], new[$0]) }).first {
                    self = inner
                    return
                }
            }
            self.key = key
            self.before = before?.serialized() ?? "not set"
            self.now = now?.serialized() ?? "not set"
        }
    }
}
