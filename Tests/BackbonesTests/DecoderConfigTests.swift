import JSON
import Networks
import Testing
import Torch

@testable import Backbones

@Suite("Decoder configurations")
struct DecoderConfigTests {
    private static let refused: [(String, JSON)] = [
        ("quantization_config", ["quant_method": "gptq"]), ("num_experts", 8), ("num_local_experts", 4),
        ("attention_chunk_size", 32), ("is_causal", false), ("use_bidirectional_attention", true),
        ("hidden_act", "swiglu"), ("num_key_value_heads", 3), ("rope_theta", 0),
        ("rope_scaling", ["rope_type": "mrope", "mrope_section": [2, 1, 1]]),
        ("rope_scaling", ["rope_type": "longrope", "short_factor": [1], "long_factor": [1]]),
        ("rope_scaling", ["rope_type": "linear", "factor": 0]),
        ("rope_parameters", ["rope_type": "yarn", "factor": 2, "partial_rotary_factor": 0.5]),
    ]

    @Test("fields that change the result and are not computed are refused", arguments: refused)
    func refuses(_ key: String, _ value: JSON) throws {
        let config = ModelConfig(TinyDecoder.llama.with([key: value]))
        #expect {
            try Backbones.random(config, options: .init())
        } throws: { error in
            guard case NetworkError.unsupported? = error as? NetworkError else { return false }
            return true
        }
    }

    @Test("a rope scaling without its factor is refused by name")
    func missingFactor() throws {
        let config = ModelConfig(TinyDecoder.llama.with(["rope_scaling": ["type": "linear"]]))
        #expect(throws: JSONError.self) { try Backbones.random(config, options: .init()) }
    }

    @Test("sizes whose products overflow are refused")
    func overflow() throws {
        let config = ModelConfig(
            TinyDecoder.llama.with(["head_dim": 1_099_511_627_776, "num_attention_heads": 1_099_511_627_776]))
        #expect(throws: JSONError.self) { try Backbones.random(config, options: .init()) }
    }

    @Test("windows are derived where layer_types does not say")
    func windows() throws {
        func layers(_ config: JSON, _ settings: (ModelConfig) throws -> DecoderSettings) throws -> [Int?] {
            let settings = try settings(ModelConfig(config))
            return try (0..<settings.layers).map { try settings.window(ofLayer: $0) }
        }
        let four = ["num_hidden_layers": 4] as [String: JSON?]
        #expect(try layers(TinyDecoder.gemma2.with(four), DecoderSettings.gemma2) == [4, nil, 4, nil])
        #expect(try layers(TinyDecoder.qwen3.with(four), DecoderSettings.qwen3) == [nil, 3, 3, 3])
        #expect(try layers(TinyDecoder.mistral, DecoderSettings.mistral) == [4, 4])
        #expect(
            try layers(TinyDecoder.mistral.with(["sliding_window": .null]), DecoderSettings.mistral) == [nil, nil])
        #expect(
            try layers(TinyDecoder.qwen3.with(["use_sliding_window": false]), DecoderSettings.qwen3) == [nil, nil])
        let named = TinyDecoder.qwen3.with(["layer_types": ["sliding_attention", "full_attention"]])
        #expect(try layers(named, DecoderSettings.qwen3) == [3, nil])
    }

    @Test("layer_types that no window stands behind are refused")
    func windowlessTypes() throws {
        let types: JSON = ["sliding_attention", "full_attention"]
        for changes in [["layer_types": types, "use_sliding_window": false], ["layer_types": ["full_attention"]]] {
            let config = ModelConfig(TinyDecoder.qwen3.with(changes as [String: JSON?]))
            #expect(throws: NetworkError.self) { try Backbones.random(config, options: .init()) }
        }
    }

    @Test("the spellings of a rope scaling mean the same")
    func spellings() throws {
        let newer = TinyDecoder.llama.with([
            "rope_theta": nil, "rope_parameters": ["rope_type": "linear", "factor": 4, "rope_theta": 100],
        ])
        let older = TinyDecoder.llama.with(["rope_scaling": ["rope_type": "linear", "factor": 4]])
        let oldest = TinyDecoder.llama.with(["rope_scaling": ["type": "linear", "factor": 4]])
        let frequencies = try [newer, older, oldest].map { config in
            try DecoderSettings.llama(ModelConfig(config)).rotary.frequencies()
        }
        #expect(frequencies[0] == frequencies[1])
        #expect(frequencies[0] == frequencies[2])
        #expect(abs(frequencies[0][0] - 0.25) < 1e-7)
    }

    @Test("a kind of layer may have its own rope")
    func ropeByKind() throws {
        let config = TinyDecoder.gemma3.with([
            "rope_theta": nil,
            "rope_parameters": [
                "full_attention": ["rope_type": "linear", "factor": 2, "rope_theta": 400],
                "sliding_attention": ["rope_type": "default", "rope_theta": 25],
            ],
        ])
        let settings = try DecoderSettings.gemma3(ModelConfig(config))
        #expect(try settings.rotary.frequencies()[0] == 0.5)
        #expect(try settings.windowRotary?.frequencies()[0] == 1)
        #expect(settings.windowRotary?.theta == 25)
    }

    @Test("dynamic scaling acts only beyond the context, and on the whole batch")
    func dynamic() throws {
        let plain = TinyDecoder.llama.with(["max_position_embeddings": 6])
        let dynamic = plain.with(["rope_scaling": ["rope_type": "dynamic", "factor": 2]])
        let (a, b) = (try Tiny.model(plain), try Tiny.model(dynamic))
        let within = ModelInput(inputIDs: try TinyDecoder.ids(rows: 1, length: 6))
        #expect(try a(within).lastHiddenState.distance(to: b(within).lastHiddenState) == 0)
        let beyond = ModelInput(inputIDs: try TinyDecoder.ids(rows: 1, length: 7))
        #expect(try a(beyond).lastHiddenState.distance(to: b(beyond).lastHiddenState) > 1e-4)
    }
}
