import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

/// Adapters of methods that peft lacks, exported as those of one that it has.
@Suite struct PeftExportTests {
    private static let methods: [JSON] = [
        ["name": "increlora", "lora_r": 2, "lora_alpha": 3, "modules_to_save": ["classifier"]],
        ["name": "gradnormlorp", "lora_r": 3, "target_modules": ["query", "output.dense"]],
    ]

    @Test(arguments: methods) func theExportComputesTheSameOnTheUntouchedBase(options: JSON) throws {
        try withFolder { folder in
            let trained = try TinyModels.make("bert")
            let method = try MethodConfiguration(.init(options)).method
            let grafts = try method.grafts(for: trained.model, key: RandomKey(seed: 5))
            try grafts.perturbed()
            try trained.model.add(grafts, named: "default")
            let expected = try TinyModels.outputs(trained)
            let (own, exported) = (folder.appendingPathComponent("own"), folder.appendingPathComponent("peft"))
            try AdapterFolder.write(method, grafts, of: trained.model, to: own)
            let adapter = try AdapterFolder.read(from: own, for: TinyModels.make("bert").model)
            #expect(adapter.config.form == .graft)
            try AdapterFolder.export(adapter, of: TinyModels.make("bert").model, to: exported)
            let fresh = try TinyModels.make("bert")
            let read = try AdapterFolder.load(from: exported, onto: fresh)
            #expect(read.config.form == .peft && read.method is LoRA)
            #expect(try TinyModels.outputs(fresh).distance(to: expected) < 1e-5)
            #expect(try TinyModels.outputs(TinyModels.make("bert")).distance(to: expected) > 1e-3)
        }
    }

    @Test func wholeWeightsAndMethodsWithoutAFormAreRefused() throws {
        try withFolder { folder in
            for options: JSON in [["name": "gradnormlorp", "parametrization": "plain"], ["name": "bitfit"]] {
                let model = try TinyModels.make("bert").model
                let method = try MethodConfiguration(.init(options)).method
                let place = folder.appendingPathComponent(type(of: method).card.name)
                try AdapterFolder.write(
                    method, method.grafts(for: model, key: RandomKey(seed: 5)), of: model, to: place)
                let adapter = try AdapterFolder.read(from: place, for: TinyModels.make("bert").model)
                #expect(throws: AdapterError.self) {
                    try AdapterFolder.export(adapter, of: model, to: folder.appendingPathComponent("out"))
                }
            }
        }
    }

    @Test func aTaskIsMergedThatWasNamed() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"))
            let loaded = try Backbones.load(base)
            let method = try MethodConfiguration(.init(["name": "mhr", "n_tasks": 3, "r": 2])).method
            let grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 5))
            try grafts.perturbed()
            let adapter = folder.appendingPathComponent("adapter")
            try AdapterFolder.write(method, grafts, of: loaded.model, to: adapter, checkpoint: base)
            func merge(_ task: Int?) throws -> Tensor {
                let output = folder.appendingPathComponent("merged-\(task ?? -1)")
                var options = Merger.Options()
                options.taskID = task
                _ = try Merger.merge(base: base, adapter: adapter, to: output, options: options)
                return try TinyModels.outputs(Backbones.load(output))
            }
            let refusal = #expect(throws: (any Error).self) { try merge(nil) }
            #expect(refusal.map { "\($0)".contains("task_id") } == true)
            #expect(throws: MethodError.self) { try merge(3) }
            #expect(try merge(0).distance(to: merge(2)) > 1e-4)
        }
    }
}
