import Files
import Foundation

/// The weights of a model folder as Hugging Face lays it out: one `model.safetensors`, or shards with an index.
///
/// Opening reads the headers of all files and checks that they and the index agree: each tensor is in one file, and in
/// the one that the index names. A file's data is mapped when its first tensor is asked for. Where a folder has both a
/// single file and an index, the single file counts.
public final class CheckpointFiles: Sendable {
    /// The model folder.
    public let folder: URL
    /// The weights files in the order of their names.
    public let files: [URL]
    /// The tensors' names: file by file, in the order of their data.
    public let names: [String]

    private let headers: [SafetensorsHeader]
    private let holders: [TensorName: Int]
    private let opened: OpenedFiles

    /// Finds and checks the weights of a folder.
    ///
    /// - Throws: `CheckpointError` for the folder and its index, `SafetensorsError` and `FileError` for a file.
    public init(folder: URL) throws {
        self.folder = folder
        let single = folder.appendingPathComponent("model.safetensors")
        let index = folder.appendingPathComponent(CheckpointIndex.fileName)
        if FileManager.default.fileExists(atPath: single.path) {
            try Containment.require(single, in: folder)
            files = [single]
            headers = [try SafetensorsHeader(reading: single)]
            holders = try Self.holders(of: headers, files: files, folder: folder)
        } else if FileManager.default.fileExists(atPath: index.path) {
            try Containment.require(index, in: folder)
            let index = try CheckpointIndex(reading: index)
            files = index.shardNames.map { folder.appendingPathComponent($0) }
            headers = try files.map { try Self.header(ofShard: $0, index: index) }
            holders = try Self.holders(of: headers, files: files, folder: folder)
            try Self.check(index, against: holders, files: files)
        } else {
            throw Self.noWeights(in: folder)
        }
        names = headers.flatMap(\.names)
        opened = OpenedFiles(count: files.count)
    }
}

extension CheckpointFiles {
    /// Bytes of all tensors.
    public var totalBytes: Int { headers.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.byteCount } } }

    /// The metadata of the first file.
    public var metadata: [String: String] { headers.first?.metadata ?? [:] }

    /// Whether there is a tensor of this name, compared by bytes.
    public func contains(_ name: String) -> Bool { holders[TensorName(name)] != nil }

    /// Type, shape and place of a tensor within its file.
    ///
    /// - Throws: `CheckpointError.unknownTensor` with the nearest name.
    public func entry(_ name: String) throws -> SafetensorsHeader.Entry {
        try headers[holder(of: name)].entry(name)
    }

    /// The file that holds a tensor.
    ///
    /// - Throws: `CheckpointError.unknownTensor` with the nearest name.
    public func file(of name: String) throws -> URL {
        files[try holder(of: name)]
    }

    /// A tensor on the CPU in the type it is stored in: a view of its file, see `SafetensorsFile.tensor(_:)`.
    ///
    /// - Throws: `CheckpointError.unknownTensor` with the nearest name, and what reading the file throws.
    public func tensor(_ name: String) throws -> Tensor {
        let holder = try holder(of: name)
        return try opened.file(holder) { try SafetensorsFile(files[holder]) }.tensor(name)
    }

    /// Holds the files that have been opened against what they were then.
    ///
    /// - Throws: `FileError.shrank` or `.changed`.
    public func requireUnchanged() throws { try opened.requireUnchanged() }

    private func holder(of name: String) throws -> Int {
        guard let holder = holders[TensorName(name)] else {
            throw CheckpointError.unknownTensor(
                folder: folder.path, name: name, nearest: TensorName.nearest(to: name, in: names))
        }
        return holder
    }
}

// MARK: Checks

extension CheckpointFiles {
    private static func header(ofShard file: URL, index: CheckpointIndex) throws -> SafetensorsHeader {
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw CheckpointError.missingShard(index: index.path, shard: file.lastPathComponent)
        }
        try Containment.require(file, in: file.deletingLastPathComponent())
        return try SafetensorsHeader(reading: file)
    }

    /// The number of the file that holds each tensor.
    private static func holders(
        of headers: [SafetensorsHeader], files: [URL], folder: URL
    ) throws -> [TensorName: Int] {
        var holders: [TensorName: Int] = [:]
        for (number, header) in headers.enumerated() {
            for entry in header.entries {
                guard let other = holders.updateValue(number, forKey: TensorName(entry.name)) else { continue }
                throw CheckpointError.duplicate(
                    folder: folder.path, name: entry.name,
                    shards: [files[other].lastPathComponent, files[number].lastPathComponent])
            }
        }
        return holders
    }

    private static func check(
        _ index: CheckpointIndex, against holders: [TensorName: Int], files: [URL]
    ) throws {
        for (name, shard) in index.shards.sorted(by: { $0.key < $1.key }) {
            let holder = holders[name].map { files[$0].lastPathComponent }
            guard let holder, TensorName(holder) == TensorName(shard) else {
                throw CheckpointError.missingTensor(index: index.path, name: name.text, shard: shard, holder: holder)
            }
        }
        if let (name, number) = holders.filter({ index.shards[$0.key] == nil }).min(by: { $0.key < $1.key }) {
            throw CheckpointError.unmapped(
                index: index.path, name: name.text, shard: files[number].lastPathComponent)
        }
    }

    /// Why a folder has no weights, as helpful as its contents allow.
    private static func noWeights(in folder: URL) -> any Error {
        let names: [String]
        do throws(FileError) {
            names = try FolderListing.names(in: folder)
        } catch {
            return error
        }
        let found = names.filter { $0.hasSuffix(".safetensors") }
        let pickles = names.filter { name in
            name.hasPrefix("pytorch_model") && name.hasSuffix(".bin")
                || [".pt", ".pth", ".ckpt"].contains { name.hasSuffix($0) }
        }
        if found.isEmpty, let pickle = pickles.first {
            return CheckpointError.pickleOnly(folder: folder.path, file: pickle)
        }
        return CheckpointError.noWeights(folder: folder.path, found: found)
    }
}

/// The files that have been opened so far.
private final class OpenedFiles: @unchecked Sendable {
    // Unchecked: `files` is touched under the lock alone.
    private let lock = NSLock()
    private var files: [SafetensorsFile?]

    init(count: Int) { files = Array(repeating: nil, count: count) }

    /// A file, opened by `open` when it is first asked for.
    func file(_ number: Int, open: () throws -> SafetensorsFile) throws -> SafetensorsFile {
        try lock.withLock {
            if let file = files[number] { return file }
            let file = try open()
            files[number] = file
            return file
        }
    }

    func requireUnchanged() throws {
        for file in lock.withLock({ files }) { try file?.requireUnchanged() }
    }
}
