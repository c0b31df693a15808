"""The timm vision transformers that make_models.py makes."""

import dataclasses
import importlib.abc
import importlib.machinery
import sys
import types
from typing import Any
from unittest import mock


@dataclasses.dataclass
class TimmVariation:
    name: str
    about: str
    arguments: dict[str, Any]
    architecture: str = "vit_tiny_patch16_224"


def timm_variations():
    """timm imports torchvision for its data side alone; PyPI's does not load beside a CPU build of torch, so an empty
    stand-in takes its place."""
    sys.meta_path.append(StandIn("torchvision"))
    base = {"img_size": (16, 16), "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}

    def variation(name, about, **changes):
        architecture = changes.pop("architecture", "vit_tiny_patch16_224")
        return TimmVariation(name, about, base | changes, architecture)

    yield variation("plain", "class token")
    yield variation("average", "global_pool avg, norm after pooling", global_pool="avg")
    yield variation("average-no-fc-norm", "global_pool avg, norm before pooling", global_pool="avg", fc_norm=False)
    yield variation("no-class-token", "no class token", global_pool="avg", class_token=False)
    yield variation("no-qkv-bias", "qkv_bias false", qkv_bias=False)
    yield variation("mlp-ratio", "mlp_ratio 2", mlp_ratio=2.0)
    yield variation("layer-scale", "init_values: a scale on each branch", init_values=0.1)
    yield variation("qk-norm", "norms on queries and keys", qk_norm=True)
    yield variation("registers", "four register tokens", reg_tokens=4)
    yield variation("no-embed-class", "positions for the patches only", no_embed_class=True)
    yield variation("registers-no-embed-class", "register tokens without positions", reg_tokens=4, no_embed_class=True)
    yield variation("pre-norm", "a norm before the blocks", pre_norm=True)
    yield variation("wide", "an image that is not square", img_size=(16, 24))
    yield variation("grey", "one channel", in_chans=1)
    yield variation("more-classes", "eleven classes", num_classes=11)
    yield variation("max-pool", "global_pool max", global_pool="max")
    yield variation("small", "another architecture's name", architecture="vit_small_patch16_224")


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a package and everything below it as empty modules whose attributes are mocks."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != self.package:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = lambda attribute: mock.MagicMock()
        module.__version__ = "0.0"
        return module

    def exec_module(self, module):
        pass
