"""Floating-point operations that a training step cannot do without, by the shapes of the model.

A frozen matrix of P weights takes 2·P for each token forward and 2·P for the gradient of its input: 4·P together. A
LoRA pair takes 6·r·(in + out): forward, gradient of the input, gradient of the pair. Attention takes 4·s²·h forward
(scores and mixture) and twice that backward for a row of s tokens, half of it where it is causal. Scores over the
vocabulary are counted for learnt positions only, and so is what the last block does after its keys and values: of an
image for the class token only. Nothing below the lowest pair has a gradient, so what reads the first block's input has
none for it. Padding, norms, softmax and other element-wise work are not counted, so that a share of 100 % is out of reach.
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
    reading, seen = linears[:3], linears[1:3]
    frozen = 4 * sum(a * b for a, b in linears) * layers * tokens
    frozen -= 4 * (sum(a * b for a, b in linears) - sum(a * b for a, b in seen)) * (tokens - learnt)
    frozen -= 2 * sum(a * b for a, b in reading) * tokens
    adapters = 6 * rank * sum(a + b for a, b in linears) * layers * tokens
    adapters -= 6 * rank * (sum(a + b for a, b in linears) - sum(a + b for a, b in seen)) * (tokens - learnt)
    adapters -= 2 * rank * sum(a for a, _ in reading) * tokens
    attention = 12 * rows * length**2 * hidden * layers / 2
    head = 4 * config["vocab_size"] * hidden * learnt
    return frozen + adapters + attention + head


def causal_lm_texts(model, file, rank):
    """An epoch of rows of their own lengths, each with a prompt and a completion of words that are tokens."""
    rows = [json.loads(line) for line in pathlib.Path(file).read_text().splitlines()]
    lengths = [(len(row["prompt"].split()), len(row["completion"].split())) for row in rows]
    return sum(causal_lm(model, 1, prompt + learnt, learnt, rank) for prompt, learnt in lengths)


def vision_transformer(model, images, rank, adapted=2):
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    patches = (config["image_size"] // config["patch_size"]) ** 2
    length = patches + 1
    tokens = images * length
    frozen = 4 * (4 * hidden * hidden + 2 * hidden * inner) * layers * tokens
    frozen -= 4 * (2 * hidden * hidden + 2 * hidden * inner) * (tokens - images)
    frozen -= 2 * 3 * hidden * hidden * tokens
    adapters = 6 * rank * adapted * 2 * hidden * layers * tokens
    attention = 12 * images * length**2 * hidden * (layers - 1) + 12 * images * length * hidden
    # The patches' embedding is below everything that is trained: forward only.
    embedding = 2 * hidden * config["num_channels"] * config["patch_size"] ** 2 * images * patches
    return frozen + adapters + attention + embedding
