"""What one run on the packaged data costs, stage by stage: docs/benchmarks/run.md.

    python -m benchmarks.run [<a project that has run>]

Each stage runs in a copy of the project, in a process of its own as DVC starts it, twice; told is the run with less
CPU. `start` is the CPU of loading the stage's code alone. Bytecode and compiled kernels are warm.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.features.measure import Measured, measured
from benchmarks.scale.projects import ROOT, STAGES, command
from benchmarks.scale.report import machine
from contracts.files import write_text

PAGE = ROOT / "docs" / "benchmarks" / "run.md"
TIMES, TIMEOUT_S = 2, 900.0
LEFT_BEHIND = shutil.ignore_patterns(".venv", ".uv", "site", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis")
GOES = {
    "ingest": "imports; packaged tables to canonical ones (files that are known by content are not read again)",
    "inspect": "nine plots (a third), passes over the buckets, imports",
    "snapshot": "imports; 16 buckets × 24 cutoffs",
    "featurize": "the kernel's two passes; MBG/NBD fits of 24 cutoffs (a tenth); Parquet; Numba's import",
    "train": "10 forests, 3,900 trees (half), their binning (8 %), 19 logits (9 %), reading features",
    "evaluate": "2,400 trees at six origins and predictions without each family (a sixth each), 8 pictures (a sixth), "
    "contributions of 2,000 rows, bootstraps of 1,000 draws (a tenth each)",
    "register": "MLflow's import and its client's (two thirds)",
    "score": "contributions of 2,303 customers (a third), reading features, scikit-learn's import (redemption's logit)",
    "portray": "goods worth naming, customers' facts; scikit-learn's import",
    "collect": "who was sent what before each of 22 lapses (half), their comparison (a quarter)",
    "plan": "imports (Numba, SciPy's optimiser, matplotlib: half), HiGHS, the page",
    "publish": "imports, the week's sheets",
    "monitor": "predictions of 22 weeks, imports, plots",
}
"""By a profile (cProfile) of each stage of 2026-11-23."""
HEAD = """\
# One run: what every stage costs

`python -m benchmarks.run` ({on}): CPU seconds (user and system) of each stage's own process on the packaged data, in a
project that has run; bytecode and compiled kernels warm; the lesser of two runs. *Start* is the CPU of loading the
stage's code. Load average when it began: {load:.1f} on {cores} cores; above one a core, CPU seconds are too high.

Machine: {machine}
"""


def best(asked: list[str], out: Path) -> Measured:
    """A command's run with the least CPU."""
    runs = [measured(asked, out, TIMEOUT_S) for _ in range(TIMES)]
    failed = [one.note for one in runs if one.note]
    if failed:
        raise RuntimeError(f"{' '.join(asked[-3:])}: {failed[0]}")
    return min(runs, key=lambda one: one.cpu_s)


def main(project: Path) -> None:
    """Measure every stage, and write the page."""
    load = os.getloadavg()[0]
    lines = ["| stage | start | CPU s | wall s | peak MB | where it goes |", "|---|---|---|---|---|---|"]
    starts, totals = 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="regulars-run-") as place:
        home = Path(place) / "home"
        shutil.copytree(project, home, symlinks=True, ignore=LEFT_BEHIND)
        there, out = ["env", "-C", str(home), f"PYTHONPATH={ROOT}"], home / "said.txt"
        for stage in STAGES:
            start = best([*there, sys.executable, "-c", f"import pipeline.{stage}"], out)
            whole = best([*there, *command(stage)], out)
            starts, totals = starts + start.cpu_s, totals + whole.cpu_s
            figures = f"{start.cpu_s:.1f} | {whole.cpu_s:.1f} | {whole.wall_s:.1f} | {whole.peak_mb:.0f}"
            lines.append(f"| `{stage}` | {figures} | {GOES[stage]} |")
            print(f"{stage:10} start {start.cpu_s:.1f} s; {whole.said}", flush=True)
    lines.append(f"| all | {starts:.1f} | {totals:.1f} | | | |")
    now = datetime.now(UTC).date()
    head = HEAD.format(on=now, load=load, cores=os.cpu_count(), machine=machine())
    write_text(PAGE, "\n".join([head, *lines]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").absolute())
