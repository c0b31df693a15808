import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import Torch

/// Configurations of networks small enough to be made anew in every test.
enum TinyModels {
    static let bert: JSON = [
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 40, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 32,
        "type_vocab_size": 2, "num_labels": 3, "pad_token_id": 0,
    ]
    static let gpt2: JSON = [
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 40, "n_embd": 16, "n_layer": 2,
        "n_head": 2, "n_positions": 32, "bos_token_id": 0, "eos_token_id": 0,
    ]
    static let llama: JSON = [
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 40, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
        "max_position_embeddings": 32, "tie_word_embeddings": false,
    ]
    static let tied: JSON = llama.setting("tie_word_embeddings", to: true)
    static let vit: JSON = [
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 12,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "image_size": 8, "patch_size": 4,
        "num_labels": 3,
    ]

    static let all = ["bert": bert, "gpt2": gpt2, "llama": llama, "tied": tied, "vit": vit]

    /// A model with random weights, the same ones each time.
    static func make(_ name: String) throws -> LoadedModel {
        let loaded = try Backbones.random(ModelConfig(all[name] ?? .null), options: .init(seed: 7))
        // Weights as large as trained ones, norms around one: otherwise no adapter would be seen in the outputs.
        try withoutGradients {
            for parameter in loaded.model.parameters.values {
                let base = parameter.base
                let isNorm = try base.rank == 1 && parameter.name.hasSuffix("weight")
                try base.copyInPlace(isNorm ? base + 1 : base * 6)
            }
        }
        return loaded
    }

    /// What the model computes for a fixed batch.
    static func outputs(_ loaded: LoadedModel) throws -> Tensor {
        let input: ModelInput
        if case .imageClassification = loaded.head {
            input = ModelInput(pixelValues: try .normal([2, 3, 8, 8], key: RandomKey(seed: 3)))
        } else {
            let numbers = try Tensor.uniform([2, 9], 0, 40, key: RandomKey(seed: 3))
            input = ModelInput(inputIDs: try numbers.clamp(0, 39).to(.int64))
        }
        return try withoutGradients {
            let output = try loaded.model(input)
            return try output.logits ?? output.lastHiddenState
        }
    }
}

extension JSON {
    func setting(_ key: String, to value: JSON?) -> JSON {
        guard case .object(var object) = self else { return self }
        object[key] = value
        return .object(object)
    }
}

extension LoRA {
    /// Options as a configuration writes them.
    init(options text: String) throws {
        self = try JSON.Node(JSON.parse(text)).decode(LoRA.self)
    }
}

extension GraftSet {
    /// Moves everything that trains, so that no part of the adapter does nothing.
    func perturb(seed: Int = 1, by scale: Double = 0.2) throws {
        for variable in variables where variable.role == .trainable {
            let noise = try Tensor.normal(variable.value.shape, key: RandomKey(seed: seed).derived(variable.name))
            try variable.load(variable.value.detach() + noise.to(variable.value.dtype) * scale)
        }
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
        try grafts.perturb(by: scale)
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
