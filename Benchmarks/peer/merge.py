"""The peer's merge, as its documentation has it.

    merge.py MODEL ADAPTER OUTPUT
"""

import sys

import torch
import transformers
from peft import PeftModel

model, adapter, output = sys.argv[1:]
base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(output)
transformers.PreTrainedTokenizerFast.from_pretrained(model).save_pretrained(output)
