import JSON
import Networks
import Testing
import Torch

@testable import Backbones

@Suite("Decoders")
struct DecoderTests {
    @Test("packed examples give what they give in rows of their own", arguments: TinyDecoder.all)
    func packing(_ config: JSON) throws {
        let model = try Tiny.model(config)
        let lengths = [5, 7, 1]
        let ids = try TinyDecoder.ids(rows: 1, length: 13)
        let packed = try model(
            ModelInput(
                inputIDs: ids,
                positionIDs: Tensor(lengths.flatMap { (0..<$0).map(Int64.init) }, shape: [1, 13]),
                segmentIDs: Tensor(
                    lengths.enumerated().flatMap { Array(repeating: Int64($0), count: $1) }, shape: [1, 13]))
        ).lastHiddenState
        var start = 0
        for length in lengths {
            let alone = try model(ModelInput(inputIDs: ids.narrow(1, start, length))).lastHiddenState
            #expect(try packed.narrow(1, start, length).distance(to: alone) < 1e-4)
            start += length
        }
    }

    @Test("packed rows without positions are refused")
    func packingNeedsPositions() throws {
        let model = try Tiny.model(TinyDecoder.llama)
        let ids = try TinyDecoder.ids(rows: 1, length: 4)
        #expect(throws: NetworkError.self) {
            try model(ModelInput(inputIDs: ids, segmentIDs: Tensor.zeros([1, 4], dtype: .int64)))
        }
    }

    @Test("generation with a cache gives what the whole text gives, step by step", arguments: TinyDecoder.all)
    func cache(_ config: JSON) throws {
        let network = try TinyDecoder.language(try Tiny.model(config))
        let (length, prompt) = (12, 5)
        let ids = try TinyDecoder.ids(rows: 2, length: length)
        let mask = try Tensor.ones([2, length], dtype: .int64)
        try mask.narrow(0, 1, 1).narrow(1, 0, 3).zeroInPlace()
        let positions = try Tensor(
            (0..<length).map(Int64.init) + (0..<length).map { Int64(max(0, $0 - 3)) }, shape: [2, length])
        let whole = try network.hiddenStates(
            ModelInput(inputIDs: ids, attentionMask: mask, positionIDs: positions), ForwardContext())

        let cache = KeyValueCache(layers: network.layerCount)
        for (start, count) in [(0, prompt)] + (prompt..<length).map({ ($0, 1) }) {
            let step = try network.hiddenStates(
                ModelInput(
                    inputIDs: ids.narrow(1, start, count), attentionMask: mask.narrow(1, 0, start + count)),
                ForwardContext(cache: cache))
            let (last, expected) = (try step.narrow(1, count - 1, 1), try whole.narrow(1, start + count - 1, 1))
            #expect(try last.distance(to: expected) < 1e-4)
        }
        #expect(cache.length == length)
    }

    @Test("several new tokens at once go on from the cache", arguments: TinyDecoder.all)
    func cacheInChunks(_ config: JSON) throws {
        let network = try TinyDecoder.language(try Tiny.model(config))
        let ids = try TinyDecoder.ids(rows: 2, length: 11)
        let whole = try network.hiddenStates(ModelInput(inputIDs: ids), ForwardContext())
        let cache = KeyValueCache(layers: network.layerCount)
        for (start, count) in [(0, 4), (4, 5), (9, 2)] {
            let step = try network.hiddenStates(
                ModelInput(inputIDs: ids.narrow(1, start, count)), ForwardContext(cache: cache))
            #expect(try step.distance(to: whole.narrow(1, start, count)) < 1e-4)
        }
    }

    @Test("a token sees no later one", arguments: TinyDecoder.all)
    func order(_ config: JSON) throws {
        let model = try Tiny.model(config)
        let ids = try TinyDecoder.ids(rows: 1, length: 10)
        let changed = try Tensor.cat([ids.narrow(1, 0, 9), ids.narrow(1, 0, 1)], dim: 1)
        let (a, b) = (
            try model(ModelInput(inputIDs: ids)).lastHiddenState,
            try model(ModelInput(inputIDs: changed)).lastHiddenState
        )
        #expect(try a.narrow(1, 0, 9).distance(to: b.narrow(1, 0, 9)) < 1e-6)
        #expect(try a.narrow(1, 9, 1).distance(to: b.narrow(1, 9, 1)) > 1e-3)
    }

    @Test("a window bounds what a token sees")
    func window() throws {
        let model = try Tiny.model(TinyDecoder.mistral.with(["num_hidden_layers": 1]))
        let ids = try TinyDecoder.ids(rows: 1, length: 10)
        let changed = try Tensor.cat([ids.narrow(1, 9, 1), ids.narrow(1, 1, 9)], dim: 1)
        let (a, b) = (
            try model(ModelInput(inputIDs: ids)).lastHiddenState,
            try model(ModelInput(inputIDs: changed)).lastHiddenState
        )
        #expect(try a.narrow(1, 3, 1).distance(to: b.narrow(1, 3, 1)) > 1e-4)
        #expect(try a.narrow(1, 4, 6).distance(to: b.narrow(1, 4, 6)) < 1e-6)
    }

    @Test("the loss reaches every parameter", arguments: TinyDecoder.all)
    func gradients(_ config: JSON) throws {
        let model = try Tiny.model(config)
        for parameter in model.parameters.values {
            try parameter.replace(with: parameter.value.clone().setRequiresGrad(true))
        }
        let network = try TinyDecoder.language(model)
        let ids = try TinyDecoder.ids(rows: 2, length: 6)
        let hidden = try network.hiddenStates(ModelInput(inputIDs: ids), ForwardContext(isTraining: true))
        let rows = try hidden.reshape([12, -1])
        try network.lossSum(rows, labels: ids.reshape([12]), ForwardContext(isTraining: true)).backward()
        for parameter in model.parameters.values {
            let gradient = try #require(try parameter.value.grad, "\(parameter.name)")
            #expect(try gradient.abs().sum().item() > 0, "\(parameter.name)")
        }
    }

    @Test("the summed loss is that of the scores", arguments: TinyDecoder.all)
    func loss(_ config: JSON) throws {
        let network = try TinyDecoder.language(try Tiny.model(config))
        let ids = try TinyDecoder.ids(rows: 2, length: 6)
        let hidden = try network.hiddenStates(ModelInput(inputIDs: ids), ForwardContext()).reshape([12, -1])
        let labels = try ids.reshape([12])
        let expected = try network.scores(hidden, ForwardContext()).crossEntropySum(labels)
        let found = try network.lossSum(hidden, labels: labels, ForwardContext())
        #expect(try abs(found.item() - expected.item()) < 1e-3)
    }

    @Test("right padding changes no token")
    func rightPadding() throws {
        for config in TinyDecoder.all {
            let model = try Tiny.model(config)
            let ids = try TinyDecoder.ids(rows: 1, length: 8)
            let mask = try Tensor((0..<8).map { Int64($0 < 5 ? 1 : 0) }, shape: [1, 8])
            let padded = try model(ModelInput(inputIDs: ids, attentionMask: mask)).lastHiddenState
            let alone = try model(ModelInput(inputIDs: ids.narrow(1, 0, 5))).lastHiddenState
            #expect(try padded.narrow(1, 0, 5).distance(to: alone) < 1e-5)
        }
    }

    @Test("a mask of the wrong length is refused")
    func maskLength() throws {
        let model = try Tiny.model(TinyDecoder.llama)
        let input = ModelInput(
            inputIDs: try TinyDecoder.ids(rows: 1, length: 6), attentionMask: try Tensor.ones([1, 5], dtype: .int64))
        #expect(throws: NetworkError.self) { try model(input) }
    }
}

@Suite("Sequence classifiers on decoders")
struct DecoderClassifierTests {
    private static let config = TinyDecoder.llama.with([
        "architectures": ["LlamaForSequenceClassification"], "num_labels": 3, "pad_token_id": 2,
    ])

    @Test("the last token that is not the padding id is scored, wherever the padding is")
    func lastToken() throws {
        let model = try Tiny.model(DecoderClassifierTests.config)
        let ids = try TinyDecoder.ids(rows: 1, length: 5)
        let alone = try #require(try model(ModelInput(inputIDs: ids)).logits)
        let pads = try Tensor([Int64](repeating: 2, count: 3), shape: [1, 3])
        let right = try #require(try model(ModelInput(inputIDs: Tensor.cat([ids, pads], dim: 1))).logits)
        #expect(try alone.distance(to: right) < 1e-5)
        let left = ModelInput(
            inputIDs: try Tensor.cat([pads, ids], dim: 1),
            attentionMask: try Tensor([0, 0, 0, 1, 1, 1, 1, 1] as [Int64], shape: [1, 8]))
        #expect(try alone.distance(to: #require(try model(left).logits)) < 1e-4)
    }

    @Test("a masked token that is scored sees only what is not masked")
    func maskedLastToken() throws {
        let model = try Tiny.model(DecoderClassifierTests.config)
        let ids = try TinyDecoder.ids(rows: 1, length: 6)
        let mask = try Tensor([1, 1, 1, 0, 0, 0] as [Int64], shape: [1, 6])
        let changed = try Tensor.cat([ids.narrow(1, 0, 4), ids.narrow(1, 0, 1), ids.narrow(1, 5, 1)], dim: 1)
        let (a, b) = (
            try #require(try model(ModelInput(inputIDs: ids, attentionMask: mask)).logits),
            try #require(try model(ModelInput(inputIDs: changed, attentionMask: mask)).logits)
        )
        #expect(try a.distance(to: b) < 1e-6)
    }

    @Test("several rows without a padding id are refused, one is not")
    func noPaddingID() throws {
        let model = try Tiny.model(DecoderClassifierTests.config.with(["pad_token_id": .null]))
        #expect(throws: NetworkError.self) {
            try model(ModelInput(inputIDs: TinyDecoder.ids(rows: 2, length: 4)))
        }
        #expect(try model(ModelInput(inputIDs: TinyDecoder.ids(rows: 1, length: 4))).logits?.shape == [1, 3])
    }
}
