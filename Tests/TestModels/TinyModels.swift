import Backbones
import JSON
import Methods
import Networks
import Torch

/// Networks of every kind of sites, small enough to be made anew in every test.
public enum TinyModels {
    static let bert: JSON = [
        "model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 40, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 32,
        "type_vocab_size": 2, "num_labels": 3, "pad_token_id": 0,
    ]
    static let gpt2: JSON = [
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 40, "n_embd": 16, "n_layer": 2,
        "n_head": 2, "n_positions": 32, "bos_token_id": 0, "eos_token_id": 0,
    ]
    static let llama: JSON = [
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 40, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24,
        "max_position_embeddings": 32, "tie_word_embeddings": false,
    ]
    /// The output shares the embedding's weight.
    static let tied: JSON = llama.setting("tie_word_embeddings", to: true)
    /// As many patches in a row as channels, four, so that a mix-up of the two shows.
    static let vit: JSON = [
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 4,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "image_size": 16, "patch_size": 4,
        "num_labels": 3,
    ]
    static let bart: JSON = [
        "model_type": "bart", "architectures": ["BartForConditionalGeneration"], "vocab_size": 40, "d_model": 16,
        "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 64, "pad_token_id": 1,
        "is_encoder_decoder": true,
    ]

    /// The configurations by name.
    public static let all = [
        "bart": bart, "bert": bert, "gpt2": gpt2, "llama": llama, "tied": tied, "vit": vit,
    ]

    /// A model with random weights, the same ones each time.
    public static func make(_ name: String) throws -> LoadedModel {
        let loaded = try Backbones.random(ModelConfig(all[name] ?? .null), options: .init(seed: 7))
        // Weights as large as trained ones, norms around one: otherwise no adapter would be seen in the outputs.
        try withoutGradients {
            for parameter in loaded.model.parameters.values {
                let base = parameter.base
                let isNorm = try base.rank == 1 && parameter.name.hasSuffix("weight")
                try base.copyInPlace(isNorm ? base + 1 : base * 6)
            }
        }
        return loaded
    }

    /// A fixed batch for the model.
    public static func input(_ loaded: LoadedModel) throws -> ModelInput {
        if case .imageClassification = loaded.head {
            return ModelInput(pixelValues: try .normal([2, 3, 16, 16], key: RandomKey(seed: 3)))
        }
        let numbers = try Tensor.uniform([2, 9], 1, 40, key: RandomKey(seed: 3))
        return ModelInput(inputIDs: try numbers.clamp(1, 39).to(.int64))
    }

    /// What the model computes for that batch.
    public static func outputs(_ loaded: LoadedModel) throws -> Tensor {
        try withoutGradients {
            let output = try loaded.model(input(loaded))
            return output.logits ?? output.lastHiddenState
        }
    }
}

extension JSON {
    /// The object with another value of a key; without the key for nil.
    public func setting(_ key: String, to value: JSON?) -> JSON {
        guard case .object(var object) = self else { return self }
        object[key] = value
        return .object(object)
    }
}

extension GraftSet {
    /// Moves everything that trains, so that no part of the adapter does nothing.
    @discardableResult
    public func perturbed(seed: Int = 1, by scale: Double = 0.2) throws -> GraftSet {
        for variable in variables where variable.role == .trainable {
            let noise = try Tensor.normal(variable.value.shape, key: RandomKey(seed: seed).derived(variable.name))
            try variable.load(variable.value.detach() + noise.to(variable.value.dtype) * scale)
        }
        return self
    }
}
