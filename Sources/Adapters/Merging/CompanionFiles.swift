import Foundation

/// The files of a checkpoint beside its weights and configuration: tokenizer, generation settings, licence.
enum CompanionFiles {
    private static let extensions: Set<String> = ["jinja", "json", "md", "model", "tiktoken", "txt"]
    private static let names: Set<String> = ["LICENSE", "NOTICE"]
    private static let written: Set<String> = [
        "config.json", "model.safetensors.index.json", "adapter_config.json", MergeReport.fileName,
    ]

    /// Copies them; folders, hidden files and weights of other formats stay behind.
    static func copy(from source: URL, to folder: URL) throws {
        let manager = FileManager.default
        for name in try manager.contentsOfDirectory(atPath: source.path).sorted() where isWanted(name) {
            let file = source.appendingPathComponent(name).resolvingSymlinksInPath()
            var isFolder: ObjCBool = false
            guard manager.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else { continue }
            try manager.copyItem(at: file, to: folder.appendingPathComponent(name))
        }
    }

    private static func isWanted(_ name: String) -> Bool {
        guard !name.hasPrefix("."), !written.contains(name), !name.hasSuffix(".index.json") else { return false }
        return names.contains(name) || extensions.contains(URL(fileURLWithPath: name).pathExtension)
    }
}
