"""The peer's generation: greedy, with its key-value cache, the adapter unmerged.

    generate.py MODEL ADAPTER PROMPTS NEW_TOKENS

Prints the continuations, one per line; the last line of the error stream is the seconds that generating took.
"""

import pathlib
import sys
import time

import torch
import transformers
from peft import PeftModel

model, adapter, prompts, count = sys.argv[1:]
transformers.logging.set_verbosity_error()
tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(model, padding_side="left")
base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, attn_implementation="sdpa")
adapted = PeftModel.from_pretrained(base, adapter).eval()
texts = pathlib.Path(prompts).read_text().splitlines()
with torch.inference_mode():
    started = time.perf_counter()
    inputs = tokenizer(texts, return_tensors="pt", padding=True)
    ids = adapted.generate(
        **{name: inputs[name] for name in ("input_ids", "attention_mask")}, max_new_tokens=int(count), do_sample=False,
        pad_token_id=tokenizer.pad_token_id)
    lines = tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
    seconds = time.perf_counter() - started
print("\n".join(lines))
print(seconds, file=sys.stderr)
