import Files
import Foundation
import JSON
import Networks

/// A checkpoint's `config.json`, read field by field. A family's file states the defaults of its fields, and refuses
/// values that it does not compute.
public struct ModelConfig {
    let node: JSON.Node

    /// Reads `config.json` of a checkpoint folder.
    public init(folder: URL) throws {
        let file = folder.appendingPathComponent("config.json")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw NetworkError.input(
                "\(folder.path) has no config.json: give the folder of a Hugging Face checkpoint (config.json, "
                    + "model.safetensors, tokenizer.json)")
        }
        try Containment.require(file, in: folder)
        node = try JSON.Node(contentsOf: file, options: JSON.ParseOptions(allowsNonFinite: true))
        _ = try node.object()
    }

    /// More than any size of a network, and few enough that products of two sizes do not overflow.
    static let largestSize = 1 << 30

    /// Many times those of the deepest networks.
    static let mostLayers = 1 << 14
    /// More than any task's classes: a new head of so many rows is drawn before anything else could refuse it.
    static let mostLabels = 1 << 20

    /// A configuration made in code.
    public init(_ value: JSON, source: String = "config") {
        node = JSON.Node(value, source: source)
    }

    init(_ node: JSON.Node) {
        self.node = node
    }

    /// The whole value, for writing it again.
    public var json: JSON { node.value }

    /// The value at a key, nil when absent or null.
    func optional(_ key: String) throws -> JSON.Node? {
        guard let value = try node.optional(key), !value.isNull else { return nil }
        return value
    }

    /// True when the file says `null`, which some families tell from absence.
    func isNull(_ key: String) throws -> Bool {
        try node.object()[key] == .null
    }

    /// An integer that must be there, at least `minimum`.
    func int(_ key: String, minimum: Int = 1) throws -> Int {
        try node.field(key).int(in: minimum...ModelConfig.largestSize)
    }

    /// An integer with the family's default.
    func int(_ key: String, default value: Int, minimum: Int = 1) throws -> Int {
        try optional(key)?.int(in: minimum...ModelConfig.largestSize) ?? value
    }

    /// A number of layers, each of which is a place in memory before its first tensor is looked for.
    func layerCount(_ key: String, default value: Int) throws -> Int {
        try optional(key)?.int(in: 1...ModelConfig.mostLayers) ?? value
    }

    func double(_ key: String, default value: Double) throws -> Double {
        try optional(key)?.double() ?? value
    }

    func bool(_ key: String, default value: Bool) throws -> Bool {
        try optional(key)?.bool() ?? value
    }

    func string(_ key: String, default value: String) throws -> String {
        try optional(key)?.string() ?? value
    }

    func activation(_ key: String, default value: String) throws -> Activation {
        try Activation(named: string(key, default: value), field: "config.json: \(key)")
    }

    /// A nested configuration.
    func nested(_ key: String) throws -> ModelConfig? {
        try optional(key).map(ModelConfig.init)
    }

    /// Refuses every value of a field but those that the family computes.
    func require(_ key: String, in allowed: [JSON]) throws {
        guard let value = try optional(key)?.value, !allowed.contains(value) else { return }
        let list = allowed.map { $0.serialized() }.joined(separator: " or ")
        throw NetworkError.unsupported(
            "config.json: \(key) is \(value.serialized()), which changes the result and is not supported yet; supported: "
                + list)
    }

    /// `model_type`.
    public var modelType: String? {
        get throws { try optional("model_type")?.string() }
    }

    /// The first of `architectures`, or timm's `architecture`.
    public var architecture: String? {
        get throws {
            if let list = try optional("architectures")?.strings(), let first = list.first { return first }
            return try optional("architecture")?.string()
        }
    }

    /// Number of classes, from `num_labels` or `id2label`; Hugging Face's default is 2.
    public var labelCount: Int {
        get throws {
            if let labels = try optional("id2label")?.object(), !labels.isEmpty { return labels.count }
            return try optional("num_labels")?.int(in: 1...ModelConfig.mostLabels) ?? 2
        }
    }

    /// The names of the classes in order, when `id2label` gives them.
    public var labelNames: [String]? {
        get throws {
            guard let members = try optional("id2label")?.members(), !members.isEmpty else { return nil }
            var names = [String?](repeating: nil, count: members.count)
            for (key, value) in members {
                guard let index = Int(key), names.indices.contains(index), names[index] == nil else {
                    throw NetworkError.input("config.json: id2label must number the labels from 0, found `\(key)`")
                }
                names[index] = try value.string()
            }
            return names.compactMap { $0 }
        }
    }
}
