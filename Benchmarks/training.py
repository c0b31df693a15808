"""A training that both sides run: the same rows, the same start, the same steps."""

import json
import pathlib
import shutil
from dataclasses import asdict, dataclass, field, replace

import process

HERE = pathlib.Path(__file__).resolve().parent
# So small that a step changes no weight: the adapter that is left is the one that the run started with.
NO_RATE = 1e-30
# What such a step leaves where the start had an exact zero.
NEARLY_ZERO = 1e-20


@dataclass(frozen=True)
class Case:
    model: str
    task: str
    train_file: str
    method: dict
    batch: int
    epochs: int = 1
    learning_rate: float = 1e-4
    warmup_ratio: float = 0.0
    max_length: int | None = None
    max_steps: int = -1
    max_train_samples: int | None = None
    labels: int | None = None
    # Keys of peft's configuration where they differ in name from ours; empty where the saved adapter says all.
    extra: dict = field(default_factory=dict)

    def ours(self, output):
        """The configuration of `graft train`. Nothing is evaluated and no checkpoint written, as on the other side."""
        settings = {
            "model": self.model, "task": self.task, "train_file": self.train_file, "output_dir": str(output),
            "method": self.method, "per_device_train_batch_size": self.batch, "num_train_epochs": self.epochs,
            "learning_rate": self.learning_rate, "warmup_ratio": self.warmup_ratio, "max_steps": self.max_steps,
            "eval_strategy": "no", "save_strategy": "no", "seed": 42,
        }
        optional = {"max_length": self.max_length, "max_train_samples": self.max_train_samples}
        return settings | {key: value for key, value in optional.items() if value is not None}

    def theirs(self):
        return {key: value for key, value in asdict(self).items() if value is not None}


class Trainer:
    """Runs a case on either side."""

    def __init__(self, bench, case):
        self.bench, self.case = bench, case
        self.folder = bench.scratch / "training"

    def start(self):
        """Makes the adapter that both sides start from, by a step of ours that changes nothing; gives its sample."""
        sample = self.ours(replace(self.case, learning_rate=NO_RATE, max_steps=1))
        self.start_folder = self.bench.scratch / "start"
        shutil.rmtree(self.start_folder, ignore_errors=True)
        shutil.move(self.folder / "ours", self.start_folder)
        self.bench.python("starts.py", self.start_folder, NEARLY_ZERO)
        return sample

    def first_step(self):
        """The peer's first step alone, from the same start."""
        return self.theirs(replace(self.case, max_steps=1), "best")

    def sample(self, side):
        return self.ours(self.case) if side == "ours" else self.theirs(self.case, side)

    def ours(self, case):
        output = self.folder / "ours"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        config = self.folder / "config.json"
        config.write_text(json.dumps(case.ours(output)))
        outcome = self.bench.graft("train", config, log=output / "metrics.jsonl")
        lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
        steps = [line for line in lines if "learning_rate" in line]
        return self.timed(outcome, outcome.step_ends, begin=outcome.step_ends[0] - steps[0]["seconds"]) | {
            "loss": steps[0]["loss"] + steps[0].get("penalty", 0), "grad_norm": steps[0]["grad_norm"],
            "tokens": sum(step["tokens"] for step in steps),
            "trainable": json.loads((output / "result.json").read_text())["trainable_parameters"],
        }

    def theirs(self, case, mode):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        result, spec = self.folder / "result.json", self.folder / "spec.json"
        spec.write_text(json.dumps({
            "case": case.theirs(), "mode": mode, "start": str(self.start_folder), "output": str(self.folder / "theirs"),
            "result": str(result)}))
        outcome = self.bench.python("peer/train.py", spec)
        measured = json.loads(result.read_text())
        ends = measured.pop("step_ends")
        return self.timed(outcome, ends, begin=measured.pop("begin")) | measured

    @staticmethod
    def timed(outcome, ends, begin):
        """Times in seconds: the process, until the first step was done, from the first step to the last, and a step
        when the first is left out."""
        times = {"process": outcome.seconds, "memory": outcome.memory, "steps": len(ends),
                 "start": ends[0] - outcome.started, "training": ends[-1] - begin}
        if len(ends) > 1:
            times["step"] = (ends[-1] - ends[0]) / (len(ends) - 1)
        return times
