"""Everything that is claimed of experiments, learning and policies, measured anew.

    python -m benchmarks.effects                 # 20 seeds a preset; up to three hours on two cores
    python -m benchmarks.effects --seeds 2 --parts coverage stores

Rows go into docs/benchmarks/offers.json, the page is docs/benchmarks/effects.md. Runs of stores that are kept in
docs/benchmarks/effects_runs.json are not run again; delete the file to measure all of them anew.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.effects import bgnbd, contamination, coverage, hillstrom, stores
from benchmarks.effects.page import page
from benchmarks.offers.page import is_shown
from benchmarks.offers.results import Row, kept
from contracts.files import write_text

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "benchmarks"
PARTS = ("coverage", "stores", "contamination", "bgnbd", "hillstrom")


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"  effects: {text}", flush=True)


def parts(n_seeds: int, workers: int) -> dict[str, Callable[[], list[Row]]]:
    """Each part's rows, by name."""
    return {
        "coverage": lambda: coverage.main(["--waves", "2000", "--workers", str(workers)]),
        "stores": lambda: stores.main(["--seeds", str(n_seeds), "--workers", str(workers)]),
        "contamination": lambda: contamination.main(["--workers", str(workers)]),
        "bgnbd": lambda: bgnbd.main([]),
        "hillstrom": lambda: hillstrom.main(["--splits", "20"]),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the wanted parts; what was measured is kept if a later part fails."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.effects", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--seeds", type=int, default=20, help="stores a preset")
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    asked = arguments.parse_args(argv)
    for name, measure in parts(asked.seeds, asked.workers).items():
        if name not in asked.parts:
            continue
        if name == "hillstrom" and not os.environ.get("REGULARS_BENCHMARK_DATA"):
            say("no hillstrom: set REGULARS_BENCHMARK_DATA to the folder that holds hillstrom/hillstrom.parquet")
            continue
        rows = kept(OUT / "offers.json", measure())
        write_text(OUT / "effects.md", page([row for row in rows if not is_shown(row)]))
        say(f"{name}: written to {OUT}/offers.json and effects.md")


if __name__ == "__main__":
    main()
