import JSON
import Networks

extension Architecture {
    static let llama = decoder("llama", DecoderSettings.llama)
    static let mistral = decoder("mistral", DecoderSettings.mistral)
    static let qwen2 = decoder("qwen2", DecoderSettings.qwen2)
    static let qwen3 = decoder("qwen3", DecoderSettings.qwen3)
    static let gemma = decoder("gemma", DecoderSettings.gemma)
    static let gemma2 = decoder("gemma2", DecoderSettings.gemma2)
    static let gemma3 = decoder("gemma3_text", DecoderSettings.gemma3)
    static let phi3 = decoder("phi3", DecoderSettings.phi3)

    private static func decoder(
        _ type: String, _ settings: @escaping @Sendable (ModelConfig) throws -> DecoderSettings
    ) -> Architecture {
        Architecture(
            modelTypes: [type],
            naming: Naming(
                prefix: "model", heads: ["lm_head", "score", "qa_outputs"], parts: ["embed_tokens", "layers", "norm"],
                ignoredEnds: [".rotary_emb.inv_freq"],
                tied: (embedding: "model.embed_tokens.weight", others: ["lm_head.weight"])),
            build: { config, head, root in
                let settings = try settings(config)
                return try Decoder(root("model"), settings).with(head, settings.head, root)
            })
    }
}

extension DecoderSettings {
    /// Touvron et al. 2023.
    static func llama(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try DecoderSettings(
            config, Defaults(vocabulary: 32000, hidden: 4096, intermediate: 11008, positions: 2048))
        settings.inputBias = try config.bool("attention_bias", default: false)
        settings.outputBias = settings.inputBias
        settings.unitBias = try config.bool("mlp_bias", default: false)
        return settings
    }

    /// Jiang et al. 2023: every layer sees a window, unless the configuration has none.
    static func mistral(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try DecoderSettings(
            config, Defaults(vocabulary: 32000, hidden: 4096, intermediate: 14336, keyHeads: 8, positions: 131_072))
        settings.window = try config.isNull("sliding_window") ? nil : config.int("sliding_window", default: 4096)
        let isWindowed = settings.window != nil
        settings.isWindowed = { _ in isWindowed }
        if let layers = try config.windowedLayers(settings.layers), layers.contains(!isWindowed) {
            throw NetworkError.unsupported(
                "config.json: layer_types that contradict sliding_window are not supported for mistral")
        }
        return settings
    }

    /// Yang et al. 2024: biases at queries, keys and values.
    static func qwen2(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try DecoderSettings(
            config, Defaults(vocabulary: 151_936, hidden: 4096, intermediate: 22016, keyHeads: 32, positions: 32768))
        settings.inputBias = true
        try settings.readQwenWindow(config)
        return settings
    }

    /// Yang et al. 2025: norms at queries and keys.
    static func qwen3(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try DecoderSettings(
            config,
            Defaults(
                vocabulary: 151_936, hidden: 4096, intermediate: 22016, keyHeads: 32, headSize: 128, positions: 32768))
        settings.inputBias = try config.bool("attention_bias", default: false)
        settings.outputBias = settings.inputBias
        settings.hasHeadNorms = true
        try settings.readQwenWindow(config)
        return settings
    }

    /// The layers from `max_window_layers` on, where `layer_types` does not say which.
    private mutating func readQwenWindow(_ config: ModelConfig) throws {
        if try config.bool("use_sliding_window", default: false) {
            window = try config.isNull("sliding_window") ? nil : config.int("sliding_window", default: 4096)
        }
        if let layers = try config.windowedLayers(layers) {
            isWindowed = { layers[$0] }
        } else if window != nil {
            let first = try config.int("max_window_layers", default: 28, minimum: 0)
            isWindowed = { $0 >= first }
        }
    }

    /// Gemma Team 2024: norms around one, scaled embeddings.
    static func gemma(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try gemmaBase(
            config,
            Defaults(
                vocabulary: 256_000, hidden: 3072, intermediate: 24576, layers: 28, heads: 16, keyHeads: 16,
                headSize: 256,
                positions: 8192, activation: ("hidden_act", "gelu_pytorch_tanh"), isTied: true, padID: 0))
        // The first releases wrote `gelu` and meant its tanh form.
        if settings.activation == .gelu { settings.activation = .geluTanh }
        return settings
    }

    /// Gemma Team 2024b: softcaps, norms behind each part, a window in every other layer from the first.
    static func gemma2(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try gemmaBase(
            config,
            Defaults(
                vocabulary: 256_000, hidden: 2304, intermediate: 9216, layers: 26, heads: 8, keyHeads: 4, headSize: 256,
                positions: 8192, activation: ("hidden_activation", "gelu_pytorch_tanh"), isTied: true, padID: 0))
        try settings.readGemmaAttention(config, finalSoftcap: 30, pattern: 2)
        settings.attentionSoftcap = try settings.softcap("attn_logit_softcapping", default: 50, config)
        return settings
    }

    /// Gemma Team 2025, the text model: norms at queries and keys, five windows to one full layer, a rotary base for each.
    static func gemma3(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try gemmaBase(
            config,
            Defaults(
                vocabulary: 262_208, hidden: 2304, intermediate: 9216, layers: 26, heads: 8, keyHeads: 4, headSize: 256,
                positions: 131_072, activation: ("hidden_activation", "gelu_pytorch_tanh"), isTied: true, padID: 0)
        ) { rotary in
            rotary.theta = 1_000_000
            rotary.windowTheta = 10_000
        }
        settings.hasHeadNorms = true
        // `attn_logit_softcapping` stands in its files and has no effect.
        let pattern = try config.int("sliding_window_pattern", default: 6)
        try settings.readGemmaAttention(config, finalSoftcap: nil, pattern: pattern)
        return settings
    }

    private static func gemmaBase(
        _ config: ModelConfig, _ defaults: Defaults, rotary: (inout RotaryFamily) throws -> Void = { _ in }
    ) throws -> DecoderSettings {
        var settings = try DecoderSettings(config, defaults, rotary: rotary)
        settings.inputBias = try config.bool("attention_bias", default: false)
        settings.outputBias = settings.inputBias
        settings.normOffset = 1
        settings.embeddingScale = Double(settings.hidden).squareRoot()
        return settings
    }

    /// A bound of scores; `null` means none.
    private func softcap(_ key: String, default value: Double?, _ config: ModelConfig) throws -> Double? {
        try config.isNull(key) ? nil : config.optional(key)?.double() ?? value
    }

    /// - Parameter pattern: every so manieth layer sees everything, where `layer_types` does not say which.
    private mutating func readGemmaAttention(_ config: ModelConfig, finalSoftcap: Double?, pattern: Int) throws {
        hasNormsAfter = true
        attentionScale = 1 / (try config.double("query_pre_attn_scalar", default: 256)).squareRoot()
        head.softcap = try softcap("final_logit_softcapping", default: finalSoftcap, config)
        window = try config.isNull("sliding_window") ? nil : config.int("sliding_window", default: 4096)
        if let layers = try config.windowedLayers(layers) {
            isWindowed = { layers[$0] }
        } else {
            isWindowed = { ($0 + 1) % pattern != 0 }
        }
    }

    /// Abdin et al. 2024: fused projections.
    static func phi3(_ config: ModelConfig) throws -> DecoderSettings {
        var settings = try DecoderSettings(
            config,
            Defaults(
                vocabulary: 32064, hidden: 3072, intermediate: 8192, positions: 4096, eps: 1e-5, padID: 32000)
        ) { rotary in
            rotary.turnsPart = true
            rotary.trainedPositions = 4096
            // Names that earlier releases used for the same scaling.
            rotary.synonyms = ["su": "longrope", "yarn": "longrope"]
        }
        settings.isFused = true
        settings.residualDropout = try config.double("resid_pdrop", default: 0)
        settings.window = try config.optional("sliding_window")?.int(in: 1...ModelConfig.largestSize)
        let isWindowed = settings.window != nil
        settings.isWindowed = { _ in isWindowed }
        return settings
    }
}
