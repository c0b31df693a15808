import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct BitFitTests {
    private func names(_ options: JSON, _ model: String) throws -> [String] {
        let set = try method(options, as: BitFit.self).grafts(
            for: TinyModels.make(model).model, key: RandomKey(seed: 1))
        #expect(set.grafts.isEmpty)
        return Array(set.parameters.keys)
    }

    @Test(arguments: [("bert", 2 * 8 + 1 + 2), ("gpt2", 2 * 6 + 1), ("vit", 2 * 8 + 1 + 2)])
    func everyBiasIsTrainedAndNothingElse(model: String, count: Int) throws {
        let names = try names([:], model)
        #expect(names.allSatisfy { $0.hasSuffix(".bias") })
        #expect(names.count == count)
        #expect(Set(names) == Set(try TinyModels.make(model).model.parameters.keys.filter { $0.hasSuffix("bias") }))
    }

    @Test func theSmallSetIsQueriesAndFirstLayers() throws {
        let names = try names(["bias_set": "query_fc1"], "bert")
        #expect(
            names
                == (0..<2).flatMap {
                    [
                        "bert.encoder.layer.\($0).attention.self.query.bias",
                        "bert.encoder.layer.\($0).intermediate.dense.bias",
                    ]
                })
    }

    @Test func aNetworkWithoutBiasesIsAnError() throws {
        let error = #expect(throws: MethodError.self) { try names([:], "llama") }
        #expect(error.map { "\($0)" }?.contains("nothing to train") == true)
    }

    @Test func queriesInAJoinedProjectionHaveNoBiasOfTheirOwn() throws {
        let error = #expect(throws: MethodError.self) { try names(["bias_set": "query_fc1"], "gpt2") }
        #expect(error.map { "\($0)" }?.contains("c_attn") == true)
    }

    @Test func targetsChooseAmongTheModules() throws {
        #expect(try names(["target_modules": ["LayerNorm"]], "bert").count == 5)
        #expect(throws: MethodError.self) { try names(["target_modules": ["LayerNrom"]], "bert") }
    }
}
