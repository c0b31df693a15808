"""Prints the versions of the peer's packages as JSON."""

import importlib.metadata
import json

names = ("torch", "transformers", "peft", "accelerate", "safetensors")
print(json.dumps({name: importlib.metadata.version(name) for name in names}))
