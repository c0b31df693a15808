"""What is done with a trained adapter on both sides: merging it, and generating with it unmerged."""

import os
import re
import shutil

from process import BenchmarkError


class Merge:
    """An adapter folded into a checkpoint, as one process."""

    # Of a tensor's largest value: what the order of fp32 sums makes.
    ROUNDING = 1e-6

    def __init__(self, bench, model, adapter):
        self.bench, self.model, self.adapter = bench, model, adapter
        self.outputs = {side: bench.scratch / f"merged-{side}" for side in ("ours", "best")}

    def agree(self, _):
        for side in self.outputs:
            self.merge(side)
        self.bench.python("compare_tensors.py", *self.outputs.values())
        difference = float(self.bench.output().split()[-1])
        self.clear()
        return {"same": difference <= self.ROUNDING,
                "text": f"all tensors have the same names and shapes, values at most {difference:.1e} of the tensor's "
                        "largest apart"}

    def sample(self, side):
        outcome = self.merge(side)
        self.clear()
        return {"process": outcome.seconds, "processor": outcome.processor, "memory": outcome.memory}

    def merge(self, side):
        shutil.rmtree(self.outputs[side], ignore_errors=True)
        os.sync()  # what the other side wrote is no burden of this one
        if side == "ours":
            return self.bench.graft(
                "merge", "--model", self.model, "--adapter", self.adapter, "--output", self.outputs[side])
        return self.bench.python("peer/merge.py", self.model, self.adapter, self.outputs[side])

    def clear(self):
        for output in self.outputs.values():
            shutil.rmtree(output, ignore_errors=True)


class Generation:
    """Greedy continuations of prompts, all side by side, with a key-value cache."""

    NEW_TOKENS = 64

    def __init__(self, bench, model, adapter, prompts, batch):
        self.bench, self.model, self.adapter, self.prompts, self.batch = bench, model, adapter, prompts, batch

    def agree(self, _):
        ours, theirs = self.run("ours")[1], self.run("best")[1]
        return {"same": ours == theirs,
                "text": f"{sum(map(len, theirs))} tokens, " + ("the same" if ours == theirs else "different")}

    def sample(self, side):
        return self.run(side)[0]

    def run(self, side):
        """A sample, and the continuations as lists of words."""
        if side == "ours":
            outcome = self.bench.graft(
                "generate", "--model", self.model, "--adapter", self.adapter, "--prompts", self.prompts,
                "--max-new-tokens", self.NEW_TOKENS, "--batch-size", self.batch)
            seconds = self.seconds(outcome.errors)
        else:
            outcome = self.bench.python("peer/generate.py", self.model, self.adapter, self.prompts, self.NEW_TOKENS)
            seconds = float(outcome.errors.split()[-1])
        lines = [line.split() for line in self.bench.output().splitlines()]
        return {"generation": seconds, "process": outcome.seconds, "processor": outcome.processor,
                "memory": outcome.memory, "words": sum(len(line) for line in lines)}, lines

    @staticmethod
    def seconds(statistics):
        """From the statistics' count and rate: the duration itself is shown with fewer digits."""
        found = re.search(r"([\d,]+) new tokens in .*\(([\d.,]+) tokens/s\)", statistics)
        if not found:
            raise BenchmarkError(f"`graft generate` gave no statistics: {statistics[-300:]}")
        count, rate = (float(text.replace(",", "")) for text in found.groups())
        return count / rate
