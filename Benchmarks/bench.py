"""Measures Graft beside transformers and peft, as docs/performance.md describes.

    bench.py --graft BINARY --python INTERPRETER

Variables: BENCH_PAIRS (5), BENCH_ONLY (numbers of workloads, with commas), BENCH_SIDES (ours,best,defaults),
BENCH_THREADS (the cores), BENCH_FULL=1 (workload 1 as long as `make demo`), BENCH_RECORD=1 (a run of some workloads
replaces theirs in docs/performance/; a run of all with five pairs always does).
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import process
import report
from process import BenchmarkError
from workloads import workloads

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parent
# First-step losses and gradient norms of both sides may differ by so much, relatively.
TOLERANCE = 1e-4
ENOUGH_PAIRS = 5
# The defaults are measured in so many of the pairs: they are the slower peer, and shown for orientation.
DEFAULTS_PAIRS = 2


class Bench:
    """Where things are and how both sides are started."""

    def __init__(self, graft, python, environment=os.environ):
        self.binary, self.interpreter = pathlib.Path(graft).resolve(), python
        self.folder = PACKAGE / ".bench"
        self.made, self.scratch, self.demo = self.folder / "made", self.folder / "scratch", PACKAGE / ".demo"
        self.full = environment.get("BENCH_FULL") == "1"
        self.pairs = int(environment.get("BENCH_PAIRS", ENOUGH_PAIRS))
        self.only = [int(number) for number in environment.get("BENCH_ONLY", "").split(",") if number]
        self.sides = [side for side in environment.get("BENCH_SIDES", "ours,best,defaults").split(",") if side]
        self.records = environment.get("BENCH_RECORD") == "1"
        self.threads = int(environment.get("BENCH_THREADS", 0)) or cores()
        self.environment = {
            "OMP_NUM_THREADS": str(self.threads), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error",
            "PYTHONWARNINGS": "ignore"}
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)

    def graft(self, *arguments, log=None):
        return process.run([self.binary, *arguments], self.environment, self.scratch, log)

    def python(self, script, *arguments):
        return process.run([self.interpreter, HERE / script, *arguments], self.environment, self.scratch)

    def output(self):
        return (self.scratch / "stdout").read_text()


def cores():
    """Physical cores, of those that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        pairs = {tuple(block.split(":")[1].strip() for block in lines.splitlines()
                       if block.startswith(("physical id", "core id")))
                 for lines in pathlib.Path("/proc/cpuinfo").read_text().strip().split("\n\n")}
        return min(usable, len(pairs)) or usable
    except OSError:
        return usable


def say(text):
    print(text, flush=True)


def measure(bench, workload):
    """All samples of a workload, both sides interleaved."""
    sides = [side for side in workload.sides if side in bench.sides]
    points = [{"name": point.name, "samples": {side: [] for side in sides}} for point in workload.points]
    load = os.getloadavg()[0]
    say(f"\n{workload.number}. {workload.title}")
    for point, entry in zip(workload.points, points):
        entry["agreement"] = agree(point, sides)
        say(f"   {point.name}: {report.agreement_text(entry['agreement'])}")
    for pair in range(bench.pairs):
        for point, entry in zip(workload.points, points):
            order = [side for side in sides if side != "defaults" or pair < DEFAULTS_PAIRS]
            for side in order if pair % 2 == 0 else reversed(order):
                sample = point.runner.sample(side)
                entry["samples"][side].append(sample)
                say(f"   pair {pair + 1}, {point.name}, {side}: {report.sample_text(sample, workload.time)}")
    return {"title": workload.title, "time": workload.time, "what": workload.what, "points": points,
            "target_time": workload.target_time, "target_memory": workload.target_memory, "pairs": bench.pairs,
            "measured": time.strftime("%Y-%m-%d"), "load_before": round(load, 2), "notes": workload.notes}


def agree(point, sides):
    """What both sides computed in the first step, or for another program in all; also the warm-up."""
    start = point.runner.start()
    if "best" not in sides:
        return None
    if point.check is None:
        ours, theirs = start, point.runner.first_step()
    else:
        ours, theirs = point.check.start(), point.check.first_step()
        point.runner.start()
    return report.agreement(ours, theirs, TOLERANCE)


def differences(number, workload):
    """Sentences about what the sides did not compute alike."""
    for point in workload["points"]:
        if point["agreement"] and not point["agreement"]["same"]:
            yield f"workload {number}, {point['name']}: {report.agreement_text(point['agreement'])}"
        samples = [sample for values in point["samples"].values() for sample in values]
        for key in ("steps", "tokens", "trainable", "text"):
            values = {sample[key] for sample in samples if sample.get(key) is not None}
            if len(values) > 1:
                yield f"workload {number}, {point['name']}: the sides differ in {key}: {sorted(values)}"


def prepare(bench, chosen):
    demo = subprocess.run([sys.executable, PACKAGE / "Scripts" / "demo-data"])
    if demo.returncode != 0:
        raise BenchmarkError("the demo's model and data could not be had (the message is above)")
    names = sorted({name for workload in chosen for name in workload.needs})
    say("making checkpoints and rows")
    bench.python("checkpoints.py", "--output", bench.made, "--demo", bench.demo, *names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", type=pathlib.Path, required=True)
    parser.add_argument("--python", type=pathlib.Path, required=True)
    options = parser.parse_args()
    bench = Bench(options.graft, options.python)
    everything = workloads(bench)
    chosen = [workload for workload in everything if not bench.only or workload.number in bench.only]
    prepare(bench, chosen)
    started = time.time()
    results = {"machine": report.machine(bench), "workloads": {}}
    faults = []
    for workload in chosen:
        results["workloads"][str(workload.number)] = measured = measure(bench, workload)
        faults += differences(workload.number, measured)
        (bench.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    say("\n" + report.table(results))
    say(f"\n{(time.time() - started) / 60:.0f} minutes; samples in {bench.folder / 'results.json'}")
    complete = len(chosen) == len(everything) and bench.pairs >= ENOUGH_PAIRS
    if faults:
        raise BenchmarkError("both sides did not compute the same:\n  " + "\n  ".join(faults))
    if bench.records or complete:
        report.record(results)


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
