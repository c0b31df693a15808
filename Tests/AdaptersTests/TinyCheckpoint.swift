import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Torch

extension LoRA {
    /// Options as a configuration writes them.
    init(options text: String) throws {
        self = try JSON.Node(JSON.parse(text)).decode(LoRA.self)
    }
}

extension Tensor {
    /// The largest difference, as a share of the largest value where that is above 1.
    func distance(to other: Tensor) throws -> Double {
        let (wide, other) = (try to(.float64), try other.to(.float64))
        return try (wide - other).abs().amax().item() / max(1, other.abs().amax().item())
    }
}

/// Runs `body` with a folder that is removed afterwards.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("adapters-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

/// Writes a checkpoint folder with random weights.
enum TinyCheckpoint {
    /// - Parameters:
    ///   - shards: files that the tensors are dealt to; 1 for a single `model.safetensors`.
    ///   - rename: the name in the file, nil to leave a tensor out.
    @discardableResult
    static func write(
        _ name: String, to folder: URL, dtype: DType = .float32, shards: Int = 1,
        config edit: (JSON) -> JSON = { $0 }, rename: (String) -> String? = { $0 }
    ) throws -> URL {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let model = try TinyModels.make(name).model
        let tensors = try model.parameters.values.compactMap { parameter in
            try rename(parameter.name).map { ($0, try parameter.base.to(dtype)) }
        }
        let config = edit(TinyModels.all[name] ?? .null)
        try config.serialized().write(
            to: folder.appendingPathComponent("config.json"), atomically: true, encoding: .utf8)
        guard shards > 1 else {
            try SafetensorsWriter.write(
                tensors, metadata: ["format": "pt"], to: folder.appendingPathComponent("model.safetensors"))
            return folder
        }
        var places: [(key: String, value: JSON)] = []
        for shard in 0..<shards {
            let file = "model-\(shard + 1)-of-\(shards).safetensors"
            let own = tensors.enumerated().filter { $0.offset % shards == shard }.map(\.element)
            try SafetensorsWriter.write(own, metadata: ["format": "pt"], to: folder.appendingPathComponent(file))
            places += own.map { (key: $0.0, value: .string(file)) }
        }
        let index: JSON = ["metadata": ["total_size": 0], "weight_map": .object(JSON.Object(places))]
        try index.serialized().write(
            to: folder.appendingPathComponent("model.safetensors.index.json"), atomically: true, encoding: .utf8)
        return folder
    }

    /// Writes a perturbed adapter for a checkpoint.
    @discardableResult
    static func adapter(
        _ options: String, for checkpoint: URL, to folder: URL, head: Head? = nil, taskType: String? = nil,
        scale: Double = 0.2, provenance: AdapterProvenance = AdapterProvenance()
    ) throws -> LoRA {
        let loaded = try Backbones.load(checkpoint, head: head)
        let method = try LoRA(options: options)
        let grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 5))
        try grafts.perturbed(by: scale)
        try AdapterFolder.write(
            method, grafts, of: loaded.model, to: folder, provenance: provenance, checkpoint: checkpoint,
            taskType: taskType)
        return method
    }
}

extension AdapterConfig {
    /// The options of a LoRA adapter.
    var lora: LoRA? { method as? LoRA }
}

extension LoadedAdapter {
    /// The options of a LoRA adapter.
    var lora: LoRA? { method as? LoRA }
}
