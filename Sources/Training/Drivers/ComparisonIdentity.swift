import Adapters
import Foundation
import JSON
import Support

/// What a recipe is about and what decides its result, as digests: of the checkpoint, of every file of rows, and of all
/// settings together.
struct ComparisonIdentity {
    /// Digest of the checkpoint; its path where it cannot be read.
    let model: String
    /// Digests of the files of rows by key, `train_file` among them; the path where one cannot be read.
    let files: [String: String]
    /// Digest of everything that decides the result; nil where a file cannot be read.
    let settings: String?

    /// - Parameters:
    ///   - further: what decides the result besides configuration, checkpoint and rows.
    ///   - known: digests of paths that were read before.
    init(_ configuration: TrainingConfiguration, further: String, known: inout [String: String]) throws {
        guard case .object(var object) = try configuration.json else { throw TrainingError.option("no configuration") }
        object["output_dir"] = nil
        var isComplete = true
        func digest(_ path: String, _ make: () throws -> String) -> String {
            if let digest = known[path] { return digest }
            guard let digest = try? make() else {
                isComplete = false
                return path
            }
            known[path] = digest
            return digest
        }
        var files: [String: String] = [:]
        for (key, value) in object where key.hasSuffix("_file") {
            guard case .string(let path) = value, !path.isEmpty else { continue }
            files[key] = digest(path) { try Self.contents(path, where: { _ in true }) }
        }
        let model = digest(configuration.model) {
            try Self.contents(configuration.model) { name in
                !name.contains("/") && (name.hasSuffix(".safetensors") || name.hasSuffix(".json"))
            }
        }
        (self.model, self.files) = (model, files)
        guard isComplete else {
            settings = nil
            return
        }
        var whole = Digest()
        // Where the files lie does not matter, what is in them does.
        object["model"] = .string(model)
        for (key, digest) in files { object[key] = .string(digest) }
        for text in [JSON.object(object).serialized(), further, GraftVersion.current] { whole.update(text) }
        settings = whole.finalize()
    }

    /// The digest of a file, or of the files of a folder that `isMeant` by their names.
    private static func contents(_ path: String, where isMeant: (String) -> Bool) throws -> String {
        var isFolder: ObjCBool = false
        let url = URL(fileURLWithPath: path)
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return try Digest.file(url)
        }
        var digest = Digest()
        for name in try FileManager.default.subpathsOfDirectory(atPath: path).filter(isMeant).sorted() {
            let file = url.appendingPathComponent(name)
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            digest.update(name)
            digest.update(try Digest.file(file))
        }
        return digest.finalize()
    }
}
