"""Cases of one layer: LoRA, LoRA-XS, CorDA, Bi-Adapter, MHR."""

import math

import torch

from shared import Draw, case


def layer_of(draw, rows, columns, bias=True, lead=(2, 3), dtype=torch.float32):
    """Given tensors of one linear layer, and leaves for its input."""
    given = {"base.weight": draw(rows, columns).to(dtype), "in.cotangent": draw(*lead, rows).to(dtype)}
    if bias:
        given["base.bias"] = draw(rows).to(dtype)
    given["in.x"] = draw(*lead, columns).to(dtype).requires_grad_()
    return given


def run_layer(given, effective, parameters):
    """Output, merged weight and gradients of a layer whose weight is `effective`."""
    for tensor in [given["in.x"], *parameters.values()]:
        tensor.grad = None
    y = given["in.x"] @ effective.T
    if "base.bias" in given:
        y = y + given["base.bias"]
    (y * given["in.cotangent"]).sum().backward()
    expected = {"out.y": y, "out.merged_weight": effective, "grad.x": given["in.x"].grad}
    return expected | {f"grad.{name}": tensor.grad.clone() for name, tensor in parameters.items()}


@case("lora", "own-double")
def lora_double():
    draw = Draw(131)
    given = layer_of(draw, 7, 9, lead=(5,), dtype=torch.float64)
    p = {"lora_A": draw(4, 9).double().requires_grad_(), "lora_B": draw(7, 4).double().requires_grad_()}
    expected = run_layer(given, given["base.weight"] + 3 / math.sqrt(4) * p["lora_B"] @ p["lora_A"], p)
    given |= {f"param.{name}": tensor for name, tensor in p.items()}
    return {"kind": "layer", "about": "rank-stabilised scaling, in double precision, with a bias and a flat input",
            "config": {"r": 4, "lora_alpha": 3, "use_rslora": True, "scaling": 1.5},
            "tolerance": {"atol": 1e-11, "rtol": 1e-11}}, given, expected


@case("lora-sb", "own-xs")
def lora_xs():
    """LoRA-XS: fixed factors of the weight itself, and a trained matrix between them."""
    draw = Draw(141)
    given = layer_of(draw, 8, 6)
    weight, r, s, rate = given["base.weight"], 3, 2.0, 0.03
    u, values, vh = torch.linalg.svd(weight, full_matrices=False)
    a, b = values[:r, None] * vh[:r], u[:, :r]
    start = torch.zeros(r, r, requires_grad=True)
    at_start = run_layer(given, weight + s * b @ start @ a, {"R": start})
    moved = weight - rate * s * b @ at_start["grad.R"] @ a
    la, lb, lr = draw(r, 6), draw(8, r), draw.leaf(r, r)
    expected = {"out.singular_values": values, "out.y_init": at_start["out.y"],
                "step1.effective_weight": moved}
    expected |= run_layer(given, weight + s * lb @ lr @ la, {"lora_R": lr})
    g = torch.einsum("bti,btj->ij", given["in.cotangent"], given["in.x"].detach())
    expected["out.grad_full_weight"] = g
    expected["out.optimal_grad_R"] = (torch.linalg.inv(lb.T @ lb) @ lr.grad @ torch.linalg.inv(la @ la.T)) / s**2
    given |= {"param.lora_A": la, "param.lora_B": lb, "param.lora_R": lr}
    return {"kind": "layer", "about": "LoRA-XS with R = 0 at the start",
            "config": {"variant": "lora-xs", "r": r, "lora_alpha": 6, "scaling": s, "sgd_lr": rate}}, given, expected


@case("corda", "own-kpm")
def corda():
    """The components that matter least are trained (knowledge-preserving mode)."""
    draw = Draw(151)
    given = layer_of(draw, 7, 5)
    weight, r, s, rate = given["base.weight"].double(), 2, 2.0, 0.05
    covariance = torch.zeros(5, 5, dtype=torch.float64)
    for index in range(3):
        sample = draw(6, 5)
        given[f"in.calib_{index}"] = sample
        scaled = (sample / sample.max().abs()).double()
        covariance += scaled.T @ scaled / 3
    damp = 0.01
    while True:
        damped = covariance + damp * covariance.diagonal().mean() * torch.eye(5)
        inverse = torch.linalg.inv(damped)
        if (damped @ inverse - torch.eye(5)).norm() < 0.05:
            break
        damp *= 2
    u, values, vh = torch.linalg.svd(weight @ damped, full_matrices=False)
    v = vh @ inverse
    share = (values[-r:] / s).sqrt()
    b, a = (u[:, -r:] * share).float(), (share[:, None] * v[-r:]).float()
    delta = s * b @ a
    residual = weight.float() - delta
    la, lb = a.clone().requires_grad_(), b.clone().requires_grad_()
    at_start = run_layer(given, residual + s * lb @ la, {"A": la, "B": lb})
    moved = residual + s * (b - rate * at_start["grad.B"]) @ (a - rate * at_start["grad.A"])
    p = {"lora_A": draw.leaf(r, 5), "lora_B": draw.leaf(7, r)}
    expected = {"out.covariance": covariance.float(), "out.damp": torch.tensor(damp),
                "out.singular_values": values[-r:].float(), "out.delta_init": delta, "out.residual_weight": residual,
                "out.y_init": at_start["out.y"], "step1.effective_weight": moved}
    expected |= run_layer(given, residual + s * p["lora_B"] @ p["lora_A"], p)
    given |= {f"param.{name}": tensor for name, tensor in p.items()}
    return {"kind": "layer", "about": "knowledge-preserving mode, a bias, a scaling other than 1",
            "config": {"r": r, "lora_alpha": 4, "scaling": s, "corda_method": "kpm", "damp_start": 0.01,
                       "inv_error_max": 0.05, "sgd_lr": rate, "calib_samples": 3},
            "tolerance": {"atol": 2e-5, "rtol": 2e-4}}, given, expected


@case("bi-adapter", "own-lora")
def bi_adapter():
    """Two bits, in the place of LoRA's factors: no activation."""
    draw = Draw(161)
    book = torch.tensor([-1.26572037, -0.37775415, 0.37775415, 1.26572037])
    limits = (book[1:] + book[:-1]) / 2
    down, up = draw.leaf(3, 12, scale=0.3), draw.leaf(9, 3, scale=0.2)
    x, cotangent = draw.leaf(2, 4, 12), draw(2, 4, 9)
    expected, quantized = {"out.codebook": book}, {}
    for name, w in (("down", down), ("up", up)):
        mean, std = w.mean(), w.std()
        normal = (w - mean) / (std + 1e-5)
        codes = torch.bucketize(normal.detach(), limits)
        q = (book[codes] - normal).detach() + normal
        quantized[name] = q * std + mean
        flat = torch.nn.functional.pad(codes.reshape(-1), (0, -codes.numel() % 4)).reshape(-1, 4)
        packed = (flat * torch.tensor([1, 4, 16, 64])).sum(1)
        expected |= {f"out.{name}.quantized": quantized[name], f"out.{name}.codes": codes.reshape(-1).to(torch.uint8),
                     f"out.{name}.packed": packed.to(torch.uint8), f"out.{name}.mean": mean.reshape(1),
                     f"out.{name}.std": std.reshape(1)}
    y = 0.5 * (x @ quantized["down"].T) @ quantized["up"].T
    (y * cotangent).sum().backward()
    expected |= {"out.y": y, "grad.x": x.grad, "grad.down": down.grad, "grad.up": up.grad}
    given = {"in.x": x, "in.cotangent": cotangent, "param.down": down, "param.up": up}
    return {"kind": "layer", "about": "two bits, LoRA's style, bytes with codes to spare",
            "config": {"bits": 2, "dim": 12, "bottleneck": 3, "scale": 0.5, "style": "lora", "eps": 1e-5, "dropout": 0.0}
            }, given, expected


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
