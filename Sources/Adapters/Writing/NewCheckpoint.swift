import Backbones
import Files
import Foundation
import JSON
import Networks
import Torch

/// Writes a network that no checkpoint has yet.
public enum NewCheckpoint {
    /// Writes the base's tensors under the names that files of the family have, and a configuration that names the head.
    /// The folder is whole or not there.
    ///
    /// - Parameters:
    ///   - labels: names of the head's classes; nil for those of the configuration, or plain numbers.
    ///   - companions: a folder whose tokenizer and other small files are copied.
    /// - Throws: `AdapterError.merge` where names and classes do not go together, `FileError`.
    public static func write(
        _ model: Model, config: ModelConfig, head: Head?, labels: [String]?, companions: URL, to folder: URL
    ) throws {
        var written = MergedConfig(config)
        if let head { try written.set(head, isNew: true, labels: labels, config: config) }
        try AtomicFolder.makeFolder(folder.deletingLastPathComponent().path)
        try AtomicFolder.write(to: folder) { folder in
            try SafetensorsWriter.write(
                model.parameters.values.map { ($0.fileName, $0.base) }, metadata: ["format": "pt"],
                to: folder.appendingPathComponent("model.safetensors"))
            try AtomicFile.write(
                JSON.object(written.object).serializedBytes(.pretty), to: folder.appendingPathComponent("config.json"))
            try CompanionFiles.copy(from: companions, to: folder)
        }
    }
}
