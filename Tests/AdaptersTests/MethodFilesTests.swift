import Adapters
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

/// Methods whose files are a declaration: written, read back, and strict about what does not fit.
@Suite struct MethodFilesTests {
    private static let forms: [(model: String, options: JSON)] = [
        ("bert", ["name": "ia3", "modules_to_save": ["classifier"]]),
        ("gpt2", ["name": "ia3"]),
        ("llama", ["name": "ia3", "target_modules": ["k_proj", "down_proj"]]),
        ("bert", ["name": "vera", "r": 5, "bias": "vera_only"]),
        ("gpt2", ["name": "vera", "r": 5, "target_modules": ["c_attn", "c_proj"], "save_projection": false]),
        ("llama", ["name": "vera", "r": 4, "target_modules": "all-linear", "exclude_modules": ["o_proj"]]),
        ("bert", ["name": "fourierft", "n_frequency": 9, "modules_to_save": ["classifier"]]),
        ("gpt2", ["name": "fourierft", "n_frequency": 9, "n_frequency_pattern": ["0.attn.c_attn": 4]]),
        ("gpt2", ["name": "kasa", "r": 2, "target_modules": ["c_attn", "mlp.c_proj"]]),
        ("bert", ["name": "kasa", "r": 3, "truncate_rank_from": "min", "modules_to_save": ["classifier"]]),
    ]

    @Test(arguments: forms) func comesBackFromItsFilesAndMerges(model: String, options: JSON) throws {
        try withFolder { folder in
            let trained = try TinyModels.make(model)
            let base = try TinyModels.outputs(trained)
            let method = try MethodConfiguration(.init(options)).method
            let grafts = try method.grafts(for: trained.model, key: RandomKey(seed: 5))
            try grafts.perturbed()
            try trained.model.add(grafts, named: "default")
            try AdapterFolder.write(method, grafts, of: trained.model, to: folder)
            let fresh = try TinyModels.make(model)
            let adapter = try AdapterFolder.load(from: folder, onto: fresh)
            #expect((adapter.config.form == .peft) == (method is any PeftMethod))
            let adapted = try TinyModels.outputs(trained)
            #expect(try TinyModels.outputs(fresh).isEqual(to: adapted))
            #expect(try adapted.distance(to: base) > 1e-3)
            try fresh.model.merge()
            #expect(try TinyModels.outputs(fresh).distance(to: adapted) < 1e-4)
        }
    }

    @Test func bertsOutputDenseAlsoScalesTheInputsOfTheAttentionsOutput() throws {
        let model = try TinyModels.make("bert").model
        let set = try IA3().grafts(for: model, key: RandomKey(seed: 0))
        let inputs = set.projections.filter { ($0.value as? IA3Graft)?.scalesInput == true }.map(\.key)
        #expect(inputs.count == 4 && inputs.allSatisfy { $0.hasSuffix("output.dense") })
        #expect(inputs.contains { $0.hasSuffix("attention.output.dense") })
    }

    @Test func llamasVectorsHaveTheSizesOfGroupedHeads() throws {
        let model = try TinyModels.make("llama").model
        let set = try IA3().grafts(for: model, key: RandomKey(seed: 0))
        // Two layers of keys and values, 8 each for two of four heads, and 24 inputs of down_proj.
        #expect(try set.variables.reduce(0) { try $0 + $1.value.count } == 2 * (2 * 8 + 24))
    }

    @Test func vectorsAloneAreWrittenWhereTheKeyIsEnough() throws {
        try withFolder { folder in
            func names(_ saves: Bool) throws -> [String] {
                var method = VeRA()
                (method.r, method.saveProjection) = (4, saves)
                let model = try TinyModels.make("bert").model
                let grafts = try method.grafts(for: model, key: RandomKey(seed: 0))
                try AdapterFolder.write(method, grafts, of: model, to: folder)
                return try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors")).names
            }
            let (whole, vectors) = (try names(true), try names(false))
            #expect(whole.contains("base_model.vera_A") && whole.contains("base_model.vera_B"))
            #expect(vectors == whole.filter { $0.contains("vera_lambda_") })
        }
    }

    @Test func aRankThatTheFileDoesNotHaveIsRefusedBeforeAnythingOfItsSizeIsMade() throws {
        try withFolder { folder in
            var method = VeRA()
            (method.r, method.saveProjection) = (4, false)
            let model = try TinyModels.make("bert").model
            let grafts = try method.grafts(for: model, key: RandomKey(seed: 0))
            try AdapterFolder.write(method, grafts, of: model, to: folder)
            let url = folder.appendingPathComponent("adapter_config.json")
            let config = try JSON.parse(contentsOf: url).setting("r", to: 1_000_000_000_000)
            try Data(config.serializedBytes()).write(to: url)
            let error = #expect(throws: AdapterError.self) {
                try AdapterFolder.read(from: folder, for: TinyModels.make("bert").model)
            }
            #expect(error.map { "\($0)" }?.contains("1000000000000") == true)
        }
    }
}
