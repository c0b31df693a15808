"""The largest difference of two checkpoints' tensors, each relative to the tensor's largest value.

    compare_tensors.py FOLDER FOLDER
"""

import pathlib
import sys

from safetensors import safe_open


def tensors(folder):
    """Name to the open file that holds it."""
    found = {}
    for path in sorted(pathlib.Path(folder).glob("model*.safetensors")):
        file = safe_open(path, "pt")
        found |= {name: file for name in file.keys()}
    return found


first, second = (tensors(folder) for folder in sys.argv[1:])
if first.keys() != second.keys():
    sys.exit(f"names that only one has: {sorted(first.keys() ^ second.keys())[:6]}")
worst = 0.0
for name, file in first.items():
    one, other = file.get_tensor(name), second[name].get_tensor(name)
    if one.shape != other.shape or one.dtype != other.dtype:
        sys.exit(f"{name} is {one.dtype} {list(one.shape)} and {other.dtype} {list(other.shape)}")
    one, other = one.float(), other.float()
    worst = max(worst, ((one - other).abs().max() / other.abs().max().clamp(min=1e-12)).item())
print(worst)
