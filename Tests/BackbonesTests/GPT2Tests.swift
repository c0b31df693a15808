import JSON
import Networks
import Testing
import Torch

@testable import Backbones

@Suite("GPT-2")
struct GPT2Tests {
    @Test("more tokens than positions are refused, cached ones counted")
    func tooLong() throws {
        let network = try TinyDecoder.language(try Tiny.model(TinyDecoder.gpt2.with(["n_positions": 6])))
        #expect(throws: NetworkError.self) {
            try network.hiddenStates(ModelInput(inputIDs: TinyDecoder.ids(rows: 1, length: 7)), ForwardContext())
        }
        let cache = KeyValueCache(layers: network.layerCount)
        let ids = try TinyDecoder.ids(rows: 1, length: 6)
        _ = try network.hiddenStates(ModelInput(inputIDs: ids), ForwardContext(cache: cache))
        #expect(throws: NetworkError.self) {
            try network.hiddenStates(ModelInput(inputIDs: ids.narrow(1, 0, 1)), ForwardContext(cache: cache))
        }
    }

    @Test("cross attention and heads that do not divide the size are refused")
    func refused() throws {
        for changes in [["add_cross_attention": true], ["n_head": 5]] as [[String: JSON?]] {
            let config = ModelConfig(TinyDecoder.gpt2.with(changes))
            #expect(throws: NetworkError.self) { try Backbones.random(config, options: .init()) }
        }
    }

    @Test("dropout acts in training only, and is a function of the key")
    func dropout() throws {
        let model = try Tiny.model(TinyDecoder.gpt2)
        let input = ModelInput(inputIDs: try TinyDecoder.ids(rows: 1, length: 6))
        func hidden(_ context: ForwardContext) throws -> Tensor { try model(input, context).lastHiddenState }
        let still = try hidden(ForwardContext())
        let one = try hidden(ForwardContext(isTraining: true, key: RandomKey(seed: 1)))
        #expect(try still.distance(to: one) > 1e-3)
        #expect(try one.distance(to: hidden(ForwardContext(isTraining: true, key: RandomKey(seed: 1)))) == 0)
        #expect(try one.distance(to: hidden(ForwardContext(isTraining: true, key: RandomKey(seed: 2)))) > 1e-3)
    }

    @Test("the published layout loads: no prefix, mask buffers, and a head's name for the tied table")
    func publishedLayout() throws {
        let mask = try Tensor.ones([1, 1, 32, 32])
        let checkpoint = try TemporaryCheckpoint(
            TinyDecoder.gpt2, adding: [("h.0.attn.bias", mask), ("h.0.attn.masked_bias", Tensor.scalar(-1e4))]
        ) { name in
            name == "transformer.wte.weight" ? "lm_head.weight" : String(name.dropFirst("transformer.".count))
        }
        let loaded = try Backbones.load(checkpoint.folder).model
        #expect(loaded.parameters["transformer.wte.weight"]?.fileName == "lm_head.weight")
        #expect(loaded.parameters["transformer.h.0.attn.c_attn.bias"] != nil)
        #expect(loaded.parameters["lm_head.weight"] == nil)
    }
}
