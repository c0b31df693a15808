"""Variants of the methods beside LoRA that both directions of the interoperability check go through."""

import adapter_variations
from adapter_variations import Variation

CONFIGURATIONS = {"lora": "LoraConfig", "ia3": "IA3Config", "vera": "VeraConfig", "fourierft": "FourierFTConfig",
                  "prefix-tuning": "PrefixTuningConfig", "prompt_tuning": "PromptTuningConfig",
                  "p_tuning": "PromptEncoderConfig"}


def variations():
    """LoRA's variants, then those of the others."""
    yield from adapter_variations.variations()
    for maker in (ia3, vera, fourierft, prefix, prompts):
        yield from maker()


def ia3():
    def vectors(base, name, about, **options):
        return Variation(base, f"ia3-{name}", f"(IA)3, {about}", options, method="ia3")

    for base in ("llama", "qwen2", "gemma2", "bert", "bart", "gpt2"):
        yield vectors(base, "default", "modules by the family's own lists")
    yield vectors("llama", "exclude", "one module left out", target_modules=["k_proj", "v_proj", "down_proj"],
                  feedforward_modules=["down_proj"], exclude_modules=["0.mlp.down_proj"])
    yield vectors("llama", "random", "a start that is not the base", init_ia3_weights=False,
                  target_modules=["k_proj", "up_proj"], feedforward_modules=["up_proj"])
    yield vectors("llama", "all-linear", "all linear layers, inputs by a pattern", target_modules="all-linear",
                  feedforward_modules=".*down_proj")
    yield vectors("bert", "patterns", "both by patterns", target_modules=r".*(key|value|intermediate.dense|output.dense)",
                  feedforward_modules=r".*\.\d\.output.dense")
    yield vectors("bert", "outputs", "outputs only, with a head", target_modules=["key"], feedforward_modules=[],
                  modules_to_save=["classifier"])
    yield vectors("gpt2", "transposed", "inputs and outputs of transposed layers",
                  target_modules=["c_attn", "c_proj", "c_fc"], feedforward_modules=["c_proj"])
    yield vectors("vit", "all-linear", "a vision model", target_modules="all-linear", feedforward_modules=".*fc2")


def vera():
    def shared(base, name, about, **options):
        return Variation(base, f"vera-{name}", f"VeRA, {about}", {"r": 5} | options, method="vera")

    for base in ("llama", "qwen2", "bert", "gpt2"):
        yield shared(base, "default", "modules by the family's own lists")
    yield shared("vit", "all-linear", "a vision model", target_modules="all-linear")
    yield shared("llama", "key", "drawn from the key", save_projection=False, projection_prng_key=123,
                 target_modules=["q_proj", "down_proj", "v_proj"])
    yield shared("gpt2", "large-key", "drawn from a key above 32 bits, a rank above the sizes", r=300,
                 target_modules=["c_attn", "mlp.c_proj"], save_projection=False, projection_prng_key=2**40 + 7)
    yield shared("llama", "layers", "one layer, with their list named", target_modules=["q_proj"],
                 layers_to_transform=1, layers_pattern="layers")
    yield shared("llama", "start", "a start that is not the base", init_weights=False, d_initial=0.3, vera_dropout=0.3,
                 target_modules=["q_proj", "down_proj"])
    yield shared("llama-biases", "bias-all", "every bias trains", bias="all", target_modules=["q_proj", "down_proj"])
    yield shared("llama-biases", "bias-only", "the adapted layers' biases train", bias="vera_only",
                 target_modules=["q_proj", "down_proj"])
    yield shared("llama-tied", "save-head", "a tied head saved whole", modules_to_save=["lm_head"])


def fourierft():
    def spectral(base, name, about, **options):
        return Variation(base, f"fourierft-{name}", f"FourierFT, {about}", {"n_frequency": 40} | options,
                         method="fourierft")

    for base in ("llama", "qwen2", "bert", "gpt2"):
        yield spectral(base, "default", "modules by the family's own lists")
    yield spectral("vit", "all-linear", "a vision model", target_modules="all-linear")
    yield spectral("llama", "pattern", "numbers by name and by a regular expression", scaling=300.0, random_loc_seed=1,
                   n_frequency_pattern={"q_proj": 7, r"layers\.1\.self_attn\.v_proj": 13})
    yield spectral("llama", "full-path", "a number by a whole path",
                   n_frequency_pattern={"model.layers.0.self_attn.q_proj": 7})
    yield spectral("llama", "zeros", "a start that is the base", init_weights=True,
                   target_modules=["o_proj", "down_proj"])
    yield spectral("llama", "layers", "one layer", target_modules=["q_proj"], layers_to_transform=[0])
    yield spectral("llama-biases", "bias-all", "every bias trains", bias="all")
    yield spectral("llama-biases", "bias-only", "the adapted layers' biases train", bias="fourier_only")
    yield spectral("gpt2", "all-entries", "every entry of the spectrum", n_frequency=32 * 96, random_loc_seed=5,
                   target_modules=["c_attn"])


def prefix():
    yield Variation("bart", "prefix", "prefix tuning: the decoder's attention to itself", {"num_virtual_tokens": 3},
                    method="prefix-tuning")


def prompts():
    def rows(base, method, about, name="", **options):
        name = name or method.replace("_", "-")
        return Variation(base, name, about, {"num_virtual_tokens": 3} | options, method=method,
                         trainable=name != "p-tuning-lstm")

    for base, place in (("bart", "the encoder's; the table has as many again"), ("bert", "the sequence's")):
        yield rows(base, "prompt_tuning", f"prompt tuning: rows before the tokens, {place}")
        yield rows(base, "p_tuning", f"P-tuning by an MLP: rows before the tokens, {place}", encoder_hidden_size=8)
    # The file has the rows that the LSTM made.
    yield rows("bart", "p_tuning", "P-tuning by an LSTM", name="p-tuning-lstm", encoder_hidden_size=8, encoder_reparameterization_type="LSTM",
               encoder_dropout=0.0)
