"""Floating-point operations that a training step cannot do without, by the shapes of the model.

A frozen matrix of P weights takes 2·P for each token forward and 2·P for the gradient of its input: 4·P together. A
LoRA pair takes 6·r·(in + out): forward, gradient of the input, gradient of the pair. Attention takes 4·s²·h forward
(scores and mixture) and twice that backward for a row of s tokens, half of it where it is causal. Scores over the
vocabulary are counted for learnt positions only. Norms, softmax and other element-wise work are not counted, so that a
share of 100 % is out of reach.
"""

import json
import pathlib


def causal_lm(model, rows, length, learnt, rank):
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    pairs = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    linears = [(hidden, hidden), (hidden, pairs), (hidden, pairs), (hidden, hidden),
               (hidden, inner), (hidden, inner), (inner, hidden)]
    tokens = rows * length
    frozen = 4 * sum(a * b for a, b in linears) * layers * tokens
    adapters = 6 * rank * sum(a + b for a, b in linears) * layers * tokens
    attention = 12 * rows * length**2 * hidden * layers / 2
    head = 4 * config["vocab_size"] * hidden * learnt
    return frozen + adapters + attention + head


def vision_transformer(model, images, rank, adapted=2):
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    patches = (config["image_size"] // config["patch_size"]) ** 2
    length = patches + 1
    tokens = images * length
    frozen = 4 * (4 * hidden * hidden + 2 * hidden * inner) * layers * tokens
    adapters = 6 * rank * adapted * 2 * hidden * layers * tokens
    attention = 12 * images * length**2 * hidden * layers
    # The patches' embedding is below everything that is trained: forward only.
    embedding = 2 * hidden * config["num_channels"] * config["patch_size"] ** 2 * images * patches
    return frozen + adapters + attention + embedding
