"""Traces of what is trained changing: IncreLoRA, SpIEL, LoCA."""

import math

import torch

from shared import Draw, case


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
