"""Cases of whole blocks: SSF, MAM adapters, VPT, UniPT."""

import math

import torch

from shared import Draw, case


@case("ssf", "own-block")
def ssf_block():
    """A patch embedding, a block and the last norm of a vision transformer, with a pair behind each."""
    draw = Draw(41)
    size, inner, heads, patch, eps = 12, 20, 3, 4, 1e-6
    shapes = {"patch_embed.proj": (size, 3, patch, patch), "norm1": (size,), "attn.qkv": (3 * size, size),
              "attn.proj": (size, size), "norm2": (size,), "mlp.fc1": (inner, size), "mlp.fc2": (size, inner),
              "norm": (size,)}
    weights = {name: 1 + draw(*shape, scale=0.2) if len(shape) == 1 else draw(*shape, scale=shape[-1] ** -0.5)
               for name, shape in shapes.items()}
    biases = {name: draw(shape[0], scale=0.2) for name, shape in shapes.items()}
    scales = {name: 1 + draw(shape[0], scale=0.3) for name, shape in shapes.items()}
    shifts = {name: draw.leaf(shape[0], scale=0.3) for name, shape in shapes.items()}
    for tensor in scales.values():
        tensor.requires_grad_()
    x = draw.leaf(2, 3, 8, 12)
    cotangent = draw(2, 6, size)

    def linear(name, h):
        return (h @ weights[name].T + biases[name]) * scales[name] + shifts[name]

    def norm(name, h):
        h = torch.nn.functional.layer_norm(h, (size,), weights[name], biases[name], eps)
        return h * scales[name] + shifts[name]

    stem = torch.nn.functional.conv2d(x, weights["patch_embed.proj"], biases["patch_embed.proj"], stride=patch)
    h = stem.flatten(2).transpose(1, 2) * scales["patch_embed.proj"] + shifts["patch_embed.proj"]
    q, k, v = linear("attn.qkv", norm("norm1", h)).reshape(2, 6, 3, heads, size // heads).permute(2, 0, 3, 1, 4)
    mixed = (q @ k.transpose(-2, -1) / math.sqrt(size // heads)).softmax(-1) @ v
    h = h + linear("attn.proj", mixed.transpose(1, 2).reshape(2, 6, size))
    h = h + linear("mlp.fc2", torch.nn.functional.gelu(linear("mlp.fc1", norm("norm2", h))))
    y = norm("norm", h)
    (y * cotangent).sum().backward()
    given = {"in.x": x, "in.cotangent": cotangent}
    expected = {"out.y": y, "out.y_merged": y, "grad.x": x.grad}
    for name in shapes:
        given |= {f"base.{name}.weight": weights[name], f"base.{name}.bias": biases[name],
                  f"param.{name}.scale": scales[name], f"param.{name}.shift": shifts[name]}
        factor = scales[name].reshape(-1, *[1] * (weights[name].ndim - 1))
        expected |= {f"out.{name}.merged_weight": weights[name] * factor,
                     f"out.{name}.merged_bias": biases[name] * scales[name] + shifts[name],
                     f"grad.{name}.scale": scales[name].grad, f"grad.{name}.shift": shifts[name].grad}
    config = {"dim": size, "heads": heads, "mlp": inner, "patch_size": patch, "eps": eps, "site": "block"}
    return {"kind": "layer", "about": "patch embedding, one block and the last norm, a pair behind each, and folded",
            "config": config, "notes": "No class token and no positions; y is every token."}, given, expected


def post_norm_layer(draw, dim, ffn):
    """Weights of an encoder layer with norms behind the residuals."""
    shapes = {"q": (dim, dim), "k": (dim, dim), "v": (dim, dim), "out": (dim, dim), "fc1": (ffn, dim), "fc2": (dim, ffn)}
    base = {}
    for name, shape in shapes.items():
        base |= {f"{name}.weight": draw(*shape, scale=shape[1] ** -0.5), f"{name}.bias": draw(shape[0], scale=0.2)}
    for name in ("ln1", "ln2"):
        base |= {f"{name}.weight": 1 + draw(dim, scale=0.2), f"{name}.bias": draw(dim, scale=0.2)}
    return base


def mam(seed, options, prefix_of, attention_adapter, adapter_norm):
    """`prefix_of(parameters, heads, size)` gives what is added to the heads; None leaves the attention alone."""
    draw = Draw(seed)
    dim, heads, ffn, r = 12, 3, 20, 4
    size = dim // heads
    base = post_norm_layer(draw, dim, ffn)
    x, cotangent = draw.leaf(2, 5, dim), draw(2, 5, dim)
    p = {"adapter.down.weight": draw.leaf(r, dim, scale=0.4), "adapter.down.bias": draw.leaf(r, scale=0.3),
         "adapter.up.weight": draw.leaf(dim, r, scale=0.4), "adapter.up.bias": draw.leaf(dim, scale=0.3)}
    if adapter_norm != "none":
        p |= {"adapter.ln.weight": draw.leaf(dim), "adapter.ln.bias": draw.leaf(dim, scale=0.3)}
    if options["ffn_adapter_scalar"] == "learnable_scalar":
        p["adapter.scale"] = torch.tensor([1.7], requires_grad=True)
    count = options["attn_bn"]
    if attention_adapter:
        p |= {"attn_adapter.down.weight": draw.leaf(count, dim, scale=0.4), "attn_adapter.down.bias": draw.leaf(count),
              "attn_adapter.up.weight": draw.leaf(dim, count, scale=0.4), "attn_adapter.up.bias": draw.leaf(dim)}
    else:
        p |= {"prefix.key": draw.leaf(count, dim), "prefix.value": draw.leaf(count, dim),
              "attn_ln.weight": draw.leaf(dim), "attn_ln.bias": draw.leaf(dim, scale=0.3)}

    def linear(name, h):
        return h @ base[f"{name}.weight"].T + base[f"{name}.bias"]

    def norm(h, weight, bias):
        return torch.nn.functional.layer_norm(h, (dim,), weight, bias, 1e-5)

    def bottleneck(name, h):
        factor = p.get("adapter.scale", options["ffn_adapter_scalar"])
        if adapter_norm == "in" and name == "adapter":
            h = norm(h, p["adapter.ln.weight"], p["adapter.ln.bias"])
        h = (h @ p[f"{name}.down.weight"].T + p[f"{name}.down.bias"]).relu()
        return factor * (h @ p[f"{name}.up.weight"].T + p[f"{name}.up.bias"])

    def split(h):
        return h.reshape(2, -1, heads, size).transpose(1, 2)

    q, k, v = (split(linear(name, x)) for name in "qkv")
    mixed = (q @ k.transpose(-2, -1) * size**-0.5).softmax(-1) @ v
    if prefix_of:
        table = [p[f"prefix.{name}"].reshape(count, heads, size).transpose(0, 1) for name in ("key", "value")]
        again = split(linear("q", norm(x, p["attn_ln.weight"], p["attn_ln.bias"])))
        mixed = mixed + prefix_of(again, *table, size)
    joined = mixed.transpose(1, 2).reshape(2, 5, dim)
    if attention_adapter:
        joined = joined + bottleneck("attn_adapter", x)
    h = norm(x + linear("out", joined), base["ln1.weight"], base["ln1.bias"])
    f = linear("fc2", torch.nn.functional.gelu(linear("fc1", h)))
    f = f + bottleneck("adapter", h if options["ffn_option"] == "parallel" else f)
    y = norm(h + f, base["ln2.weight"], base["ln2.bias"])
    (y * cotangent).sum().backward()
    given = {"in.x": x, "in.cotangent": cotangent}
    given |= {f"base.{name}": tensor for name, tensor in base.items()}
    given |= {f"param.{name}": tensor for name, tensor in p.items()}
    expected = {"out.y": y, "grad.x": x.grad} | {f"grad.{name}": tensor.grad for name, tensor in p.items()}
    config = {"dim": dim, "heads": heads, "ffn": ffn, "ffn_bn": r, "activation": "gelu_erf", "ln_eps": 1e-5} | options
    return {"kind": "layer", "config": config}, given, expected


@case("mam-adapter", "own-relu")
def mam_relu():
    head, *rest = mam(
        91, {"attn_bn": 3, "attn_mode": "prefix_nomlp", "attn_option": "cross_attn_relu", "ffn_option": "sequential",
             "ffn_adapter_scalar": "learnable_scalar", "ffn_adapter_layernorm_option": "in"},
        lambda q, key, value, size: (q @ key.transpose(-2, -1)).relu() @ value, False, "in")
    return head | {"about": "an adapter in each head, and a sequential one with a norm and a learned factor"}, *rest


@case("mam-adapter", "own-parallel")
def mam_parallel():
    head, *rest = mam(
        92, {"attn_bn": 3, "attn_mode": "adapter", "attn_option": "parallel", "ffn_option": "parallel",
             "ffn_adapter_scalar": 2.5, "ffn_adapter_layernorm_option": "none"}, None, True, "none")
    return head | {"about": "adapters beside the attention and the feed-forward part"}, *rest


@case("vpt", "own-projected")
def vpt():
    """Projected prompts of the first two of four blocks, taken out again behind them."""
    draw = Draw(111)
    dim, heads, depth, mlp, width, count, deep, eps = 12, 3, 4, 18, 5, 2, 2, 1e-6
    base = {}
    for index in range(depth):
        for name, shape in {"attn.qkv": (3 * dim, dim), "attn.proj": (dim, dim), "mlp.fc1": (mlp, dim),
                            "mlp.fc2": (dim, mlp)}.items():
            base[f"blocks.{index}.{name}.weight"] = draw(*shape, scale=shape[1] ** -0.5)
            base[f"blocks.{index}.{name}.bias"] = draw(shape[0], scale=0.2)
        for name in ("norm1", "norm2"):
            base[f"blocks.{index}.{name}.weight"] = 1 + draw(dim, scale=0.2)
            base[f"blocks.{index}.{name}.bias"] = draw(dim, scale=0.2)
    base |= {"norm.weight": 1 + draw(dim, scale=0.2), "norm.bias": draw(dim, scale=0.2)}
    p = {"prompt": draw.leaf(1, count, width), "deep_prompts": draw.leaf(deep - 1, count, width),
         "prompt_proj.weight": draw.leaf(dim, width, scale=0.5), "prompt_proj.bias": draw.leaf(dim, scale=0.3)}
    x = draw.leaf(2, 5, dim)
    h = x

    def norm(name, h):
        return torch.nn.functional.layer_norm(h, (dim,), base[f"{name}.weight"], base[f"{name}.bias"], eps)

    def linear(name, h):
        return h @ base[f"{name}.weight"].T + base[f"{name}.bias"]

    for index in range(depth):
        if index <= deep:
            rest = h[:, 1 + (count if index else 0):]
            if index < deep:
                rows = p["prompt"] if index == 0 else p["deep_prompts"][index - 1: index]
                rows = (rows @ p["prompt_proj.weight"].T + p["prompt_proj.bias"]).expand(2, -1, -1)
                rest = torch.cat([rows, rest], 1)
            h = torch.cat([h[:, :1], rest], 1)
        place = f"blocks.{index}"
        length = h.shape[1]
        q, k, v = linear(f"{place}.attn.qkv", norm(f"{place}.norm1", h)).reshape(
            2, length, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        mixed = (q @ k.transpose(-2, -1) / math.sqrt(dim // heads)).softmax(-1) @ v
        h = h + linear(f"{place}.attn.proj", mixed.transpose(1, 2).reshape(2, length, dim))
        h = h + linear(f"{place}.mlp.fc2", torch.nn.functional.gelu(linear(f"{place}.mlp.fc1", norm(f"{place}.norm2", h))))
    y = norm("norm", h)
    cotangent = draw(*y.shape)
    (y * cotangent).sum().backward()
    given = {"in.x": x, "in.cotangent": cotangent} | {f"base.{name}": tensor for name, tensor in base.items()}
    given |= {f"param.{name}": tensor for name, tensor in p.items()}
    expected = {"out.y": y, "grad.x": x.grad} | {f"grad.{name}": tensor.grad for name, tensor in p.items()}
    config = {"eps": eps, "patch_size": 16, "noexpand": True, "dim": dim, "heads": heads, "depth": depth, "mlp": mlp,
              "num_tokens": count, "deep": True, "num_deep_layers": deep, "project": width}
    return {"kind": "layer", "about": "projected prompts of two of four blocks, removed behind them", "config": config,
            "tolerance": {"atol": 5e-5, "rtol": 1e-4}}, given, expected


@case("unipt", "own-embedding")
def unipt():
    """The anchor is the frozen model's projected output (CLIP4Clip)."""
    draw = Draw(121)
    states, rows, length, hidden, m = 3, 2, 6, 10, 7
    x, e = draw(states, rows, length, hidden), draw(rows, 1, m)
    lengths, position = torch.tensor([6, 4]), torch.tensor([5, 3])
    p = {"anchor_down.weight": draw.leaf(m, m, scale=0.5), "anchor_down.bias": draw.leaf(m),
         "gate.weight": draw.leaf(1, m), "gate.bias": draw.leaf(1), "up.weight": draw.leaf(m, m, scale=0.5),
         "up.bias": draw.leaf(m)}
    for index in range(states):
        p |= {f"down.{index}.weight": draw.leaf(m, hidden, scale=0.4), f"down.{index}.bias": draw.leaf(m, scale=0.3)}
    mask = (torch.arange(length) < lengths[:, None]).float()
    anchor = e.relu() @ p["anchor_down.weight"].T + p["anchor_down.bias"]
    mixed, confidences = [], []
    for index in range(states):
        z = x[index].relu() @ p[f"down.{index}.weight"].T + p[f"down.{index}.bias"]
        s = ((anchor @ z.transpose(1, 2)) * mask[:, None]).relu()
        s = s / s.abs().sum(-1, keepdim=True).clamp(min=1e-6)
        mixed.append(s @ z + z[torch.arange(rows), position][:, None])
        pooled = (z * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        confidences.append((anchor[:, 0] * pooled) @ p["gate.weight"].T + p["gate.bias"])
    confidence = torch.cat(confidences, 1).softmax(1)
    u = sum(confidence[:, index, None, None] * part for index, part in enumerate(mixed))
    y = e + u.relu() @ p["up.weight"].T + p["up.bias"]
    cotangent = draw(*y.shape)
    (y * cotangent).sum().backward()
    given = {"in.x": x, "in.embedding": e, "in.position": position, "in.lengths": lengths, "in.cotangent": cotangent}
    given |= {f"param.{name}": tensor for name, tensor in p.items()}
    expected = {"out.y": y, "out.confidence": confidence} | {f"grad.{name}": t.grad for name, t in p.items()}
    config = {"variant": "anchor_embedding", "layers": states, "hidden": hidden, "mapping": m, "down_norm": False,
              "identity_residual": False, "l1_eps": 1e-6, "l1_eps_mode": "clamp"}
    return {"kind": "layer", "about": "anchor from the projected output, a token added to each layer's part",
            "config": config, "tolerance": {"atol": 2e-5, "rtol": 1e-4}}, given, expected
