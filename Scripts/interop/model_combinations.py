"""Random configurations for make_models.py --random: what changing one thing at a time does not meet."""

import random

from model_variations import ROPES, Variation


def combinations(count, seed):
    """`count` configurations in which everything varies at once: what single changes do not meet."""
    draw = random.Random(seed)
    makers = (combined_decoder, combined_encoder, combined_gpt2, combined_vit)
    for number in range(count):
        yield draw.choice(makers)(draw, f"random-{seed}-{number}")


def combined_text(draw):
    return {"padding": draw.choice(["right", "left", "none", "holes", "attended"]), "rows": draw.randint(1, 4),
            "length": draw.randint(2, 20), "older": draw.random() < 0.5,
            "extras": ("position_ids",) if draw.random() < 0.2 else ()}


def combined_decoder(draw, name):
    family, prefix = draw.choice([("llama", "Llama"), ("mistral", "Mistral"), ("qwen2", "Qwen2"), ("qwen3", "Qwen3"),
                                  ("gemma2", "Gemma2")])
    groups, head_dim = draw.choice([1, 2, 3]), draw.choice([4, 8, 10, 16])
    heads = groups * draw.choice([1, 2, 3])
    layers = draw.randint(1, 4)
    # qwen2 has no head_dim of its own.
    hidden = heads * head_dim if family == "qwen2" else heads * draw.choice([4, 8, 12])
    rope = {"rope_type": "default"} if draw.random() < 0.4 else dict(draw.choice(list(ROPES.values())))
    rope.pop("short_factor", None), rope.pop("long_factor", None)
    if rope["rope_type"] == "longrope":
        rope |= {kind: [draw.uniform(1, 4) for _ in range(head_dim // 2)] for kind in ("short_factor", "long_factor")}
    if rope["rope_type"] == "proportional":
        rope = {"rope_type": "default"}
    config = {
        "vocab_size": draw.choice([50, 83, 101]), "hidden_size": hidden, "num_attention_heads": heads,
        "num_key_value_heads": groups, "num_hidden_layers": layers, "intermediate_size": draw.choice([17, 40, 64]),
        "max_position_embeddings": draw.choice([6, 16, 64]), "tie_word_embeddings": draw.random() < 0.5,
        "rms_norm_eps": draw.choice([1e-6, 1e-5, 1e-3]), "pad_token_id": draw.choice([0, 2]),
        "rope_parameters": rope | {"rope_theta": draw.choice([10.0, 1000.0, 1e6])},
        "hidden_act": draw.choice(["silu", "gelu", "relu", "gelu_pytorch_tanh"]),
    }
    if family != "qwen2":
        config["head_dim"] = head_dim
    if family in ("llama", "qwen3", "gemma2"):
        config["attention_bias"] = draw.random() < 0.4
    if family == "llama":
        config["mlp_bias"] = draw.random() < 0.4
    if family == "mistral":
        config["sliding_window"] = draw.choice([None, 2, 7])
    if family in ("qwen2", "qwen3"):
        config |= {"use_sliding_window": draw.random() < 0.6, "sliding_window": draw.choice([2, 5]),
                   "max_window_layers": draw.randint(0, layers)}
    if family == "gemma2":
        config["hidden_activation"] = config.pop("hidden_act")
        config |= {"sliding_window": draw.choice([2, 5, 50]), "query_pre_attn_scalar": draw.choice([7, 30]),
                   "attn_logit_softcapping": draw.choice([None, 4.0]),
                   "final_logit_softcapping": draw.choice([None, 8.0])}
    head = draw.choice(["ForCausalLM"] * 3 + ["ForSequenceClassification", "ForTokenClassification", "Model"])
    if head.startswith("ForS") or head.startswith("ForT"):
        config["num_labels"] = draw.choice([1, 2, 5])
    return Variation(family, name, prefix + head, "everything varies", config, **combined_text(draw))


def combined_encoder(draw, name):
    family, prefix = draw.choice([("bert", "Bert"), ("roberta", "Roberta"), ("xlm-roberta", "XLMRoberta")])
    heads = draw.choice([1, 2, 3, 4])
    types = draw.choice([1, 2, 3])
    config = {
        "vocab_size": draw.choice([50, 83, 101]), "hidden_size": heads * draw.choice([5, 8]), "num_attention_heads": heads,
        "num_hidden_layers": draw.randint(1, 4), "intermediate_size": draw.choice([17, 40, 64]),
        "max_position_embeddings": draw.choice([26, 40]), "type_vocab_size": types,
        "layer_norm_eps": draw.choice([1e-12, 1e-5, 1e-2]), "pad_token_id": 0 if family == "bert" else 1,
        "hidden_act": draw.choice(["gelu", "relu", "gelu_new", "silu"]), "tie_word_embeddings": draw.random() < 0.7,
    }
    head = draw.choice(["ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "Model"])
    if head.startswith("ForS") or head.startswith("ForT"):
        config["num_labels"] = draw.choice([1, 2, 5])
    options = combined_text(draw)
    if types > 1 and draw.random() < 0.5:
        options["extras"] += ("token_type_ids",)
    return Variation(family, name, prefix + head, "everything varies", config, **options)


def combined_gpt2(draw, name):
    heads = draw.choice([1, 2, 3, 4])
    config = {
        "vocab_size": draw.choice([50, 83, 101]), "n_embd": heads * draw.choice([5, 8]), "n_head": heads,
        "n_layer": draw.randint(1, 4), "n_positions": draw.choice([20, 40]), "n_inner": draw.choice([None, 17, 50]),
        "activation_function": draw.choice(["gelu_new", "gelu", "relu", "silu"]), "pad_token_id": 0,
        "scale_attn_weights": draw.random() < 0.7, "scale_attn_by_inverse_layer_idx": draw.random() < 0.5,
        "reorder_and_upcast_attn": draw.random() < 0.5, "tie_word_embeddings": draw.random() < 0.7,
        "layer_norm_epsilon": draw.choice([1e-5, 1e-3]), "bos_token_id": 1, "eos_token_id": 2,
    }
    head = draw.choice(["LMHeadModel", "LMHeadModel", "ForSequenceClassification", "ForTokenClassification", "Model"])
    if head.startswith("For"):
        config["num_labels"] = draw.choice([1, 2, 5])
    return Variation("gpt2", name, "GPT2" + head, "everything varies", config, **combined_text(draw))


def combined_vit(draw, name):
    heads = draw.choice([1, 2, 3])
    patch = [draw.choice([2, 4]), draw.choice([3, 5])]
    config = {
        "hidden_size": heads * draw.choice([5, 8]), "num_attention_heads": heads, "num_hidden_layers": draw.randint(1, 4),
        "intermediate_size": draw.choice([17, 40]), "patch_size": patch, "num_channels": draw.choice([1, 3, 4]),
        "image_size": [side * draw.randint(1, 4) for side in patch], "qkv_bias": draw.random() < 0.6,
        "hidden_act": draw.choice(["gelu", "relu", "silu"]), "layer_norm_eps": draw.choice([1e-12, 1e-3]),
        "num_labels": draw.choice([1, 2, 7]),
    }
    return Variation("vit", name, draw.choice(["ViTForImageClassification", "ViTModel"]), "everything varies", config,
                     rows=draw.randint(1, 3), older=draw.random() < 0.5)
