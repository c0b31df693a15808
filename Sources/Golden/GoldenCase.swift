import Foundation
import JSON
import Torch

/// A numeric case computed by a reference in another language: `case.json` and `tensors.safetensors` in one folder.
public struct GoldenCase {
    /// The folder of the case.
    public let folder: URL
    /// The slug: the method, family or tokenizer that the case is of.
    public let slug: String
    /// The case's own name, its folder's.
    public let name: String
    /// How to read it: `layer`, `trace`, `transform`, `loss`, `optimizer`, `model`, `adapter` or `tokenizer`.
    public let kind: String
    /// The hyperparameters, in the names of the method's card.
    public let config: JSON.Node
    /// Names of the tensors that must come out.
    public let outputs: [String]
    /// Absolute and relative tolerance of an element.
    public let tolerance: (atol: Double, rtol: Double)
    /// The given and the expected tensors; nil when the case has none.
    let tensors: SafetensorsFile?
    private let reads = Reads()

    /// The tensors that were asked for.
    private final class Reads {
        var names: Set<String> = []
    }

    /// Given tensors that nothing has asked for, in the order of their bytes: what a replay that fails may have
    /// overlooked.
    var unreadInputs: [String] {
        ["in.", "base.", "param."].flatMap { prefix in names(beginningWith: prefix).map { prefix + $0 } }
            .filter { !reads.names.contains($0) }
    }

    /// Reads a case's folder.
    public init(folder: URL) throws {
        let root = try JSON.Node(contentsOf: folder.appendingPathComponent("case.json"))
        self.folder = folder
        slug = try root.field("method").string()
        name = folder.lastPathComponent
        kind = try root.field("kind").string()
        config = try root.field("config")
        outputs = try root.optional("outputs")?.strings() ?? []
        // A case without a tolerance wants equality, as all of tokenizers do.
        let bounds = try root.optional("tolerance")
        tolerance = (try bounds?.field("atol").double() ?? 0, try bounds?.field("rtol").double() ?? 0)
        let file = folder.appendingPathComponent("tensors.safetensors")
        tensors = FileManager.default.fileExists(atPath: file.path) ? try SafetensorsFile(file) : nil
    }

    /// A given or expected tensor.
    public func tensor(_ name: String) throws -> Tensor {
        guard let tensor = try optional(name) else {
            throw GoldenError.missingTensor(name: name, slug: slug, folder: "\(folder.lastPathComponent)/")
        }
        return tensor
    }

    /// A given tensor, nil when the case has none of this name.
    public func optional(_ name: String) throws -> Tensor? {
        guard let tensors, tensors.names.contains(name) else { return nil }
        reads.names.insert(name)
        return try tensors.tensor(name)
    }

    /// The rest of the names that begin so, in the order of their bytes.
    public func names(beginningWith prefix: String) -> [String] {
        (tensors?.names ?? []).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Every folder below `root` that holds a `case.json`, in the order of their paths.
    public static func folders(below root: URL) throws -> [URL] {
        let manager = FileManager.default
        if manager.fileExists(atPath: root.appendingPathComponent("case.json").path) { return [root] }
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: root.path, isDirectory: &isFolder), isFolder.boolValue else { return [] }
        let names = try manager.contentsOfDirectory(atPath: root.path).sorted()
        return try names.flatMap { try folders(below: root.appendingPathComponent($0)) }
    }
}
