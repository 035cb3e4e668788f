"""The driver: the same features by every engine, side by side, one process at a time.

    python -m benchmarks.features.run --lines 1000000 10000000 --cutoffs 1 12 --engines scan kernel duckdb

Makes the data where they are missing, reads them before every run so that each engine finds them in the page cache as
far as the system lets them stay there, and measures each engine's process: CPU (user and system), wall, peak memory.
The rows of a cell (lines × cutoffs) are recorded only if all its engines gave the same. This process stays small
(standard library alone): a child's peak is never less than its parent's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.features.columns import N_FEATURES
from benchmarks.features.layout import buckets
from benchmarks.features.measure import Measured, measured

Row = dict[str, Any]
PACKAGE = "benchmarks.features"
MODULES = {
    "scan": "scan",
    "kernel": "kernel",
    "kernel_all": "kernel_all",
    "duckdb": "duckdb_rival",
    "polars": "polars_rival",
    "numpy": "numpy_rival",
    "pandas": "pandas_rival",
}
OURS, ALL, FLOOR = "kernel", "kernel_all", "scan"
BLOCK_BYTES = 1 << 24


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def python(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", f"{PACKAGE}.{module}", *(str(argument) for argument in arguments)]


def ready(folder: Path, n_lines: int) -> Path:
    """The folder of so many lines, made if it is missing."""
    home = folder / str(n_lines)
    sums_path(home, "", 0).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(python("data", home, n_lines), check=True)  # noqa: S603
    return home


def warm(home: Path) -> None:
    """Read the files, since a system short of memory, or careful with it, drops them between two runs."""
    for path in buckets(home):
        with path.open("rb") as file:
            while file.read(BLOCK_BYTES):
                pass


def best(engine: str, home: Path, n_cutoffs: int, repeat: int, timeout_s: float) -> Measured:
    """The run with the least CPU of `repeat` runs, or the first that did not end well."""
    output = sums_path(home, engine, n_cutoffs)
    command = python(MODULES[engine], home, n_cutoffs, output.with_suffix(".npz"))
    found: list[Measured] = []
    for _ in range(repeat):
        warm(home)
        found.append(measured(command, output, timeout_s))
        if found[-1].note:
            return found[-1]
    return min(found, key=lambda run: run.cpu_s)


def sums_path(home: Path, engine: str, n_cutoffs: int) -> Path:
    """Where the sums of an engine's features are kept, apart from the lines; its rows lie beside them."""
    return home.parent / f"results_{home.name}" / f"{engine}_{n_cutoffs}.json"


def differences(home: Path, engines: list[str], n_cutoffs: int) -> dict[str, list[str]]:
    """By engine, the features that differ from those of the first engine."""
    paths = {engine: sums_path(home, engine, n_cutoffs) for engine in engines}
    found = {}
    for engine in engines[1:]:
        command = python("equality", paths[engines[0]], paths[engine])
        told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        found[engine] = told.stdout.split()
    return {engine: names for engine, names in found.items() if names}


def row(engine: str, n_lines: int, n_cutoffs: int, run: Measured, n: int) -> Row:
    """One measured run as a flat row; without figures, and with a note, where it did not end."""
    name = OURS if engine == ALL else engine
    found: Row = {"engine": name, "lines": n_lines, "cutoffs": n_cutoffs, "features": n}
    if run.note:
        return {**found, "cpu_s": None, "wall_s": None, "peak_mb": None, "note": run.note}
    return {**found, "cpu_s": round(run.cpu_s, 2), "wall_s": round(run.wall_s, 2), "peak_mb": round(run.peak_mb)}


def cell(home: Path, n_lines: int, n_cutoffs: int, asked: argparse.Namespace) -> list[Row]:
    """The rows of one number of lines and cutoffs.

    Raises:
        SystemExit: two engines gave different features; nothing of the cell is recorded.
    """
    say(f"load before: {os.getloadavg()[0]:.1f} (figures of a busy machine are too high)")
    runs: dict[str, Measured] = {}
    for engine in asked.engines:
        runs[engine] = best(engine, home, n_cutoffs, asked.repeat, asked.timeout)
        say(f"{engine:10} {n_lines:>11,} lines × {n_cutoffs:>2} cutoffs: {runs[engine].said}")
    compared = [engine for engine in runs if engine not in (FLOOR, ALL) and not runs[engine].note]
    if unequal := differences(home, compared, n_cutoffs):
        raise SystemExit(f"expected equal features, got others than {compared[0]}'s: {unequal}")
    say(f"equal: {', '.join(compared)}" if len(compared) > 1 else "nothing to compare with")
    _say_ratios(runs)
    return [row(engine, n_lines, n_cutoffs, run, n_features(engine, home, n_cutoffs)) for engine, run in runs.items()]


def n_features(engine: str, home: Path, n_cutoffs: int) -> int:
    """How many features an engine computed: none, the 60, or as many as it says."""
    if engine != ALL:
        return 0 if engine == FLOOR else N_FEATURES
    path = sums_path(home, engine, n_cutoffs)
    return int(json.loads(path.read_text(encoding="utf-8") or "{}").get("n_features", 0))


def _say_ratios(runs: dict[str, Measured]) -> None:
    done = {engine: run.cpu_s for engine, run in runs.items() if not run.note}
    if OURS in done:
        say("CPU against ours: " + ", ".join(f"{name} {cpu / done[OURS]:.1f} ×" for name, cpu in done.items()))


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--cutoffs", type=int, nargs="+", default=[1, 12])
    parser.add_argument("--engines", nargs="+", choices=MODULES, default=list(MODULES))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "regulars-feature-benchmark")
    parser.add_argument("--repeat", type=int, default=1, help="runs a cell, of which the one with the least CPU counts")
    parser.add_argument("--timeout", type=float, default=500.0, help="seconds")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure every cell asked for, and record each as soon as it is done."""
    asked = parsed(sys.argv[1:])
    for n_lines in asked.lines:
        home = ready(asked.data, n_lines)
        for n_cutoffs in asked.cutoffs:
            rows = cell(home, n_lines, n_cutoffs, asked)
            subprocess.run(python("report"), input=json.dumps(rows), text=True, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
