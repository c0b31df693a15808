"""Cases of attention heads and what stands before them: S2FT, prefixes, P-tuning."""

import math

import torch

from shared import Draw, case


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
