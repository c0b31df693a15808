"""Second golden cases of methods, computed here with numpy-like torch code that shares nothing with the library.

    python method_cases.py ../../Sources/Verification/Cases/methods

writes `<slug>/<case>` below the folder: case.json and tensors.safetensors, in the format of golden cases. References follow
each method's own description, not how the library computes: weights are permuted where a release permutes them, an LSTM is
torch's.
"""

import json
import math
import pathlib
import sys

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
    text = {"method": slug, **head, "inputs": list(given), "outputs": list(expected)}
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


def rotate(x, theta):
    """Rotary positions over [..., length, head], the halves of a head against each other."""
    half = x.shape[-1] // 2
    rates = theta ** (-torch.arange(half) / half)
    angles = torch.arange(x.shape[-2])[:, None] * rates
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1)


def coupled_order(upstream, downstream, count):
    """S2FT's permutation, and how many units are upstream only, in both, and downstream only."""
    only_up = [unit for unit in upstream if unit not in downstream]
    both = [unit for unit in upstream if unit in downstream]
    only_down = [unit for unit in downstream if unit not in upstream]
    chosen = only_up + both + only_down
    return chosen + [unit for unit in range(count) if unit not in chosen], (len(only_up), len(both), len(only_down))


def place(order, units, delta_of_unit, like):
    """Values of units, given in the order of `units`, at their places in the permuted order."""
    result = torch.zeros_like(like)
    for row, unit in enumerate(units):
        result[order.index(unit)] = delta_of_unit[row]
    return result


def s2ft_layer(seed, heads, key_heads, causal, residual, theta, bias):
    """Attention, then a gated feed-forward branch, computed with the weights permuted as the release permutes them."""
    draw = Draw(seed)
    hidden, size, inner = 12, 4, 20
    v_heads, o_heads = ([0, 2], [2, 1]) if key_heads == heads else ([1], [0, 3])
    up_channels, down_channels = [4, 9, 17], [2, 9, 11, 4]
    shapes = {"q": (heads * size, hidden), "k": (key_heads * size, hidden), "v": (key_heads * size, hidden),
              "o": (hidden, heads * size), "gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}
    base = {name: draw(*shape, scale=1 / math.sqrt(shape[1])) for name, shape in shapes.items()}
    biases = {name: draw(shape[0], scale=0.3) for name, shape in shapes.items()} if bias else {}
    zero = {name: torch.zeros(shape[0]) for name, shape in shapes.items()}
    offsets = zero | biases
    s2 = {"v": draw.leaf(len(v_heads) * size, hidden, scale=0.3), "o": draw.leaf(hidden, len(o_heads) * size, scale=0.3),
          "up": draw.leaf(len(up_channels), hidden, scale=0.3),
          "down": draw.leaf(hidden, len(down_channels), scale=0.3)}
    x = draw.leaf(2, 5, hidden)
    cotangent = draw(2, 5, hidden)

    def blocks(matrix, count):
        return matrix.reshape(count, -1, matrix.shape[-1])

    # Heads: with as many of keys as of queries the units are permuted; with fewer, the rows of v and the columns of o
    # are changed where they stand.
    v_delta = place(list(range(key_heads)), v_heads, blocks(s2["v"], len(v_heads)), blocks(base["v"], key_heads))
    o_delta = place(list(range(heads)), o_heads, blocks(s2["o"].T, len(o_heads)), blocks(base["o"].T, heads))
    v_weight = base["v"] + v_delta.reshape(base["v"].shape)
    o_weight = base["o"] + o_delta.reshape(heads * size, hidden).T
    weights = {"q": base["q"], "k": base["k"], "v": v_weight, "o": o_weight}
    shifts = dict(offsets)
    head_order = list(range(heads))
    if key_heads == heads:
        head_order, _ = coupled_order(v_heads, o_heads, heads)
        for name in ("q", "k", "v"):
            weights[name] = blocks(weights[name], heads)[head_order].reshape(heads * size, hidden)
            shifts[name] = shifts[name].reshape(heads, size)[head_order].reshape(-1)
        weights["o"] = blocks(o_weight.T, heads)[head_order].reshape(heads * size, hidden).T
    order, _ = coupled_order(up_channels, down_channels, inner)
    up_delta = place(order, up_channels, s2["up"], base["up"])
    down_delta = place(order, down_channels, s2["down"].T, base["down"].T)
    up_weight, gate_weight = base["up"][order] + up_delta, base["gate"][order]
    down_weight = base["down"][:, order] + down_delta.T

    def split(y, count):
        return y.reshape(2, 5, count, size).transpose(1, 2)

    q, k, v = (split(x @ weights[name].T + shifts[name], count)
               for name, count in (("q", heads), ("k", key_heads), ("v", key_heads)))
    if theta:
        q, k = rotate(q, theta), rotate(k, theta)
    k, v = (part.repeat_interleave(heads // key_heads, dim=1) for part in (k, v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(size)
    if causal:
        scores = scores.masked_fill(torch.ones(5, 5, dtype=torch.bool).triu(1), -torch.inf)
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(2, 5, heads * size)
    attended = mixed @ weights["o"].T + shifts["o"]
    middle = x + attended if residual else attended
    raised = torch.nn.functional.silu(middle @ gate_weight.T + offsets["gate"][order]) * (
        middle @ up_weight.T + offsets["up"][order])
    fed = raised @ down_weight.T + offsets["down"]
    y = middle + fed if residual else fed
    (y * cotangent).sum().backward()

    inverse = torch.argsort(torch.tensor(order))
    given = {"in.x": x, "in.cotangent": cotangent}
    given |= {f"base.{name}_weight": weight for name, weight in base.items()}
    given |= {f"base.{name}_bias": vector for name, vector in biases.items()}
    given |= {f"param.s2_{name}": tensor for name, tensor in s2.items()}
    expected = {"out.y": y, "out.order": torch.tensor(order), "out.merged_v_weight": v_weight,
                "out.merged_o_weight": o_weight, "out.merged_up_weight": up_weight[inverse],
                "out.merged_down_weight": down_weight[:, inverse], "grad.in.x": x.grad}
    expected |= {f"grad.param.s2_{name}": tensor.grad for name, tensor in s2.items()}
    if key_heads == heads:
        expected["out.head_order"] = torch.tensor(head_order)
    config = {"hidden": hidden, "intermediate": inner, "num_heads": heads, "num_kv_heads": key_heads, "head_dim": size,
              "v_heads": v_heads, "o_heads": o_heads, "up_channels": up_channels, "down_channels": down_channels}
    if theta:
        config["rope_theta"] = theta
    return config, given, expected


@case("s2ft", "own-layer")
def s2ft_full():
    config, given, expected = s2ft_layer(11, heads=3, key_heads=3, causal=True, residual=True, theta=10000.0, bias=False)
    return {"kind": "layer", "about": "attention and feed-forward branch with residuals, overlapping units on both sides",
            "config": config | {"causal": True, "residual": True},
            "notes": "s2_* in the order of the lists; the reference permutes the weights as the release does."}, given, expected


@case("s2ft", "own-grouped")
def s2ft_grouped():
    config, given, expected = s2ft_layer(12, heads=4, key_heads=2, causal=False, residual=False, theta=None, bias=True)
    return {"kind": "layer", "about": "grouped queries, biases, neither mask nor residuals, which the case leaves open",
            "config": config, "notes": "v_heads are heads of keys and values, o_heads heads of queries."}, given, expected


@case("baseline-adapters-prompts", "own-prompts")
def prompts():
    """Prefix with its maps over a grouped-query attention, and both of P-tuning's encoders."""
    draw = Draw(21)
    layers, heads, key_heads, size, dim, count, inner = 3, 4, 2, 3, 12, 5, 7
    columns = layers * 2 * key_heads * size
    parameters = {
        "prefix.tokens": draw.leaf(count, dim), "prefix.fc1.weight": draw.leaf(inner, dim, scale=0.3),
        "prefix.fc1.bias": draw.leaf(inner, scale=0.3), "prefix.fc2.weight": draw.leaf(columns, inner, scale=0.5),
        "prefix.fc2.bias": draw.leaf(columns, scale=0.3)}
    p = parameters
    table = torch.tanh(p["prefix.tokens"] @ p["prefix.fc1.weight"].T + p["prefix.fc1.bias"])
    table = table @ p["prefix.fc2.weight"].T + p["prefix.fc2.bias"]
    stacked = table.reshape(count, 2 * layers, key_heads, size).permute(1, 2, 0, 3)
    q = draw.leaf(2, heads, 4, size)
    k, v = draw.leaf(2, key_heads, 4, size), draw.leaf(2, key_heads, 4, size)
    layer = 1
    keys = torch.cat([stacked[2 * layer].expand(2, -1, -1, -1), k], 2).repeat_interleave(heads // key_heads, 1)
    values = torch.cat([stacked[2 * layer + 1].expand(2, -1, -1, -1), v], 2).repeat_interleave(heads // key_heads, 1)
    scores = q @ keys.transpose(-2, -1) / math.sqrt(size)
    hidden = torch.cat([torch.zeros(4, count, dtype=torch.bool), torch.ones(4, 4, dtype=torch.bool).triu(1)], 1)
    y = (scores.masked_fill(hidden, -torch.inf).softmax(-1) @ values).transpose(1, 2).reshape(2, 4, heads * size)
    cotangent = draw(2, 4, heads * size)
    (y * cotangent).sum().backward()

    parameters |= {
        "mlp.tokens": draw.leaf(count, dim), "mlp.0.weight": draw.leaf(9, dim, scale=0.4), "mlp.0.bias": draw.leaf(9),
        "mlp.2.weight": draw.leaf(9, 9, scale=0.4), "mlp.2.bias": draw.leaf(9),
        "mlp.4.weight": draw.leaf(dim, 9, scale=0.4), "mlp.4.bias": draw.leaf(dim)}
    by_mlp = p["mlp.tokens"]
    for index in (0, 2, 4):
        by_mlp = (by_mlp.relu() if index else by_mlp) @ p[f"mlp.{index}.weight"].T + p[f"mlp.{index}.bias"]
    mlp_cotangent = draw(count, dim)
    (by_mlp * mlp_cotangent).sum().backward()

    torch.manual_seed(22)
    lstm = torch.nn.LSTM(dim, 4, num_layers=2, bidirectional=True, batch_first=True)
    tokens = draw.leaf(count, dim)
    head = [(draw.leaf(8, 8, scale=0.5), draw.leaf(8)), (draw.leaf(dim, 8, scale=0.5), draw.leaf(dim))]
    inside = lstm(tokens[None])[0][0] @ head[0][0].T + head[0][1]
    by_lstm = inside.relu() @ head[1][0].T + head[1][1]
    lstm_cotangent = draw(count, dim)
    (by_lstm * lstm_cotangent).sum().backward()
    parameters |= {"lstm.tokens": tokens} | {f"lstm.{name}": tensor for name, tensor in lstm.named_parameters()}
    for index, (weight, bias) in zip((0, 2), head):
        parameters |= {f"lstm.head.{index}.weight": weight, f"lstm.head.{index}.bias": bias}

    given = {"in.q": q, "in.k": k, "in.v": v, "in.cotangent": cotangent, "in.mlp_cotangent": mlp_cotangent,
             "in.lstm_cotangent": lstm_cotangent}
    given |= {f"param.{name}": tensor for name, tensor in parameters.items()}
    expected = {"out.y": y, "out.prompt_mlp": by_mlp, "out.prompt_lstm": by_lstm, "out.past_key_values": stacked,
                "grad.q": q.grad, "grad.k": k.grad, "grad.v": v.grad}
    for index in range(layers):
        expected |= {f"out.prefix_key.{index}": stacked[2 * index], f"out.prefix_value.{index}": stacked[2 * index + 1]}
    expected |= {f"grad.{name}": tensor.grad for name, tensor in parameters.items()}
    config = {"layers": layers, "heads": heads, "kv_heads": key_heads, "head_dim": size, "dim": dim, "prefix": count,
              "layer": layer, "causal": True}
    return {"kind": "layer", "about": "prefix of three grouped-query layers with its maps, and P-tuning's two encoders",
            "config": config,
            "notes": "out.y is the attention of `layer` over [prefix; k] and [prefix; v]; entry 2l of past_key_values is "
                     "the keys of layer l and 2l + 1 its values."}, given, expected


def dynamic_book(signed):
    """The 256 values that 8-bit moments are coded by."""
    values = [0.0, 1.0]
    for power in range(7):
        edges = torch.linspace(0.1, 1, (1 if signed else 2) * 2**power + 1)
        centres = ((edges[:-1] + edges[1:]) / 2 * 10.0 ** (power - 6)).tolist()
        values += centres + ([-value for value in centres] if signed else [])
    return torch.tensor(sorted(values), dtype=torch.float32)


def code_blocks(tensor, book):
    """Codes and largest magnitudes of blocks of 256."""
    blocks = tensor.reshape(-1).split(256)
    scales = torch.stack([block.abs().max() for block in blocks])
    normal = torch.cat([block / scale for block, scale in zip(blocks, scales)])
    return (normal[:, None] - book).abs().argmin(1).to(torch.uint8), scales


def decode_blocks(codes, scales, book, shape):
    values = book[codes.long()]
    return torch.cat([block * scale for block, scale in zip(values.split(256), scales)]).reshape(shape)


def projected(side, gradient, rank, left=None, right=None):
    """The basis of a gradient's strongest directions."""
    u, _, vh = torch.linalg.svd(gradient, full_matrices=False)
    return (u[:, :rank] if side in ("left", "full") else None, vh[:rank] if side in ("right", "full") else None)


@case("gradnormlorp", "own-variants")
def gradnormlorp():
    """Two-sided bases, both forms of weight norm, and Adam with moments of 8 bits on a matrix of three blocks."""
    draw = Draw(31)
    steps, rank, gap, scale, lr, eps, decay, (b1, b2) = 4, 3, 2, 0.5, 0.01, 1e-6, 0.02, (0.9, 0.999)
    shapes = {"full": (7, 9), "wn": (9, 6), "wn_keep": (5, 8), "adam8": (26, 25)}
    sides = {"full": "full", "wn": "right", "wn_keep": "left"}
    books = {"m": dynamic_book(True), "v": dynamic_book(False)}
    given, expected = {}, {"out.codebook_signed": books["m"], "out.codebook_unsigned": books["v"]}
    for tag, shape in shapes.items():
        weight = draw(*shape)
        given[f"param.W.{tag}"] = weight.clone()
        moments, direction, magnitude, basis = {}, weight.clone(), None, (None, None)

        def adam(gradient, name, k, inside):
            m, v = moments.get(name, (torch.zeros_like(gradient), torch.zeros_like(gradient)))
            m, v = b1 * m + (1 - b1) * gradient, b2 * v + (1 - b2) * gradient**2
            moments[name] = (m, v)
            if inside:
                return m / (v.sqrt() + eps) * math.sqrt(1 - b2**k) / (1 - b1**k)
            return m / (1 - b1**k) / (v.sqrt() / math.sqrt(1 - b2**k) + 1e-8)

        for step in range(steps):
            gradient = draw(*shape)
            given[f"in.step{step}.G.{tag}"] = gradient
            k = step + 1
            if tag == "adam8":
                weight = weight - lr * adam(gradient, "w", k, inside=False)
                weight = weight * (1 - lr * decay)
                coded = {part: code_blocks(moment, books[part]) for part, moment in zip("mv", moments["w"])}
                moments["w"] = tuple(decode_blocks(*coded[part], books[part], shape) for part in "mv")
                for part in "mv":
                    expected[f"step{step}.codes_{part}.{tag}"], expected[f"step{step}.absmax_{part}.{tag}"] = coded[part]
                expected[f"step{step}.W.{tag}"] = weight.clone()
                continue
            if tag != "full":
                n = direction.norm(dim=1, keepdim=True)
                magnitude = n.clone() if magnitude is None or tag == "wn" else magnitude
                unit = direction / n
                of_magnitude = (gradient * unit).sum(1, keepdim=True)
                if tag == "wn_keep":
                    gradient = (gradient - unit * of_magnitude) * magnitude / n
            if step % gap == 0:
                basis = projected(sides[tag], gradient, rank)
                for side, tensor in zip(("left", "right"), basis):
                    if tensor is not None:
                        given[f"in.step{step}.basis_{side}.{tag}"] = tensor
            left, right = basis
            small = gradient if right is None else gradient @ right.T
            small = small if left is None else left.T @ small
            move = adam(small, "w", k, inside=True)
            move = move if left is None else left @ move
            move = scale * (move if right is None else move @ right)
            if tag == "full":
                weight = (weight - lr * move) * (1 - lr * decay)
            else:
                direction = (direction - lr * move) * (1 - lr * decay)
                magnitude = (magnitude - lr * adam(of_magnitude, "g", k, inside=True)) * (1 - lr * decay)
                weight = magnitude * direction / direction.norm(dim=1, keepdim=True)
            expected[f"step{step}.W.{tag}"] = weight.clone()
    config = {"rank": rank, "update_proj_gap": gap, "scale": scale, "betas": [b1, b2], "eps": eps, "lr": lr,
              "weight_decay": decay, "proj_type": "std", "steps": steps}
    return {"kind": "optimizer", "about": "two-sided basis, weight norm with magnitudes dropped and kept, 8-bit moments",
            "config": config, "tolerance": {"atol": 2e-5, "rtol": 2e-4},
            "notes": "adam8 has no projection and no scale; codes are of blocks of 256 in row-major order."}, given, expected


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


@case("increlora", "own-overshoot")
def increlora():
    """Two pieces a growth, reserves without advance learning, and a budget that growth jumps over."""
    draw = Draw(51)
    rows, columns, rank, step_rank, alpha = 7, 9, 4, 2, 8.0
    a, b = draw.leaf(rank + step_rank, columns, scale=0.3), draw.leaf(rows, rank + step_rank, scale=0.3)
    e = torch.cat([draw(rank, 1), torch.zeros(step_rank, 1)]).requires_grad_()
    weight, x, cotangent = draw(rows, columns), draw.leaf(3, 4, columns), draw(3, 4, rows)
    delta = b @ (a * e) * alpha / (rank + 1e-5)
    delta.retain_grad()
    y = x @ (weight + delta).T
    (y * cotangent).sum().backward()
    score = (delta * delta.grad).abs().sum() / math.sqrt(rows * columns)
    penalty = sum((m @ m.T - torch.eye(rank + step_rank)).norm() for m in (a.detach(), b.detach().T)) / 2
    active = torch.arange(rank + step_rank) < rank

    modules, total, warmup, peak, beta1, beta2, target = 4, 24, 3, 0.01, 0.8, 0.7, 7
    raw = draw(14, modules).abs()
    init, interval, top, r0, groups = 2, 3, 2, 1, 5
    importance, uncertainty = torch.zeros(modules), torch.zeros(modules)
    ranks, births, finalised = [r0] * modules, [], -1
    trace = {name: [] for name in ("exp_avg", "unc", "ipt", "rank", "grown", "threshold", "group_lr")}

    def lam(clock, horizon):
        return clock / max(1, warmup) if clock < warmup else max(0.0, (horizon - clock) / max(1, horizon - warmup))

    for step in range(len(raw)):
        threshold, grown = math.nan, torch.zeros(modules)
        if sum(ranks) < target:
            importance = beta1 * importance + (1 - beta1) * raw[step]
            uncertainty = beta2 * uncertainty + (1 - beta2) * (raw[step] - importance).abs()
            product = importance * uncertainty
            if step > init and step % interval == 0:
                threshold = product.sort(descending=True).values[min(top, target - sum(ranks)) - 1].item()
                for module in range(modules):
                    if product[module] >= threshold:
                        ranks[module] += step_rank
                        grown[module] = 1
                births.append(step)
                if sum(ranks) == target:
                    finalised = step
        rates = [peak * lam(step + 1, total)] + [peak * lam(step - born, total - born - 1) for born in births]
        for name, row in (("exp_avg", importance), ("unc", uncertainty), ("ipt", importance * uncertainty),
                          ("rank", torch.tensor(ranks)), ("grown", grown), ("threshold", torch.tensor(threshold)),
                          ("group_lr", torch.tensor(rates + [math.nan] * (groups - len(rates))))):
            trace[name].append(row.float())
    assert finalised == -1 and sum(ranks) > target, (finalised, ranks)
    given = {"base.weight": weight, "in.cotangent": cotangent, "in.raw_scores": raw, "in.x": x, "param.lora_A": a,
             "param.lora_B": b, "param.lora_E": e}
    expected = {"out.y": y, "out.delta_weight": delta, "out.merged_weight": weight + delta, "out.score": score,
                "out.orth_loss": 0.2 * penalty, "grad.in.x": x.grad,
                "grad.param.lora_A": a.grad * active[:, None], "grad.param.lora_B": b.grad * active,
                "grad.param.lora_E": e.grad * active[:, None]}
    expected |= {f"trace.{name}": torch.stack(rows) for name, rows in trace.items()}
    expected["trace.finalised_at"] = torch.tensor([float(finalised)])
    config = {"rank_now": rank, "lora_r": r0, "incre_rank_num": step_rank, "target_rank": 2, "target_total_rank": target,
              "lora_alpha": alpha, "top_h": top, "init_warmup": init, "incre_interval": interval, "beta1": beta1,
              "beta2": beta2, "advance_learn": False, "reg_orth_coef": 0.2, "total_step": total, "warmup_steps": warmup,
              "learning_rate": peak, "max_groups": groups, "n_modules": modules}
    return {"kind": "trace", "about": "rank grows by two without advance learning, and the budget is overshot",
            "config": config,
            "notes": "The reserve has E = 0 and no gradients; the total passes the target, so no reserve is zeroed."}, given, expected


@case("spiel", "own-sm3")
def spiel():
    """SpIEL-MA: steps of SM3 on the chosen entries, and new ones by the products of the accumulators."""
    draw = Draw(61)
    shape, count, steps, rate, decay, eps = (9, 7), 14, 11, 0.05, 0.1, 1e-8
    period, accumulation, r0, parts = 4, 2, 0.5, 2
    gradients = draw(steps, parts, *shape)
    indices = torch.randperm(63, generator=draw.generator)[:count].sort().values
    given = {"base.weight": draw(*shape), "in.x": draw.leaf(2, 3, 7), "in.cotangent": draw(2, 3, 9),
             "in.grads": gradients, "in.initial_indices": indices.clone()}
    values, row, column = torch.zeros(count), torch.zeros(9), torch.zeros(7)
    expected = {}
    for t in range(1, steps + 1):
        g = gradients[t - 1].sum(0).reshape(-1)[indices]
        i, j = indices // 7, indices % 7
        u = torch.minimum(row[i], column[j]) + g**2
        row = row.scatter_reduce(0, i, u, "amax")
        column = column.scatter_reduce(0, j, u, "amax")
        values = values - rate * g / (u + eps).sqrt()
        values = values - rate * decay * values
        if t % period == accumulation:
            # All entries are exchanged the first time.
            share = 1.0 if t == accumulation else r0 * (1 - t / steps)
            q = int(count * share)
            expected[f"step{t}.reallocate_request"] = torch.tensor(q)
            leaving = values.abs().argsort()[:q]
            product = torch.outer(row, column).reshape(-1)
            product[indices] = -torch.inf
            coming = product.argsort(descending=True, stable=True)[:q]
            indices[leaving], values[leaving] = coming, 0.0
        for name, tensor in (("mask", torch.ones(count)), ("delta", values)):
            dense = torch.zeros(63)
            dense[indices] = tensor
            expected[f"step{t}.{name}"] = dense.reshape(shape).to(torch.uint8 if name == "mask" else torch.float32)
        expected |= {f"step{t}.row": row, f"step{t}.col": column}
    final = draw.leaf(count)
    x = given["in.x"]
    patched = given["base.weight"].reshape(-1).index_add(0, indices, final).reshape(shape)
    y = x @ patched.T
    (y * given["in.cotangent"]).sum().backward()
    given |= {"in.final_indices": indices, "param.values": final}
    expected |= {"out.y": y, "out.merged_weight": patched, "grad.values": final.grad, "grad.x": x.grad}
    config = {"algorithm": "ma", "learning_rate": rate, "weight_decay": decay, "eps": eps, "total_steps": steps,
              "grad_accumulation_steps": parts, "reselection_steps": period,
              "selection_accumulation_steps": accumulation, "initial_reselection_rate": r0,
              "reselection_rate_policy": "linear", "num_deltas": count}
    return {"kind": "trace", "about": "SpIEL-MA with given gradients, then one forward and backward", "config": config,
            "notes": "row and col are SM3's accumulators after the step."}, given, expected


@case("loca", "own-phases")
def loca():
    """Sixty steps of AdamW on a LoCA layer, whose coefficients and locations train by turns."""
    draw = Draw(71)
    rows, columns, count, alpha, steps, end = 6, 8, 5, 1.2, 60, 50
    rates = {"spectrum": 0.05, "locations": 0.004}
    betas, eps, decay = (0.9, 0.999), 1e-8, 0.01
    weight, target = draw(rows, columns), draw(4, rows)
    x = draw(4, columns)

    def basis(n):
        k, i = torch.arange(n)[:, None], torch.arange(n)
        c = torch.cos(math.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt(2 / n)
        c[0] /= math.sqrt(2)
        return c

    left, right = basis(rows), basis(columns)
    sizes = torch.tensor([[rows - 1], [columns - 1]])
    values = {"spectrum": torch.zeros(count), "locations": torch.rand(2, count, generator=draw.generator)}
    given = {"base.weight": weight, "in.x": x, "in.target": target,
             "param.spectrum": values["spectrum"].clone(), "param.locations": values["locations"].clone()}
    moments = {name: [torch.zeros_like(value), torch.zeros_like(value), 0] for name, value in values.items()}
    expected = {}
    for it in range(steps):
        a, l = values["spectrum"], values["locations"]
        places = (l.clamp(0, 0.999) * sizes).round().long()
        dense = torch.zeros(rows, columns).index_put((places[0], places[1]), a, accumulate=True)
        y = x @ (weight + alpha * left.T @ dense @ right).T
        of_y = 2 * (y - target) / y.numel()
        k = left @ (alpha * of_y.T @ x) @ right.T
        r, c = places
        low, high = lambda p: (p - 1).clamp(min=0), lambda p, n: (p + 1).clamp(max=n - 1)
        of_places = 0.5 * a * torch.stack([k[high(r, rows), c] - k[low(r), c], k[r, high(c, columns)] - k[r, low(c)]])
        inside = (l > 0) & (l < 0.999)
        gradients = {"spectrum": k[r, c], "locations": of_places.clamp(-1, 1) * sizes * inside}
        turn = "locations" if 0 < it < end and it % 30 >= 10 else "spectrum"
        m = moments[turn]
        m[2] += 1
        m[0] = betas[0] * m[0] + (1 - betas[0]) * gradients[turn]
        m[1] = betas[1] * m[1] + (1 - betas[1]) * gradients[turn] ** 2
        move = (m[0] / (1 - betas[0] ** m[2])) / ((m[1] / (1 - betas[1] ** m[2])).sqrt() + eps)
        values[turn] = values[turn] * (1 - rates[turn] * decay) - rates[turn] * move
        expected |= {f"step{it}.spectrum": values["spectrum"], f"step{it}.locations": values["locations"],
                     f"step{it}.active_spectrum": torch.tensor(float(turn == "spectrum"))}
    config = {"n_frequency": count, "alpha": alpha, "clip_location_grad": True, "learn_location_iter": end,
              "coefficient_steps": 10, "location_steps": 20, "steps": steps, "lr": rates["spectrum"],
              "lr_locations": rates["locations"], "betas": list(betas), "eps": eps, "weight_decay": decay}
    return {"kind": "trace", "about": "coefficients and locations by turns, then coefficients alone", "config": config,
            "tolerance": {"atol": 5e-5, "rtol": 5e-4},
            "notes": "Loss mean((y - target)^2). Groups that do not train keep moments and clock."}, given, expected


@case("mhr", "own-heads")
def mhr():
    """Two splits, relaxed gates from given uniforms."""
    draw = Draw(81)
    splits, skills, r, tasks, inputs, outputs, alpha, temperature = 2, 3, 2, 4, 8, 6, 3.0, 0.7
    a, b = draw.leaf(splits, skills, inputs // splits, r), draw.leaf(splits, skills, r, outputs // splits)
    logits = draw.leaf(tasks, splits * skills)
    weight, bias = draw(outputs, inputs), draw(outputs)
    x, cotangent = draw.leaf(5, 3, inputs), draw(5, 3, outputs)
    ids = torch.tensor([3, 0, 2, 3, 1])
    u = torch.rand(5, splits, skills, generator=draw.generator) * 0.9 + 0.05
    z = logits.reshape(tasks, splits, skills)
    soft = torch.sigmoid((z[ids] + u.log() - (1 - u).log()) / temperature)
    mixing = soft / (soft.sum(-1, keepdim=True) + 1e-12)

    def update(weights):
        left = torch.einsum("bqs,qsdr->bqdr", weights, a).reshape(len(weights), inputs, r)
        right = torch.einsum("bqs,qsrd->bqrd", weights, b).transpose(1, 2).reshape(len(weights), r, outputs)
        return left @ right * (alpha / r)

    y = x @ weight.T + bias + x @ update(mixing)
    (y * cotangent).sum().backward()
    fixed = torch.sigmoid(z)
    merged = weight + update(fixed / (fixed.sum(-1, keepdim=True) + 1e-12)).transpose(1, 2)
    mean = torch.full((1, splits, skills), 1 / skills)
    given = {"base.weight": weight, "base.bias": bias, "in.x": x, "in.cotangent": cotangent, "in.task_ids": ids,
             "in.uniform": u, "param.lora_A": a, "param.lora_B": b, "param.module_logits": logits}
    expected = {"out.y": y, "out.mixing_weights": mixing, "out.merged_weight_per_task": merged,
                "out.mu_y": x @ weight.T + bias + x @ update(mean), "out.mu_merged_weight": weight + update(mean)[0].T,
                "grad.in.x": x.grad, "grad.param.lora_A": a.grad, "grad.param.lora_B": b.grad,
                "grad.param.module_logits": logits.grad}
    config = {"n_splits": splits, "n_skills": skills, "r": r, "n_tasks": tasks, "lora_alpha": alpha,
              "relaxed_bernoulli": True, "temperature": temperature}
    return {"kind": "layer", "about": "two heads of skills, relaxed gates from given uniforms", "config": config}, given, expected


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


@case("dr-tune", "own-wrapped")
def dr_tune():
    """No rotation, a class without rows, one with a single row, and a push over the queue's end."""
    draw = Draw(101)
    batch, queue, dim, classes, pointer = 5, 17, 6, 4, 14
    labels = torch.randint(0, 2, (queue,), generator=draw.generator)
    labels[6] = 3
    f, f0 = draw.leaf(batch, dim), draw(batch, dim)
    y = torch.tensor([0, 2, 1, 3, 0])
    weight, bias = draw.leaf(classes, dim), draw.leaf(classes)
    down, pre = draw(queue, dim), draw(queue, dim)
    unit = torch.nn.functional.normalize
    with torch.no_grad():
        p, q = unit(pre), unit(down)
        for c in range(classes):
            rows = labels == c
            if rows.any():
                share = (q[rows] @ unit(weight[c], dim=0)).softmax(0)
                p[rows] = p[rows] + (share @ q[rows] - p[rows].mean(0))
        p = f.norm(dim=1).mean() * unit(p)
    logits = torch.cat([f, p]) @ weight.T + bias
    loss = torch.nn.functional.cross_entropy(logits, torch.cat([y, labels]))
    loss.backward()
    given = {"in.down_feature": f, "in.pre_feature": f0, "in.label": y, "in.queue.down": down, "in.queue.pre": pre,
             "in.queue.label": labels, "param.head.weight": weight, "param.head.bias": bias}
    places = (pointer + torch.arange(batch)) % queue
    pushed = {"down": down.index_copy(0, places, f.detach()), "pre": pre.index_copy(0, places, f0),
              "label": labels.index_copy(0, places, y)}
    expected = {"out.calibrated": p, "out.loss": loss.reshape(1), "grad.down_feature": f.grad,
                "grad.head.weight": weight.grad, "grad.head.bias": bias.grad}
    expected |= {f"out.queue.{name}": tensor for name, tensor in pushed.items()}
    config = {"batch": batch, "queue": queue, "dim": dim, "classes": classes, "absent_classes": 1, "rotation_every": 10,
              "iteration": 13, "pointer": pointer}
    return {"kind": "loss", "about": "no rotation, class 2 absent, the pointer wraps", "config": config}, given, expected


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


def main(root, *slugs):
    for slug, name, function in MAKERS:
        if not slugs or slug in slugs:
            write(root, slug, name, function())
            print(f"{slug}/{name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
