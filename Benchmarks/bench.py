"""Measures Graft beside transformers and peft, as docs/performance.md describes.

    bench.py --graft BINARY --python INTERPRETER

Variables: BENCH_PAIRS (5), BENCH_ONLY (numbers of workloads, with commas), BENCH_SIDES (ours,best,defaults),
BENCH_THREADS (the cores), BENCH_FULL=1 (workload 1 as long as `make demo`), BENCH_SMALL=1 (tiny models, to try the
measuring itself), BENCH_RECORD=1 (a run of some workloads replaces theirs in docs/performance/; a run of all with five
pairs always does).
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

import process
import report
from process import BenchmarkError
from training import compared
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
        self.small = environment.get("BENCH_SMALL") == "1"
        self.made = self.folder / ("made-small" if self.small else "made")
        self.scratch, self.demo = self.folder / "scratch", PACKAGE / ".demo"
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

    def has(self, path):
        return pathlib.Path(path).exists()

    def ceiling(self):
        """The rate of a large fp32 product through the engine, in operations a second."""
        self.graft("doctor", "--ceiling")
        found = re.search(r"^ *ceiling +([\d.,]+) GFLOP/s", self.output(), re.MULTILINE)
        if not found:
            raise BenchmarkError("`graft doctor --ceiling` names no rate")
        return float(found.group(1).replace(",", "")) * 1e9

    def output(self):
        """What the last process wrote to its standard output."""
        return (self.scratch / "stdout").read_text()


def cores():
    """Physical cores, of those that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        pairs = {tuple(block.split(":")[1].strip() for block in lines.splitlines()
                       if block.startswith(("physical id", "core id")))
                 for lines in pathlib.Path("/proc/cpuinfo").read_text().strip().split("\n\n")}
        return usable if () in pairs else min(usable, len(pairs))
    except OSError:
        return usable


def machine(bench):
    """What the figures hold for."""
    processor = platform.processor()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    bench.python("versions.py")
    versions = json.loads(bench.output())
    bench.graft("doctor")
    engine = re.search(r"^ *libtorch +(\S+)", bench.output(), re.MULTILINE)
    if not engine or engine.group(1).split("+")[0] != versions["torch"].split("+")[0]:
        raise BenchmarkError(f"the engine has libtorch {engine.group(1) if engine else 'of an unknown version'}, the peer "
                             f"has torch {versions['torch']}; both must be the same")
    return {"processor": processor, "threads": bench.threads, "system": f"{platform.system()} {platform.machine()}",
            "versions": versions}


def say(text):
    print(text, flush=True)


def measure(bench, workload):
    """All samples of a workload, the sides interleaved, and the machine's ceiling before and after."""
    sides = [side for side in workload.sides if side in bench.sides]
    pairs = min(bench.pairs, workload.most_pairs or bench.pairs)
    ceilings = [bench.ceiling()]
    load = os.getloadavg()[0]
    points = []
    for point in workload.points:
        agreement = point.runner.agree(TOLERANCE)
        if agreement:
            say(f"   {point.name}: {agreement['text']}")
        points.append({"name": point.name, "agreement": agreement, "operations": point.operations,
                       "samples": {side: [] for side in sides}})
    for pair in range(pairs):
        for point, entry in zip(workload.points, points):
            order = [side for side in sides if side != "defaults" or pair < DEFAULTS_PAIRS]
            for side in order if pair % 2 == 0 else reversed(order):
                sample = point.runner.sample(side)
                entry["samples"][side].append(sample)
                say(f"   pair {pair + 1}, {point.name}, {side}: {sample[workload.time]:.3f} s "
                    f"({sample['processor']:.1f} s of processor), {sample['memory'] / (1 << 20):.0f} MiB")
    ceilings.append(bench.ceiling())
    return {"title": workload.title, "time": workload.time, "what": workload.what, "is_relative": workload.is_relative,
            "target_time": workload.target_time, "target_memory": workload.target_memory, "pairs": pairs,
            "measured": time.strftime("%Y-%m-%d"), "load_before": round(load, 2), "ceilings": ceilings,
            "points": points}


def differences(workload, measured):
    """Sentences about what the sides did not compute alike, in the check or in a measured run."""
    for point, entry in zip(workload.points, measured["points"]):
        place = f"workload {workload.number}, {entry['name']}"
        if entry["agreement"] and not entry["agreement"]["same"]:
            yield f"{place}: {entry['agreement']['text']}"
        for key in ("steps", "tokens", "trainable", "words"):
            values = {sample[key] for samples in entry["samples"].values() for sample in samples
                      if sample.get(key) is not None}
            if len(values) > 1:
                yield f"{place}: the runs differ in {key}: {sorted(values)}"
        if getattr(point.runner, "sees_the_same", False):
            for ours, theirs in zip(entry["samples"].get("ours", []), entry["samples"].get("best", [])):
                result = compared(ours, theirs, TOLERANCE)
                if not result["same"]:
                    yield f"{place}: {result['text']}"


def chosen(bench):
    return [workload for workload in workloads(bench) if not bench.only or workload.number in bench.only]


def prepare(bench, wanted):
    demo = subprocess.run([sys.executable, PACKAGE / "Scripts" / "demo-data"])
    if demo.returncode != 0:
        raise BenchmarkError("the demo's model and data could not be had (the message is above)")
    names = sorted({name for workload in wanted for name in workload.needs})
    say("making checkpoints and rows")
    bench.python("checkpoints.py", "--output", bench.made, "--demo", bench.demo,
                 *(["--small"] if bench.small else []), *names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", type=pathlib.Path, required=True)
    parser.add_argument("--python", type=pathlib.Path, required=True)
    options = parser.parse_args()
    bench = Bench(options.graft, options.python)
    prepare(bench, chosen(bench))
    everything, measured_ones = workloads(bench), chosen(bench)
    started = time.time()
    results = {"machine": machine(bench), "workloads": {}}
    faults = []
    for workload in measured_ones:
        say(f"\n{workload.number}. {workload.title}")
        results["workloads"][str(workload.number)] = measured = measure(bench, workload)
        faults += differences(workload, measured)
        (bench.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    say("\n" + report.table(results))
    say(f"\n{(time.time() - started) / 60:.0f} minutes; samples in {bench.folder / 'results.json'}")
    complete = len(measured_ones) == len(everything) and bench.pairs >= ENOUGH_PAIRS
    if faults:
        raise BenchmarkError("both sides did not compute the same:\n  " + "\n  ".join(faults))
    if (bench.records or complete) and not bench.small:
        report.record(results)


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
