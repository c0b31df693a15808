import Adapters
import Backbones
import Foundation
import Reporting
import Torch
import Training

private let headerWords = [
    "dtype", "shape", "data_offsets", "__metadata__", "F32", "F16", "BF16", "F8_E4M3", "F4", "BOOL", "I64", "U64",
    "C64", "[0,0]", "[1,0]",
]

/// Every tensor of a file, with all its bytes.
struct SafetensorsReader: FuzzReader {
    static let name = "safetensors"
    static let words = headerWords

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        let file = try SafetensorsFile(Self.file(in: folder))
        var covered = 0
        for entry in file.entries {
            covered += try file.withBytes(of: entry.name) { bytes in
                var sum: UInt8 = 0
                for byte in bytes { sum &+= byte }
                return bytes.count + Int(sum & 0)
            }
            guard let tensor = try? file.tensor(entry.name) else { continue }
            guard try tensor.shape == entry.shape else { throw FuzzFault("\(entry.name) has another shape") }
        }
        guard covered < file.header.fileSize else { throw FuzzFault("the tensors have more bytes than the file") }
    }
}

/// A folder of weights: one file, or shards with an index.
struct CheckpointReader: FuzzReader {
    static let name = "checkpoint"
    static let readsFolder = true
    static let words =
        headerWords + ["weight_map", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        let files = try CheckpointFiles(folder: folder)
        for name in files.names {
            let entry = try files.entry(name)
            guard try files.tensor(name).shape == entry.shape else { throw FuzzFault("\(name) has another shape") }
        }
    }
}

/// A whole checkpoint with its configuration, built as a network.
struct ModelReader: FuzzReader {
    static let name = "model"
    static let readsFolder = true
    static let words =
        headerWords + [
            "bert", "llama", "gpt2", "vit", "gemma3_text", "hidden_size", "num_hidden_layers", "num_attention_heads",
            "vocab_size", "max_position_embeddings", "id2label", "rope_scaling", "BertForSequenceClassification",
        ]

    init(corpus: URL) {}

    func read(_ folder: URL) throws { _ = try Backbones.load(folder) }
}

/// Images with labels in a safetensors file.
struct ImageReader: FuzzReader {
    static let name = "images"
    static let words = headerWords + ["pixel_values", "labels", "label_names"]
    private let config: ModelConfig

    init(corpus: URL) {
        config = ModelConfig([
            "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 8, "image_size": 4,
            "patch_size": 2, "num_channels": 1, "num_hidden_layers": 1, "num_attention_heads": 1,
            "intermediate_size": 8,
        ])
    }

    func read(_ folder: URL) throws { _ = try FileExamination.imageCount(Self.file(in: folder), for: config) }
}

/// An adapter's folder, read for a model that stays the same.
struct AdapterReader: FuzzReader {
    static let name = "adapter"
    static let readsFolder = true
    static let words =
        headerWords + [
            "LORA", "IA3", "VERA", "OFT", "BOFT", "HRA", "ADALORA", "PREFIX_TUNING", "PROMPT_TUNING", "LN_TUNING",
            "GRAFT",
            "target_modules", "modules_to_save", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "query",
            "classifier", "(a+)+$", ".*", "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight",
        ]
    private let base: LoadedModel

    init(corpus: URL) throws { base = try Backbones.load(corpus.appendingPathComponent("model/bert")) }

    func read(_ folder: URL) throws {
        _ = try AdapterFolder.summary(of: folder)
        _ = try AdapterFolder.read(from: folder, for: base.model, spelling: ModuleSpelling(base.config))
    }
}

/// What a run leaves behind: its description, its log, its result.
struct RunReader: FuzzReader {
    static let name = "run"
    static let words = ["event", "step", "loss", "evaluation", "checkpoint", "warning", "format_version"]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        let run = RunFolder(folder)
        var errors: [any Error] = []
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch { errors.append(error) }
        }
        attempt { _ = try run.readDescription() }
        attempt { _ = try run.readSummary() }
        attempt { try MetricsLog.read(run.metricsFile) { _ in } }
        if let first = errors.first { throw first }
    }
}

/// The checkpoints of a run by their manifests.
struct ManifestReader: FuzzReader {
    static let name = "manifest"
    static let readsFolder = true
    static let words = ["manifest.json", "sha256", "format_version", "trainer_state.json", "adapter_config.json"]

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        // The files of a case are those of one checkpoint.
        let run = folder.appendingPathComponent("run")
        let checkpoint = run.appendingPathComponent("checkpoint-3")
        try FileManager.default.createDirectory(at: checkpoint, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name != "run" {
            try FileManager.default.moveItem(
                at: folder.appendingPathComponent(name), to: checkpoint.appendingPathComponent(name))
        }
        let found = try FileExamination.newestCheckpoint(in: run)
        if found.newest == nil, let reason = found.skipped.first { throw FuzzFault.Refusal(reason) }
    }
}

extension FuzzFault {
    /// A refusal that the reader reports without throwing.
    struct Refusal: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }
}
