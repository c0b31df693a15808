"""What `graft train` needs to make an adapter of a variation: a tokenizer, a few rows and a recipe."""

import json

import tokenizers
from tokenizers import models, pre_tokenizers, processors

from adapter_variations import BASES

WORDS = ["the cat sat", "a dog ran far", "one more day", "blue sky over hills", "stones and rain", "we sing",
         "nobody knows why", "quick brown fox"]
TASKS = {"CAUSAL_LM": "causal-lm", "SEQ_CLS": "classification", "SEQ_2_SEQ_LM": "seq2seq"}


def can_train(case):
    """Texts alone are trained on, and only what our own trainer produces."""
    return case.trainable and not case.converted and BASES[case.base][2] in TASKS


def write(case, folder, checkpoint, output):
    """tokenizer.json beside the checkpoint; data.jsonl and recipe.yaml in `folder`."""
    _, settings, task = BASES[case.base]
    labels = settings.get("num_labels", 2)
    tokenizer(settings).save(str(checkpoint / "tokenizer.json"))
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]",
        "sep_token": "[SEP]", "eos_token": "[SEP]",
    }))
    rows = [{"text": text} for text in WORDS]
    if task == "SEQ_CLS":
        rows = [row | {"label": number % labels} for number, row in enumerate(rows)]
    elif task == "SEQ_2_SEQ_LM":
        rows = [{"input": text, "target": " ".join(reversed(text.split()))} for text in WORDS]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "model": str(checkpoint), "train_file": str(folder / "data.jsonl"), "task": TASKS[task], "output_dir": str(output),
        "method": case.method, "max_steps": 3, "learning_rate": 0.05, "per_device_train_batch_size": 4, "seed": 7,
    } | {key: value for key, value in case.options.items() if value is not None}
    (folder / "recipe.yaml").write_text(json.dumps(recipe, indent=2))  # every JSON document is YAML, too


def tokenizer(settings):
    """WordPiece over single letters: small enough for the tiny vocabularies, with the base's own pad id."""
    pad = settings.get("pad_token_id") or 0
    special = [name for name in ("[UNK]", "[CLS]", "[SEP]")]
    special.insert(min(pad, len(special)), "[PAD]")
    letters = [chr(ord("a") + number) for number in range(26)]
    vocabulary = {token: number for number, token in enumerate(special + letters + ["##" + item for item in letters])}
    result = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    result.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")])
    result.add_special_tokens(special)
    return result
