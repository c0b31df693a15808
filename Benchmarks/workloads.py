"""The workloads: what is run, which of its times counts, and what ratio is aimed at."""

from dataclasses import dataclass

import operations
from training import Case, Trainer
from using import Generation, Merge

LORA_ALL = {"name": "lora", "r": 16, "lora_alpha": 16, "target_modules": "all-linear"}
ALL_SIDES = ("ours", "best", "defaults")
BOTH = ("ours", "best")


@dataclass
class Point:
    """One thing that both sides run: `runner.agree(tolerance)` once, then `runner.sample(side)`."""
    name: str
    runner: object
    # Operations of a training step, to be held against the machine's ceiling.
    operations: float | None = None


@dataclass
class Workload:
    number: int
    title: str
    # What is timed: the key of the sample, and in words.
    time: str
    what: str
    points: list[Point]
    # What checkpoints.py makes for it.
    needs: list[str]
    target_time: float | None = None
    target_memory: float | None = None
    sides: tuple = BOTH
    # Fewer pairs than asked for where there are many points.
    most_pairs: int | None = None
    # Whether times and memory count relative to those of the first point on the same side.
    is_relative: bool = False


def workloads(bench):
    makers = (classification, causal, real_lengths, vision, heavy_methods, start, merge, generation, growth)
    return [make(bench) for make in makers]


# --- Training ---

def classification_case(bench, **changes):
    case = {
        "model": str(bench.demo / "model"), "task": "classification",
        "train_file": str(bench.demo / "data" / "train.jsonl"),
        "method": {"name": "lora", "r": 8, "lora_alpha": 16, "target_modules": ["query", "value"]},
        "batch": 32, "learning_rate": 5e-3, "warmup_ratio": 0.06, "max_length": 64}
    return Case(**(case | changes))


def still_case(bench):
    """Dropout draws differ, so first steps are compared without it, on one batch."""
    return classification_case(bench, model=str(bench.made / "encoder-still"), max_train_samples=32)


def classification(bench):
    if bench.full:
        case, name = classification_case(bench, epochs=2), "500 steps"
    else:
        steps = 4 if bench.small else 100
        case, name = classification_case(bench, max_train_samples=32 * steps), f"{steps} steps"
    return Workload(
        1, "Classification: MiniLM on WordNet glosses, LoRA on q and v, batch 32", "process",
        "the whole process, to the saved adapter", [Point(name, Trainer(bench, case, check=still_case(bench)))],
        ["encoder-still"], target_time=0.5, target_memory=0.5, sides=ALL_SIDES)


def causal_case(bench, layers=8, length=256, method=None, steps=5):
    """Four rows that every step sees again, so that the first step is the same on both sides."""
    return Case(
        model=str(bench.made / f"qwen2-{layers}"), task="causal-lm",
        train_file=str(bench.made / f"rows-4x{length}.jsonl"), method=method or LORA_ALL, batch=4, epochs=steps)


def causal(bench):
    case = causal_case(bench)
    count = operations.causal_lm(case.model, rows=4, length=256, learnt=512, rank=16) if bench.has(case.model) else None
    return Workload(
        2, "Causal LM: Qwen2-shaped, LoRA r 16 on all linears, 4 × 256 tokens, half of them learnt", "step",
        "a step, the first left out", [Point("4 × 256", Trainer(bench, case), operations=count)],
        ["qwen2-8", "rows-4x256.jsonl"], target_time=0.65, target_memory=0.5, sides=ALL_SIDES)


def real_lengths(bench):
    rows = {"model": str(bench.made / "qwen2-8"), "task": "causal-lm", "method": LORA_ALL, "batch": 4}
    case = Case(train_file=str(bench.made / "rows-real.jsonl"), **rows)
    check = Case(train_file=str(bench.made / "rows-real-first.jsonl"), **rows)
    count = operations.causal_lm_texts(case.model, case.train_file, rank=16) if bench.has(case.model) else None
    return Workload(
        3, "Real lengths: as 2, 200 examples of 16 to 512 tokens (log-normal), batch 4", "training",
        "the epoch of 50 steps", [Point("200 examples", Trainer(bench, case, check=check), operations=count)],
        ["qwen2-8", "rows-real.jsonl", "rows-real-first.jsonl"], target_time=0.45, target_memory=0.5, sides=ALL_SIDES)


def vision(bench):
    case = Case(
        model=str(bench.made / "vit-b16"), task="image-classification",
        train_file=str(bench.made / "images-16.safetensors"),
        method={"name": "lora", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]},
        batch=16, epochs=5, labels=10)
    count = operations.vision_transformer(case.model, images=16, rank=8) if bench.has(case.model) else None
    return Workload(
        4, "Images: ViT-B/16-shaped, LoRA on q and v, 16 images of 224 × 224", "step",
        "a step, the first left out", [Point("16 images", Trainer(bench, case), operations=count)],
        ["vit-b16", "images-16.safetensors"], target_time=0.85, target_memory=0.75, sides=ALL_SIDES)


# Methods that both sides have, with each side's implementation of the same formula on the same layers.
HEAVY = {
    "LoRA": LORA_ALL,
    "DoRA": LORA_ALL | {"use_dora": True},
    "AdaLoRA": {"name": "adalora", "init_r": 16, "target_r": 8, "lora_alpha": 16, "target_modules": "all-linear"},
    "VeRA": {"name": "vera", "r": 256, "target_modules": "all-linear"},
    "FourierFT": {"name": "fourierft", "n_frequency": 1000, "target_modules": "all-linear"},
    "(IA)³": {"name": "ia3"},
}


def heavy_methods(bench):
    points = [Point(name, Trainer(bench, causal_case(bench, method=method, steps=3))) for name, method in HEAVY.items()]
    return Workload(
        5, "Methods: overhead over LoRA on each side, on the shape of 2", "step",
        "a step over a step of LoRA on the same side", points, ["qwen2-8", "rows-4x256.jsonl"],
        target_time=0.5, most_pairs=3, is_relative=True)


def start(bench):
    case = classification_case(bench, max_steps=1)
    return Workload(
        6, "Start: from the start of the process to the end of the first step of 1", "start",
        "until the first step is done", [Point("first step", Trainer(bench, case, check=still_case(bench)))],
        ["encoder-still"], target_time=0.1)


def growth(bench):
    shapes = [(8, length) for length in (128, 256, 512, 1024)] + [(layers, 256) for layers in (2, 4)]
    points = [Point(f"{layers} layers, {length} tokens", Trainer(bench, causal_case(bench, layers, length, steps=3)))
              for layers, length in shapes]
    needs = [f"qwen2-{layers}" for layers in (2, 4, 8)] + [f"rows-4x{length}.jsonl" for length in (128, 256, 512, 1024)]
    return Workload(
        9, "Growth: 2 with other lengths and depths", "step", "a step, the first left out", points, needs, most_pairs=2)


# --- Use ---

def merge(bench):
    runner = Merge(bench, bench.made / "qwen2-24", bench.made / "adapter-24")
    return Workload(
        7, "Merge: LoRA r 16 on all linears into a checkpoint of 2 GB (Qwen2-0.5B's shape)", "process",
        "the whole process, ours with its proof", [Point("2 GB", runner)], ["qwen2-24", "adapter-24"],
        target_time=0.5, target_memory=0.15)


def generation(bench):
    points = [Point(f"batch {batch}", Generation(
        bench, bench.made / "qwen2-8", bench.made / "adapter-8", bench.made / f"prompts-{batch}.txt", batch))
        for batch in (1, 16)]
    return Workload(
        8, "Generation: the model of 2, one adapter unmerged, 128 tokens read, 64 written", "generation",
        "reading and writing, without loading", points, ["qwen2-8", "adapter-8", "prompts-1.txt", "prompts-16.txt"],
        target_time=0.6, target_memory=0.7)
