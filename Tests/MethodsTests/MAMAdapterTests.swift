import Foundation
import JSON
import TestModels
import Testing
import Torch

@testable import Methods
@testable import Networks

@Suite struct MAMAdapterTests {
    private func mam(_ changes: [String: JSON]) throws -> MAMAdapter {
        var options: JSON.Object = ["attn_bn": 3, "mid_dim": 5, "ffn_bn": 4, "adapter_dropout": 0]
        for (key, value) in changes { options[key] = value }
        return try method(.object(options))
    }

    private func outputs(_ method: MAMAdapter, on model: String, by scale: Double = 0.2) throws -> Tensor {
        let loaded = try TinyModels.make(model)
        try loaded.model.add(
            method.grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed(by: scale), named: "a")
        return try TinyModels.outputs(loaded)
    }

    @Test(arguments: ["bart", "bert", "llama", "gpt2"])
    func aGatedAttentionToAPrefixIsThatOfPrefixAndSequenceTogether(model: String) throws {
        let gated = try outputs(mam(["attn_option": "cross_attn_noln", "attn_composition": "gate_add"]), on: model)
        #expect(try gated.distance(to: outputs(mam([:]), on: model)) < 1e-5)
        #expect(try gated.distance(to: outputs(mam(["attn_option": "cross_attn_noln"]), on: model)) > 1e-3)
    }

    @Test(
        arguments: [
            ["attn_mode": "prefix_nomlp"], ["attn_option": "cross_attn"], ["attn_option": "cross_attn_relu"],
            ["attn_option": "cross_attn", "attn_composition": "gate_add"], ["attn_mode": "adapter"],
            ["attn_mode": "adapter", "attn_option": "sequential"], ["ffn_option": "pfeiffer"],
        ] as [[String: JSON]], ["bart", "bert"])
    func everyWiringComputesSomethingElseAndAllOfItIsTrained(options: [String: JSON], model: String) throws {
        let loaded = try TinyModels.make(model)
        let method = try mam(options.merging(["attn_bn": 8, "ffn_bn": 8]) { $1 })
        let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1)).perturbed(by: 0.2)
        try loaded.model.add(set, named: "a")
        let output = try loaded.model(TinyModels.input(loaded))
        let scores = try #require(output.logits)
        #expect(try scores.distance(to: outputs(mam([:]), on: model)) > 1e-4)
        try (scores * scores).sum().backward()
        for variable in set.variables {
            let gradient = try #require(try variable.value.grad, "\(variable.name) has no gradient")
            #expect(try gradient.abs().amax().item() > 0, "\(variable.name)")
        }
    }

    @Test func headsAreTheSumsOfTheFormulas() throws {
        let loaded = try TinyModels.make("bart")
        let site = try #require(loaded.model.attentions["model.decoder.layers.1.encoder_attn"])
        let input = try Tensor.normal([2, 4, 16], key: RandomKey(seed: 8))
        let base = try Tensor.normal([2, 4, 16], key: RandomKey(seed: 9))
        let queries = try Tensor.normal([2, 2, 4, 8], key: RandomKey(seed: 10))
        let pass = AttentionPass(
            input: input, queries: queries, scale: 0.3, logSum: { try Tensor.zeros([2, 2, 4, 1]) })
        func result(_ option: String) throws -> (Tensor, keys: Tensor, values: Tensor) {
            let method = try mam(["attn_option": .string(option), "attn_mode": "prefix_nomlp"])
            let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1))
            let graft = try #require(set.attentions[site.path] as? PrefixHeads)
            let stored = try graft.prefix.keysAndValues(at: site, ForwardContext())
            let made = try graft.heads(base, pass, at: site, ForwardContext())
            return (try made - base, stored.keys, stored.values)
        }
        func joined(_ x: Tensor) throws -> Tensor { try x.transpose(1, 2).reshape([2, 4, 16]) }
        let plain = try result("cross_attn_noln")
        let softmax = try (queries.matmul(plain.keys.transpose(-2, -1)) * 0.3).softmax().matmul(plain.values)
        #expect(try plain.0.distance(to: joined(softmax)) < 1e-6)

        let query = try #require(site.query?.projection)
        let normal = try input.layerNorm([16], weight: nil, bias: nil, eps: 1e-5)
        let made = try query(normal, ForwardContext()).reshape([2, 4, 2, 8]).transpose(1, 2)
        let relu = try result("cross_attn_relu")
        let unscaled = try made.matmul(relu.keys.transpose(-2, -1)).relu().matmul(relu.values)
        #expect(try relu.0.distance(to: joined(unscaled)) < 1e-6)
        let normed = try result("cross_attn")
        let scaled = try (made.matmul(normed.keys.transpose(-2, -1)) * 0.3).softmax().matmul(normed.values)
        #expect(try normed.0.distance(to: joined(scaled)) < 1e-6)
    }

    @Test func eachKindOfAttentionOfAnEncoderDecoderHasAPrefixOfItsOwn() throws {
        let loaded = try TinyModels.make("bart")
        let set = try mam([:]).grafts(for: loaded.model, key: RandomKey(seed: 1))
        let names = set.variables.map(\.name)
        for kind in ["encoder", "decoder", "cross"] {
            #expect(names.contains("\(kind).prefix.tokens") && names.contains("\(kind).prefix.fc2.weight"))
        }
        #expect(set.attentions.count == loaded.model.attentions.count)
        #expect(set.sublayers.keys.allSatisfy { $0.hasSuffix(".mlp") } && set.sublayers.count == 4)
        for prefix in set.prefixes { try prefix.finish() }
        let tables = set.variables.filter { $0.name.hasSuffix("prompt_embeddings") }
        #expect(tables.map(\.name).sorted().first == "cross.prompt_embeddings" && tables.count == 3)
        // Keys and values of the layers of a kind: 3 rows of 2 layers · 2 · 16 channels.
        #expect(try tables.allSatisfy { try $0.value.shape == [3, 64] })
    }

    @Test func withoutAPrefixANewAdapterIsTheBase() throws {
        let base = try TinyModels.outputs(TinyModels.make("bart"))
        #expect(try outputs(mam(["attn_bn": 0]), on: "bart", by: 0).isEqual(to: base))
        #expect(try outputs(mam(["attn_mode": "adapter"]), on: "bart", by: 0).isEqual(to: base))
    }

    @Test(
        arguments: [
            ["attn_option": "parallel"], ["attn_mode": "adapter", "attn_option": "concat"],
            ["attn_composition": "gate_add"], ["attn_option": "cross_attn_relu", "attn_composition": "gate_add"],
        ] as [[String: JSON]])
    func whatDoesNotGoTogetherIsRefused(options: [String: JSON]) throws {
        #expect(throws: MethodError.self) { try mam(options) }
    }

    @Test func rotatedQueriesHaveNoNormOfTheInput() throws {
        let model = try TinyModels.make("llama").model
        for options in [["attn_option": "cross_attn"], ["attn_mode": "adapter"]] as [[String: JSON]] {
            #expect(throws: MethodError.self) { try mam(options).grafts(for: model, key: RandomKey(seed: 1)) }
        }
    }
}
