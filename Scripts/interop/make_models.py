"""Golden cases of whole models (kind: model), made with transformers and timm.

    make_models.py --out DIR [--only PART-OF-NAME]
    make_models.py --out DIR --random COUNT [--seed N]

Tiny random checkpoints in many configurations that published ones have; with --random, in random combinations. A configuration that the installed
transformers refuses is left out, with a line that says so.
"""

import argparse
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

import golden
from model_combinations import combinations
from model_variations import variations
from timm_variations import timm_variations

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def make(case, root, seed):
    """Writes one case and returns its folder."""
    folder = root / case.family / case.name
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint = folder / "model"
    model_class = getattr(transformers, case.architecture)
    config = model_class.config_class(**case.config)
    model = model_class._from_config(config, dtype=torch.float32).eval()
    golden.randomize(model, seed, centered_norms=case.family.startswith("gemma"))
    model.to(case.stored_dtype).save_pretrained(checkpoint, max_shard_size=case.shard_size)
    (checkpoint / "generation_config.json").unlink(missing_ok=True)
    if case.older:
        golden.edit_config(checkpoint, golden.older_style)
    if case.edit:
        golden.edit_config(checkpoint, case.edit)
    if case.rename:
        rename_tensors(checkpoint / "model.safetensors", case.rename)

    model, loading = model_class.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    if missing := [name for name in loading["missing_keys"] if "pooler" not in name]:
        raise ValueError(f"the file lacks {missing}, which would be drawn anew at every load")
    model.eval()
    inputs = case.inputs(seed)
    result = model(**golden.arguments(inputs))
    field = "logits" if "logits" in result else "last_hidden_state"
    values = result[field]
    # What an encoder-decoder gives stands at the places of its target, all of which count.
    per_token = values.ndim == 3 and "in.input_ids" in inputs and "in.decoder_input_ids" not in inputs
    mask = inputs.get("in.attention_mask") if per_token else None
    cotangent = golden.cotangent_for(values, mask, seed)
    (values * cotangent).sum().backward()
    values = golden.zero_masked(values, mask)
    if not torch.isfinite(values).all():
        raise ValueError("the reference's own output is not finite")

    stored = golden.stored_names(model, checkpoint)
    gradients = {
        stored[name]: parameter.grad for name, parameter in model.named_parameters()
        if parameter.grad is not None and name in stored
    }
    tensors = inputs | {"in.cotangent": cotangent, f"out.{field}": values}
    tensors |= {f"grad.{name}": gradients[name] for name in golden.a_few(list(gradients))}
    golden.write_case(folder, {
        "method": case.family,
        "kind": "model",
        "about": case.about,
        "config": {
            "architecture": case.architecture,
            "compare_mask": "in.attention_mask" if mask is not None else None,
            "padding": case.padding,
        },
        "notes": case.notes,
    }, tensors)
    return folder


def rename_tensors(file, rename):
    """Stores the tensors under other names, or not at all where `rename` gives None; it may add some, too."""
    tensors = {}
    for name, tensor in load_file(file).items():
        for new_name, new_tensor in rename(name, tensor):
            tensors[new_name] = new_tensor
    save_file(tensors, file, metadata={"format": "pt"})


def make_timm(case, root, seed):
    """The same for a timm VisionTransformer."""
    import timm

    folder = root / "vit-timm" / case.name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "model").mkdir(parents=True)
    model = timm.create_model(case.architecture, **case.arguments).eval()
    golden.randomize(model, seed)
    save_file(model.state_dict(), folder / "model" / "model.safetensors", metadata={"format": "pt"})
    height, width = model.patch_embed.img_size
    channels = case.arguments.get("in_chans", 3)
    settings = {
        "architecture": case.architecture,
        "num_classes": model.num_classes,
        "num_features": model.num_features,
        "global_pool": model.global_pool,
        "model_args": {key: list(value) if isinstance(value, tuple) else value
                       for key, value in case.arguments.items()},
        "pretrained_cfg": {"input_size": [channels, height, width], "num_classes": model.num_classes,
                           "first_conv": "patch_embed.proj", "classifier": "head"},
    }
    (folder / "model" / "config.json").write_text("{}")
    golden.edit_config(folder / "model", lambda _: settings)

    inputs = golden.image_inputs(seed, height, width, channels)
    features = model.forward_features(inputs["in.pixel_values"])
    values = model.forward_head(features)
    cotangent = golden.cotangent_for(values, None, seed)
    (values * cotangent).sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    tensors = inputs | {"in.cotangent": cotangent, "out.logits": values, "out.last_hidden_state": features}
    tensors |= {f"grad.{name}": gradients[name] for name in golden.a_few(list(gradients))}
    golden.write_case(folder, {
        "method": "vit-timm",
        "kind": "model",
        "about": case.about,
        "config": {"architecture": case.architecture, "task": "image-classification", "compare_mask": None},
        "notes": "timm layout. out.last_hidden_state is what forward_features gives.",
    }, tensors)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", default="", help="make only the cases whose family/name contains this")
    parser.add_argument("--random", type=int, metavar="COUNT", help="make so many random combinations instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cases = variations() if options.random is None else combinations(options.random, options.seed)
    jobs = [(make, f"{case.family}/{case.name}", case) for case in cases]
    if options.random is None:
        jobs += [(make_timm, f"vit-timm/{case.name}", case) for case in timm_variations()]
    made = 0
    for number, (maker, name, case) in enumerate(jobs):
        if options.only not in name:
            continue
        try:
            maker(case, options.out, seed=1000 + 10 * number)
            made += 1
        except Exception as error:  # whatever the reference refuses, in whatever way
            shutil.rmtree(options.out / name, ignore_errors=True)
            print(f"left out {name}: {type(error).__name__}: {str(error).splitlines()[0][:150]}", file=sys.stderr)
    print(f"{made} cases in {options.out}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
