"""Traces of steps: GradNormLoRP, DR-Tune, LISA, MeZO, HFT."""

import math

import torch

from shared import Draw, case


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


@case("lisa", "own-reset")
def lisa():
    """Moments of middle layers are dropped at every switch; weight decay on."""
    draw = Draw(171)
    vocab, hidden, layers, steps, active, interval = 9, 5, 4, 7, 1, 3
    lr, decay, (b1, b2), eps = 0.02, 0.1, (0.9, 0.98), 1e-8
    p = {"embed.weight": draw(vocab, hidden), "lm_head.weight": draw(vocab, hidden)}
    for index in range(layers):
        p |= {f"layers.{index}.weight": draw(hidden, hidden, scale=0.4), f"layers.{index}.bias": draw(hidden, scale=0.2)}
    ids = torch.randint(0, vocab, (steps, 2, 5), generator=draw.generator)
    draws = torch.tensor([[2], [0], [2]])
    given = {f"param.{name}": tensor.clone() for name, tensor in p.items()} | {"in.input_ids": ids, "in.draws": draws}
    moments, expected = {}, {}
    for step in range(steps):
        chosen = draws[step // interval].tolist()
        if step % interval == 0:
            moments = {name: m for name, m in moments.items() if not name.startswith("layers.")}
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in p.items()}
        h = leaves["embed.weight"][ids[step]]
        for index in range(layers):
            h = h + torch.tanh(h @ leaves[f"layers.{index}.weight"].T + leaves[f"layers.{index}.bias"])
        logits = (h @ leaves["lm_head.weight"].T)[:, :-1].reshape(-1, vocab)
        loss = torch.nn.functional.cross_entropy(logits, ids[step][:, 1:].reshape(-1))
        loss.backward()
        for name in p:
            if name.startswith("layers.") and int(name.split(".")[1]) not in chosen:
                continue
            g = leaves[name].grad
            m, v, k = moments.get(name, (torch.zeros_like(g), torch.zeros_like(g), 0))
            m, v, k = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, k + 1
            moments[name] = (m, v, k)
            kept = p[name] if name.endswith("bias") else p[name] * (1 - lr * decay)
            p[name] = kept - lr * (m / (1 - b1**k)) / ((v / (1 - b2**k)).sqrt() + eps)
        expected |= {f"step{step}.{name}": tensor.clone() for name, tensor in p.items()}
        expected |= {f"step{step}.loss": loss.reshape(1), f"step{step}.active": torch.tensor(sorted(chosen)),
                     f"step{step}.state_numel": torch.tensor([sum(2 * m[0].numel() for m in moments.values())])}
    config = {"vocab": vocab, "hidden": hidden, "layers": layers, "steps": steps, "activated_layers": active,
              "interval_steps": interval, "lr": lr, "weight_decay": decay, "state_policy": "reset", "betas": [b1, b2],
              "eps": eps}
    return {"kind": "trace", "about": "one of four layers, a layer that comes back without its moments",
            "config": config, "tolerance": {"atol": 5e-6, "rtol": 1e-4}}, given, expected


@case("sparse-mezo", "own-dense")
def mezo():
    """MeZO on all weights, with weight decay, in double precision."""
    draw = Draw(181)
    steps, lr, eps, decay = 3, 0.03, 1e-3, 0.2
    shapes = {"fc1.weight": (5, 4), "fc1.bias": (5,), "fc2.weight": (3, 5), "fc2.bias": (3,)}
    p = {name: draw(*shape).double() for name, shape in shapes.items()}
    given = {f"param.{name}": tensor.clone() for name, tensor in p.items()}
    expected = {}
    for step in range(steps):
        x = draw(6, 4).double()
        labels = torch.randint(0, 3, (6,), generator=draw.generator)
        z = {name: draw(*shape).double() for name, shape in shapes.items()}
        given |= {f"in.step{step}.x": x, f"in.step{step}.labels": labels}
        given |= {f"in.step{step}.z.{name}": tensor for name, tensor in z.items()}

        def loss(sign):
            q = {name: p[name] + sign * eps * z[name] for name in p}
            hidden = torch.tanh(x @ q["fc1.weight"].T + q["fc1.bias"])
            return torch.nn.functional.cross_entropy(hidden @ q["fc2.weight"].T + q["fc2.bias"], labels)

        above, below = loss(1), loss(-1)
        g = (above - below) / (2 * eps)
        for name in p:
            p[name] = p[name] - lr * (g * z[name] + (0 if "bias" in name else decay * p[name]))
        expected |= {f"step{step}.loss_plus": above.reshape(1), f"step{step}.loss_minus": below.reshape(1),
                     f"step{step}.projected_grad": g.reshape(1)}
        expected |= {f"step{step}.{name}": tensor.clone() for name, tensor in p.items()}
    return {"kind": "optimizer", "about": "no mask, with weight decay", "tolerance": {"atol": 1e-9, "rtol": 1e-8},
            "config": {"steps": steps, "lr": lr, "eps": eps, "sparsity": 0.0, "mask": "none", "weight_decay": decay}
            }, given, expected


@case("hft", "own-layers")
def hft():
    """Whole layers are frozen; tensors that are frozen have no gradient given."""
    draw = Draw(191)
    layers, hidden, inner, vocab, rounds, length = 3, 4, 6, 5, 2, 2
    lr, decay, (b1, b2), eps = 0.01, 0.05, (0.9, 0.99), 1e-8
    shapes = {"q_proj": (hidden, hidden), "k_proj": (2, hidden), "v_proj": (2, hidden), "o_proj": (hidden, hidden),
              "gate_proj": (inner, hidden), "up_proj": (inner, hidden), "down_proj": (hidden, inner),
              "input_norm": (hidden,), "post_attn_norm": (hidden,)}
    p = {"embed": draw(vocab, hidden), "lm_head": draw(vocab, hidden), "norm": draw(hidden)}
    for index in range(layers):
        p |= {f"layers.{index}.{name}": draw(*shape) for name, shape in shapes.items()}
    given = {f"param.{name}": tensor.clone() for name, tensor in p.items()}
    orders = [torch.tensor([2, 0, 1]), torch.tensor([1, 2, 0])]
    expected = {}
    for turn in range(rounds):
        given[f"in.round{turn}.layer_perm"] = orders[turn]
        frozen = orders[turn][: layers // 2].tolist()
        trained = [name for name in sorted(p) if not any(name.startswith(f"layers.{index}.") for index in frozen)]
        moments = {}
        for k in range(1, length + 1):
            for name in trained:
                g = draw(*p[name].shape)
                given[f"in.step{turn * length + k - 1}.grad.{name}"] = g
                m, v = moments.get(name, (torch.zeros_like(g), torch.zeros_like(g)))
                m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
                moments[name] = (m, v)
                p[name] = p[name] * (1 - lr * decay) - lr * (m / (1 - b1**k)) / ((v / (1 - b2**k)).sqrt() + eps)
        expected[f"step{turn}.trainable"] = torch.tensor([int(name in trained) for name in sorted(p)], dtype=torch.uint8)
        expected |= {f"step{turn}.weight.{name}": tensor.clone() for name, tensor in p.items()}
    config = {"layers": layers, "hidden": hidden, "intermediate": inner, "vocab": vocab, "rounds": rounds,
              "steps_per_round": length, "lr": lr, "weight_decay": decay, "betas": [b1, b2], "eps": eps, "level": "layer"}
    return {"kind": "trace", "about": "layers as wholes, an odd number of them, keys with fewer heads",
            "config": config}, given, expected
