"""The driver: every stage over sizes, places and histories; rows into docs/benchmarks/scale.json, a page beside.

    python -m benchmarks.scale --lines 100000 1000000 --places 1000000 --history 1000000

Each row is recorded as soon as its size is done; rows of other sizes and places are kept. Compiled kernels and bytecode
are warm: a small shop is run first, and not recorded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.features.measure import measured
from benchmarks.scale import report
from benchmarks.scale.projects import BY_BUCKET, MADE, ROOT, STAGES, project
from benchmarks.scale.results import Row
from benchmarks.scale.running import TIMEOUT_S, Place, place, row, run, say, total
from contracts.files import digest, read_json

ALONE = Place("local", 1)
PLACES = (("local", 2), ("dask", 1), ("dask", 2), ("dask", 4))
FLOORED = ("ingest", "snapshot", "featurize", "train", "score", "plan")
TELLS = "plan"
"""The stage whose floor prints its CPU seconds, since it needs what the stage itself makes."""
HISTORY_WEEKS = (26, 52, 103)
WARM_LINES = 20_000
AFTER_PLACES = ("plan",)
"""The stage of one process that follows; its result is compared too, unless `--unplanned` leaves it out."""


def shop(folder: Path, n_lines: int, n_weeks: int | None = None) -> Path:
    """A fresh project with an export of so many lines (and weeks), drawn by another process: a child's peak memory is
    never less than its parent's, so that this one stays small.
    """
    shutil.rmtree(folder, ignore_errors=True)
    weeks = [] if n_weeks is None else [str(n_weeks)]
    asked = [sys.executable, "-m", "benchmarks.scale.data", str(folder), str(n_lines), *weeks]
    subprocess.run(asked, cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return project(folder / "home", folder / "raw", n_lines)


def size_of(home: Path) -> tuple[int, int]:
    """Lines and customers of a project's event store."""
    facts = read_json(home / "data" / "events" / "manifest.json")
    return facts["lines_in"], facts["customers"]


def floor_of(stage: str, home: Path) -> float | None:
    """CPU seconds of the least that a stage could do, in a process of its own."""
    if stage not in FLOORED:
        return None
    asked = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "benchmarks.scale.floor", stage, str(home)]
    found = measured(asked, home / f"{stage}.floor", TIMEOUT_S)
    if found.note:
        raise RuntimeError(f"{stage}, floor: {found.note}")
    return float((home / f"{stage}.floor").read_text()) if stage == TELLS else found.cpu_s


def stages(home: Path, names: tuple[str, ...], where: Place, *, is_floored: bool = False) -> list[Row]:
    """Run stages one after the other, and measure each."""
    rows = []
    for stage in names:
        load = round(os.getloadavg()[0], 1)
        found = run(stage, home, where)
        floor = floor_of(stage, home) if is_floored else None
        rows.append({**row(stage, size_of(home), where, found, floor), "load": load})
        least = f"; floor {floor:.2f} s CPU" if floor else ""
        say(f"{stage:10} {rows[-1]['lines']:>11,} lines, {where.executor} {where.workers}: {found.said}{least}")
    return rows


def made_in(home: Path, made: Iterable[str]) -> dict[str, str]:
    """SHA-256 of every file that must not hang on the place."""
    paths = [path for name in made for path in ([home / name] if (home / name).is_file() else (home / name).glob("*"))]
    return {path.relative_to(home).as_posix(): digest(path.read_bytes()) for path in paths}


def sizes(folder: Path, n_lines: int, names: tuple[str, ...]) -> Path:
    """Every stage of a shop of so many lines, alone, beside its floor."""
    home = shop(folder / str(n_lines), n_lines)
    rows = stages(home, names, ALONE, is_floored=True)
    report.record(rows if names != STAGES else [*rows, total(rows)])
    return home


def places(folder: Path, home: Path, after: tuple[str, ...] = AFTER_PLACES) -> None:
    """The stages that work by bucket in every other place, those `after` here; the bytes of what they made."""
    made = MADE if after else MADE[:-1]
    usual = made_in(home, made)
    rows: list[Row] = []
    for executor, workers in PLACES:
        for name in ("data/events", *made):
            path = home / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with place(executor, workers, folder / f"cluster{workers}") as where:
            rows += stages(home, BY_BUCKET, where)
        stages(home, after, ALONE)
        metric = {"metric": f"{executor}_equals_local", "lines": size_of(home)[0], "workers": workers}
        rows.append({**metric, "compared": list(made), "value": made_in(home, made) == usual})
        say(f"{executor} {workers}: the same bytes: {rows[-1]['value']}")
        report.record(rows)


def bytes_of(home: Path) -> dict[str, int]:
    """Bytes on disk: the raw export, the event store, the features of all cutoffs."""
    places = {"raw": home.parent / "raw", "store": home / "data" / "events", "features": home / "data" / "features"}
    return {name: sum(path.stat().st_size for path in at.rglob("*") if path.is_file()) for name, at in places.items()}


def history(folder: Path, n_lines: int) -> None:
    """What one more week costs the event store and what follows, over the length of the history."""
    for n_weeks in HISTORY_WEEKS:
        home = shop(folder / f"weeks{n_weeks}", n_lines, n_weeks)
        first = {stage: run(stage, home, ALONE) for stage in BY_BUCKET[:3]}
        before = size_of(home)[0]
        shutil.move(folder / f"weeks{n_weeks}" / "next_week.parquet", folder / f"weeks{n_weeks}" / "raw")
        again = {stage: run(stage, home, ALONE) for stage in BY_BUCKET[:3]}
        new = size_of(home)[0] - before
        rows = [
            {
                "metric": "week_more",
                "stage": stage,
                "history_weeks": n_weeks,
                "lines": before,
                "new_lines": new,
                "rebuild_cpu_s": round(first[stage].cpu_s, 2),
                "cpu_s": round(again[stage].cpu_s, 2),
                "peak_mb": round(again[stage].peak_mb),
            }
            for stage in first
        ]
        rows += [
            {"metric": f"{name}_bytes", "lines": size_of(home)[0], "value": n} for name, n in bytes_of(home).items()
        ]
        say(
            f"{n_weeks} weeks, {before:,} lines + {new:,}: "
            + ", ".join(f"{name} {again[name].cpu_s:.1f} s CPU" for name in again)
        )
        report.record(rows)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="*", default=[100_000, 1_000_000], help="sizes, every stage")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="stages of these sizes")
    parser.add_argument("--places", type=int, default=0, help="lines of the shop that runs in every place; 0: none")
    parser.add_argument("--unplanned", action="store_true", help="compare no plans between places")
    parser.add_argument("--fit-sizes", type=int, default=0, help="lines of the shop fitted on samples; 0: none")
    parser.add_argument("--history", type=int, default=0, help="lines of the shop whose history grows; 0: none")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "regulars-scale-benchmark")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure what is asked for."""
    asked = parsed(sys.argv[1:])
    report.record(report.start_up(ROOT))
    warm = shop(asked.data / "warm", WARM_LINES)
    for stage in STAGES:
        run(stage, warm, ALONE)
    for n_lines in asked.lines:
        home = sizes(asked.data, n_lines, tuple(asked.stages))
        if n_lines == asked.fit_sizes:
            again = [sys.executable, "-m", "benchmarks.scale.fit_sizes", str(home)]
            subprocess.run(again, cwd=ROOT, check=True)  # noqa: S603
        if n_lines == asked.places:
            places(asked.data, home, () if asked.unplanned else AFTER_PLACES)
        shutil.rmtree(home.parent)
    if asked.history:
        history(asked.data, asked.history)
    subprocess.run([sys.executable, "-m", "benchmarks.scale.report"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
