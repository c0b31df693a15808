import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct MergerTests {
    /// Logits of a checkpoint for a fixed batch, without and with an adapter.
    private func outputs(_ checkpoint: URL, head: Head? = nil, adapter: URL? = nil) throws -> Tensor {
        let loaded = try Backbones.load(checkpoint, head: head)
        if let adapter { try AdapterFolder.load(from: adapter, onto: loaded) }
        return try TinyModels.outputs(loaded)
    }

    @Test(arguments: Variant.all + Variant.residual + Variant.bound, [1, 3])
    func writesACheckpointThatComputesTheSame(_ variant: Variant, shards: Int) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(
                variant.model, to: folder.appendingPathComponent("base"), shards: shards)
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(variant.options, for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.relativeDeviation < 1e-5 && report.arithmeticError < 1e-5)
            #expect(try outputs(merged).distance(to: outputs(base, adapter: adapter)) < 1e-4)
            let files = try CheckpointFiles(folder: merged).files.map(\.lastPathComponent)
            #expect(try files == CheckpointFiles(folder: base).files.map(\.lastPathComponent))
            let stored = try JSON.Node(contentsOf: merged.appendingPathComponent("graft_merge.json"))
            #expect(try stored.field("relative_deviation").double() == report.relativeDeviation)
        }
    }

    @Test(arguments: [DType.float16, .bfloat16])
    func keepsTheTypeOfTheCheckpoint(_ dtype: DType) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("llama", to: folder.appendingPathComponent("base"), dtype: dtype)
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(#"{"target_modules": "all-linear"}"#, for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.dtype == "\(dtype)")
            #expect(report.roundingError > 0 && report.roundingError < (dtype == .float16 ? 1e-3 : 1e-2))
            let files = try CheckpointFiles(folder: merged)
            #expect(try files.names.allSatisfy { try files.tensor($0).dtype == dtype })
            // fp32 arithmetic, rounded once.
            let name = "model.layers.0.self_attn.q_proj.weight"
            let loaded = try Backbones.load(base)
            try AdapterFolder.load(from: adapter, onto: loaded)
            let site = try #require(loaded.model.projections["model.layers.0.self_attn.q_proj"])
            let exact = try site.mergedTensors(computedIn: .float32).weight.detach().to(dtype)
            #expect(try files.tensor(name).isEqual(to: exact))
        }
    }

    @Test func copiesWhatTheAdapterDoesNotTouch() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"))
            for name in ["tokenizer.json", "vocab.txt"] {
                try Data("{}".utf8).write(to: base.appendingPathComponent(name))
            }
            try Data("x".utf8).write(to: base.appendingPathComponent("pytorch_model.bin"))
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter("{}", for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.changed == 4 && report.added.isEmpty && report.untied.isEmpty)
            let names = try FileManager.default.contentsOfDirectory(atPath: merged.path).sorted()
            #expect(
                names == ["config.json", "graft_merge.json", "model.safetensors", "tokenizer.json", "vocab.txt"])
            let (old, new) = (try CheckpointFiles(folder: base), try CheckpointFiles(folder: merged))
            let changed = try old.names.filter { try !old.tensor($0).isEqual(to: new.tensor($0)) }
            #expect(changed.allSatisfy { $0.contains("query") || $0.contains("value") } && changed.count == 4)
            #expect(try ModelConfig(folder: merged).json == ModelConfig(folder: base).json)
        }
    }

    @Test func addsAHeadThatTheBaseLacks() throws {
        try withFolder { folder in
            // A bare backbone, as MiniLM is published: no prefix, no head.
            let base = try TinyCheckpoint.write(
                "bert", to: folder.appendingPathComponent("base"),
                config: { $0.setting("architectures", to: ["BertModel"]).setting("num_labels", to: nil) },
                rename: { $0.hasPrefix("bert.") ? String($0.dropFirst(5)) : nil })
            let adapter = folder.appendingPathComponent("adapter")
            var provenance = AdapterProvenance()
            provenance.labels = ["a", "b", "c", "d"]
            try TinyCheckpoint.adapter(
                #"{"modules_to_save": ["classifier"]}"#, for: base, to: adapter,
                head: .sequenceClassification(labels: 4), taskType: "SEQ_CLS", provenance: provenance)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.added == ["classifier.weight", "classifier.bias"])
            let config = JSON.Node(try ModelConfig(folder: merged).json)
            #expect(try config.field("architectures").strings() == ["BertForSequenceClassification"])
            #expect(try ModelConfig(folder: merged).labelNames == ["a", "b", "c", "d"])
            #expect(try config.field("label2id").field("d").int() == 3)
            let names = try CheckpointFiles(folder: merged).names
            #expect(names.allSatisfy { $0.hasPrefix("bert.") || $0.hasPrefix("classifier.") })
            let expected = try outputs(base, head: .sequenceClassification(labels: 4), adapter: adapter)
            #expect(try outputs(merged).distance(to: expected) < 1e-5)
        }
    }

    @Test(arguments: ["embed_tokens", "lm_head"], [1, 2])
    func partsATiedWeightThatBecomesTwo(_ target: String, shards: Int) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("tied", to: folder.appendingPathComponent("base"), shards: shards)
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(#"{"target_modules": ["\#(target)", "q_proj"]}"#, for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.untied == ["lm_head.weight"])
            let files = try CheckpointFiles(folder: merged)
            let (head, table) = (try files.tensor("lm_head.weight"), try files.tensor("model.embed_tokens.weight"))
            #expect(try !head.isEqual(to: table))
            let config = JSON.Node(try ModelConfig(folder: merged).json)
            #expect(try config.field("tie_word_embeddings").bool() == false)
            #expect(try outputs(merged).distance(to: outputs(base, adapter: adapter)) < 1e-4)
        }
    }

    @Test(arguments: [
        #"{"target_modules": ["embed_tokens"]}"#, #"{"target_modules": ["lm_head"]}"#,
        #"{"modules_to_save": ["lm_head"]}"#,
        #"{"target_modules": ["q_proj"]}"#,
    ])
    func changesEveryCopyOfATiedWeight(_ options: String) throws {
        try withFolder { folder in
            // Some writers store a tied weight under both names.
            let base = try TinyCheckpoint.write("tied", to: folder.appendingPathComponent("base"))
            let file = try CheckpointFiles(folder: base)
            var tensors = try file.names.map { ($0, try file.tensor($0).clone()) }
            tensors.append(("lm_head.weight", try file.tensor("model.embed_tokens.weight").clone()))
            try SafetensorsWriter.write(tensors, to: base.appendingPathComponent("model.safetensors"))
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(options, for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(
                report.untied
                    == (options.contains("target_modules\": [\"q") || options.contains("save")
                        ? [] : ["lm_head.weight"]))
            #expect(try CheckpointFiles(folder: merged).names.count == tensors.count)
            #expect(try outputs(merged).distance(to: outputs(base, adapter: adapter)) < 1e-4)
        }
    }

    @Test func givesATiedWeightThatIsStoredAsTheHeadItsOwnName() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(
                "gpt2", to: folder.appendingPathComponent("base"),
                rename: { $0 == "transformer.wte.weight" ? "lm_head.weight" : $0 })
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(#"{"target_modules": ["wte", "c_attn"]}"#, for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.untied == ["lm_head.weight"])
            #expect(try CheckpointFiles(folder: merged).contains("transformer.wte.weight"))
            #expect(try outputs(merged).distance(to: outputs(base, adapter: adapter)) < 1e-4)
        }
    }

    @Test func keepsATiedWeightThatIsSavedWhole() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("tied", to: folder.appendingPathComponent("base"))
            let adapter = folder.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(#"{"modules_to_save": ["embed_tokens"]}"#, for: base, to: adapter)
            let merged = folder.appendingPathComponent("merged")
            let report = try Merger.merge(base: base, adapter: adapter, to: merged)
            #expect(report.untied.isEmpty)
            #expect(try !CheckpointFiles(folder: merged).contains("lm_head.weight"))
        }
    }

    // MARK: Refusals

    /// Merges, expecting a refusal, and checks that nothing but the two inputs is left.
    private func refusal(
        _ folder: URL, to output: URL, options: Merger.Options = .init(),
        progress: @escaping (Merger.Progress) throws -> Void = { _ in }
    ) throws -> String {
        let manager = FileManager.default
        let before = try manager.subpathsOfDirectory(atPath: folder.path).sorted()
        let error = #expect(throws: (any Error).self) {
            try Merger.merge(
                base: folder.appendingPathComponent("base"), adapter: folder.appendingPathComponent("adapter"),
                to: output, options: options, progress: progress)
        }
        #expect(try manager.subpathsOfDirectory(atPath: folder.path).sorted() == before)
        return error.map { "\($0)" } ?? ""
    }

    @Test func refusesToWriteIntoItsInputs() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"))
            try TinyCheckpoint.adapter("{}", for: base, to: folder.appendingPathComponent("adapter"))
            let link = folder.appendingPathComponent("link")
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: base)
            for output in ["base", "base/merged", "adapter", "link", "link/merged", "base/../base", "."] {
                let text = try refusal(folder, to: folder.appendingPathComponent(output))
                #expect(text.contains("choose another folder"), "\(output): \(text)")
            }
        }
    }

    @Test func refusesAFolderWithSomethingInIt() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"))
            try TinyCheckpoint.adapter("{}", for: base, to: folder.appendingPathComponent("adapter"))
            let output = folder.appendingPathComponent("merged")
            try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
            try Data("x".utf8).write(to: output.appendingPathComponent("mine"))
            #expect(try refusal(folder, to: output).contains("exists already"))
            try FileManager.default.removeItem(at: output.appendingPathComponent("mine"))
            _ = try Merger.merge(base: base, adapter: folder.appendingPathComponent("adapter"), to: output)
        }
    }

    @Test func keepsNothingAboveTheBound() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(
                "llama", to: folder.appendingPathComponent("base"), dtype: .bfloat16)
            try TinyCheckpoint.adapter("{}", for: base, to: folder.appendingPathComponent("adapter"))
            var options = Merger.Options()
            options.bound = 1e-9
            let text = try refusal(folder, to: folder.appendingPathComponent("merged"), options: options)
            #expect(text.contains("more than 1e-09"))
        }
    }

    @Test func leavesNothingWhenItIsStopped() throws {
        struct Stop: Error {}
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"), shards: 2)
            try TinyCheckpoint.adapter("{}", for: base, to: folder.appendingPathComponent("adapter"))
            for stop in [Merger.Progress.tensors(done: 3, of: 41), .tensors(done: 30, of: 41), .proving] {
                var seen: [Merger.Progress] = []
                _ = try refusal(folder, to: folder.appendingPathComponent("merged")) { progress in
                    seen.append(progress)
                    if progress == stop { throw Stop() }
                }
                #expect(seen.last == stop)
            }
        }
    }

    @Test func refusesAnotherBaseUnlessTold() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("made-for"))
            try TinyCheckpoint.adapter("{}", for: base, to: folder.appendingPathComponent("adapter"))
            let other = try TinyCheckpoint.write(
                "bert", to: folder.appendingPathComponent("base"), dtype: .bfloat16)
            #expect(try refusal(folder, to: folder.appendingPathComponent("merged")).contains("other base weights"))
            var options = Merger.Options()
            options.allowsOtherBase = true
            _ = try Merger.merge(
                base: other, adapter: folder.appendingPathComponent("adapter"),
                to: folder.appendingPathComponent("merged"), options: options)
        }
    }

    @Test func refusesAHeadThatNobodyHas() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(
                "bert", to: folder.appendingPathComponent("base"), rename: { $0.hasPrefix("classifier") ? nil : $0 })
            try TinyCheckpoint.adapter("{}", for: base, to: folder.appendingPathComponent("adapter"))
            #expect(try refusal(folder, to: folder.appendingPathComponent("merged")).contains("random head"))
        }
    }

    @Test func refusesValuesThatOverflow() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("llama", to: folder.appendingPathComponent("base"), dtype: .float16)
            try TinyCheckpoint.adapter(
                "{}", for: base, to: folder.appendingPathComponent("adapter"), scale: 500)
            #expect(try refusal(folder, to: folder.appendingPathComponent("merged")).contains("overflow"))
        }
    }

    @Test func refusesABranchBiasWithoutABiasToTakeIt() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("llama", to: folder.appendingPathComponent("base"))
            try TinyCheckpoint.adapter(
                #"{"lora_bias": true}"#, for: base, to: folder.appendingPathComponent("adapter"))
            #expect(try refusal(folder, to: folder.appendingPathComponent("merged")).contains("lora_bias"))
        }
    }
}
