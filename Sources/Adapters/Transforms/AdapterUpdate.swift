import Foundation
import Networks
import Torch

/// What a training changed of an adapter's tensors, ready to be compressed.
public struct AdapterUpdate {
    /// The adapter's folder.
    public let folder: URL
    /// Each tensor before and after.
    public let changes: [ComPEFT.Change]
    let file: SafetensorsFile

    /// Reads an adapter and makes its start again.
    ///
    /// - Parameters:
    ///   - base: the checkpoint, needed for `Reference.start`; nil for the one that the adapter names.
    ///   - reference: what the update is taken from.
    /// - Throws: `AdapterError` and `CompressionError` where the adapter does not say how it started.
    public init(_ adapter: URL, base: URL?, reference: CompressedAdapter.Reference = .start) throws {
        folder = try AdapterFolder.locate(adapter)
        let (config, file) = (try AdapterConfig(folder: folder), try AdapterFolder.weights(in: folder))
        let shapes = file.entries.map { (name: $0.name, shape: $0.shape) }
        let starts = try CompressedAdapter.starts(config, file.metadata, shapes, base, reference)
        changes = try file.names.map { name in
            guard let start = starts(name) else { throw CompressionError.unmatched(name: name) }
            return ComPEFT.Change(name: name, start: try start(), tuned: try file.tensor(name))
        }
        self.file = file
    }

    /// Writes the adapter as it would be with another update, made of these changes.
    public func write(_ update: CompressedUpdate, to folder: URL) throws {
        let byName = Dictionary(changes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let tensors = try update.tensors.indices.map { index in
            let name = update.tensors[index].name
            guard let change = byName[name] else { throw CompressionError.unmatched(name: name) }
            return (name: name, tensor: try update.tensor(index, from: change.start).to(change.tuned.dtype))
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write(
            tensors, metadata: file.metadata, to: folder.appendingPathComponent(AdapterFolder.weightsName))
        if !FileManager.default.fileExists(atPath: folder.appendingPathComponent(AdapterConfig.fileName).path) {
            try CompressedAdapter.copyConfig(from: self.folder, to: folder)
        }
    }
}
