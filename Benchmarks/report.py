"""Tables of results."""

import os
import pathlib
import platform
import statistics

MIB = 1 << 20


def machine(bench):
    model = platform.processor()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"processor": model, "threads": bench.threads, "system": f"{platform.system()} {platform.machine()}"}


# --- Agreement ---

def agreement(ours, theirs, tolerance):
    """How far apart the first step's loss and gradient norm are, relatively."""
    values = {}
    for key in ("loss", "grad_norm"):
        values[key] = {"ours": ours[key], "theirs": theirs[key],
                       "difference": abs(ours[key] - theirs[key]) / max(abs(theirs[key]), 1e-12)}
    return {"values": values, "same": all(value["difference"] <= tolerance for value in values.values())}


def agreement_text(result):
    if result is None:
        return "not compared"
    parts = [f"{key} {value['ours']:.6g} and {value['theirs']:.6g} ({value['difference']:.1e} apart)"
             for key, value in result["values"].items()]
    return ("both compute the same: " if result["same"] else "NOT THE SAME: ") + ", ".join(parts)


def sample_text(sample, time):
    return f"{sample[time]:.3f} s, {sample['memory'] / MIB:.0f} MiB"


# --- Ratios ---

def ratios(point, key, peer="best"):
    """Ours to the peer's, pair by pair."""
    samples = point["samples"]
    return [ours[key] / theirs[key] for ours, theirs in zip(samples.get("ours", []), samples.get(peer, []))]


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})" if values else "–"


def median(point, side, key):
    values = [sample[key] for sample in point["samples"].get(side, [])]
    return statistics.median(values) if values else None


def table(results):
    rows = [["workload", "time", "ours s", "best s", "defaults s", "ratio to best", "target",
             "ours MiB", "best MiB", "ratio", "target"]]
    for number, workload in results["workloads"].items():
        for point in workload["points"]:
            key = workload["time"]
            times = [median(point, side, key) for side in ("ours", "best", "defaults")]
            sizes = [median(point, side, "memory") for side in ("ours", "best")]
            rows.append([
                f"{number} {point['name']}", key, *("–" if value is None else f"{value:.3f}" for value in times),
                spread(ratios(point, key)), target(workload["target_time"]),
                *("–" if value is None else f"{value / MIB:.0f}" for value in sizes),
                spread(ratios(point, "memory")), target(workload["target_memory"])])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def target(value):
    return "" if value is None else f"≤ {value:.2f}"


def record(results):
    pass
