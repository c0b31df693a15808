"""The configurations that make_models.py makes: per family, what published checkpoints vary."""

import dataclasses
from typing import Any, Callable

import torch

import golden


@dataclasses.dataclass
class Variation:
    family: str
    name: str
    architecture: str
    about: str
    config: dict[str, Any]
    padding: str = "right"
    rows: int = 2
    length: int = 12
    mask: bool = True
    extras: tuple[str, ...] = ()
    older: bool = False  # config.json in the style of transformers 4
    edit: Callable | None = None  # a change of config.json
    rename: Callable | None = None  # (name, tensor) to the (name, tensor) pairs that are stored
    stored_dtype: torch.dtype = torch.float32
    shard_size: str = "5GB"
    notes: str = ""

    def inputs(self, seed):
        if self.family == "vit":
            size = self.config["image_size"]
            height, width = (size, size) if isinstance(size, int) else size
            return golden.image_inputs(seed, height, width, self.config.get("num_channels", 3), self.rows)
        return golden.token_inputs(
            seed, self.config["vocab_size"], self.rows, self.length, self.padding, self.config.get("pad_token_id"),
            self.mask, self.extras)


def variations():
    makers = (bart, bert, roberta, xlm_roberta, gpt2, llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, phi3, vit)
    return [variation for maker in makers for variation in maker()]




def drop(*keys):
    """An edit of config.json: these keys are absent."""
    def edit(config):
        for key in keys:
            config.pop(key, None)
    return edit


def put(**values):
    """An edit of config.json: these keys have these values."""
    def edit(config):
        config.update(values)
    return edit


# --- encoder-decoders ---

def bart():
    variation = encoder("bart", "Bart", {
        "vocab_size": 71, "d_model": 24, "encoder_layers": 3, "decoder_layers": 2, "encoder_attention_heads": 3,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 32, "decoder_ffn_dim": 40, "max_position_embeddings": 20,
        "pad_token_id": 1, "init_std": 0.3,
    })
    head, target = "ForConditionalGeneration", ("decoder_input_ids",)
    yield variation("generator", head, "other heads and widths in the two halves", extras=target)
    yield variation("scaled", head, "scale_embedding", scale_embedding=True, extras=target)
    yield variation("left", head, "left padding of the source", padding="left", extras=target)
    yield variation("holes", head, "masked positions inside the source", padding="holes", extras=target)
    yield variation("no-mask", head, "no mask, pad ids among the tokens", padding="attended", mask=False, extras=target)
    yield variation("target-mask", head, "a mask of the target", extras=(*target, "decoder_attention_mask"))
    yield variation("untied", head, "own weights for the scores", tie_word_embeddings=False, extras=target)
    yield variation("one-token", head, "a single row of one token", rows=1, length=1, padding="none", extras=target)
    yield variation("longest", head, "all positions are used", length=20, extras=target)
    for activation in ("relu", "silu", "gelu_new"):
        yield variation(f"act-{activation}", head, f"activation_function {activation}", activation_function=activation,
                        extras=target)
    yield variation("older", head, "config.json in the older style, a short one", extras=target, older=True,
                    edit=drop("use_cache", "dropout", "classifier_dropout", "activation_dropout", "is_decoder"))
    yield variation("copies", head, "the tied table under all of its names", extras=target,
                    rename=lambda name, tensor: [(other, tensor.clone()) for other in tied_names(name)])
    yield variation("decoder-name", head, "the tied table under the decoder's name only", extras=target,
                    rename=lambda name, tensor: [(tied_names(name)[-2:][0], tensor)])
    yield variation("bare", "Model", "the network without a head", extras=target, mask=False, padding="none")
    yield variation("bare-source", "Model", "the decoder reads the source", rows=1, mask=False, padding="none")
    yield variation("classifier", "ForSequenceClassification", "the last of two end tokens", num_labels=3, rows=3,
                    extras=("ends",))


def tied_names(name):
    table, halves = "model.shared.weight", ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"]
    return [table, *halves, "lm_head.weight"] if name == table else [name]


# --- encoders ---

def encoder(family, prefix, base):
    """Makes a variation of BERT, RoBERTa or XLM-RoBERTa: base configuration plus what differs."""
    def variation(name, head, about, extras=(), **changes):
        fields = {field.name for field in dataclasses.fields(Variation)}
        options = {key: changes.pop(key) for key in list(changes) if key in fields}
        return Variation(family, name, prefix + head, about, base | changes, extras=extras, **options)
    return variation


def encoder_variations(variation):
    """What BERT and RoBERTa have in common."""
    yield variation("masked-lm", "ForMaskedLM", "masked language model", older=True)
    yield variation("masked-lm-untied", "ForMaskedLM", "the decoder has its own weight", tie_word_embeddings=False)
    yield variation("masked-lm-left", "ForMaskedLM", "left padding", padding="left")
    yield variation("masked-lm-holes", "ForMaskedLM", "masked positions inside a row", padding="holes")
    yield variation("pads-attended", "ForMaskedLM", "pad ids that the mask keeps", padding="attended",
                    notes="The embedding of the pad id gets no gradient from its look-up.")
    yield variation("pads-attended-classifier", "ForSequenceClassification", "the first id is the pad id",
                    padding="attended", num_labels=3, tie_word_embeddings=False)
    yield variation("left-classifier", "ForSequenceClassification", "the pooled position is a pad", padding="left",
                    num_labels=3)
    yield variation("no-mask", "ForMaskedLM", "no attention mask given", padding="none", mask=False)
    yield variation("one-token", "ForMaskedLM", "a single row of one token", rows=1, length=1, padding="none")
    yield variation("positions", "ForMaskedLM", "explicit position_ids", extras=("position_ids",))
    for activation in ("relu", "gelu_new", "silu", "gelu_pytorch_tanh", "gelu_fast", "quick_gelu", "tanh", "mish",
                       "swish", "gelu_10", "relu2"):
        yield variation(f"act-{activation}", "ForMaskedLM", f"hidden_act {activation}", hidden_act=activation)
    yield variation("classifier", "ForSequenceClassification", "sequence classifier", num_labels=3, older=True, rows=3)
    yield variation("classifier-two", "ForSequenceClassification", "two labels, left at the default", rows=3)
    yield variation("regression", "ForSequenceClassification", "one output", num_labels=1)
    yield variation("classifier-dropout", "ForSequenceClassification", "classifier_dropout set", num_labels=4,
                    classifier_dropout=0.3, hidden_dropout_prob=0.0)
    yield variation("tokens", "ForTokenClassification", "a label per token", num_labels=5)
    yield variation("bare", "Model", "the network without a head: last_hidden_state")
    yield variation("layer-norm-eps", "ForSequenceClassification", "a large layer_norm_eps", layer_norm_eps=1e-2,
                    num_labels=3)
    yield variation("one-layer", "ForMaskedLM", "one layer, one head, wide feed-forward", num_hidden_layers=1,
                    num_attention_heads=1, intermediate_size=130)
    yield variation("half", "ForSequenceClassification", "weights stored as float16", stored_dtype=torch.float16)
    yield variation("bfloat", "ForMaskedLM", "weights stored as bfloat16", stored_dtype=torch.bfloat16)
    yield variation("shards", "ForMaskedLM", "several files and an index", shard_size="40KB")
    yield variation("published", "ForMaskedLM", "a short config.json, the rest at the family's defaults",
                    edit=drop("is_decoder", "add_cross_attention", "use_cache", "classifier_dropout", "dtype",
                              "tie_word_embeddings", "bos_token_id", "eos_token_id", "transformers_version"))


def bert():
    variation = encoder("bert", "Bert", {
        "vocab_size": 83, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 48, "max_position_embeddings": 24, "pad_token_id": 0,
    })
    for item in encoder_variations(variation):
        yield item
    yield variation("segments", "ForMaskedLM", "two segments", extras=("token_type_ids",))
    yield variation("three-segments", "ForSequenceClassification", "three token types", type_vocab_size=3,
                    extras=("token_type_ids",), num_labels=3)
    yield variation("absolute", "ForMaskedLM", "position_embedding_type absolute is named", older=True,
                    edit=put(position_embedding_type="absolute"))
    yield variation("bare-no-pooler", "Model", "no pooler weights in the file",
                    rename=lambda name, tensor: [] if name.startswith("pooler.") else [(name, tensor)])
    yield variation("bare-prefixed", "Model", "a bare model read from a file with a head and prefix",
                    rename=lambda name, tensor: [("bert." + name, tensor)])
    yield variation("causal", "LMHeadModel", "is_decoder: a causal BERT", is_decoder=True)
    yield variation("decoder-bare", "Model", "is_decoder without a head", is_decoder=True, padding="left")
    yield variation("decoder-classifier", "ForSequenceClassification", "is_decoder under a classifier",
                    is_decoder=True, num_labels=3)
    yield variation("gamma-beta", "ForMaskedLM", "LayerNorm.gamma and LayerNorm.beta", older=True,
                    rename=lambda name, tensor: [(
                        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
                        tensor)])
    yield variation("position-buffer", "ForSequenceClassification", "the position_ids buffer of older files",
                    rename=lambda name, tensor: [(name, tensor)] + (
                        [("bert.embeddings.position_ids", torch.arange(24)[None])] if name == "classifier.bias" else []))
    yield variation("next-sentence", "ForNextSentencePrediction", "next sentence head", extras=("token_type_ids",))


def roberta_variations(variation):
    yield from encoder_variations(variation)
    yield variation("pads-inside", "ForMaskedLM", "pad ids between tokens", padding="holes",
                    notes="Positions come from the ids, so a pad id inside a row shifts nothing after it.")
    yield variation("token-types", "ForMaskedLM", "two token types, both used", type_vocab_size=2,
                    extras=("token_type_ids",))
    yield variation("causal", "ForCausalLM", "is_decoder: a causal RoBERTa", is_decoder=True)
    yield variation("lm-head-decoder", "ForMaskedLM", "older files name the decoder and its bias, too",
                    rename=lambda name, tensor: [(name, tensor)] + {
                        "lm_head.bias": [("lm_head.decoder.bias", tensor.clone())],
                        "roberta.embeddings.word_embeddings.weight": [("lm_head.decoder.weight", tensor.clone())],
                    }.get(name, []))


ROBERTA = {
    "vocab_size": 83, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 26, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
}


def roberta():
    variation = encoder("roberta", "Roberta", ROBERTA)
    yield from roberta_variations(variation)
    yield variation("pad-zero", "ForMaskedLM", "pad_token_id 0: positions start at 1", pad_token_id=0)


def xlm_roberta():
    wanted = ("masked-lm", "classifier", "tokens", "bare", "half", "pads-inside", "causal", "act-relu")
    for item in roberta_variations(encoder("xlm-roberta", "XLMRoberta", ROBERTA)):
        if item.name in wanted:
            yield item


# --- GPT-2 ---

def gpt2():
    base = {"vocab_size": 83, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 24, "bos_token_id": 82,
            "eos_token_id": 82}

    def variation(name, about, head="LMHeadModel", extras=(), **changes):
        fields = {field.name for field in dataclasses.fields(Variation)}
        options = {key: changes.pop(key) for key in list(changes) if key in fields}
        return Variation("gpt2", name, "GPT2" + head, about, base | changes, extras=extras, **options)

    for activation in ("relu", "gelu", "silu", "tanh", "gelu_new", "swish", "gelu_pytorch_tanh", "quick_gelu", "mish"):
        yield variation(f"act-{activation}", f"activation_function {activation}", activation_function=activation)
    yield variation("inverse-layer", "scale_attn_by_inverse_layer_idx", scale_attn_by_inverse_layer_idx=True)
    yield variation("reorder", "reorder_and_upcast_attn", reorder_and_upcast_attn=True)
    yield variation("reorder-inverse", "both, as Mistral's GPT-2 checkpoints have it", reorder_and_upcast_attn=True,
                    scale_attn_by_inverse_layer_idx=True, n_layer=3)
    yield variation("unscaled", "scale_attn_weights false", scale_attn_weights=False)
    yield variation("inner", "n_inner set", n_inner=50)
    yield variation("untied", "its own lm_head", tie_word_embeddings=False)
    yield variation("left", "left padding, positions from 0 all the same", padding="left")
    yield variation("left-positions", "left padding with positions", padding="left", extras=("position_ids",))
    yield variation("no-mask", "no attention mask given", padding="none", mask=False)
    yield variation("holes", "masked positions inside a row", padding="holes")
    yield variation("pads-attended", "pad ids that the mask keeps", padding="attended", pad_token_id=2)
    yield variation("pads-attended-classifier", "pad ids inside the text of a classifier", padding="attended",
                    head="ForSequenceClassification", num_labels=3, pad_token_id=2)
    yield variation("token-types", "token_type_ids go through the word embedding", extras=("token_type_ids",))
    yield variation("epsilon", "a large layer_norm_epsilon", layer_norm_epsilon=1e-2)
    yield variation("full-length", "as long as n_positions", length=24, padding="none")
    yield variation("bare", "last_hidden_state", head="Model")
    yield variation("classifier", "sequence classifier", head="ForSequenceClassification", num_labels=3,
                    pad_token_id=0, rows=3)
    yield variation("classifier-left", "sequence classifier, left padding", head="ForSequenceClassification",
                    num_labels=3, pad_token_id=0, padding="left", rows=3)
    yield variation("classifier-one-row", "one row, no pad token", head="ForSequenceClassification", num_labels=3,
                    rows=1, padding="none")
    yield variation("tokens", "a label per token", head="ForTokenClassification", num_labels=4)
    yield variation("half", "stored as float16", stored_dtype=torch.float16)
    yield variation("shards", "several files and an index", shard_size="40KB")
    yield variation("published", "no prefix, mask buffers, short config.json", older=True,
                    edit=drop("n_inner", "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "add_cross_attention",
                              "reorder_and_upcast_attn", "pad_token_id", "tie_word_embeddings"),
                    rename=published_gpt2)
    yield variation("published-context", "n_ctx and task_specific_params, as in the first releases", older=True,
                    edit=put(n_ctx=24, task_specific_params={"text-generation": {"do_sample": True, "max_length": 50}}))
    yield variation("masked-bias", "bias and masked_bias buffers with prefix",
                    rename=lambda name, tensor: [(name, tensor)] + (
                        [(name.replace("c_attn.bias", "bias"), torch.ones(24, 24).tril()[None, None].bool()),
                         (name.replace("c_attn.bias", "masked_bias"), torch.tensor(-10000.0))]
                        if name.endswith("c_attn.bias") else []))


def published_gpt2(name, tensor):
    short = name.removeprefix("transformer.")
    yield short, tensor
    if short.endswith("attn.c_attn.bias"):
        yield short.replace("c_attn.bias", "bias"), torch.ones(24, 24).tril()[None, None]


# --- the Llama-shaped decoders ---

def decoder(family, prefix, base):
    def variation(name, about, head="ForCausalLM", extras=(), **changes):
        fields = {field.name for field in dataclasses.fields(Variation)}
        options = {key: changes.pop(key) for key in list(changes) if key in fields}
        return Variation(family, name, prefix + head, about, base | changes, extras=extras, **options)
    return variation


DECODER = {
    "vocab_size": 83, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 64, "head_dim": 8,
}

# Scalings with everything that their keys may hold. Contexts are short, so that 12 tokens cross them.
ROPES = {
    "linear": {"rope_type": "linear", "factor": 2.5},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    "yarn-betas": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 4.0,
                   "beta_slow": 0.5},
    "yarn-attention": {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 8,
                       "attention_factor": 1.3},
    "yarn-mscale": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.8,
                    "mscale_all_dim": 0.5},
    "yarn-truncate": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 3.0,
                      "truncate": False},
    "longrope": {"rope_type": "longrope", "factor": 4.0, "original_max_position_embeddings": 8,
                 "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.0, 2.0, 3.5, 6.0]},
    "longrope-short": {"rope_type": "longrope", "factor": 4.0, "original_max_position_embeddings": 16,
                       "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.0, 2.0, 3.5, 6.0]},
    "longrope-attention": {"rope_type": "longrope", "original_max_position_embeddings": 8, "attention_factor": 1.4,
                           "factor": 8.0, "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.0, 2.0, 3.5, 6.0]},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32},
    "proportional": {"rope_type": "proportional", "partial_rotary_factor": 0.5},
}


def rope_variations(variation, names):
    """Each scaling in the spelling of today and in both older ones (rope_type and type under rope_scaling)."""
    for name in names:
        rope = ROPES[name] | {"rope_theta": 100.0}
        context = 8 if rope["rope_type"] == "dynamic" else 64
        common = {"rope_parameters": rope, "max_position_embeddings": context}
        yield variation(f"rope-{name}", f"rope_parameters {name}", **common)
        yield variation(f"rope-{name}-older", f"rope_scaling {name}", older=True, padding="left", **common)
        yield variation(f"rope-{name}-type", f"rope_scaling {name} under the key type", older=True,
                        edit=type_spelling, **common)


def type_spelling(config):
    scaling = config["rope_scaling"]
    scaling["type"] = scaling.pop("rope_type")


def decoder_variations(variation):
    """What all five families have in common."""
    yield variation("plain", "right padding")
    yield variation("older", "config.json of transformers 4, left padding", older=True, padding="left")
    yield variation("rope-default-spelling", "rope_parameters without a rope_type",
                    edit=lambda config: config.update(rope_parameters={"rope_theta": 77.0}))
    yield variation("rope-theta", "rope_theta at the top, rope_scaling null", older=True,
                    edit=lambda config: config.update(rope_theta=500.0))
    yield variation("no-rope-keys", "neither rope_theta nor rope_scaling: the family's default", older=True,
                    edit=drop("rope_theta", "rope_scaling"))
    yield variation("multi-query", "one key-value head", num_key_value_heads=1)
    yield variation("multi-head", "as many key-value heads as heads", num_key_value_heads=4)
    yield variation("head-dim", "head_dim is not hidden / heads", head_dim=12)
    yield variation("tied", "tied head", tie_word_embeddings=True)
    yield variation("untied", "its own head", tie_word_embeddings=False)
    yield variation("tied-stored", "tied head, and a copy of it in the file", tie_word_embeddings=True,
                    rename=lambda name, tensor: [(name, tensor)] + (
                        [("lm_head.weight", tensor.clone())] if name == "model.embed_tokens.weight" else []))
    yield variation("epsilon", "a large rms_norm_eps", rms_norm_eps=1e-2)
    yield variation("pads-attended", "pad ids that the mask keeps", padding="attended", pad_token_id=2,
                    notes="The embedding of the pad id gets no gradient from its look-up.")
    yield variation("pads-attended-tied", "pad ids that the mask keeps, tied head", padding="attended", pad_token_id=2,
                    tie_word_embeddings=True)
    yield variation("pads-attended-classifier", "pad ids inside the text of a classifier", padding="attended",
                    head="ForSequenceClassification", num_labels=3, pad_token_id=2, mask=False)
    yield variation("no-mask", "no attention mask given", padding="none", mask=False)
    yield variation("holes", "masked positions inside a row", padding="holes")
    yield variation("positions", "explicit positions, left padding", padding="left", extras=("position_ids",))
    yield variation("one-token", "one row of one token", rows=1, length=1, padding="none")
    yield variation("three-layers", "three layers, five rows", num_hidden_layers=3, rows=5)
    yield variation("bare", "last_hidden_state", head="Model")
    yield variation("classifier", "sequence classifier", head="ForSequenceClassification", num_labels=3,
                    pad_token_id=2, rows=3)
    yield variation("classifier-left", "sequence classifier, left padding", head="ForSequenceClassification",
                    num_labels=4, pad_token_id=2, padding="left", rows=3)
    yield variation("classifier-one-row", "one row, no pad token", head="ForSequenceClassification", num_labels=2,
                    rows=1, padding="none", pad_token_id=None)
    yield variation("classifier-pads-inside", "pad ids inside the text", head="ForSequenceClassification",
                    num_labels=3, pad_token_id=2, padding="holes")
    yield variation("tokens", "a label per token", head="ForTokenClassification", num_labels=4)
    yield variation("bfloat", "stored as bfloat16", stored_dtype=torch.bfloat16)
    yield variation("half", "stored as float16", stored_dtype=torch.float16, older=True)
    yield variation("shards", "several files and an index", shard_size="40KB")


def llama():
    variation = decoder("llama", "Llama", DECODER)
    yield from decoder_variations(variation)
    yield from rope_variations(variation, list(ROPES))
    for activation in ("gelu", "relu", "gelu_pytorch_tanh", "gelu_new", "swish", "quick_gelu", "relu2"):
        yield variation(f"act-{activation}", f"hidden_act {activation}", hidden_act=activation)
    yield variation("attention-bias", "attention_bias", attention_bias=True)
    yield variation("mlp-bias", "mlp_bias", mlp_bias=True)
    yield variation("both-biases", "attention_bias and mlp_bias", attention_bias=True, mlp_bias=True, older=True)
    yield variation("no-kv-heads", "num_key_value_heads absent: one per head", num_key_value_heads=4, older=True,
                    edit=drop("num_key_value_heads"))
    yield variation("eos-list", "a list of eos tokens", eos_token_id=[2, 3, 4])
    yield variation("pretraining-tp", "pretraining_tp 2 changes nothing", pretraining_tp=2)
    yield variation("partial-ignored", "partial_rotary_factor has no effect under the default rope",
                    edit=lambda config: config["rope_parameters"].update(partial_rotary_factor=0.5))
    yield variation("dynamic-within", "dynamic scaling, text within the context", max_position_embeddings=32,
                    rope_parameters=ROPES["dynamic"] | {"rope_theta": 100.0})
    yield variation("dynamic-positions", "dynamic scaling decided by explicit positions", max_position_embeddings=8,
                    rope_parameters=ROPES["dynamic"] | {"rope_theta": 100.0}, padding="left", extras=("position_ids",))
    yield variation("inv-freq", "the rotary buffers of older files", older=True,
                    rename=lambda name, tensor: [(name, tensor)] + (
                        [(name.replace("o_proj.weight", "rotary_emb.inv_freq"), torch.ones(4))]
                        if name.endswith("o_proj.weight") else []))


def mistral():
    variation = decoder("mistral", "Mistral", DECODER | {"sliding_window": None})
    yield from decoder_variations(variation)
    yield from rope_variations(variation, ["linear", "yarn", "llama3"])
    for window in (1, 3, 5, 12, 40):
        yield variation(f"window-{window}", f"sliding_window {window}", sliding_window=window)
        yield variation(f"window-{window}-left", f"sliding_window {window}, left padding", sliding_window=window,
                        padding="left")
    yield variation("window-absent", "sliding_window absent: the family's default", edit=drop("sliding_window"))
    yield variation("window-classifier", "a window under a classifier", head="ForSequenceClassification",
                    sliding_window=4, num_labels=3, pad_token_id=2)


def window_variations(variation):
    """Qwen's windows: a switch, the layers it begins at, and layer_types."""
    yield variation("window-off", "a window that is switched off", use_sliding_window=False, sliding_window=4,
                    max_window_layers=0)
    for first in (0, 1, 2, 5):
        yield variation(f"window-from-{first}", f"sliding_window 4 from layer {first}", use_sliding_window=True,
                        sliding_window=4, max_window_layers=first, num_hidden_layers=3, older=first % 2 == 0,
                        padding="left" if first == 1 else "right")
    yield variation("layer-types", "layer_types given", use_sliding_window=True, sliding_window=3, num_hidden_layers=3,
                    layer_types=["sliding_attention", "full_attention", "sliding_attention"])
    yield variation("layer-types-full", "layer_types all full under a switched-on window", use_sliding_window=True,
                    sliding_window=3, layer_types=["full_attention", "full_attention"])


def qwen2():
    variation = decoder("qwen2", "Qwen2", {key: value for key, value in DECODER.items() if key != "head_dim"})
    for item in decoder_variations(variation):
        if item.name != "head-dim":
            yield item
    yield from rope_variations(variation, ["yarn", "linear", "dynamic", "llama3"])
    yield from window_variations(variation)
    yield variation("act-gelu", "hidden_act gelu", hidden_act="gelu")


def qwen3():
    variation = decoder("qwen3", "Qwen3", DECODER | {"head_dim": 16})
    yield from decoder_variations(variation)
    yield from rope_variations(variation, ["yarn", "linear", "dynamic"])
    yield from window_variations(variation)
    yield variation("attention-bias", "attention_bias", attention_bias=True)
    yield variation("act-gelu", "hidden_act gelu", hidden_act="gelu")


def gemma2():
    variation = decoder("gemma2", "Gemma2", DECODER | {
        "head_dim": 12, "query_pre_attn_scalar": 20, "sliding_window": 4, "attn_logit_softcapping": 3.0,
        "final_logit_softcapping": 10.0, "pad_token_id": 0,
    })
    for item in decoder_variations(variation):
        if item.name != "classifier-one-row":
            yield item
    yield from rope_variations(variation, ["linear", "yarn", "dynamic"])
    yield variation("no-attention-cap", "attn_logit_softcapping null", attn_logit_softcapping=None)
    yield variation("no-final-cap", "final_logit_softcapping null", final_logit_softcapping=None)
    yield variation("no-caps", "no softcapping", attn_logit_softcapping=None, final_logit_softcapping=None)
    yield variation("default-caps", "softcaps, window and scalar left at the family's defaults", older=True,
                    edit=drop("attn_logit_softcapping", "final_logit_softcapping", "sliding_window",
                              "query_pre_attn_scalar"))
    yield variation("scalar", "query_pre_attn_scalar 144", query_pre_attn_scalar=144)
    yield variation("three-windows", "three layers, alternating from the first", num_hidden_layers=3, older=True)
    yield variation("layer-types", "layer_types the other way round",
                    layer_types=["full_attention", "sliding_attention"])
    yield variation("window-wide", "a window wider than the text", sliding_window=100)
    yield variation("window-two-left", "sliding_window 2, left padding", sliding_window=2, padding="left")
    yield variation("attention-bias", "attention_bias", attention_bias=True)
    yield variation("act-gelu", "hidden_activation gelu", hidden_activation="gelu")
    yield variation("act-older", "hidden_act and hidden_activation both named", older=True,
                    edit=put(hidden_act="gelu_pytorch_tanh"))
    yield variation("act-only-older", "hidden_act gelu is not read, hidden_activation is", older=True,
                    edit=lambda config: (config.pop("hidden_activation"), config.update(hidden_act="gelu"))[0] and None)
    yield variation("bidirectional", "use_bidirectional_attention", use_bidirectional_attention=True)


def gemma():
    variation = decoder("gemma", "Gemma", DECODER | {"head_dim": 12, "pad_token_id": 0})
    for item in decoder_variations(variation):
        if item.name != "classifier-one-row":
            yield item
    yield from rope_variations(variation, ["linear"])
    yield variation("act-gelu", "hidden_act gelu", hidden_act="gelu")
    yield variation("attention-bias", "attention_bias", attention_bias=True)


def gemma3():
    variation = decoder("gemma3", "Gemma3", DECODER | {
        "head_dim": 12, "query_pre_attn_scalar": 20, "sliding_window": 4, "pad_token_id": 0, "num_hidden_layers": 3,
    })

    def text(name, about, head="ForCausalLM", **changes):
        return variation(name, about, head=head, **changes)

    yield text("plain", "layer_types derived")
    yield text("left", "left padding", padding="left")
    yield text("older-pattern", "sliding_window_pattern and rope_local_base_freq", edit=older_gemma3(2))
    yield text("older-pattern-one", "every layer global", edit=older_gemma3(1))
    yield text("layer-types", "layer_types given",
               layer_types=["full_attention", "sliding_attention", "full_attention"])
    yield text("window-wide", "a window wider than the text", sliding_window=100)
    yield text("scalar", "query_pre_attn_scalar 144", query_pre_attn_scalar=144)
    yield text("multi-query", "one key-value head", num_key_value_heads=1)
    yield text("softcap", "final_logit_softcapping", final_logit_softcapping=9.0)
    yield text("attention-softcap", "attn_logit_softcapping", attn_logit_softcapping=4.0)
    yield text("rope-linear", "the global layers' positions stretched", rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    })


def older_gemma3(pattern):
    def edit(config):
        for key in ("rope_parameters", "layer_types"):
            config.pop(key, None)
        config.update(sliding_window_pattern=pattern, rope_theta=1000.0, rope_local_base_freq=100.0,
                      rope_scaling={"factor": 8.0, "rope_type": "linear"})
    return edit


def phi3():
    variation = decoder("phi3", "Phi3", {key: value for key, value in DECODER.items() if key != "head_dim"} | {
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "sliding_window": None,
        "original_max_position_embeddings": 64,
    })
    for item in decoder_variations(variation):
        if item.name not in ("head-dim", "classifier-one-row"):
            yield item
    yield variation("window", "sliding_window 5", sliding_window=5)
    scaling = {"type": "longrope", "short_factor": [1.0, 1.1, 1.3, 1.7], "long_factor": [1.0, 2.0, 3.5, 6.0]}
    for context in (8, 16):
        yield variation(f"longrope-{context}", f"rope_scaling longrope, first trained on {context}", older=True,
                        edit=put(rope_scaling=scaling, original_max_position_embeddings=context))
    yield variation("partial", "half of each head turns", edit=put(partial_rotary_factor=0.5), older=True)


# --- ViT ---

def vit():
    base = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 36,
            "image_size": 16, "patch_size": 8, "num_labels": 5}

    def variation(name, about, head="ForImageClassification", **changes):
        fields = {field.name for field in dataclasses.fields(Variation)}
        options = {key: changes.pop(key) for key in list(changes) if key in fields}
        return Variation("vit", name, "ViT" + head, about, base | changes, **options)

    yield variation("plain", "image classifier")
    yield variation("older", "config.json of transformers 4", older=True)
    yield variation("no-qkv-bias", "qkv_bias false", qkv_bias=False)
    for activation in ("relu", "gelu_new", "silu", "quick_gelu", "gelu_pytorch_tanh", "tanh"):
        yield variation(f"act-{activation}", f"hidden_act {activation}", hidden_act=activation)
    yield variation("wide", "an image that is not square", image_size=[16, 24])
    yield variation("patches", "patches that are not square", image_size=[16, 24], patch_size=[8, 4])
    yield variation("grey", "one channel", num_channels=1)
    yield variation("epsilon", "a large layer_norm_eps", layer_norm_eps=1e-2)
    yield variation("more-patches", "16 patches, one row", patch_size=4, rows=1)
    yield variation("bare", "last_hidden_state", head="Model")
    yield variation("bare-no-pooler", "no pooler weights in the file", head="Model",
                    rename=lambda name, tensor: [] if "pooler." in name else [(name, tensor)])
    yield variation("one-label", "regression", num_labels=1)
    yield variation("three-layers", "three layers, one head", num_hidden_layers=3, num_attention_heads=1)
    yield variation("half", "stored as float16", stored_dtype=torch.float16)
    yield variation("shards", "several files and an index", shard_size="20KB")
    yield variation("published", "a short config.json", older=True,
                    edit=drop("encoder_stride", "pooler_act", "pooler_output_size", "qkv_bias", "torch_dtype"))
