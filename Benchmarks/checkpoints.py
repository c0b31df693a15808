"""Makes the checkpoints and rows of the workloads, each from a seed; what is there already stays.

    checkpoints.py --output DIR --demo DIR [--small] NAME...

Runs with the peer's Python. The weights are random: speed and memory do not depend on what they are.
"""

import argparse
import json
import pathlib
import random
import shutil

import torch
import transformers
from safetensors.torch import load_file, save_file

END = "<|endoftext|>"
CLASSES = 10


# Qwen2-0.5B's shape and ViT-B/16's.
FULL_SIZE = {
    "vocabulary": 151_936, "decoder": {"hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14,
                                       "num_key_value_heads": 2}, "vision": {}}
# For a try of the measuring itself.
SMALL_SIZE = {
    "vocabulary": 2000, "decoder": {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
                                    "num_key_value_heads": 2},
    "vision": {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2}}


def causal_model(folder, size, layers):
    torch.manual_seed(layers)
    config = transformers.Qwen2Config(
        **size["decoder"], num_hidden_layers=layers, vocab_size=size["vocabulary"], max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=0, pad_token_id=1)
    transformers.Qwen2ForCausalLM(config).to(torch.float32).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    word_tokenizer(folder, size["vocabulary"])


def word_tokenizer(folder, vocabulary):
    """A word for each number of the vocabulary: w17 is token 17. The first two are the end and the pad token."""
    words = [END, "<|pad|>"] + [f"w{number}" for number in range(2, vocabulary)]
    special = [{"id": number, "content": words[number], "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for number in range(2)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: number for number, word in enumerate(words)}, "unk_token": END},
    }))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "unk_token": END, "pad_token": "<|pad|>",
        "model_max_length": 4096}))


def vision_model(folder, size):
    torch.manual_seed(16)
    transformers.ViTModel(transformers.ViTConfig(**size["vision"]), add_pooling_layer=False).save_pretrained(folder)


def still_encoder(folder, demo):
    """The demo's encoder without dropout, so that losses can be compared."""
    shutil.copytree(demo / "model", folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config, indent=2))


# --- Rows ---

def texts(file, vocabulary, lengths, seed):
    """Rows of random words with so many tokens each, the end token among them. The second half is learnt."""
    draw = random.Random(seed)
    with file.open("w") as out:
        for length in lengths:
            words = [f"w{draw.randrange(2, vocabulary)}" for _ in range(length - 1)]
            half = length // 2
            out.write(json.dumps({"prompt": " ".join(words[:half]) + " ", "completion": " ".join(words[half:])}) + "\n")


def real_lengths(count, seed):
    """Lengths as instructions have them: log-normal, from 16 to 512 tokens."""
    draw = random.Random(seed)
    return [min(512, max(16, round(draw.lognormvariate(4.6, 0.8)))) for _ in range(count)]


def prompts(file, vocabulary, count, length, seed):
    draw = random.Random(seed)
    file.write_text("".join(
        " ".join(f"w{draw.randrange(2, vocabulary)}" for _ in range(length)) + "\n" for _ in range(count)))


def images(file, count):
    generator = torch.Generator().manual_seed(count)
    save_file({"pixel_values": torch.randn(count, 3, 224, 224, generator=generator),
               "labels": torch.arange(count) % CLASSES}, file,
              metadata={"label_names": json.dumps([f"class {number}" for number in range(CLASSES)])})


# --- Adapters ---

def random_adapter(folder, model):
    """An adapter of rank 16 on all linear layers in which nothing is zero."""
    from peft import LoraConfig, get_peft_model

    base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    torch.manual_seed(7)
    adapted = get_peft_model(base, LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    adapted.save_pretrained(folder)
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    filled = {name: torch.randn_like(tensor) * 0.01 if "lora_B" in name else tensor for name, tensor in tensors.items()}
    save_file(filled, file, metadata={"format": "pt"})


def recipes(output, demo, size):
    """Name to how it is made, in the order in which they are made."""
    words = size["vocabulary"]
    made = {f"qwen2-{layers}": (lambda to, layers=layers: causal_model(to, size, layers)) for layers in (2, 4, 8, 24)}
    made |= {f"adapter-{layers}": (lambda to, layers=layers: random_adapter(to, output / f"qwen2-{layers}"))
             for layers in (8, 24)}
    made |= {f"rows-4x{length}.jsonl": (lambda to, length=length: texts(to, words, [length] * 4, length))
             for length in (128, 256, 512, 1024)}
    made["rows-real.jsonl"] = lambda to: texts(to, words, real_lengths(200, 200), 3)
    made["rows-real-first.jsonl"] = lambda to: texts(to, words, real_lengths(200, 200)[:4], 3)
    made["prompts-1.txt"] = lambda to: prompts(to, words, 1, 128, 1)
    made["prompts-16.txt"] = lambda to: prompts(to, words, 16, 128, 16)
    made["vit-b16"] = lambda to: vision_model(to, size)
    made["images-16.safetensors"] = lambda to: images(to, 16)
    made["encoder-still"] = lambda to: still_encoder(to, demo)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--demo", type=pathlib.Path, required=True)
    parser.add_argument("--small", action="store_true", help="tiny models, to try the measuring itself")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    size = SMALL_SIZE if options.small else FULL_SIZE
    options.output.mkdir(parents=True, exist_ok=True)
    for name, make in recipes(options.output, options.demo, size).items():
        final = options.output / name
        if name not in options.names or final.exists():
            continue
        staged = options.output / f".new-{name}"
        shutil.rmtree(staged) if staged.is_dir() else staged.unlink(missing_ok=True)
        make(staged)
        staged.rename(final)


if __name__ == "__main__":
    main()
