import Foundation
import JSON
import Networks
import Torch

@testable import Backbones

/// A checkpoint folder in a temporary place, for tests that change what a file holds.
final class TemporaryCheckpoint {
    let folder: URL

    /// - Parameter tensors: under the names of the file.
    init(_ config: JSON, _ tensors: [(name: String, tensor: Tensor)]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(config.serialized().utf8).write(to: folder.appendingPathComponent("config.json"))
        try SafetensorsWriter.write(tensors, to: folder.appendingPathComponent("model.safetensors"))
    }

    /// The tensors of a random network, renamed: nil leaves one out.
    convenience init(
        _ config: JSON, head: Head? = nil, adding added: [(name: String, tensor: Tensor)] = [],
        renamed: (String) -> String? = { $0 }
    ) throws {
        let made = try Tiny.model(config, head: head)
        let tensors = made.parameters.values.compactMap { parameter in
            renamed(parameter.name).map { (name: $0, tensor: parameter.value) }
        }
        try self.init(config, tensors + added)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

extension JSON {
    /// The object with other values for some keys; nil takes a key away.
    func with(_ changes: [String: JSON?]) -> JSON {
        guard case .object(var object) = self else { return self }
        for (key, value) in changes { object[key] = value }
        return .object(object)
    }
}

/// Configurations of tiny networks.
enum Tiny {
    static let bert: JSON = [
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 40, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 12,
    ]
    static let roberta = bert.with([
        "model_type": "roberta", "architectures": ["RobertaForSequenceClassification"], "pad_token_id": 1,
        "type_vocab_size": 1,
    ])
    static let vit: JSON = [
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "image_size": 16, "patch_size": 8,
        "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20, "num_labels": 4,
    ]
    static let timm: JSON = [
        "architecture": "vit_tiny_patch16_224", "num_classes": 4,
        "model_args": ["img_size": 16, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 3],
    ]

    /// A network of a configuration with weights so large that whatever differs is seen in the output.
    static func model(_ config: JSON, head: Head? = nil) throws -> Model {
        let model = try Backbones.random(ModelConfig(config), head: head, options: .init()).model
        for parameter in model.parameters.values {
            let key = RandomKey(seed: 5).derived(parameter.name)
            try parameter.replace(with: parameter.base + .normal(parameter.base.shape, std: 0.3, key: key))
        }
        return model
    }

    /// Random images for `vit` and `timm`.
    static func images(_ rows: Int = 2, seed: Int = 0) throws -> ModelInput {
        ModelInput(pixelValues: try .normal([rows, 3, 16, 16], key: RandomKey(seed: seed)))
    }
}

extension Tensor {
    /// The largest difference between elements of two tensors of one shape.
    func distance(to other: Tensor) throws -> Double {
        try (self - other).abs().amax().item()
    }
}
