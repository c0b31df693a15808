"""Golden cases of peft folders (kind: adapter): every variant of LoRA and other methods, made and read back by Python's peft.

    make_adapters.py --out DIR [--only PART-OF-NAME]
"""

import argparse
import copy
import os
import pathlib
import shutil
import sys
import tempfile
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"  # the base models are folders; peft would ask the hub about their vocabulary

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

import golden
from adapter_variations import BASES
from method_variations import CONFIGURATIONS, variations

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
warnings.filterwarnings("ignore")

def make_base(base, checkpoint, seed):
    """Writes a tiny random checkpoint of the kind `base`."""
    architecture, settings, _ = BASES[base]
    model_class = getattr(transformers, architecture)
    model = model_class._from_config(model_class.config_class(**settings), dtype=torch.float32)
    golden.randomize(model, seed, centered_norms=base == "gemma2")
    model.save_pretrained(checkpoint)
    (checkpoint / "generation_config.json").unlink(missing_ok=True)
    golden.edit_config(checkpoint, golden.older_style)


def load_base(base, checkpoint):
    model_class = getattr(transformers, BASES[base][0])
    return model_class.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager").eval()


def base_inputs(base, seed):
    _, settings, _ = BASES[base]
    if "image_size" in settings:
        return golden.image_inputs(seed, settings["image_size"], settings["image_size"])
    extras = ("decoder_input_ids",) if "decoder_layers" in settings else ()
    return golden.token_inputs(
        seed, settings["vocab_size"], length=11, pad_token=settings.get("pad_token_id"), extras=extras)


def perturb(model, seed):
    """Moves everything that trains, so that no part of the adapter is a no-op."""
    generator = torch.Generator().manual_seed(seed + 3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not (parameter.requires_grad or "lora_" in name):
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "magnitude" in name:
                parameter.mul_(1 + 0.1 * noise)
            else:
                parameter.add_(0.1 * noise)


def make_adapter(case, checkpoint, adapter, seed):
    """Writes the peft folder of one variation."""
    task = BASES[case.base][2]
    # peft adds the names of heads to the lists that it is given.
    config = getattr(peft, CONFIGURATIONS[case.method])(task_type=task, **copy.deepcopy(case.options))
    torch.manual_seed(seed)
    model = peft.get_peft_model(load_base(case.base, checkpoint), config)
    model.peft_config["default"].base_model_name_or_path = "model"
    with tempfile.TemporaryDirectory() as scratch:
        if case.converted:
            # peft's own recipe: the untouched start is saved under the names of a plain adapter.
            start = model.peft_config["default"].init_lora_weights
            model.peft_config["default"].init_lora_weights = True
            model.save_pretrained(scratch)
            model.peft_config["default"].init_lora_weights = start
        perturb(model, seed)
        options = {"path_initial_model_for_weight_conversion": scratch} if case.converted else {}
        model.save_pretrained(adapter, **options)
    (adapter / "README.md").unlink(missing_ok=True)


def edit_adapter(case, adapter):
    """Rewrites the folder in an older or smaller form."""
    if case.edit:
        golden.edit_config(adapter, case.edit, name="adapter_config.json")
    if case.rename or case.stored_dtype:
        file = adapter / "adapter_model.safetensors"
        tensors = load_file(file)
        rename = case.rename or (lambda name: name)
        dtype = case.stored_dtype or torch.float32
        save_file({rename(name): tensor.to(dtype) for name, tensor in tensors.items()}, file,
                  metadata={"format": "pt"})


def outputs(base, checkpoint, adapter, inputs):
    """Logits of the base, with the adapter, and merged; read from the folders as a user would."""
    # Every place of a target counts.
    mask = None if "in.decoder_input_ids" in inputs else inputs.get("in.attention_mask")

    def logits(model):
        with torch.no_grad():
            values = model(**golden.arguments(inputs)).logits
        return golden.zero_masked(values, mask if values.ndim == 3 else None)

    result = {"out.base_logits": logits(load_base(base, checkpoint))}
    model = peft.PeftModel.from_pretrained(load_base(base, checkpoint), adapter).eval()
    result["out.logits"] = logits(model)
    try:
        result["out.merged_logits"] = logits(model.merge_and_unload())
    except (AttributeError, ValueError, RuntimeError) as error:  # what peft cannot merge has no merged output
        print(f"not merged: {adapter.parent.name}: {error}", file=sys.stderr)
    return result


def make(case, root, seed):
    folder = root / case.method / f"{case.base}-{case.name}"
    shutil.rmtree(folder, ignore_errors=True)
    make_base(case.base, folder / "model", seed)
    make_adapter(case, folder / "model", folder / "adapter", seed)
    inputs = base_inputs(case.base, seed)
    if not case.rename:
        edit_adapter(case, folder / "adapter")
    tensors = outputs(case.base, folder / "model", folder / "adapter", inputs)
    if case.rename:  # older names: the same adapter, which today's transformers can read under its own names only
        edit_adapter(case, folder / "adapter")
    with_adapter, base = tensors["out.logits"], tensors["out.base_logits"]
    if not torch.isfinite(with_adapter).all() or (with_adapter - base).abs().max() < 1e-3:
        raise ValueError("the adapter changes nothing, or gives no finite number")
    merged = tensors.get("out.merged_logits")
    if merged is not None and (merged - with_adapter).abs().max() > 1e-3:
        # peft merges an adapted embedding into the head that shares its weight: nothing to be compared with.
        del tensors["out.merged_logits"]
    per_token = with_adapter.ndim == 3 and "in.decoder_input_ids" not in inputs
    golden.write_case(folder, {
        "method": case.method,
        "kind": "adapter",
        "about": f"{case.base}: {case.about}",
        "config": {
            "peft_type": case.method.upper(),
            "task_type": BASES[case.base][2],
            "architecture": BASES[case.base][0],
            "compare_mask": "in.attention_mask" if per_token else None,
        },
        "notes": "",
    }, inputs | tensors)
    return folder


def make_all(root, only=""):
    made = 0
    for number, case in enumerate(variations()):
        name = f"{case.base}-{case.name}"
        if only not in name:
            continue
        try:
            make(case, root, seed=5000 + 10 * number)
            made += 1
        except Exception as error:  # whatever the reference refuses, in whatever way
            shutil.rmtree(root / case.method / name, ignore_errors=True)
            print(f"left out {name}: {type(error).__name__}: {str(error).splitlines()[0][:150]}", file=sys.stderr)
    print(f"{made} cases in {root}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    make_all(options.out, options.only)
