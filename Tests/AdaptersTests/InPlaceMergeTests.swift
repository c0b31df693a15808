import Adapters
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct InPlaceMergeTests {
    @Test(arguments: Variant.all + Variant.residual)
    func mergesAndRestoresExactly(_ variant: Variant) throws {
        let loaded = try TinyModels.make(variant.model)
        let model = loaded.model
        let base = try TinyModels.outputs(loaded)
        let grafts = try LoRA(options: variant.options).grafts(for: model, key: RandomKey(seed: 5))
        try grafts.perturbed()
        try model.add(grafts, named: "a")
        let adapted = try TinyModels.outputs(loaded)
        try model.merge()
        #expect(model.activeAdapters.isEmpty && model.mergedAdapters == ["a"])
        #expect(try TinyModels.outputs(loaded).distance(to: adapted) < 1e-5)
        try model.unmerge()
        #expect(try TinyModels.outputs(loaded).isEqual(to: adapted))
        try model.activate([])
        #expect(try TinyModels.outputs(loaded).isEqual(to: base))
    }

    @Test func aGraftOnOneOfTwoTiedProjectionsMergesIntoThatOneAlone() throws {
        for target in ["embed_tokens", "lm_head"] {
            let loaded = try TinyModels.make("tied")
            let grafts = try LoRA(options: #"{"target_modules": ["\#(target)"]}"#)
                .grafts(for: loaded.model, key: RandomKey(seed: 5))
            try grafts.perturbed()
            try loaded.model.add(grafts, named: "a")
            let adapted = try TinyModels.outputs(loaded)
            try loaded.model.merge()
            #expect(try TinyModels.outputs(loaded).distance(to: adapted) < 1e-5)
        }
    }

    @Test func adaptersStackSwitchAndDisable() throws {
        let loaded = try TinyModels.make("bert")
        let model = loaded.model
        let base = try TinyModels.outputs(loaded)
        let options = [#"{"target_modules": ["query", "dense"]}"#, #"{"target_modules": ["query"], "use_dora": true}"#]
        for (index, options) in options.enumerated() {
            let grafts = try LoRA(options: options).grafts(for: model, key: RandomKey(seed: index))
            try grafts.perturbed(seed: index)
            try model.add(grafts, named: "adapter \(index)")
        }
        let both = try TinyModels.outputs(loaded)
        try model.activate(["adapter 0"])
        let first = try TinyModels.outputs(loaded)
        try model.activate(["adapter 1"])
        let second = try TinyModels.outputs(loaded)
        #expect(try first.distance(to: both) > 1e-3)
        #expect(try second.distance(to: both) > 1e-3)
        #expect(try model.withAdapters([]) { try TinyModels.outputs(loaded) }.isEqual(to: base))
        #expect(try TinyModels.outputs(loaded).isEqual(to: second))
        try model.activate(["adapter 0", "adapter 1"])
        #expect(try TinyModels.outputs(loaded).isEqual(to: both))
        try model.merge()
        #expect(try TinyModels.outputs(loaded).distance(to: both) < 1e-5)
        try model.unmerge()
        try model.remove("adapter 1")
        #expect(try TinyModels.outputs(loaded).isEqual(to: first))
    }
}
