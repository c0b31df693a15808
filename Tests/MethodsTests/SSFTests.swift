import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct SSFTests {
    @Test(arguments: TinyModels.all.keys.sorted())
    func onesAndZerosLeaveTheBaseAlone(model: String) throws {
        let loaded = try TinyModels.make(model)
        let base = try TinyModels.outputs(loaded)
        let set = try method(["init_weights": "identity"], as: SSF.self).grafts(
            for: loaded.model, key: RandomKey(seed: 1))
        try loaded.model.add(set, named: "a")
        #expect(try TinyModels.outputs(loaded).distance(to: base) < 1e-6)
    }

    /// In the ViT of these tests a row of patches is as long as there are channels.
    @Test(arguments: ["bert", "gpt2", "vit"])
    func foldedItComputesTheSame(model: String) throws {
        let loaded = try TinyModels.make(model)
        let base = try TinyModels.outputs(loaded)
        let set = try SSF().grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed()
        try loaded.model.add(set, named: "a")
        let adapted = try TinyModels.outputs(loaded)
        try loaded.model.merge()
        let scale = try adapted.abs().amax().item()
        #expect(try TinyModels.outputs(loaded).distance(to: adapted) < 1e-5 * max(1, scale))
        #expect(try adapted.distance(to: base) > 1e-2)
        try loaded.model.unmerge()
        try loaded.model.activate([])
        #expect(try TinyModels.outputs(loaded).isEqual(to: base))
    }

    @Test func aShiftWithoutABiasToGoToIsOneError() throws {
        let loaded = try TinyModels.make("llama")
        let set = try SSF().grafts(for: loaded.model, key: RandomKey(seed: 1))
        try loaded.model.add(set, named: "a")
        let error = #expect(throws: NetworkError.self) { try loaded.model.merge() }
        #expect(error.map { "\($0)" }?.contains("has no bias") == true)
        // The failed merge changed nothing.
        #expect(loaded.model.activeAdapters == ["a"])
        #expect(loaded.model.parameters.values.allSatisfy { $0.replacement == nil })
    }

    @Test func everyLayerButTheHeadHasAPairOfItsChannels() throws {
        let model = try TinyModels.make("vit").model
        let set = try SSF().grafts(for: model, key: RandomKey(seed: 1))
        let (size, inner) = (4, 20)
        // Patches and the last norm; two norms, four maps of the attention and two of the feed-forward part a layer.
        let channels = 2 * size + 2 * (2 * size + 4 * size + inner + size)
        #expect(try set.variables.reduce(0) { try $0 + $1.value.count } == 2 * channels)
        #expect(set.variables.allSatisfy { !$0.name.hasPrefix("classifier") })
        // What has one dimension does not decay.
        #expect(try set.variables.allSatisfy { try $0.value.rank == 1 })
    }

    @Test func theStartIsNoisyAroundOneAndZero() throws {
        let model = try TinyModels.make("bert").model
        let set = try SSF().grafts(for: model, key: RandomKey(seed: 1))
        func moments(_ end: String) throws -> (mean: Double, deviation: Double) {
            let all = try Tensor.cat(set.variables.filter { $0.name.hasSuffix(end) }.map { try $0.value.detach() })
            let mean = try all.mean().item()
            return (mean, try (all - mean).pow(2).mean().sqrt().item())
        }
        let (scale, shift) = (try moments("ssf_scale"), try moments("ssf_shift"))
        #expect(abs(scale.mean - 1) < 5e-3 && abs(scale.deviation - 0.02) < 4e-3)
        #expect(abs(shift.mean) < 5e-3 && abs(shift.deviation - 0.02) < 4e-3)
    }
}
