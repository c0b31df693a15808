"""A training that both sides run: the same rows, the same start, the same steps."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace

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


def compared(ours, theirs, tolerance):
    """How far apart the first step's loss and gradient norm are, relatively."""
    apart = {key: abs(ours[key] - theirs[key]) / max(abs(theirs[key]), 1e-12) for key in ("loss", "grad_norm")}
    text = (f"first step: loss {ours['loss']:.6g} and {theirs['loss']:.6g} ({apart['loss']:.0e} apart), "
            f"gradient norm {ours['grad_norm']:.6g} and {theirs['grad_norm']:.6g} ({apart['grad_norm']:.0e} apart)")
    return {"same": max(apart.values()) <= tolerance, "apart": apart, "text": text}


class Trainer:
    """Runs a case on either side.

    `check` is a case that stands in for it where both must compute the same: measured runs of the case itself may draw
    dropout and order their rows each in their own way.
    """

    def __init__(self, bench, case, check=None):
        self.bench, self.case, self.check = bench, case, check
        self.folder, self.start_folder = bench.scratch / "training", None

    @property
    def sees_the_same(self):
        """Whether the first step of every measured run is comparable."""
        return self.check is None

    def agree(self, tolerance):
        """Both sides' first step from the same start; also the warm-up, and what makes the start of measured runs."""
        case = self.check or self.case
        ours = self.make_start(case)
        theirs = self.theirs(replace(case, max_steps=1), "best") if "best" in self.bench.sides else None
        if self.check:
            self.make_start(self.case)
        return theirs and compared(ours, theirs, tolerance)

    def make_start(self, case):
        """Makes the adapter that both sides start from, by a step of ours that changes nothing; gives its sample."""
        still = replace(case, learning_rate=NO_RATE, max_steps=1)
        if case.method["name"] == "adalora":
            # The start has all its ranks; a schedule of one step is refused.
            still = replace(still, method=case.method | {"target_r": case.method["init_r"]}, max_steps=2)
        sample = self.ours(still)
        self.start_folder = self.bench.scratch / "starts" / hashlib.sha256(repr(case).encode()).hexdigest()[:16]
        shutil.rmtree(self.start_folder, ignore_errors=True)
        self.start_folder.parent.mkdir(exist_ok=True)
        shutil.move(self.folder / "ours", self.start_folder)
        self.bench.python("starts.py", self.start_folder, NEARLY_ZERO)
        return sample

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
        times = {"process": outcome.seconds, "processor": outcome.processor, "memory": outcome.memory,
                 "steps": len(ends), "start": ends[0] - outcome.started, "training": ends[-1] - begin}
        if len(ends) > 1:
            times["step"] = (ends[-1] - ends[0]) / (len(ends) - 1)
        return times
