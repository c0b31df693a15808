"""Second golden cases of methods, computed here with torch code that shares nothing with the library.

    python Scripts/interop/method_cases Sources/Verification/Cases/methods

writes `<slug>/<case>` below the folder: case.json and tensors.safetensors, in the format of golden cases. References follow
each method's own description, not how the library computes: weights are permuted where a release permutes them, an LSTM is
torch's.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file

MAKERS = []


def case(slug, name):
    """Registers a function that gives the case.json without its names, the given tensors and the expected ones."""

    def register(function):
        MAKERS.append((slug, name, function))
        return function

    return register


def write(root, slug, name, parts):
    head, given, expected = parts
    folder = pathlib.Path(root) / slug / name
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: tensor.detach().clone().contiguous() for key, tensor in (given | expected).items()}
    save_file(tensors, folder / "tensors.safetensors")
    origin = "Scripts/interop/method_cases"
    text = {"method": slug, "origin": origin, **head, "inputs": list(given), "outputs": list(expected)}
    text.setdefault("tolerance", {"atol": 1e-5, "rtol": 1e-4})
    (folder / "case.json").write_text(json.dumps(text, indent=1) + "\n")


class Draw:
    """Normal tensors from one seed, in order."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape, scale=1.0):
        return scale * torch.randn(shape, generator=self.generator)

    def leaf(self, *shape, scale=1.0):
        return self(*shape, scale=scale).requires_grad_()
