import Adapters
import Backbones
import Foundation
import JSON
import Methods
import Networks
import Optimization
import TestModels
import Testing
import Torch

@Suite struct PrefixTests {
    static let all: [String: any Methods.Method] = [
        "prefix-tuning": PrefixTuning(), "p-tuning-v2": PTuningV2(), "mam-adapter": MAMAdapter(),
    ]

    /// Stands for the end of a training.
    private func finish(_ method: any Methods.Method, _ set: GraftSet, on model: Model) throws {
        let plan = TrainingPlan(
            schedule: LearningRateSchedule(peak: 1, totalSteps: 1), stepsPerEpoch: 1)
        let lifecycle = try #require(try method.lifecycle(of: set, on: model, plan))
        try lifecycle.trainingDidEnd(
            StepMoment(
                step: 0, totalSteps: 1, epoch: 0, key: RandomKey(seed: 0), learningRate: 1,
                trainables: Trainables([], optimizer: AdamW()), model: model))
    }

    @Test(arguments: ["prefix-tuning", "mam-adapter"], TinyModels.all.keys.sorted())
    func theStoredTableComputesWhatTheMapsDid(name: String, model: String) throws {
        let method = try #require(PrefixTests.all[name])
        let loaded = try TinyModels.make(model)
        let base = try TinyModels.outputs(loaded)
        let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed(by: 0.05)
        try loaded.model.add(set, named: "a")
        let trained = try TinyModels.outputs(loaded)
        #expect(try trained.distance(to: base) > 1e-4)
        #expect(set.variables.contains { $0.name.hasSuffix("prefix.fc2.weight") })
        try finish(method, set, on: loaded.model)
        #expect(try TinyModels.outputs(loaded).isEqual(to: trained))
        #expect(!set.variables.contains { $0.name.contains("prefix.") })
        let sites = set.attentions.keys.compactMap { loaded.model.attentions[$0] }
        let count = try set.variables.filter { $0.name.hasSuffix("prompt_embeddings") }.reduce(0) {
            $0 + (try $1.value.count)
        }
        let rows = name == "mam-adapter" ? 30 : 20
        #expect(count == sites.reduce(0) { $0 + 2 * rows * $1.keyHeads * $1.headSize })
    }

    @Test(arguments: ["prefix-tuning", "p-tuning-v2", "mam-adapter"])
    func aFileReadsBackAsWhatItComputed(name: String) throws {
        let method = try #require(PrefixTests.all[name])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for model in ["bart", "bert", "llama"] {
            let loaded = try TinyModels.make(model)
            let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed(by: 0.05)
            try loaded.model.add(set, named: "a")
            let expected = try TinyModels.outputs(loaded)
            // In the midst of a training, and after it.
            for isOver in [false, true] {
                if isOver { try finish(method, set, on: loaded.model) }
                let place = folder.appendingPathComponent("\(model)-\(isOver)")
                try AdapterFolder.write(method, set, of: loaded.model, to: place)
                let other = try TinyModels.make(model)
                try AdapterFolder.load(from: place, onto: other)
                #expect(try TinyModels.outputs(other).isEqual(to: expected))
            }
        }
    }

    @Test func aPrefixOfLengthTwoHundredDoesNotReadAsOneOfTwenty() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let loaded = try TinyModels.make("llama")
        let set = try PTuningV2().grafts(for: loaded.model, key: RandomKey(seed: 1))
        try AdapterFolder.write(PTuningV2(), set, of: loaded.model, to: folder)
        let file = folder.appendingPathComponent("adapter_config.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacingOccurrences(of: "\"num_virtual_tokens\": 20", with: "\"num_virtual_tokens\": 200")
        #expect(changed != text)
        try Data(changed.utf8).write(to: file)
        #expect(throws: AdapterError.self) { try AdapterFolder.load(from: folder, onto: loaded) }
    }

    @Test(arguments: ["gpt2", "llama"])
    func generationSeesThePrefixAsAWholeForwardDoes(model: String) throws {
        let loaded = try TinyModels.make(model)
        let short = try method(["num_virtual_tokens": 5], as: PTuningV2.self)
        try loaded.model.add(short.grafts(for: loaded.model, key: RandomKey(seed: 1)), named: "a")
        let whole = try TinyModels.outputs(loaded)
        let ids = try TinyModels.input(loaded).requiredIDs()
        let context = ForwardContext(cache: KeyValueCache(layers: 2))
        let parts = try withoutGradients {
            try [(0, 4), (4, 1), (5, 4)].map { start, length in
                let part = ModelInput(inputIDs: try ids.narrow(1, start, length))
                return try #require(try loaded.model(part, context).logits)
            }
        }
        #expect(try Tensor.cat(parts, dim: 1).distance(to: whole) < 1e-4)
    }

    @Test func packedRowsSeeThePrefixAtTheirOwnPositions() throws {
        let loaded = try TinyModels.make("llama")
        let prefix = try method(["num_virtual_tokens": 5], as: PTuningV2.self)
        try loaded.model.add(prefix.grafts(for: loaded.model, key: RandomKey(seed: 1)), named: "a")
        let whole = try TinyModels.outputs(loaded)
        var packed = ModelInput(inputIDs: try TinyModels.input(loaded).requiredIDs().reshape([1, 18]))
        let positions = try Tensor.arange(to: 9).to(.int64)
        packed.positionIDs = try Tensor.cat([positions, positions]).unsqueeze(0)
        packed.segmentIDs = try Tensor.cat([Tensor.zeros([9]), Tensor.ones([9])]).to(.int64).unsqueeze(0)
        let found = try withoutGradients { try #require(try loaded.model(packed).logits) }
        #expect(try found.reshape(whole.shape).distance(to: whole) < 1e-4)
    }

    @Test func noRowsAreNoPrefix() throws {
        let loaded = try TinyModels.make("bert")
        let base = try TinyModels.outputs(loaded)
        let mam = try method(["attn_bn": 0, "ffn_bn": 2], as: MAMAdapter.self)
        let set = try mam.grafts(for: loaded.model, key: RandomKey(seed: 1))
        #expect(set.attentions.isEmpty && set.tokens.isEmpty)
        try loaded.model.add(set, named: "a")
        #expect(try TinyModels.outputs(loaded).isEqual(to: base))
        #expect(throws: MethodError.self) { try method(["attn_bn": 0, "ffn_bn": 0], as: MAMAdapter.self) }
        #expect(throws: MethodError.self) { try method(["num_virtual_tokens": 0], as: PTuningV2.self) }
    }
}
