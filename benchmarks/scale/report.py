"""docs/benchmarks/scale.md and its plot, from the rows of scale.json."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.scale.results import Row, exponent, kept
from contracts.files import read_json, write_text

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "benchmarks"
JSON, PAGE, PLOT = DOCS / "scale.json", DOCS / "scale.md", DOCS / "scale.svg"
LIBRARIES = ("numpy", "pandas", "pyarrow", "numba", "lightgbm", "duckdb", "dask", "distributed")
HEAD = """\
# Scale: what every stage costs, where it runs, and what one more week costs

`make bench` makes this page and [scale.json](scale.json) (`make bench-full` with 10 million lines); rows of other
sizes and places are kept. The shop is made up (`benchmarks/scale/data.py`): 40 lines a customer over two years,
50,000 products, read as Parquet files; 12 training and 4 test cutoffs, everything else as in `params.yaml`. Its
customers come at random rates and leave at random, so that a rule may win the gate and then scores: what is
measured is cost. Each stage is a process of its own, start included; CPU is user and system time of the stage and
its workers; the peak is that of the largest single process, in MB of 2^20 bytes. Bytecode and compiled kernels are
warm. Above 100,000 customers a sample of them fits and judges (`snapshot.max_fit_customers`); scored is everyone.
Other work ran on the machine's two cores meanwhile, which makes figures too high, wall seconds above all. `load`
is the machine's load average as a stage began, where it was noted: at 5 to 8 on two cores CPU seconds are about
twice, wall seconds about five times what a free machine needs (`snapshot` and `featurize` at ten million lines
took 4.8 and 22.5 CPU seconds on a day with less of it, for every customer at every cutoff; `ingest` there is of
that day). `ingest` of both large shops was measured before its staging was made cheaper, and so costs less now.
Peaks hardly hang on the load. `inspect`, `collect`, `plan` and `publish` at ten million lines were measured on
scores of a model of 20 trees. A child's peak is never told lower than that of the process that measures. From ten
thousand customers on, budget and contacts of the plan grow with the shop; its categories have words, so that
messages can name them.

Floors: the raw files (ingest) or the store's columns (snapshot, featurize) read once with one sum by customer; raw
LightGBM on the release fit's rows, twice (train, which besides chooses parameters on inner folds and fits six
baselines twice); the champion's probabilities (score); the dual alone (plan)."""


def record(rows: Iterable[Row]) -> None:
    """Keep rows, and write page and plot anew."""
    every = kept(JSON, rows)
    write_text(PAGE, page(every))
    plot(every)


def say_row(one: Row) -> None:
    """Print a row at once."""
    print(", ".join(f"{name} {value}" for name, value in one.items()), flush=True)


def start_up(root: Path) -> list[Row]:
    """Seconds (wall; the least of five) until the help has come, and until a run finds that there is nothing to do.

    The second only where the checkout's outputs are there and up to date.
    """
    rows = _least("help", [sys.executable, "-m", "pipeline.cli", "--help"], root)
    dvc = [sys.executable, "-m", "dvc"]
    told = subprocess.run([*dvc, "status"], cwd=root, check=False, capture_output=True, text=True)  # noqa: S603
    return rows + (_least("noop_repro", [*dvc, "repro"], root) if "up to date" in told.stdout else [])


def _least(name: str, asked: list[str], root: Path) -> list[Row]:
    """Wall and CPU seconds of a command, the least of five each."""
    walls, cpus = [], []
    for _ in range(5):
        began, before = time.perf_counter(), os.times()
        subprocess.run(asked, cwd=root, check=True, capture_output=True)  # noqa: S603
        after = os.times()
        walls.append(time.perf_counter() - began)
        cpus.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return [{"metric": f"{name}_{unit}_s", "value": round(min(n), 2)} for unit, n in (("wall", walls), ("cpu", cpus))]


def machine() -> str:
    """The machine and the libraries, in one sentence."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    named = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    cpu = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores ({cpu}), {memory / 2**20:.0f} GB, Python {platform.python_version()}; {named}."


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


def page(rows: Sequence[Row]) -> str:
    """The page in Markdown."""
    alone = [one for one in rows if one.get("executor") == "local" and one["workers"] == 1 and "metric" not in one]
    parts = [HEAD, f"Machine: {machine()}", "![CPU seconds by stage and lines](scale.svg)"]
    parts += ["## Stages, one process each", "\n".join(_stages(alone))]
    parts += ["## The same stages elsewhere", "\n".join(_places(rows)), "\n".join(_same(rows))]
    parts += ["## One fit, shared", "\n".join(_shared(rows))]
    parts += ["## One factor at a time", "\n".join(_factors(rows))] if _of_factors(rows) else []
    parts += ["## How many customers a fit needs", "\n".join(_fit_sizes(rows))]
    parts += ["## One more week", "\n".join(_weeks(rows)), "## Start-up", "\n".join(_start(rows))]
    return "\n\n".join(parts) + "\n"


def _stages(rows: Sequence[Row]) -> Iterable[str]:
    yield "| stage | lines | customers | CPU s | wall s | peak MB | load | floor, CPU s | CPU / floor |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in rows:
        floor = one["floor_cpu_s"]
        beside = f"{floor:.1f} | {one['cpu_s'] / floor:.1f}" if floor and one["stage"] != "all" else "– | –"
        load = f"{one['load']:.1f}" if one.get("load") else "–"
        figures = f"{one['cpu_s']:.1f} | {one['wall_s']:.1f} | {one['peak_mb']:,} | {load}"
        yield f"| {one['stage']} | {one['lines']:,} | {one['customers']:,} | {figures} | {beside} |"
    yield ""
    yield "Growth: exponents of CPU and peak memory over lines (1: in proportion; start-up lowers them at small sizes)."
    yield ""
    yield "| stage | sizes | CPU | from the two largest | peak memory |"
    yield "|---|---|---|---|---|"
    for stage in dict.fromkeys(one["stage"] for one in rows):
        yield _growth(stage, sorted((one for one in rows if one["stage"] == stage), key=lambda one: one["lines"]))


def _growth(stage: str, rows: Sequence[Row]) -> str:
    lines = [one["lines"] for one in rows]
    cpu, peak = ([one[name] for one in rows] for name in ("cpu_s", "peak_mb"))
    told = (exponent(lines, cpu), exponent(lines[-2:], cpu[-2:]), exponent(lines, peak))
    shown = " | ".join("–" if value is None else f"{value:.2f}" for value in told)
    return f"| {stage} | {len(rows)} | {shown} |"


def _places(rows: Sequence[Row]) -> Iterable[str]:
    yield "| stage | lines | executor | workers | CPU s | wall s | peak MB |"
    yield "|---|---|---|---|---|---|---|"
    placed = [one for one in rows if "metric" not in one and (one["executor"], one["workers"]) != ("local", 1)]
    there = {(one["stage"], one["lines"]) for one in placed}
    beside = [one for one in rows if "metric" not in one and (one["stage"], one["lines"]) in there]
    for one in sorted(beside, key=lambda one: (one["lines"], one["stage"], one["executor"] == "dask", one["workers"])):
        figures = f"{one['cpu_s']:.1f} | {one['wall_s']:.1f} | {one['peak_mb']:,}"
        yield f"| {one['stage']} | {one['lines']:,} | {one['executor']} | {one['workers']} | {figures} |"


def _same(rows: Sequence[Row]) -> Iterable[str]:
    for one in rows:
        if str(one.get("metric", "")).endswith("_equals_local") and one.get("workers"):
            said = "the same bytes" if one["value"] else "other bytes"
            place = one["metric"].removesuffix("_equals_local")
            made = ", ".join(f"`{name}`" for name in one["compared"])
            yield f"- {place}, {one['workers']} workers, {one['lines']:,} lines: {said} ({made})"


def _shared(rows: Sequence[Row]) -> Iterable[str]:
    yield "`python -m benchmarks.scale.shared_fit`: one LightGBM fit alone, and by two workers begun for it."
    yield ""
    yield "| rows | workers | wall s | log loss, unseen rows |"
    yield "|---|---|---|---|"
    for one in rows:
        if one.get("metric") == "shared_fit":
            yield f"| {one['lines']:,} | {one['workers']} | {one['wall_s']:.1f} | {one['log_loss']:.5f} |"


def _of_factors(rows: Sequence[Row]) -> list[Row]:
    return [one for one in rows if one.get("metric") == "factor"]


def _factors(rows: Sequence[Row]) -> Iterable[str]:
    yield "`python -m benchmarks.scale.factors`: all else stands still; exponent: CPU over the factor's size."
    yield ""
    yield "| factor | stage | levels: CPU s (peak MB) | exponent |"
    yield "|---|---|---|---|"
    found = _of_factors(rows)
    for factor, stage in dict.fromkeys((one["factor"], one["stage"]) for one in found):
        own = sorted((o for o in found if (o["factor"], o["stage"]) == (factor, stage)), key=lambda one: one["size"])
        levels = "; ".join(f"{one['level']} {one['cpu_s']:.1f} ({one['peak_mb']:,})" for one in own)
        grown = exponent([one["size"] for one in own], [one["cpu_s"] for one in own])
        yield f"| {factor} | {stage} | {levels} | {'–' if grown is None else f'{grown:.2f}'} |"


def _fit_sizes(rows: Sequence[Row]) -> Iterable[str]:
    yield (
        "`python -m benchmarks.scale.fit_sizes <project>`: the test fit's recipe on samples as "
        "`snapshot.max_fit_customers` draws them, judged on the rows of all customers at the test cutoffs; what is "
        "lost is against the fit of all, paired over customers (95 %)."
    )
    yield ""
    yield "| lines | customers fitted | rows fitted | rows judged | log loss | lost | AUC | bias |"
    yield "|---|---|---|---|---|---|---|---|"
    found = [one for one in rows if one.get("metric") == "fit_size"]
    for one in sorted(found, key=lambda one: (one["lines"], one["customers"])):
        lost = f"{one['lost']:+.5f} ± {one['lost_half_width']:.5f}"
        cells = f"{one['fit_rows']:,} | {one['test_rows']:,} | {one['log_loss']:.5f} | {lost}"
        yield f"| {one['lines']:,} | {one['customers']:,} | {cells} | {one['auc']:.4f} | {one['bias']:+.4f} |"


def _weeks(rows: Sequence[Row]) -> Iterable[str]:
    yield "The files of a week more beside a history that is there already, against building it at first."
    yield ""
    yield "| stage | weeks of history | lines | new lines | first build, CPU s | the week more, CPU s | peak MB |"
    yield "|---|---|---|---|---|---|---|"
    for one in rows:
        if one.get("metric") == "week_more":
            cells = f"{one['history_weeks']} | {one['lines']:,} | {one['new_lines']:,} | {one['rebuild_cpu_s']:.1f}"
            yield f"| {one['stage']} | {cells} | {one['cpu_s']:.1f} | {one['peak_mb']:,} |"


def _start(rows: Sequence[Row]) -> Iterable[str]:
    said = {"help": "`regulars --help`", "noop_repro": "`dvc repro` with nothing to do"}
    found = {one["metric"]: one["value"] for one in rows if "value" in one and "metric" in one}
    for name, words in said.items():
        if f"{name}_cpu_s" in found:
            yield f"- {words}: {found[f'{name}_cpu_s']:.2f} s CPU, {found[f'{name}_wall_s']:.2f} s wall"


def plot(rows: Sequence[Row]) -> None:
    """CPU seconds over lines, one curve a stage, beside the floors where they were measured."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "scale"
    alone = [one for one in rows if one.get("executor") == "local" and one["workers"] == 1 and "metric" not in one]
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for stage in dict.fromkeys(one["stage"] for one in alone):
        points = sorted((one["lines"], one["cpu_s"]) for one in alone if one["stage"] == stage)
        is_all = stage == "all"
        axes.plot(*zip(*points, strict=True), marker="o", label=stage, color="black" if is_all else None)
    axes.set(xscale="log", yscale="log", xlabel="purchase lines", ylabel="CPU seconds")
    axes.grid(alpha=0.3)
    if alone:
        axes.legend(fontsize=8, ncols=2)
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    record(read_json(JSON) if JSON.exists() else [])
