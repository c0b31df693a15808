import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

/// Folders of adapters that are damaged in one way each: one clear error, and nothing on the model.
@Suite struct AdapterErrorTests {
    /// An adapter's folder whose configuration and tensors can be changed before they are written again.
    private struct Folder {
        let url: URL
        let loaded = try? TinyModels.make("bert")

        init(_ url: URL, options: String = #"{"modules_to_save": ["classifier"]}"#) throws {
            self.url = url
            let loaded = try TinyModels.make("bert")
            let method = try LoRA(options: options)
            let grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 5))
            try AdapterFolder.write(method, grafts, of: loaded.model, to: url)
        }

        var config: URL { url.appendingPathComponent("adapter_config.json") }
        var weights: URL { url.appendingPathComponent("adapter_model.safetensors") }

        func set(_ key: String, _ value: JSON) throws {
            let json = try JSON.parse(contentsOf: config).setting(key, to: value)
            try Data(json.serializedBytes()).write(to: config)
        }

        func edit(_ change: (inout [String: Tensor]) throws -> Void) throws {
            let file = try SafetensorsFile(weights)
            var tensors = Dictionary(
                try file.names.map { ($0, try file.tensor($0).clone()) }, uniquingKeysWith: { first, _ in first })
            try change(&tensors)
            try SafetensorsWriter.write(tensors.map { ($0.key, $0.value) }, to: weights)
        }

        /// What loading says.
        func error() -> String {
            guard let loaded else { return "no model" }
            let error = #expect(throws: (any Error).self) { try AdapterFolder.load(from: url, onto: loaded) }
            #expect(loaded.model.adapters.isEmpty)
            return error.map { "\($0)" } ?? "no error"
        }
    }

    private static let query = "base_model.model.bert.encoder.layer.0.attention.self.query"

    // MARK: Files

    @Test func aFolderWithoutConfiguration() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try FileManager.default.removeItem(at: folder.config)
            #expect(folder.error().contains("has no adapter_config.json"))
        }
    }

    @Test func aConfigurationWithoutWeights() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try FileManager.default.removeItem(at: folder.weights)
            #expect(folder.error().contains("no adapter_model.safetensors"))
            try Data("PK".utf8).write(to: url.appendingPathComponent("adapter_model.bin"))
            let text = folder.error()
            #expect(text.contains("pickle") && text.contains("weights_only=True"))
        }
    }

    @Test func aFolderOfSeveralAdapters() throws {
        try withFolder { url in
            _ = try Folder(url.appendingPathComponent("one"))
            let loaded = try TinyModels.make("bert")
            #expect(try AdapterFolder.load(from: url, onto: loaded).folder.lastPathComponent == "one")
            _ = try Folder(url.appendingPathComponent("two"))
            #expect(throws: AdapterError.noAdapter(folder: url.path, found: ["one", "two"])) {
                try AdapterFolder.locate(url)
            }
        }
    }

    @Test func truncatedFiles() throws {
        try withFolder { url in
            let folder = try Folder(url)
            for file in [folder.config, folder.weights] {
                let whole = try Data(contentsOf: file)
                for length in [0, 1, 9, whole.count / 2, whole.count - 1] {
                    try whole.prefix(length).write(to: file)
                    #expect(!folder.error().isEmpty)
                }
                try whole.write(to: file)
            }
            #expect(throws: Never.self) { try AdapterFolder.read(from: url, for: TinyModels.make("bert").model) }
        }
    }

    // MARK: Tensors

    @Test func aMissingTensor() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try folder.edit { $0["\(Self.query).lora_B.weight"] = nil }
            let text = folder.error()
            #expect(text.contains("lacks a tensor") && text.contains("layer.0.attention.self.query.lora_B.weight"))
        }
    }

    @Test func aMissingWholeModule() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try folder.edit { $0["base_model.model.classifier.bias"] = nil }
            #expect(folder.error().contains("classifier.bias"))
        }
    }

    @Test func tensorsWithoutAPlace() throws {
        try withFolder { url in
            let folder = try Folder(url)
            for name in [
                "base_model.model.bert.encoder.layer.7.attention.self.query.lora_A.weight",
                "\(Self.query).lora_E.weight", "base_model.model.bert.nothing.weight",
            ] {
                try folder.edit { $0[name] = try Tensor.zeros([8, 16]) }
                let text = folder.error()
                #expect(text.contains("no place for") && text.contains("the nearest is"), "\(text)")
                try folder.edit { $0[name] = nil }
            }
            try folder.edit { $0["transformer.weight"] = try Tensor.zeros([1]) }
            #expect(folder.error().contains("begin with base_model.model."))
        }
    }

    @Test func aWrongShape() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try folder.edit { $0["\(Self.query).lora_A.weight"] = try Tensor.zeros([4, 16]) }
            #expect(folder.error().contains("has shape [4, 16], but its place on this model has [8, 16]"))
        }
    }

    @Test func aRankThatTheFileDoesNotHave() throws {
        try withFolder { url in
            let folder = try Folder(url)
            // Tensors of this rank would not fit into memory: nothing of that size may be made.
            for (rank, text) in [(1_000_000_000_000, "1000000000000"), (4, "[4, 16]")] {
                try folder.set("r", .int(Int64(rank)))
                #expect(folder.error().contains(text))
            }
        }
    }

    @Test func numbersThatAreNone() throws {
        try withFolder { url in
            let folder = try Folder(url)
            for bad in [Double.nan, .infinity] {
                try folder.edit { $0["\(Self.query).lora_A.weight"] = try Tensor.full([8, 16], bad) }
                #expect(folder.error().contains("NaN or infinite"))
            }
        }
    }

    @Test func aCopyOfTheBaseThatDiffers() throws {
        try withFolder { url in
            let folder = try Folder(url)
            let weight = try #require(folder.loaded?.model.projections["bert.encoder.layer.0.attention.self.query"])
            let name = "\(Self.query).base_layer.weight"
            try folder.edit { $0[name] = weight.weight.base }
            #expect(throws: Never.self) { try AdapterFolder.read(from: url, for: TinyModels.make("bert").model) }
            try folder.edit { $0[name] = try weight.weight.base + 1 }
            #expect(folder.error().contains("differs"))
        }
    }

    @Test func twoTensorsForOnePlace() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try folder.edit { $0["base_model.model.classifier.modules_to_save.bias"] = try Tensor.ones([3]) }
            #expect(folder.error().contains("stand for the same weight but differ"))
        }
    }

    @Test func olderNamesOfTensorsAreRead() throws {
        try withFolder { url in
            let folder = try Folder(url, options: #"{"use_dora": true, "modules_to_save": ["classifier"]}"#)
            try folder.edit { tensors in
                for (name, tensor) in tensors {
                    let older = name.replacing("lora_magnitude_vector", with: "lora_magnitude_vector.weight")
                        .replacing("model.classifier.", with: "model.classifier.modules_to_save.")
                    tensors[name] = nil
                    tensors[older] = tensor
                }
            }
            #expect(throws: Never.self) { try AdapterFolder.read(from: url, for: TinyModels.make("bert").model) }
        }
    }

    @Test func pathsOfTheBareBackboneAreRead() throws {
        try withFolder { url in
            let folder = try Folder(url, options: #"{"rank_pattern": {"layer.1.attention.self.query": 3}}"#)
            try folder.edit { tensors in
                for (name, tensor) in tensors {
                    tensors[name] = nil
                    tensors[name.replacing("model.bert.", with: "model.")] = tensor
                }
            }
            try folder.set("rank_pattern", [#"^encoder\.layer\.1\.attention\.self\.query"#: 3])
            let loaded = try TinyModels.make("bert")
            let adapter = try AdapterFolder.load(from: url, onto: loaded)
            let graft = adapter.grafts.projections["bert.encoder.layer.1.attention.self.query"] as? LoRAGraft
            #expect(graft?.rank == 3)
        }
    }

    // MARK: Base

    @Test func anotherBase() throws {
        try withFolder { url in
            let checkpoint = try TinyCheckpoint.write("bert", to: url.appendingPathComponent("base"))
            let other = try TinyCheckpoint.write("bert", to: url.appendingPathComponent("other"), dtype: .bfloat16)
            let adapter = url.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter("{}", for: checkpoint, to: adapter)
            let own = try Backbones.load(checkpoint).model
            let digest = try #require(
                try AdapterFolder.read(from: adapter, for: own, checkpoint: checkpoint).provenance.baseDigest)
            let model = try Backbones.load(other).model
            let error = #expect(throws: AdapterError.self) {
                try AdapterFolder.read(from: adapter, for: model, checkpoint: other)
            }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(digest) && text.components(separatedBy: "sha256:").count == 3)
            #expect(throws: Never.self) {
                try AdapterFolder.read(from: adapter, for: model, checkpoint: other, allowsOtherBase: true)
            }
        }
    }

    @Test func aStartThatWasDrawnAtRandomByAnotherProgram() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try folder.set("init_lora_weights", "pissa_niter_4")
            #expect(folder.error().contains("drawn at random"))
        }
    }

    @Test func optionsThatMeanNothingHere() throws {
        try withFolder { url in
            let folder = try Folder(url)
            try folder.set("target_modules", ["q_proj", "v_proj"])
            #expect(folder.error().contains("matches no module"))
        }
    }
}
