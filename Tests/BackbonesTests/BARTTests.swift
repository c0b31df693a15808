import JSON
import Networks
import Testing
import Torch

@testable import Backbones

@Suite struct BARTTests {
    static let config: JSON = [
        "model_type": "bart", "architectures": ["BartForConditionalGeneration"], "vocab_size": 40, "d_model": 16,
        "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 2, "decoder_attention_heads": 4,
        "encoder_ffn_dim": 24, "decoder_ffn_dim": 20, "max_position_embeddings": 12, "pad_token_id": 1,
        "eos_token_id": 2, "decoder_start_token_id": 2, "init_std": 0.4,
    ]
    private let source = [[5, 6, 7, 8, 2], [9, 10, 2, 1, 1]]
    private let target = [[2, 11, 12, 13], [2, 14, 15, 16]]

    private func ids(_ rows: [[Int]]) throws -> Tensor {
        try Tensor(rows.joined().map(Int64.init), shape: [rows.count, rows[0].count])
    }

    private func input() throws -> ModelInput {
        var input = ModelInput(inputIDs: try ids(source), attentionMask: try ids(source).ne(1).to(.int64))
        input.decoderInputIDs = try ids(target)
        return input
    }

    private func generator(_ model: Model) throws -> any EncoderDecoderNetwork {
        try #require(model.network as? any EncoderDecoderNetwork)
    }

    private func difference(_ a: Tensor, _ b: Tensor) throws -> Double { try (a - b).abs().amax().item() }

    @Test func stepsWithACacheGiveTheScoresOfTheWholeTarget() throws {
        let model = try Tiny.model(BARTTests.config)
        let network = try generator(model)
        let whole = try network.hiddenStates(input(), ForwardContext())
        let encoded = try network.encoded(input(), ForwardContext())
        let cache = KeyValueCache(layers: network.decoderLayerCount)
        for step in 0..<4 {
            var next = ModelInput()
            next.decoderInputIDs = try ids(target).narrow(1, step, 1)
            let hidden = try network.hiddenStates(next, seeing: encoded, ForwardContext(cache: cache))
            #expect(try difference(hidden, whole.narrow(1, step, 1)) < 1e-5)
        }
    }

    @Test func rowsThatAreLeftGoOnAsTheyWere() throws {
        let network = try generator(Tiny.model(BARTTests.config))
        let whole = try network.hiddenStates(input(), ForwardContext())
        let encoded = try network.encoded(input(), ForwardContext())
        let cache = KeyValueCache(layers: network.decoderLayerCount)
        var first = ModelInput()
        first.decoderInputIDs = try ids(target).narrow(1, 0, 3)
        _ = try network.hiddenStates(first, seeing: encoded, ForwardContext(cache: cache))
        let second = try Tensor([Int64(1)])
        try encoded.select(rows: second)
        try cache.select(rows: second)
        var last = ModelInput()
        last.decoderInputIDs = try ids(target).narrow(0, 1, 1).narrow(1, 3, 1)
        let hidden = try network.hiddenStates(last, seeing: encoded, ForwardContext(cache: cache))
        #expect(try difference(hidden, whole.narrow(0, 1, 1).narrow(1, 3, 1)) < 1e-5)
    }

    @Test func paddingOfTheSourceChangesNothing() throws {
        let model = try Tiny.model(BARTTests.config)
        let padded = try #require(try model(input()).logits).narrow(0, 1, 1)
        var alone = ModelInput(inputIDs: try ids([[9, 10, 2]]))
        alone.decoderInputIDs = try ids([target[1]])
        #expect(try difference(padded, #require(model(alone).logits)) < 1e-5)
    }

    @Test func theDecoderReadsTheSourceMovedRightWhereNothingElseIsGiven() throws {
        let model = try Tiny.model(BARTTests.config)
        var input = ModelInput(inputIDs: try ids([[5, 6, 7]]))
        let given = try #require(try model(input).logits)
        input.decoderInputIDs = try ids([[2, 5, 6]])
        #expect(try given.isEqual(to: #require(model(input).logits)))
    }

    @Test func filesOfTheBareBackboneAndOfTheWholeGiveTheSameScores() throws {
        let whole = try TemporaryCheckpoint(BARTTests.config)
        let bare = try TemporaryCheckpoint(BARTTests.config) { String($0.dropFirst("model.".count)) }
        let scores = try [whole, bare].map { try #require(try Backbones.load($0.folder).model(input()).logits) }
        #expect(try scores[0].isEqual(to: scores[1]))
    }

    @Test func theStoredShiftOfTheScoresCountsInScoresAndLossAndIsNoParameter() throws {
        let shift = try Tensor.uniform([1, 40], -2, 2, key: RandomKey(seed: 3))
        let plain = try Tiny.model(BARTTests.config)
        let checkpoint = try TemporaryCheckpoint(BARTTests.config, adding: [("final_logits_bias", shift)])
        let loaded = try Backbones.load(checkpoint.folder)
        #expect(loaded.newParameters.isEmpty && loaded.model.parameters["final_logits_bias"] == nil)
        let scores = try #require(try loaded.model(input()).logits)
        #expect(try difference(scores, #require(plain(input()).logits) + shift) < 1e-5)
        let network = try generator(loaded.model)
        let hidden = try network.hiddenStates(input(), ForwardContext()).reshape([8, 16])
        let labels = try Tensor((3..<11).map(Int64.init))
        let loss = try network.lossSum(hidden, labels: labels, ForwardContext())
        #expect(try difference(loss, scores.reshape([8, 40]).crossEntropySum(labels)) < 1e-4)
    }

    @Test func everyAttentionAndEverySublayerIsASite() throws {
        let model = try Tiny.model(BARTTests.config)
        #expect(Array(model.bodies.keys) == ["model.encoder", "model.decoder"])
        #expect(model.attentions.values.filter(\.isCross).map(\.path).first == "model.decoder.layers.0.encoder_attn")
        #expect(model.attentions.count == 2 + 2 * 3)
        let roles = model.sublayers.values.filter { $0.path.hasPrefix("model.decoder.layers.2.") }.map(\.role)
        #expect(roles == [.attention, .crossAttention, .feedForward])
        #expect(model.projections["model.decoder.layers.1.encoder_attn.q_proj"] != nil)
        #expect(model.norms["model.encoder.layers.0.self_attn_layer_norm"] != nil)
        #expect(model.parameters.keys.filter { $0.hasSuffix("embed_tokens.weight") || $0 == "lm_head.weight" }.isEmpty)
    }

    @Test func aClassifierReadsTheLastEndTokenAndRefusesTextsWithoutOne() throws {
        let model = try Tiny.model(BARTTests.config, head: .sequenceClassification(labels: 3))
        let both = try #require(try model(ModelInput(inputIDs: ids([[5, 2, 6, 2, 1, 1]]))).logits)
        let alone = try #require(try model(ModelInput(inputIDs: ids([[5, 2, 6, 2]]))).logits)
        #expect(try both.shape == [1, 3])
        #expect(throws: NetworkError.self) { try model(ModelInput(inputIDs: ids([[5, 2, 6], [5, 6, 7]]))) }
        // The decoder sees no later token, but the encoder sees padding that no mask hides.
        let mask = try ids([[1, 1, 1, 1, 0, 0]])
        let hidden = try model(ModelInput(inputIDs: ids([[5, 2, 6, 2, 1, 1]]), attentionMask: mask)).logits
        #expect(try difference(#require(hidden), alone) < 1e-5)
    }

    @Test func layersAreLeftOutInTrainingOnly() throws {
        let model = try Tiny.model(BARTTests.config.with(["encoder_layerdrop": 1.0, "dropout": 0.0]))
        let plain = try #require(try Tiny.model(BARTTests.config)(input()).logits)
        #expect(try plain.isEqual(to: #require(model(input()).logits)))
        let trained = try #require(try model(input(), ForwardContext(isTraining: true)).logits)
        #expect(try difference(plain, trained) > 1e-3)
    }

    @Test func whatItDoesNotComputeIsRefused() throws {
        for (key, value) in [("normalize_before", true), ("add_final_layer_norm", true), ("is_decoder", true)] {
            #expect(throws: NetworkError.self) { try Tiny.model(BARTTests.config.with([key: .bool(value)])) }
        }
        #expect(throws: NetworkError.self) { try Tiny.model(BARTTests.config.with(["decoder_attention_heads": 3])) }
        #expect(throws: NetworkError.self) { try Tiny.model(BARTTests.config.with(["pad_token_id": 40])) }
        #expect(throws: NetworkError.self) { try Tiny.model(BARTTests.config, head: .causalLM) }
        let model = try Tiny.model(BARTTests.config)
        #expect(throws: NetworkError.self) { try model(ModelInput(inputIDs: ids([Array(3..<16)]))) }
        #expect(throws: NetworkError.self) { try model(ModelInput(inputIDs: Tensor.zeros([1, 0], dtype: .int64))) }
        var packed = try input()
        packed.segmentIDs = try ids(source)
        #expect(throws: NetworkError.self) { try model(packed) }
    }
}
