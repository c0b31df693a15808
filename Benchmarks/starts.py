"""Makes exact zeros of what a step at a vanishing rate left of them.

    starts.py FOLDER BOUND
"""

import pathlib
import sys

from safetensors import safe_open
from safetensors.torch import load_file, save_file

file = pathlib.Path(sys.argv[1]) / "adapter_model.safetensors"
with safe_open(file, "pt") as opened:
    metadata = opened.metadata()
tensors = {name: tensor.masked_fill(tensor.abs() < float(sys.argv[2]), 0) if tensor.is_floating_point() else tensor
           for name, tensor in load_file(file).items()}
save_file(tensors, file, metadata=metadata)
