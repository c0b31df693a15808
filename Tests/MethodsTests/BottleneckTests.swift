import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct BottleneckTests {
    static let zeroed: [any Methods.Method] = [
        (try? method(["init_weights": "lora"], as: Houlsby.self)) ?? Houlsby(),
        (try? method(["init_weights": "lora"], as: Pfeiffer.self)) ?? Pfeiffer(),
        (try? method(["attn_bn": 0, "ffn_bn": 3], as: MAMAdapter.self)) ?? MAMAdapter(),
    ]

    @Test(arguments: TinyModels.all.keys.sorted())
    func aSecondMapOfZerosLeavesTheBaseAlone(model: String) throws {
        for method in BottleneckTests.zeroed {
            let loaded = try TinyModels.make(model)
            let base = try TinyModels.outputs(loaded)
            let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1))
            try loaded.model.add(set, named: "a")
            #expect(try TinyModels.outputs(loaded).isEqual(to: base))
            _ = try set.perturbed()
            try loaded.model.refresh()
            #expect(try TinyModels.outputs(loaded).distance(to: base) > 1e-3)
            try loaded.model.remove("a")
            #expect(try TinyModels.outputs(loaded).isEqual(to: base))
        }
    }

    @Test func houlsbyTrainsTwoBottlenecksInEachLayerAndAllNorms() throws {
        let model = try TinyModels.make("bert").model
        let set = try method(["bottleneck": 4], as: Houlsby.self).grafts(for: model, key: RandomKey(seed: 1))
        #expect(set.sublayers.count == 4)
        #expect(set.parameters.keys.allSatisfy { $0.contains("LayerNorm") } && set.parameters.count == 2 * 5)
        let (size, width) = (16, 4)
        let count = try set.variables.reduce(0) { try $0 + $1.value.count }
        #expect(count == 4 * (2 * size * width + width + size) + 5 * 2 * size)
        #expect(set.variables.map(\.name).contains("bert.encoder.layer.0.attention.adapter_down.weight"))
    }

    @Test func pfeifferTakesOneSiteOfEachLayerAndASixteenthOfItsChannels() throws {
        let model = try TinyModels.make("gpt2").model
        let set = try Pfeiffer().grafts(for: model, key: RandomKey(seed: 1))
        #expect(Array(set.sublayers.keys) == ["transformer.h.0.mlp", "transformer.h.1.mlp"])
        #expect(try set.variables.first?.value.shape == [1, 16])
        #expect(set.parameters.isEmpty)
    }

    @Test func aNormBeforeTheBranchLeavesPfeifferTheBranchItself() throws {
        // Both wirings are then the branch's output with the bottleneck of it: the same tensors give the same outputs.
        var found: [Tensor] = []
        for option in ["sequential", "pfeiffer", "parallel"] {
            let loaded = try TinyModels.make("gpt2")
            let adapter = try method(["attn_bn": 0, "ffn_bn": 3, "ffn_option": .string(option)], as: MAMAdapter.self)
            let set = try adapter.grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed()
            try loaded.model.add(set, named: "a")
            found.append(try TinyModels.outputs(loaded))
        }
        #expect(try found[0].isEqual(to: found[1]))
        #expect(try found[0].distance(to: found[2]) > 1e-3)
    }

    @Test func theFactorActsOnTheBiasToo() throws {
        func outputs(_ scalar: Double, _ change: (Variable) throws -> Void) throws -> Tensor {
            let loaded = try TinyModels.make("bert")
            let options: JSON = ["attn_bn": 0, "ffn_bn": 3, "ffn_adapter_scalar": .double(scalar)]
            let set = try method(options, as: MAMAdapter.self).grafts(for: loaded.model, key: RandomKey(seed: 1))
                .perturbed()
            for variable in set.variables where variable.name.contains("adapter_up") { try change(variable) }
            try loaded.model.add(set, named: "a")
            return try TinyModels.outputs(loaded)
        }
        let scaled = try outputs(4) { _ in }
        let folded = try outputs(1) { try $0.load($0.value.detach() * 4) }
        #expect(try scaled.distance(to: folded) < 1e-5)
        #expect(try scaled.distance(to: outputs(1) { _ in }) > 1e-3)
    }

    @Test func aFreshHoulsbyIsNearTheBaseAndWithinTwoDeviations() throws {
        let model = try TinyModels.make("bert").model
        let set = try Houlsby().grafts(for: model, key: RandomKey(seed: 1))
        let maps = set.variables.filter { $0.name.hasSuffix("down.weight") || $0.name.hasSuffix("up.weight") }
        let numbers = try Tensor.cat(maps.map { try $0.value.detach().reshape([-1]) })
        #expect(try numbers.abs().amax().item() <= 2e-3 + 1e-9)
        // A normal that is cut at two deviations keeps 0.88 of its deviation.
        let deviation = try (numbers * numbers).mean().sqrt().item()
        #expect(abs(deviation - 0.88e-3) < 0.03e-3)
    }

    @Test(
        arguments: [
            (["bottleneck": 4, "reduction_factor": 2], "twice"), (["bottleneck": 0], "positive"),
            (["reduction_factor": -1], "positive"), (["adapter_activation": "gelo"], "the nearest is `gelu`"),
            (["adapter_dropout": 1], "below 1"),
        ] as [(JSON, String)])
    func optionsThatCannotBeAreRefusedByName(options: JSON, words: String) {
        let error = #expect(throws: MethodError.self) { try method(options, as: Houlsby.self) }
        #expect(error.map { "\($0)" }?.contains(words) == true)
    }
}
