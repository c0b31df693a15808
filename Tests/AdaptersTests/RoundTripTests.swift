import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch
import Verification

/// A model and options for an adapter on it.
struct Variant: CustomTestStringConvertible, Sendable {
    let model: String
    let options: String
    var testDescription: String { "\(model) \(options)" }

    static let all: [Variant] = [
        .init(model: "bert", options: #"{}"#),
        .init(model: "bert", options: #"{"r": 4, "lora_alpha": 6, "use_rslora": true}"#),
        .init(
            model: "bert",
            options: #"{"rank_pattern": {"layer.0.attention.self.query": 3}, "alpha_pattern": {"value": 5}}"#),
        .init(model: "bert", options: #"{"target_modules": "all-linear", "modules_to_save": ["classifier"]}"#),
        .init(model: "bert", options: #"{"target_modules": ".*\\.1\\..*(key|query)", "use_dora": true}"#),
        .init(model: "bert", options: #"{"bias": "all", "modules_to_save": ["LayerNorm"]}"#),
        .init(
            model: "bert", options: #"{"bias": "lora_only", "target_modules": ["dense"], "layers_to_transform": [1]}"#),
        .init(model: "bert", options: #"{"lora_bias": true, "init_lora_weights": false}"#),
        .init(model: "bert", options: #"{"target_modules": ["word_embeddings", "query"], "r": 2}"#),
        .init(model: "bert", options: #"{"target_modules": ["word_embeddings"], "use_dora": true}"#),
        .init(model: "gpt2", options: #"{"target_modules": ["c_attn", "c_fc", "wpe"]}"#),
        .init(model: "gpt2", options: #"{"use_dora": true, "bias": "lora_only"}"#),
        .init(model: "gpt2", options: #"{"target_modules": ["wte"]}"#),
        .init(
            model: "llama", options: #"{"target_modules": ["lm_head", "embed_tokens"], "modules_to_save": ["norm"]}"#),
        .init(model: "llama", options: #"{"init_lora_weights": "orthogonal"}"#),
        .init(model: "tied", options: #"{"modules_to_save": ["embed_tokens"]}"#),
        .init(model: "tied", options: #"{"modules_to_save": ["lm_head"]}"#),
        .init(model: "vit", options: #"{"target_modules": ["projection", "q_proj"], "r": 2}"#),
        .init(model: "vit", options: #"{"target_modules": ["projection"], "use_dora": true, "bias": "lora_only"}"#),
        .init(model: "vit", options: #"{"target_modules": ["projection"], "lora_bias": true}"#),
    ]

    /// Adapters of a residual of the base.
    static let residual: [Variant] = [
        .init(model: "bert", options: #"{"init_lora_weights": "pissa", "r": 4}"#),
        .init(model: "bert", options: #"{"init_lora_weights": "olora", "r": 4, "use_rslora": true}"#),
        .init(
            model: "llama",
            options:
                #"{"init_lora_weights": "pissa", "r": 3, "lora_alpha": 7, "use_rslora": true, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 5}}"#
        ),
        .init(model: "llama", options: #"{"init_lora_weights": "olora", "r": 4, "rank_pattern": {"q_proj": 2}}"#),
        .init(
            model: "gpt2", options: #"{"init_lora_weights": "pissa", "r": 4, "target_modules": ["c_attn", "c_proj"]}"#),
        .init(model: "gpt2", options: #"{"init_lora_weights": "pissa_niter_4", "r": 4}"#),
    ]

    /// Adapters of a residual that cannot be converted.
    static let bound: [Variant] = [
        .init(model: "llama", options: #"{"init_lora_weights": "loftq", "r": 4}"#),
        .init(model: "llama", options: #"{"init_lora_weights": "pissa", "use_dora": true, "r": 4}"#),
    ]
}

@Suite struct RoundTripTests {
    @Test(arguments: Variant.all + Variant.residual, [AdapterForm.raw, .portable, .uniform])
    func readsWhatItWrote(_ variant: Variant, _ form: AdapterForm) throws {
        try withFolder { folder in
            let trained = try TinyModels.make(variant.model)
            let method = try LoRA(options: variant.options)
            let base = try TinyModels.outputs(trained)
            let grafts = try method.grafts(for: trained.model, key: AdapterProvenance.methodKey(seed: 5))
            try grafts.perturbed()
            try trained.model.add(grafts, named: "trained")
            var provenance = AdapterProvenance()
            provenance.seed = 5
            try AdapterFolder.write(
                method, grafts, of: trained.model, to: folder, form: form, provenance: provenance)

            let fresh = try TinyModels.make(variant.model)
            try AdapterFolder.load(from: folder, onto: fresh)
            let (expected, found) = (try TinyModels.outputs(trained), try TinyModels.outputs(fresh))
            #expect(try expected.distance(to: base) > 1e-3, "the adapter does nothing")
            if form == .raw, !method.initLoRAWeights.replacesBase {
                #expect(try found.isEqual(to: expected))
            } else {
                #expect(try found.distance(to: expected) < 1e-5)
            }
        }
    }

    @Test(arguments: Variant.residual)
    func convertsToPlainLoRAOfTheUntouchedBase(_ variant: Variant) throws {
        try withFolder { folder in
            let trained = try TinyModels.make(variant.model)
            let method = try LoRA(options: variant.options)
            let grafts = try method.grafts(for: trained.model, key: RandomKey(seed: 5))
            try grafts.perturbed()
            let notes = try AdapterFolder.write(method, grafts, of: trained.model, to: folder)
            #expect(notes.isEmpty)
            let adapter = try AdapterFolder.read(from: folder, for: trained.model)
            #expect(adapter.lora?.initLoRAWeights == .default)
            #expect(adapter.lora?.r == method.r * 2)
            for case let graft as LoRAGraft in adapter.grafts.projections.values { #expect(graft.residual == nil) }
            let scales = zip(adapter.grafts.projections.values, grafts.projections.values).map { written, original in
                ((written as? LoRAGraft)?.scaling ?? 0, (original as? LoRAGraft)?.scaling ?? 1)
            }
            for (written, original) in scales { #expect(abs(written - original) < 1e-12 * original) }
        }
    }

    @Test(arguments: Variant.bound)
    func keepsWhatCannotBeConvertedAndSaysSo(_ variant: Variant) throws {
        try withFolder { folder in
            let trained = try TinyModels.make(variant.model)
            let method = try LoRA(options: variant.options)
            let grafts = try method.grafts(for: trained.model, key: RandomKey(seed: 5))
            try grafts.perturbed()
            try trained.model.add(grafts, named: "trained")
            let notes = try AdapterFolder.write(method, grafts, of: trained.model, to: folder)
            #expect(notes.count == 1)
            let fresh = try TinyModels.make(variant.model)
            let adapter = try AdapterFolder.load(from: folder, onto: fresh)
            #expect(adapter.lora?.initLoRAWeights == method.initLoRAWeights)
            #expect(try TinyModels.outputs(fresh).distance(to: TinyModels.outputs(trained)) < 1e-5)
            #expect(throws: AdapterError.self) {
                try AdapterFolder.write(method, grafts, of: trained.model, to: folder, form: .uniform)
            }
        }
    }

    @Test func uniformAdaptersHaveOneRankAndTheScaleOne() throws {
        try withFolder { folder in
            let loaded = try TinyModels.make("bert")
            let method = try LoRA(options: #"{"r": 4, "rank_pattern": {"query": 6}, "alpha_pattern": {"value": 3}}"#)
            let grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 5))
            try AdapterFolder.write(method, grafts, of: loaded.model, to: folder, form: .uniform)
            let config = try AdapterConfig(folder: folder)
            #expect(config.lora?.rankPattern == [:] && config.lora?.alphaPattern == [:])
            #expect(config.lora?.r == 6 && config.lora?.loraAlpha == 6 && config.lora?.useRSLoRA == false)
        }
    }

    @Test func namesTheModulesThatWereChosenByDefault() throws {
        try withFolder { folder in
            let loaded = try TinyModels.make("bert")
            let grafts = try LoRA().grafts(for: loaded.model, key: RandomKey(seed: 5))
            try AdapterFolder.write(LoRA(), grafts, of: loaded.model, to: folder)
            #expect(try AdapterConfig(folder: folder).lora?.targetModules == .list(["query", "value"]))
        }
    }

    @Test func writesWholeNumbersAsPeftAnnotatesThem() throws {
        try withFolder { folder in
            let loaded = try TinyModels.make("bert")
            let method = try LoRA(options: #"{"lora_alpha": 8.0, "alpha_pattern": {"query": 2.5, "value": 4.0}}"#)
            let grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 5))
            try AdapterFolder.write(method, grafts, of: loaded.model, to: folder, taskType: "SEQ_CLS")
            let node = try JSON.Node(contentsOf: folder.appendingPathComponent("adapter_config.json"))
            #expect(try node.field("lora_alpha").value == 8)
            #expect(try node.field("alpha_pattern").value == ["query": 2.5, "value": 4])
            #expect(try node.field("lora_dropout").value == .double(0))
            #expect(try node.field("task_type").value == "SEQ_CLS")
        }
    }

    @Test func provenanceSurvivesTheFile() throws {
        try withFolder { folder in
            let loaded = try TinyModels.make("bert")
            let grafts = try LoRA().grafts(for: loaded.model, key: RandomKey(seed: 5))
            var provenance = AdapterProvenance()
            (provenance.seed, provenance.labels, provenance.version) = (-3, ["no", "\"ja\""], "1.0")
            (provenance.dataDigest, provenance.configurationDigest) = ("sha256:aa", "sha256:bb")
            try AdapterFolder.write(LoRA(), grafts, of: loaded.model, to: folder, provenance: provenance)
            let read = try AdapterFolder.read(from: folder, for: loaded.model).provenance
            #expect(read.seed == -3 && read.randomAlgorithm == RandomKey.algorithm)
            #expect(read.labels == ["no", "\"ja\""] && read.version == "1.0")
            #expect(read.dataDigest == "sha256:aa" && read.configurationDigest == "sha256:bb")
            #expect(read.method == "lora")
            #expect(try read.options == MethodConfiguration(LoRA()).json)
        }
    }

    @Test func whatIsReadCanBeWrittenAgain() throws {
        try withFolder { folder in
            // Targets in the older spelling of ViT's modules become the network's own.
            let cases = try Verification.bundledCases("adapters/lora/a7")
            let loaded = try Backbones.load(cases.appendingPathComponent("model"))
            let adapter = try AdapterFolder.load(from: cases.appendingPathComponent("adapter"), onto: loaded)
            let expected = try loaded.model(ModelInput(pixelValues: .normal([1, 3, 16, 16], key: RandomKey(seed: 1))))
            try AdapterFolder.write(adapter.method, adapter.grafts, of: loaded.model, to: folder)
            let fresh = try Backbones.load(cases.appendingPathComponent("model"))
            try AdapterFolder.load(from: folder, onto: fresh)
            let found = try fresh.model(ModelInput(pixelValues: .normal([1, 3, 16, 16], key: RandomKey(seed: 1))))
            let logits = try #require(expected.logits)
            #expect(try found.logits?.isEqual(to: logits) == true)
        }
    }
}
