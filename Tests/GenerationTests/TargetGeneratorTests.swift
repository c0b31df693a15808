import Backbones
import JSON
import Networks
import Testing
import Torch

@testable import Generation

@Suite struct TargetGeneratorTests {
    static func model() throws -> Model {
        let config: JSON = [
            "model_type": "bart", "architectures": ["BartForConditionalGeneration"], "vocab_size": 258, "d_model": 32,
            "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 2,
            "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 40, "pad_token_id": 0,
            "decoder_start_token_id": 256, "eos_token_id": 257, "tie_word_embeddings": false,
        ]
        let model = try Backbones.random(ModelConfig(config), options: .init(seed: 7)).model
        for parameter in model.parameters.values {
            let key = RandomKey(seed: 3).derived(parameter.name)
            try parameter.replace(with: parameter.base + .normal(parameter.base.shape, std: 0.5, key: key))
        }
        return model
    }

    private func generator(endTokens: Set<Int> = []) throws -> TargetGenerator {
        try TargetGenerator(Self.model(), tokenizer: TinyModel.tokenizer(), endTokens: endTokens)
    }

    private func options(_ change: (inout GenerationOptions) -> Void = { _ in }) -> GenerationOptions {
        var options = GenerationOptions()
        options.maxNewTokens = 10
        change(&options)
        return options
    }

    @Test func greedyTakesTheTokenWithTheHighestScoreOfAPlainForward() throws {
        let model = try Self.model()
        let found = try generator().generate(["abc"], options: options())[0]
        var input = ModelInput(inputIDs: try Tensor([Int64(97), 98, 99], shape: [1, 3]))
        var ids: [Int64] = [256]
        for id in found.ids {
            input.decoderInputIDs = try Tensor(ids, shape: [1, ids.count])
            let scores = try #require(try model(input).logits)
            #expect(Int(try scores.select(0, 0).select(0, ids.count - 1).argmax(0).item()) == id)
            ids.append(Int64(id))
        }
        #expect(found.ids.count == 10 && found.promptTokens == 3 && found.finish == .length)
        #expect(Set(found.ids).count > 1, "one token over and over says little about the cache")
    }

    @Test(arguments: [0.0, 0.9])
    func sideBySideAndWithoutACacheIsAsAlone(temperature: Double) throws {
        let sources = ["a much longer source than the others", "b", "some"]
        let settings = options { $0.temperature = temperature }
        let together = try generator().generate(sources, options: settings)
        #expect(try together == sources.map { try generator().generate([$0], options: settings)[0] })
        let uncached = options { ($0.temperature, $0.usesCache) = (temperature, false) }
        #expect(try together == generator().generate(sources, options: uncached))
    }

    @Test func rowsThatEndEarlyLeaveTheOthersAsTheyWere() throws {
        let long = try generator().generate(["one", "another source"], options: options())
        let candidate = long[0].ids.enumerated().first { place, id in
            place < 9 && !long[0].ids[..<place].contains(id) && !long[1].ids.contains(id)
        }
        let (place, end) = try #require(candidate)
        let ended = try generator(endTokens: [end]).generate(["one", "another source"], options: options())
        #expect(ended[0].ids == Array(long[0].ids[...place]) && ended[0].finish == .endToken)
        #expect(ended[1] == long[1])
    }

    @Test func aTargetEndsWithThePositionsAndALongerSourceIsRefused() throws {
        let whole = try generator().generate(["x"], options: options { $0.maxNewTokens = 100 })[0]
        #expect(whole.ids.count == 40 && whole.finish == .length)
        let source = String(repeating: "y", count: 41)
        #expect(throws: GenerationError.promptTooLong(index: 0, tokens: 41, limit: 40)) {
            try generator().generate([source])
        }
        #expect(throws: GenerationError.emptyPrompt(index: 0)) { try generator().generate([""]) }
    }
}
