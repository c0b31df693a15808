"""What the samples say: tables, the page with plots, and the sections of README.md and docs/performance.md.

    report.py           # writes everything anew from docs/performance/results.json
    report.py --check   # fails where a file differs from what the results give
"""

import json
import pathlib
import re
import statistics
import sys
import textwrap
from dataclasses import dataclass
from html import escape

import svg

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
FOLDER = PACKAGE / "docs" / "performance"
RESULTS = FOLDER / "results.json"
MIB = 1 << 20
BEGIN, END = "<!-- made by Benchmarks/report.py: begin -->", "<!-- made by Benchmarks/report.py: end -->"
# The share of the ceiling that is aimed at, by workload.
CEILING_TARGETS = {"2": 0.75}


# --- What the samples say ---

@dataclass
class Spread:
    """Median, least and most of what the pairs gave."""
    median: float
    least: float
    most: float

    @staticmethod
    def of(values):
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def __str__(self):
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


@dataclass
class Row:
    """One line of the table."""
    number: str
    name: str
    ours: float | None
    best: float | None
    defaults: float | None
    time: Spread | None
    target_time: float | None
    ours_memory: float | None
    best_memory: float | None
    memory: Spread | None
    target_memory: float | None
    is_relative: bool = False


def values(point, side, key):
    return [sample[key] for sample in point["samples"].get(side, [])]


def ratios(point, key, peer="best"):
    """Ours to the peer's, pair by pair."""
    return [ours / theirs for ours, theirs in zip(values(point, "ours", key), values(point, peer, key))]


def middle(numbers):
    return statistics.median(numbers) if numbers else None


def overheads(point, base, side, key):
    """What a method takes beyond the base, as a share of the base, pair by pair."""
    return [own / plain - 1 for own, plain in zip(values(point, side, key), values(base, side, key))]


def rows(results):
    found = []
    for number, workload in sorted(results["workloads"].items(), key=lambda item: int(item[0])):
        key, points = workload["time"], workload["points"]
        for point in points:
            is_base = workload["is_relative"] and point is points[0]
            has_target = not (workload["is_relative"] and is_base)
            found.append(Row(
                number, point["name"], middle(values(point, "ours", key)), middle(values(point, "best", key)),
                middle(values(point, "defaults", key)), Spread.of(ratios(point, key)),
                workload["target_time"] if has_target and not workload["is_relative"] else None,
                middle(values(point, "ours", "memory")), middle(values(point, "best", "memory")),
                Spread.of(ratios(point, "memory")), workload["target_memory"], workload["is_relative"]))
    return found


def method_rows(results):
    """(method, our overhead over LoRA, theirs, our memory over LoRA's, theirs) of workload 5."""
    workload = results["workloads"].get("5")
    if not workload:
        return []
    base, *others = workload["points"]
    key = workload["time"]
    return [(point["name"], *(middle(overheads(point, base, side, kind))
                              for kind in (key, "memory") for side in ("ours", "best"))) for point in others]


def ceiling_rows(results):
    """(workload, our share of the machine's ceiling, theirs, the ceiling) where operations are counted."""
    found = []
    for number, workload in sorted(results["workloads"].items()):
        for point in workload["points"]:
            if point.get("operations"):
                ceiling = max(workload["ceilings"])
                times = {side: values(point, side, workload["time"]) for side in ("ours", "best")}
                shares = [middle([point["operations"] / seconds / ceiling for seconds in times[side]])
                          for side in ("ours", "best")]
                found.append((number, *shares, ceiling))
    return found


# --- Text ---

def amount(value, digits=3):
    if value is None:
        return "–"
    return f"{value:.{max(0, digits - len(str(int(value))))}f}"


def percent(value):
    return "–" if value is None else f"{value * 100:+.0f} %"


def bound(value):
    return "" if value is None else f"≤ {value:.2f}"


def verdict(spread, target):
    """A ratio, with its target where there is one."""
    if spread is None:
        return "–"
    return f"{spread}" if target is None else f"{spread}, {'met' if spread.median <= target else 'not met'}"


HEAD = ["", "ours s", "best s", "defaults s", "time: ours / best", "aim", "ours MiB", "best MiB", "peak: ours / best",
        "aim"]


def cells(row):
    sizes = [amount(None if size is None else size / MIB, 4) for size in (row.ours_memory, row.best_memory)]
    return [f"{row.number} {row.name}", amount(row.ours), amount(row.best), amount(row.defaults),
            verdict(row.time, row.target_time), bound(row.target_time), *sizes,
            verdict(row.memory, row.target_memory), bound(row.target_memory)]


def lines_after(results):
    """Sentences on the heavy methods and on the ceiling."""
    for name, ours, theirs, memory, their_memory in method_rows(results):
        yield (f"{name} over LoRA: time {percent(ours)} here, {percent(theirs)} there; "
               f"peak memory {percent(memory)} here, {percent(their_memory)} there")
    for number, ours, theirs, ceiling in ceiling_rows(results):
        aim = CEILING_TARGETS.get(number)
        yield (f"workload {number} reaches {amount((ours or 0) * 100)} % of the ceiling of {ceiling / 1e9:.0f} GFLOP/s"
               + (f", the peer {amount(theirs * 100)} %" if theirs else "") + (f" (aim: {aim:.0%})" if aim else ""))


def table(results):
    """For a terminal."""
    lines = [HEAD, *map(cells, rows(results))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
    return "\n".join([text, *lines_after(results)])


def wrapped(text, indent=0):
    """A paragraph of Markdown in lines of 120 columns, or an item of a list whose further lines are indented."""
    return textwrap.fill(text, 120, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def markdown_table(head, body):
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def setting(results):
    machine, versions = results["machine"], results["machine"]["versions"]
    dates = sorted({workload["measured"] for workload in results["workloads"].values()})
    load = max(workload["load_before"] for workload in results["workloads"].values())
    busy = "" if load <= machine["threads"] / 2 else (
        f" The machine was shared while this was measured (load up to {load:.0f}): the ratios of interleaved runs hold "
        "roughly, the times do not.")
    return (f"{machine['processor']}, {machine['threads']} threads, fp32; torch {versions['torch']}, transformers "
            f"{versions['transformers']}, peft {versions['peft']}; {' to '.join(dict.fromkeys((dates[0], dates[-1])))}."
            + busy)


def readme_section(results):
    body = []
    for row in rows(results):
        if row.number in ("5", "9"):
            continue
        title = results["workloads"][row.number]["title"].split(":")[0]
        name = title if len(results["workloads"][row.number]["points"]) == 1 else f"{title}, {row.name}"
        body.append([name, str(row.time or "–"), bound(row.target_time), str(row.memory or "–"),
                     bound(row.target_memory), str(results["workloads"][row.number]["pairs"])])
    return "\n\n".join([
        wrapped("Time and peak memory of Graft divided by those of `transformers` and `peft` at their best settings: "
                "median of interleaved pairs (least to most)."),
        markdown_table(["", "time", "aim", "peak memory", "aim", "pairs"], body), wrapped(setting(results))])


def performance_section(results):
    what = [wrapped(f"{number}. {workload['title']}. Time: {workload['what']}; {workload['pairs']} pairs.", indent=3)
            for number, workload in sorted(results["workloads"].items(), key=lambda item: int(item[0]))]
    methods = [[name, percent(ours), percent(theirs), percent(memory), percent(their_memory)]
               for name, ours, theirs, memory, their_memory in method_rows(results)]
    shares = [f"Workload {number}: {amount((ours or 0) * 100)} % of the ceiling ({ceiling / 1e9:.0f} GFLOP/s)"
              + (f", the peer {amount(theirs * 100)} %" if theirs else "") + "."
              for number, ours, theirs, ceiling in ceiling_rows(results)]
    parts = [wrapped(setting(results)), "\n".join(what), markdown_table(HEAD, map(cells, rows(results)))]
    if methods:
        parts += ["What methods take beyond LoRA on the same side (aim: half of the peer's, and 10 % of memory):",
                  markdown_table(["", "time here", "time there", "memory here", "memory there"], methods)]
    if shares:
        parts.append(wrapped(" ".join(shares)))
    parts.append("![Ratios of time](performance/time.svg)\n![Ratios of peak memory](performance/memory.svg)")
    if "9" in results["workloads"]:
        parts.append("![Seconds of a step by length](performance/length.svg)\n"
                     "![Seconds of a step by depth](performance/depth.svg)\n"
                     "![Peak memory by length](performance/length-memory.svg)")
    return "\n\n".join(parts)


# --- Plots ---

def plots(results):
    """File name to SVG."""
    labelled = [(f"{row.number} {row.name}", row) for row in rows(results) if row.time and row.number != "9"]
    made = {
        "time.svg": svg.ratio_bars(
            [(label, row.time.median, row.time.least, row.time.most, row.target_time) for label, row in labelled],
            "Time, ours / peer's best: median, least to most; the red line is the aim"),
        "memory.svg": svg.ratio_bars(
            [(label, row.memory.median, row.memory.least, row.memory.most, row.target_memory)
             for label, row in labelled],
            "Peak memory, ours / peer's best: median, least to most; the red line is the aim")}
    if growth := results["workloads"].get("9"):
        made["length.svg"] = growth_plot(
            growth, "length", "step", 1, "Seconds of a step, 8 layers, 4 rows", "tokens a row")
        made["depth.svg"] = growth_plot(growth, "layers", "step", 1, "Seconds of a step, 4 × 256 tokens", "layers")
        made["length-memory.svg"] = growth_plot(
            growth, "length", "memory", 1 << 30, "Peak memory, GiB, 8 layers", "tokens a row")
    return made


def growth_plot(workload, axis, key, unit, title, x_label):
    """The medians of those points that differ in `axis` alone."""
    series = {}
    for point in workload["points"]:
        layers, length = map(int, re.findall(r"\d+", point["name"]))
        if (layers if axis == "length" else length) != (8 if axis == "length" else 256):
            continue
        for side in point["samples"]:
            if numbers := values(point, side, key):
                series.setdefault(side, []).append((length if axis == "length" else layers, middle(numbers) / unit))
    return svg.curves(series, x_label, "", title)


def page(results):
    def html_table(head, body):
        line = lambda tag, values: "<tr>" + "".join(f"<{tag}>{escape(value)}</{tag}>" for value in values) + "</tr>"
        return "<table>" + line("th", head) + "".join(line("td", values) for values in body) + "</table>"

    after = "".join(f"<li>{escape(sentence)}</li>" for sentence in lines_after(results))
    titles = "".join(f"<li value=\"{number}\">{escape(workload['title'])}. Time: {escape(workload['what'])}; "
                     f"{workload['pairs']} pairs.</li>"
                     for number, workload in sorted(results["workloads"].items(), key=lambda item: int(item[0])))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Graft: performance</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }}
th, td {{ text-align: left; padding: .2rem .7rem; border-bottom: 1px solid #9ca3af55 }}
svg {{ max-width: 100%; height: auto }}
</style></head><body>
<h1>Graft beside transformers and peft</h1>
<p>{escape(setting(results))}</p>
<ol>{titles}</ol>
{html_table(HEAD, map(cells, rows(results)))}
<ul>{after}</ul>
{"".join(plots(results).values())}
</body></html>
"""


# --- Files ---

def between(text, section, name):
    """`text` with `section` between its markers."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise SystemExit(f"report: {name} lacks the lines {BEGIN} and {END}")
    return text[: begin + len(BEGIN)] + "\n" + section + "\n" + text[end:]


def files(results):
    """Every file that follows from the results, with its text."""
    made = {FOLDER / name: text for name, text in plots(results).items()}
    made[FOLDER / "index.html"] = page(results)
    sections = {PACKAGE / "README.md": readme_section, PACKAGE / "docs" / "performance.md": performance_section}
    for path, section in sections.items():
        made[path] = between(path.read_text(), section(results), path.name)
    return made


def write(results):
    for path, text in files(results).items():
        path.write_text(text)


def record(results):
    """Takes over the workloads of a run; others keep what they have."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if RESULTS.exists():
        results = results | {"workloads": json.loads(RESULTS.read_text())["workloads"] | results["workloads"]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write(results)


def main():
    if not RESULTS.exists():
        return  # nothing was recorded yet, and nothing follows from it
    results = json.loads(RESULTS.read_text())
    if sys.argv[1:] != ["--check"]:
        write(results)
        return
    stale = [str(path.relative_to(PACKAGE)) for path, text in files(results).items()
             if not path.exists() or path.read_text() != text]
    if stale:
        raise SystemExit(f"report: {', '.join(stale)} differ from docs/performance/results.json; "
                         "run `python3 Benchmarks/report.py`")


if __name__ == "__main__":
    main()
