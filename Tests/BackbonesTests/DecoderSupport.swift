import JSON
import Networks
import Torch

@testable import Backbones

/// Configurations of tiny decoders, with every difference between the families in one of them.
enum TinyDecoder {
    static let llama: JSON = [
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 50, "hidden_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 32,
        "max_position_embeddings": 64, "head_dim": 8, "rope_theta": 100,
    ]
    static let mistral = llama.with([
        "model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 4,
    ])
    static let qwen3 = llama.with([
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "use_sliding_window": true, "sliding_window": 3,
        "max_window_layers": 1, "tie_word_embeddings": true,
    ])
    static let gemma2 = llama.with([
        "model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "sliding_window": 4,
        "attn_logit_softcapping": 5, "final_logit_softcapping": 4,
    ])
    static let gemma3 = llama.with([
        "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "sliding_window": 4,
        "sliding_window_pattern": 2,
    ])
    static let phi3 = llama.with([
        "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "sliding_window": 5, "partial_rotary_factor": 0.5,
        "pad_token_id": 0,
    ])
    static let gpt2: JSON = [
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 50, "n_embd": 24, "n_layer": 2,
        "n_head": 3, "n_positions": 32,
    ]
    static let all = [llama, mistral, qwen3, gemma2, gemma3, phi3, gpt2]

    /// The network as one that predicts tokens.
    static func language(_ model: Model) throws -> any CausalLanguageNetwork {
        guard let network = model.network as? any CausalLanguageNetwork else {
            throw NetworkError.input("not a language model")
        }
        return network
    }

    /// Ids of a batch, the same at every call.
    static func ids(rows: Int, length: Int) throws -> Tensor {
        let ids: [Int64] = (0..<rows * length).map { place in
            let mixed = place * 17 + place / 5 * 7
            return Int64(3 + mixed % 45)
        }
        return try Tensor(ids, shape: [rows, length])
    }
}
