import Adapters
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct LayerNormTuningTests {
    private func outputs(_ model: Model) throws -> Tensor {
        try model(ModelInput(inputIDs: Tensor([1, 5, 3]).to(.int64).reshape([1, 3]))).lastHiddenState
    }

    @Test func trainsEveryNormAndNothingElse() throws {
        let loaded = try TinyModels.make("bert")
        let grafts = try LayerNormTuning().grafts(for: loaded.model, key: RandomKey(seed: 0))
        #expect(!grafts.parameters.isEmpty && grafts.projections.isEmpty)
        #expect(grafts.parameters.keys.allSatisfy { $0.contains("LayerNorm.") })
        let norms = loaded.model.parameters.keys.filter { $0.contains("LayerNorm.") }
        #expect(Set(grafts.parameters.keys) == Set(norms))
    }

    @Test func comesBackFromPeftsFormatWithItsHead() throws {
        try withFolder { folder in
            let trained = try TinyModels.make("bert")
            var method = LayerNormTuning()
            method.modulesToSave = ["classifier"]
            let grafts = try method.grafts(for: trained.model, key: RandomKey(seed: 0))
            try grafts.perturbed(by: 0.3)
            try trained.model.add(grafts, named: "default")
            try AdapterFolder.write(method, grafts, of: trained.model, to: folder)
            let file = try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors"))
            let layer = "base_model.model.bert.encoder.layer.0.output.LayerNorm.ln_tuning_layers"
            #expect(file.names.contains("\(layer).weight") && file.names.contains("\(layer).bias"))
            #expect(file.names.contains("base_model.model.classifier.weight"))
            let fresh = try TinyModels.make("bert")
            let adapter = try AdapterFolder.load(from: folder, onto: fresh)
            #expect(adapter.method is LayerNormTuning)
            #expect(try outputs(fresh.model).isEqual(to: outputs(trained.model)))
        }
    }

    @Test func namesTheNormsWhereItsOptionsLeaveThemToTheModel() throws {
        try withFolder { folder in
            let model = try TinyModels.make("bert").model
            var method = LayerNormTuning()
            method.excludeModules = .list(["embeddings.LayerNorm"])
            let grafts = try method.grafts(for: model, key: RandomKey(seed: 0))
            try AdapterFolder.write(method, grafts, of: model, to: folder)
            let read = try #require(try AdapterConfig(folder: folder).method as? LayerNormTuning)
            #expect(read.excludeModules == nil)
            guard case .list(let names)? = read.targetModules else { return #expect(Bool(false), "no list") }
            #expect(names.count == model.norms.count - 1 && !names.contains("bert.embeddings.LayerNorm"))
            #expect(throws: AdapterError.self) {
                try AdapterFolder.write(method, grafts, of: model, to: folder, form: .uniform)
            }
        }
    }

    @Test func unknownTargetsAndKeysAreErrors() throws {
        let model = try TinyModels.make("bert").model
        var method = LayerNormTuning()
        method.targetModules = .list(["LayerNrm"])
        let error = #expect(throws: MethodError.self) { try method.grafts(for: model, key: RandomKey(seed: 0)) }
        #expect(error.map { "\($0)" }?.contains("the nearest is `LayerNorm`") == true)
        let node = JSON.Node(["peft_type": "LN_TUNING", "target_modules": nil, "target_modles": ["a"]])
        let unknown = #expect(throws: AdapterError.self) { try AdapterConfig(node) }
        #expect(unknown.map { "\($0)" }?.contains("the nearest is \"target_modules\"") == true)
    }
}
