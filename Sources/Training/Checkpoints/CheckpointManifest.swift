import Adapters
import Files
import Foundation
import JSON
import Torch

/// What the files of a checkpoint, and the tensors in them, must be. It is written last: a folder without it is not a
/// checkpoint.
struct CheckpointManifest {
    static let fileName = "manifest.json"
    /// Rises with every change that an older Graft could not read.
    static let formatVersion = 3

    let version: Int
    private let files: JSON.Object
    private let tensors: JSON.Object
    private let folder: URL

    /// Reads the manifest of a checkpoint. One of another format is read as far as its version.
    init(readingFrom folder: URL) throws {
        self.folder = folder
        let file = folder.appendingPathComponent(Self.fileName)
        try Containment.require(file, in: folder)
        let root = try JSON.Node(contentsOf: file)
        version = try root.field("format_version").int()
        let isKnown = version == Self.formatVersion
        files = isKnown ? try root.field("sha256").object() : JSON.Object()
        tensors = isKnown ? try root.field("tensors").object() : JSON.Object()
    }

    /// Takes the digests of everything in a folder.
    private init(of folder: URL) throws {
        var (files, tensors) = (JSON.Object(), JSON.Object())
        for name in try FolderListing.names(in: folder) {
            let file = folder.appendingPathComponent(name)
            files[name] = .string(try Digest.file(file))
            guard file.pathExtension == "safetensors" else { continue }
            let (header, stored) = (try SafetensorsHeader(reading: file), try FileInput(file))
            var digests = JSON.Object()
            for entry in header.entries { digests[entry.name] = .string(try Self.digest(entry, stored)) }
            tensors[name] = .object(digests)
        }
        (self.folder, self.files, self.tensors, version) = (folder, files, tensors, Self.formatVersion)
    }

    /// Writes the manifest of what a folder holds.
    /// - Returns: bytes of the other files.
    static func write(to folder: URL) throws -> Int {
        let manifest = try CheckpointManifest(of: folder)
        let bytes = try manifest.files.reduce(0) {
            $0 + (try FileInput(folder.appendingPathComponent($1.key)).size)
        }
        let json: JSON = [
            "format_version": .int(Int64(formatVersion)), "sha256": .object(manifest.files),
            "tensors": .object(manifest.tensors),
        ]
        try AtomicFile.write(json.serializedBytes(.pretty), to: folder.appendingPathComponent(fileName))
        return bytes
    }

    /// Holds the files against their digests.
    ///
    /// - Parameter required: names that must be among them.
    /// - Throws: `TrainingError.resume` that names the file, and the tensor where it is one.
    func verify(requiring required: [String]) throws {
        for name in required where files[name] == nil {
            throw TrainingError.resume("the manifest does not list \(name)")
        }
        for (name, value) in files {
            guard case .string(let digest) = value, !name.utf8.contains(UInt8(ascii: "/")) else {
                throw TrainingError.resume("the manifest's entry \(name.debugDescription) is no digest of a file")
            }
            let file = folder.appendingPathComponent(name)
            guard FileManager.default.fileExists(atPath: file.path) else {
                throw TrainingError.resume("\(name) is missing")
            }
            try Containment.require(file, in: folder)
            guard try Digest.file(file) == digest else {
                let place = damagedTensor(name).map { ": the tensor `\($0)` is damaged" } ?? ""
                throw TrainingError.resume("\(name) does not have the digest of the manifest\(place)")
            }
        }
    }

    /// The first tensor of a file that is not what it was; nil where the damage is not in a tensor.
    private func damagedTensor(_ name: String) -> String? {
        guard case .object(let digests)? = tensors[name],
            let header = try? SafetensorsHeader(reading: folder.appendingPathComponent(name)),
            let file = try? FileInput(folder.appendingPathComponent(name))
        else { return nil }
        return digests.first { tensor, digest in
            guard case .string(let expected) = digest, let entry = try? header.entry(tensor) else { return true }
            return (try? Self.digest(entry, file)) != expected
        }?.key
    }

    /// Read in pieces: a map of a large state would count as memory of the training, page by page.
    private static func digest(_ tensor: SafetensorsHeader.Entry, _ file: FileInput) throws -> String {
        var digest = Digest()
        try digest.update(file, bytes: tensor.offset..<tensor.offset + tensor.byteCount)
        return digest.finalize()
    }
}
