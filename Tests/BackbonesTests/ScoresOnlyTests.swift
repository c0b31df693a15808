import JSON
import Networks
import Testing
import Torch

@testable import Backbones

/// Leaving out what no score comes from changes no score and no gradient.
@Suite struct ScoresOnlyTests {
    @Test(arguments: ["bert", "roberta"], [true, false])
    func classifiersGiveTheSameScoresAndGradients(family: String, padded: Bool) throws {
        let config = ModelConfig([
            "model_type": .string(family), "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 20, "pad_token_id": 1,
            "type_vocab_size": 2,
        ])
        func run(scoresOnly: Bool) throws -> (scores: Tensor, gradient: Tensor, states: Int) {
            let model = try Backbones.random(config, head: .sequenceClassification(labels: 3), options: .init(seed: 3))
                .model
            let parameter = try #require(
                model.parameters["\(family).encoder.layer.1.attention.self.value.weight"])
            let leaf = try parameter.base.clone().setRequiresGrad(true)
            try parameter.replace(with: leaf)
            let ids = try Tensor([5, 6, 7, 8, 9, 10, 11, 12, 13, 14] as [Int64], shape: [2, 5])
            let mask = try padded ? Tensor([1, 1, 1, 1, 1, 1, 1, 1, 0, 0] as [Int64], shape: [2, 5]) : nil
            let output = try model(
                ModelInput(inputIDs: ids, attentionMask: mask), ForwardContext(scoresOnly: scoresOnly))
            let scores = try #require(output.logits)
            try (scores * scores).sum().backward()
            return (try scores.detach(), try #require(try leaf.grad), try output.lastHiddenState.size(1))
        }
        let (whole, part) = (try run(scoresOnly: false), try run(scoresOnly: true))
        #expect(whole.states == 5 && part.states == 1)
        #expect(try (whole.scores - part.scores).abs().amax().item() < 1e-6)
        #expect(try (whole.gradient - part.gradient).abs().amax().item() < 1e-6)
    }

    @Test func imageClassifiersGiveTheSameScoresAndGradients() throws {
        let config = ModelConfig([
            "model_type": "vit", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 24, "image_size": 8, "patch_size": 4, "num_channels": 3,
        ])
        func run(scoresOnly: Bool) throws -> (scores: Tensor, gradient: Tensor, states: Int) {
            let model = try Backbones.random(config, head: .imageClassification(labels: 3), options: .init(seed: 3))
                .model
            let parameter = try #require(model.parameters["vit.layers.1.attention.v_proj.weight"])
            let leaf = try parameter.base.clone().setRequiresGrad(true)
            try parameter.replace(with: leaf)
            let pixels = try Tensor.normal([2, 3, 8, 8], key: RandomKey(seed: 5))
            let output = try model(ModelInput(pixelValues: pixels), ForwardContext(scoresOnly: scoresOnly))
            let scores = try #require(output.logits)
            try (scores * scores).sum().backward()
            return (try scores.detach(), try #require(try leaf.grad), try output.lastHiddenState.size(1))
        }
        let (whole, part) = (try run(scoresOnly: false), try run(scoresOnly: true))
        #expect(whole.states == 5 && part.states == 1)
        #expect(try (whole.scores - part.scores).abs().amax().item() < 1e-6)
        #expect(try (whole.gradient - part.gradient).abs().amax().item() < 1e-6)
    }
}
