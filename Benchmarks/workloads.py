"""The workloads: what is run, which of its times counts, and what ratio is aimed at."""

import pathlib
from dataclasses import dataclass, field

from training import Case, Trainer

LORA_ALL = {"name": "lora", "r": 16, "lora_alpha": 16, "target_modules": "all-linear"}


@dataclass
class Point:
    """One thing that both sides run."""
    name: str
    runner: object
    # Whether the first steps of the measured runs see the same rows on both sides; else only the check does.
    same_rows: bool = True
    # What stands in for the runner where both sides must compute the same numbers.
    check: object = None


@dataclass
class Workload:
    number: int
    title: str
    # What is timed: the key of the sample, and in words.
    time: str
    what: str
    points: list[Point]
    needs: list[str]
    target_time: float | None = None
    target_memory: float | None = None
    sides: tuple = ("ours", "best", "defaults")
    notes: dict = field(default_factory=dict)


def workloads(bench):
    makers = (classification, causal, vision)
    return [make(bench) for make in makers]


def classification(bench):
    data = bench.demo / "data"
    case = Case(
        model=str(bench.demo / "model"), task="classification", train_file=str(data / "train.jsonl"),
        method={"name": "lora", "r": 8, "lora_alpha": 16, "target_modules": ["query", "value"]},
        batch=32, epochs=1, learning_rate=5e-3, warmup_ratio=0.06, max_length=64,
        max_train_samples=None if bench.full else 3200, labels=45)
    # Dropout draws differ, so the numbers are compared without it, on one batch.
    still = Case(
        model=str(bench.made / "encoder-still"), task="classification", train_file=str(data / "train.jsonl"),
        method=case.method, batch=32, learning_rate=5e-3, max_length=64, max_train_samples=32)
    return Workload(
        1, "Classification: MiniLM on WordNet glosses, LoRA on q and v, batch 32", "process",
        "the whole process, from its start to the saved adapter", [
            Point("100 steps", Trainer(bench, case), same_rows=False, check=Trainer(bench, still))],
        ["encoder-still"], target_time=0.5, target_memory=0.5)


def causal_case(bench, layers=8, length=256, method=LORA_ALL, steps=5):
    """Four rows, seen again in every step."""
    return Case(
        model=str(bench.made / f"qwen2-{layers}"), task="causal-lm", train_file=str(bench.made / f"rows-4x{length}.jsonl"),
        method=method, batch=4, epochs=steps)


def causal(bench):
    return Workload(
        2, "Causal LM: Qwen2-shaped, LoRA r 16 on all linears, 4 × 256 tokens, half of them learnt", "step",
        "a step, the first left out", [Point("4 x 256", Trainer(bench, causal_case(bench)))],
        ["qwen2-8", "rows-4x256.jsonl"], target_time=0.65, target_memory=0.5)


def vision(bench):
    case = Case(
        model=str(bench.made / "vit-b16"), task="image-classification",
        train_file=str(bench.made / "images-16.safetensors"),
        method={"name": "lora", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]},
        batch=16, epochs=5, labels=10)
    return Workload(
        4, "Image classification: ViT-B/16-shaped, LoRA on q and v, 16 images of 224 × 224", "step",
        "a step, the first left out", [Point("16 images", Trainer(bench, case))],
        ["vit-b16", "images-16.safetensors"], target_time=0.85, target_memory=0.75)
