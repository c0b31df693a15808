"""What the case makers share: random weights that exercise everything, inputs, and the folder format of golden cases.

A case is a folder with case.json, tensors.safetensors and the checkpoint in model/ (and adapter/); `graft verify --cases`
replays it. Expected values come from reading the written folder back with transformers and peft, so that a case also
covers what its config.json says and leaves out.
"""

import json
import math
import pathlib

import torch
from safetensors.torch import load_file, save_file

TOLERANCE = {"atol": 1e-5, "rtol": 3e-4}


def randomize(model, seed, centered_norms=False):
    """Weights of a size at which every part of the network shows in the output.

    `centered_norms`: the norm scales by 1 + weight (Gemma), so its weights lie around 0.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = any(part in name.lower() for part in ("norm", "ln_", "ls1.gamma", "ls2.gamma"))
            if parameter.ndim == 1 and is_norm and not name.endswith("bias"):
                parameter.copy_(0.2 * noise if centered_norms else 1 + 0.2 * noise)
            elif parameter.ndim == 1:
                parameter.copy_(0.2 * noise)
            elif any(part in name for part in ("embed", "wte", "wpe", "cls_token", "pos_embed", "reg_token")):
                parameter.copy_(0.3 * noise if parameter.ndim == 2 else 0.6 * noise)
                if parameter.ndim == 4:  # a patch projection
                    parameter.copy_(noise / math.sqrt(parameter[0].numel()))
            else:
                parameter.copy_(noise / math.sqrt(parameter[0].numel()))


def token_inputs(seed, vocabulary, rows=2, length=12, padding="right", pad_token=0, mask=True, extras=(), lowest=3):
    """in.* tensors for a text model.

    `padding`: right, left, holes (masked positions inside a row), attended (pad ids that the mask keeps) or none.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    ids = torch.randint(lowest, vocabulary, (rows, length), generator=generator)
    attention = torch.ones(rows, length, dtype=torch.int64)
    if padding in ("right", "left"):
        for row in range(1, rows):
            missing = min(length - 1, 2 + row)
            attention[row, slice(length - missing, None) if padding == "right" else slice(0, missing)] = 0
    elif padding == "holes":
        attention[-1, [3, 5, 6]] = 0
    pad = pad_token if pad_token is not None else 0
    ids[attention == 0] = pad
    if padding == "attended":
        ids[-1, :: 3] = pad
    inputs = {"in.input_ids": ids}
    if mask:
        inputs["in.attention_mask"] = attention
    if "token_type_ids" in extras:
        inputs["in.token_type_ids"] = (torch.arange(length) >= length // 2).long().repeat(rows, 1)
    if "position_ids" in extras:
        inputs["in.position_ids"] = (attention.cumsum(-1) - 1).clamp(min=0)
    if "decoder_input_ids" in extras:
        target = torch.randint(lowest, vocabulary, (rows, max(1, length - 5)), generator=generator)
        target[:, 0] = 2
        inputs["in.decoder_input_ids"] = target
    if "decoder_attention_mask" in extras:
        inputs["in.decoder_attention_mask"] = torch.ones_like(inputs["in.decoder_input_ids"])
        inputs["in.decoder_attention_mask"][-1, -2:] = 0
    if "ends" in extras:
        last = attention.cumsum(-1).argmax(-1)
        ids[torch.arange(rows), last] = 2
        ids[torch.arange(rows), last // 2] = 2
    return inputs


def image_inputs(seed, height, width, channels=3, rows=2):
    generator = torch.Generator().manual_seed(seed + 1)
    return {"in.pixel_values": torch.randn(rows, channels, height, width, generator=generator)}


def arguments(inputs):
    """The same tensors as keyword arguments of a transformers model."""
    return {name.removeprefix("in."): tensor for name, tensor in inputs.items()}


def zero_masked(values, mask):
    return values if mask is None else values * mask[..., None].to(values.dtype)


def cotangent_for(values, mask, seed):
    generator = torch.Generator().manual_seed(seed + 2)
    cotangent = torch.randn(values.shape, generator=generator) / math.sqrt(values[0].numel())
    return zero_masked(cotangent, mask)


def stored_tensors(folder):
    tensors = {}
    for file in sorted(pathlib.Path(folder).glob("*.safetensors")):
        tensors.update(load_file(file))
    return tensors


def stored_names(model, folder):
    """Parameter name in the module tree to name in the file; they differ where transformers renamed modules."""
    stored = stored_tensors(folder)
    by_shape = {}
    for key, tensor in stored.items():
        by_shape.setdefault(tuple(tensor.shape), []).append((key, tensor.float()))
    names = {}
    for name, parameter in model.named_parameters():
        if name in stored:
            names[name] = name
            continue
        same = [key for key, tensor in by_shape.get(tuple(parameter.shape), []) if torch.equal(tensor, parameter.data)]
        if len(same) == 1:
            names[name] = same[0]
    return names


def a_few(names, count=8):
    """Embeddings, and the others evenly spread from first to last."""
    embeddings = [name for name in names if any(part in name for part in ("embed", "wte", "wpe"))][:3]
    others = [name for name in names if name not in embeddings]
    step = max(1, len(others) // (count - len(embeddings)))
    return embeddings + others[step - 1 :: step]


def edit_config(folder, edit, name="config.json"):
    path = pathlib.Path(folder) / name
    config = json.loads(path.read_text())
    config = edit(config) or config
    path.write_text(json.dumps(config, indent=2) + "\n")


def older_style(config):
    """config.json as transformers 4 wrote it."""
    if rope := config.pop("rope_parameters", None):
        rope = dict(rope)
        config["rope_theta"] = rope.pop("rope_theta")
        partial = rope.pop("partial_rotary_factor", None)
        if partial is not None:
            config["partial_rotary_factor"] = partial
        config["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    for derived in ("layer_types", "transformers_version"):
        config.pop(derived, None)
    if config.get("model_type") in ("llama", "mistral", "qwen2"):
        if config.get("head_dim") == config["hidden_size"] // config["num_attention_heads"]:
            config.pop("head_dim")
    for switch in ("attention_bias", "mlp_bias"):
        if config.get(switch) is False:
            config.pop(switch)
    config["torch_dtype"] = config.pop("dtype", "float32")
    return config


def write_case(folder, case, tensors):
    """case.json and tensors.safetensors; `case` names the outputs, everything given in `tensors` is stored."""
    folder = pathlib.Path(folder)
    case.setdefault("inputs", [name for name in tensors if name.startswith("in.")])
    case.setdefault("outputs", [name for name in tensors if not name.startswith("in.")])
    case.setdefault("tolerance", TOLERANCE)
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, folder / "tensors.safetensors")
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
