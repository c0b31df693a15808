"""The LoRA variants that both directions of the interoperability check go through, and the tiny models they sit on."""

import dataclasses
from typing import Any, Callable

import torch

TEXT = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
DECODER = TEXT | {"num_key_value_heads": 2, "intermediate_size": 48, "head_dim": 8, "max_position_embeddings": 64}

# name: (transformers class, configuration, peft's task type)
BASES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "llama": ("LlamaForCausalLM", DECODER, "CAUSAL_LM"),
    "llama-biases": ("LlamaForCausalLM", DECODER | {"attention_bias": True, "mlp_bias": True}, "CAUSAL_LM"),
    "llama-tied": ("LlamaForCausalLM", DECODER | {"tie_word_embeddings": True}, "CAUSAL_LM"),
    "llama-classifier": ("LlamaForSequenceClassification", DECODER | {"num_labels": 3, "pad_token_id": 2}, "SEQ_CLS"),
    "mistral": ("MistralForCausalLM", DECODER | {"sliding_window": 5}, "CAUSAL_LM"),
    "qwen2": ("Qwen2ForCausalLM",
              {key: value for key, value in DECODER.items() if key != "head_dim"} | {"tie_word_embeddings": True},
              "CAUSAL_LM"),
    "qwen3": ("Qwen3ForCausalLM", DECODER | {"head_dim": 16}, "CAUSAL_LM"),
    "gemma2": ("Gemma2ForCausalLM", DECODER | {"sliding_window": 4, "query_pre_attn_scalar": 8}, "CAUSAL_LM"),
    "bert": ("BertForSequenceClassification",
             TEXT | {"intermediate_size": 48, "max_position_embeddings": 24, "num_labels": 3}, "SEQ_CLS"),
    "bert-tokens": ("BertForTokenClassification",
                    TEXT | {"intermediate_size": 48, "max_position_embeddings": 24, "num_labels": 4}, "TOKEN_CLS"),
    "bert-mlm": ("BertForMaskedLM", TEXT | {"intermediate_size": 48, "max_position_embeddings": 24}, None),
    "roberta": ("RobertaForSequenceClassification",
                TEXT | {"intermediate_size": 48, "max_position_embeddings": 26, "num_labels": 3, "pad_token_id": 1},
                "SEQ_CLS"),
    "gpt2": ("GPT2LMHeadModel",
             {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 24, "bos_token_id": 63,
              "eos_token_id": 63}, "CAUSAL_LM"),
    "gpt2-classifier": ("GPT2ForSequenceClassification",
                        {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 24,
                         "bos_token_id": 63, "eos_token_id": 63, "num_labels": 3, "pad_token_id": 0}, "SEQ_CLS"),
    "bart": ("BartForConditionalGeneration",
             {"vocab_size": 64, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
              "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 40,
              "max_position_embeddings": 24, "pad_token_id": 1, "decoder_start_token_id": 2, "eos_token_id": 2,
              "init_std": 0.3}, "SEQ_2_SEQ_LM"),
    "vit": ("ViTForImageClassification",
            {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 36,
             "image_size": 16, "patch_size": 8, "num_labels": 5}, None),
}


@dataclasses.dataclass
class Variation:
    base: str
    name: str
    about: str
    options: dict[str, Any]
    method: str = "lora"
    converted: bool = False  # saved as plain LoRA of rank 2r (PiSSA, OLoRA)
    edit: Callable | None = None  # a change of adapter_config.json
    rename: Callable | None = None  # a change of a tensor's name
    stored_dtype: torch.dtype | None = None
    trainable: bool = True  # our own trainer can produce it: part of the way from ours to theirs
    refused: str | None = None  # a feature that Graft does not compute: reading must fail, and name it


def variations():
    for maker in (llama, other_decoders, bert, bart, gpt2, vit):
        yield from maker()


def llama():
    def plain(name, about, base="llama", options=None, **lora):
        return Variation(base, name, about, {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj"]} | lora,
                         **(options or {}))

    yield plain("plain", "queries and values")
    yield plain("all-linear", "every linear layer but the head", target_modules="all-linear")
    yield plain("regex", "targets by a regular expression", target_modules=r".*\.1\.self_attn\.(k|o)_proj")
    yield plain("path", "targets by the end of a path", target_modules=["1.self_attn.q_proj", "mlp.up_proj"])
    yield plain("rank-one", "rank 1", r=1)
    yield plain("rank-wide", "a rank above the layer's width", r=40)
    yield plain("rslora", "rank-stabilised scale", use_rslora=True)
    yield plain("dropout", "dropout is off in evaluation", lora_dropout=0.2)
    yield plain("gaussian", "gaussian start", init_lora_weights="gaussian")
    yield plain("random", "random start", init_lora_weights=False)
    yield plain("orthogonal", "orthogonal start", init_lora_weights="orthogonal")
    yield plain("mica", "MiCA start", init_lora_weights="mica", options={"trainable": False})
    yield plain("rank-pattern", "ranks by name", rank_pattern={"q_proj": 2})
    yield plain("rank-pattern-path", "ranks by a layer's path", rank_pattern={"model.layers.1.self_attn.q_proj": 7})
    yield plain("rank-pattern-regex", "ranks by regular expressions",
                rank_pattern={r"^model\.layers\.0\..*": 3, r".*1.self_attn.v_proj": 5})
    yield plain("alpha-pattern", "alphas by name", alpha_pattern={"v_proj": 9})
    yield plain("both-patterns", "ranks and alphas by name, rank-stabilised", use_rslora=True,
                rank_pattern={"q_proj": 2, r"layers.1.self_attn.v_proj": 6}, alpha_pattern={"q_proj": 3})
    yield plain("layers", "only layer 1", layers_to_transform=[1])
    yield plain("layer-number", "only layer 0, as a number", layers_to_transform=0)
    yield plain("layers-pattern", "layers with their list named", layers_to_transform=[0], layers_pattern="layers")
    yield plain("exclude", "all linear but some", target_modules="all-linear", exclude_modules=["down_proj", "k_proj"])
    yield plain("exclude-regex", "excluded by a regular expression", target_modules="all-linear",
                exclude_modules=r".*layers\.0\..*")
    yield plain("lora-bias", "a bias in the branch", base="llama-biases", lora_bias=True)
    yield plain("lora-bias-alone", "a bias in the branch of layers without one", lora_bias=True)
    yield plain("bias-all", "every bias trains", base="llama-biases", bias="all")
    yield plain("bias-lora-only", "the adapted layers' biases train", base="llama-biases", bias="lora_only")
    yield plain("save-head", "the head saved whole", modules_to_save=["lm_head"])
    yield plain("save-embeddings", "embedding and head saved whole", modules_to_save=["embed_tokens", "lm_head"])
    yield plain("save-norms", "norms saved whole", modules_to_save=["input_layernorm", "model.norm"])
    yield plain("embedding", "the token embedding adapted", target_modules=["embed_tokens", "q_proj"])
    yield plain("embedding-rslora", "the embedding, rank-stabilised", target_modules=["embed_tokens"], use_rslora=True)
    yield plain("embedding-dora", "DoRA on the embedding", target_modules=["embed_tokens", "v_proj"], use_dora=True)
    yield plain("head", "the head adapted", target_modules=["lm_head", "q_proj"])
    yield plain("tied-embedding", "a tied embedding adapted", base="llama-tied", target_modules=["embed_tokens", "q_proj"])
    yield plain("tied-save", "a tied embedding saved whole", base="llama-tied", modules_to_save=["embed_tokens"])
    yield plain("tied-save-tying", "a tied embedding saved whole, the tie kept", base="llama-tied",
                modules_to_save=["embed_tokens"], ensure_weight_tying=True, options={"trainable": False})
    yield plain("tokens", "some rows of the embedding train", trainable_token_indices=[1, 5, 9],
                options={"trainable": False, "refused": "trainable_token_indices"})
    yield plain("tokens-named", "some rows of a named embedding train", trainable_token_indices={"embed_tokens": [4, 60]},
                options={"trainable": False, "refused": "trainable_token_indices"})
    yield plain("tokens-tied", "some rows of a tied embedding train", base="llama-tied",
                trainable_token_indices=[2, 3], options={"trainable": False, "refused": "trainable_token_indices"})
    yield plain("dora", "DoRA", use_dora=True, target_modules=["q_proj", "down_proj"])
    yield plain("dora-all", "DoRA on every linear layer, rank-stabilised, by name", use_dora=True, use_rslora=True,
                target_modules="all-linear", rank_pattern={"gate_proj": 2}, alpha_pattern={"gate_proj": 11})
    yield plain("dora-bias", "DoRA on layers with biases", base="llama-biases", use_dora=True, bias="lora_only")
    yield plain("dora-save", "DoRA and a saved head", use_dora=True, modules_to_save=["lm_head"])
    for start in ("pissa", "olora"):
        for suffix, options in (("raw", {}), ("converted", {"converted": True})):
            yield plain(f"{start}-{suffix}", f"{start}, {suffix}", init_lora_weights=start, options=options)
            yield plain(f"{start}-{suffix}-rslora", f"{start}, {suffix}, rank-stabilised", init_lora_weights=start,
                        use_rslora=True, options=options)
            yield plain(f"{start}-{suffix}-pattern", f"{start}, {suffix}, ranks by name", init_lora_weights=start,
                        rank_pattern={"q_proj": 2}, options=options)
        yield plain(f"{start}-all", f"{start} on every linear layer", init_lora_weights=start,
                    target_modules="all-linear")
    yield plain("pissa-dora", "DoRA from PiSSA", init_lora_weights="pissa", use_dora=True)
    yield plain("half", "stored as float16", options={"stored_dtype": torch.float16, "trainable": False})
    yield plain("bfloat", "stored as bfloat16", options={"stored_dtype": torch.bfloat16, "trainable": False})
    yield plain("older-config", "the keys that peft 0.4 wrote", options={"edit": older_config, "trainable": False})
    yield plain("classifier", "a classifier: its head is saved by default", base="llama-classifier")
    yield plain("classifier-all", "a classifier with every linear layer", base="llama-classifier",
                target_modules="all-linear")


def older_config(config):
    kept = ("base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights",
            "layers_pattern", "layers_to_transform", "lora_alpha", "lora_dropout", "modules_to_save", "peft_type", "r",
            "revision", "target_modules", "task_type")
    return {key: value for key, value in config.items() if key in kept}


def other_decoders():
    for base in ("mistral", "qwen2", "qwen3", "gemma2"):
        def plain(name, about, **lora):
            return Variation(base, name, about, {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | lora)
        yield plain("all-linear", "every linear layer")
        yield plain("default-targets", "peft's own choice of targets", target_modules=None)
        yield plain("dora", "DoRA", target_modules=["k_proj", "o_proj"], use_dora=True)
        yield plain("pissa-raw", "pissa, raw", target_modules=["q_proj"], init_lora_weights="pissa")
        yield plain("save-norm", "the last norm saved whole", target_modules=["q_proj"], modules_to_save=["model.norm"])
        yield plain("embedding", "the embedding adapted", target_modules=["embed_tokens", "up_proj"])
    yield Variation("qwen2", "bias-all", "every bias trains",
                    {"r": 4, "target_modules": ["q_proj", "k_proj"], "bias": "all"})
    yield Variation("qwen2", "lora-bias", "a bias in the branch",
                    {"r": 4, "target_modules": ["q_proj", "k_proj"], "lora_bias": True})


def bert():
    def plain(name, about, base="bert", options=None, **lora):
        return Variation(base, name, about, {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"]} | lora,
                         **(options or {}))

    yield plain("plain", "queries and values; the classifier is saved by default")
    yield plain("default-targets", "peft's own choice of targets", target_modules=None)
    yield plain("all-linear", "every linear layer", target_modules="all-linear")
    yield plain("dense", "every layer named dense, the pooler's too", target_modules=["dense"])
    yield plain("dense-path", "the output of attention alone", target_modules=["attention.output.dense"])
    yield plain("embeddings", "word, position and type embeddings",
                target_modules=["word_embeddings", "position_embeddings", "token_type_embeddings"])
    yield plain("bias-all", "every bias trains", bias="all")
    yield plain("bias-lora-only", "the adapted layers' biases train", bias="lora_only")
    yield plain("dora", "DoRA", use_dora=True)
    yield plain("lora-bias", "a bias in the branch", lora_bias=True)
    yield plain("pissa-raw", "pissa, raw", init_lora_weights="pissa")
    yield plain("olora-converted-pooler", "the pooler saved whole too", modules_to_save=["pooler", "classifier"])
    yield plain("save-norms", "every norm saved whole", modules_to_save=["LayerNorm"])
    yield plain("layers", "layer 0 alone", layers_to_transform=[0], layers_pattern="layer")
    yield plain("tokens", "a label per token", base="bert-tokens")
    yield plain("masked-lm", "a masked language model", base="bert-mlm", target_modules=["query", "transform.dense"])
    yield plain("masked-lm-all", "a masked language model, every linear layer", base="bert-mlm",
                target_modules="all-linear")
    for base in ("roberta",):
        yield plain("plain", "queries and values", base=base)
        yield plain("all-linear", "every linear layer", base=base, target_modules="all-linear")
        yield plain("dense", "every layer named dense", base=base, target_modules=["dense"])
        yield plain("dora", "DoRA", base=base, use_dora=True, rank_pattern={"key": 2}, target_modules=["key", "value"])
        yield plain("head-layer", "one layer of the head adapted, nothing else saved", base=base,
                    target_modules=["query", "classifier.dense"], options={"trainable": False})


def bart():
    yield Variation("bart", "default", "modules by the family's own list", {"r": 4})
    yield Variation("bart", "cross", "the attention to the source and the second layers",
                    {"r": 4, "target_modules": ["encoder_attn.q_proj", "encoder_attn.k_proj", "fc2"], "use_dora": True})
    yield Variation("bart", "all-linear", "all linear layers, every bias trains",
                    {"r": 3, "target_modules": "all-linear", "bias": "all"})
    yield Variation("bart", "pattern", "the decoder alone, by a pattern",
                    {"r": 2, "target_modules": r".*decoder\.layers\.\d\.(self|encoder)_attn\.(k|out)_proj"})


def gpt2():
    def plain(name, about, base="gpt2", options=None, **lora):
        return Variation(base, name, about, {"r": 4, "lora_alpha": 8, "target_modules": ["c_attn"]} | lora,
                         **(options or {}))

    yield plain("plain", "the fused projection (Conv1D)")
    yield plain("stated", "fan_in_fan_out stated", fan_in_fan_out=True)
    yield plain("all-linear", "every projection", target_modules="all-linear")
    yield plain("c-proj", "both layers named c_proj", target_modules=["c_proj"])
    yield plain("mlp-only", "the feed-forward part's c_proj", target_modules=["mlp.c_proj", "c_fc"])
    yield plain("dora", "DoRA on Conv1D", use_dora=True, target_modules=["c_attn", "c_fc"])
    yield plain("rslora", "rank-stabilised, by name", use_rslora=True, rank_pattern={"h.1.attn.c_attn": 2})
    yield plain("embeddings", "both embeddings", target_modules=["wte", "wpe"])
    yield plain("bias-all", "every bias trains", bias="all")
    yield plain("bias-lora-only", "the adapted layers' biases train", bias="lora_only")
    yield plain("lora-bias", "a bias in the branch", lora_bias=True)
    yield plain("pissa-raw", "pissa on Conv1D, raw", init_lora_weights="pissa")
    yield plain("pissa-converted", "pissa on Conv1D, converted", init_lora_weights="pissa",
                options={"converted": True})
    yield plain("save-norm", "the last norm saved whole", modules_to_save=["ln_f"])
    yield plain("layers", "block 1 alone", layers_to_transform=[1], layers_pattern="h")
    yield plain("classifier", "a classifier", base="gpt2-classifier")


def vit():
    def plain(name, about, options=None, **lora):
        return Variation("vit", name, about, {
            "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"],
        } | lora, **(options or {}))

    yield plain("plain", "queries and values")
    yield plain("older-names", "the module names of transformers 4",
                options={"edit": older_vit_config, "rename": older_vit_name, "trainable": False})
    yield plain("save-classifier", "the classifier saved whole", modules_to_save=["classifier"])
    yield plain("all-linear", "every linear layer", target_modules="all-linear")
    yield plain("conv", "the patch projection (Conv2d)", target_modules=["projection"])
    yield plain("conv-and-linear", "the patch projection and queries", target_modules=["projection", "q_proj"],
                use_rslora=True, rank_pattern={"projection": 2})
    yield plain("conv-dora", "DoRA on the patch projection", target_modules=["projection"], use_dora=True)
    yield plain("dora", "DoRA", use_dora=True)
    yield plain("bias-all", "every bias trains", bias="all")
    yield plain("conv-bias", "the patch projection's bias trains", target_modules=["projection"], bias="lora_only")
    yield plain("lora-bias", "a bias in the branch", lora_bias=True)
    yield plain("conv-lora-bias", "a bias in the branch of the patch projection", target_modules=["projection"],
                lora_bias=True)
    yield plain("pissa-raw", "pissa, raw", init_lora_weights="pissa")
    yield plain("olora-raw", "olora, raw", init_lora_weights="olora")


VIT_NAMES = (("vit.layers.", "vit.encoder.layer."), (".attention.q_proj", ".attention.attention.query"),
             (".attention.v_proj", ".attention.attention.value"))


def older_vit_name(name):
    for new, old in VIT_NAMES:
        name = name.replace(new, old)
    return name


def older_vit_config(config):
    config["target_modules"] = ["query", "value"]
