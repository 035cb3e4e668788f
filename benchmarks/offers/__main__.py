"""How near the optimiser comes to the best plan, how fast, in how much memory, beside HiGHS; what is named is bought.

    python -m benchmarks.offers --seed 7
    python -m benchmarks.offers --seed 7 8 9 --plain 1000000 10000000 --full 1000000 --rival 1000 10000 100000

Each run is a process of its own, one at a time. Writes offers.json (rows of other sizes are kept) and offers.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.offers.page import page
from benchmarks.offers.products import hit_rows
from benchmarks.offers.results import Row, kept, rows_of
from contracts.files import write_text

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 240.0


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"  offers: {text}", flush=True)


def measured(policy: str, preset: str, customers: int, seed: int) -> Mapping[str, float]:
    """One run, in its own process; ended if it takes too long: HiGHS heeds its limit not everywhere."""
    command = [sys.executable, "-m", "benchmarks.offers.optimiser", policy, preset, str(customers), str(seed)]
    found: Mapping[str, float]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=MOST_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        found = {"unfinished_after_seconds": MOST_SECONDS}
    else:
        found = json.loads(done.stdout.strip().splitlines()[-1])
    say(f"{policy}, {preset}, {customers:,}, seed {seed}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
    return found


def rows_for(policy: str, preset: str, customers: int, seeds: Sequence[int]) -> list[Row]:
    """One size with every seed."""
    return rows_of(policy, preset, customers, [measured(policy, preset, customers, seed) for seed in seeds], seeds)


def keep(out: Path, rows: Sequence[Row]) -> None:
    """Both files with the new rows: what was measured is kept if a later run fails."""
    write_text(out / "offers.md", page(kept(out / "offers.json", rows)))


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, measure, write."""
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.offers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--seed", type=int, nargs="+", required=True, help="of the random weeks; choose fresh ones")
    arguments.add_argument("--plain", type=int, nargs="*", default=[1_000_000, 10_000_000], help="customers, 8 pairs")
    arguments.add_argument("--full", type=int, nargs="*", default=[1_000_000], help="customers, 32 pairs, all limits")
    arguments.add_argument(
        "--rival", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="customers, both ways"
    )
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", help="folder, written")
    asked = arguments.parse_args(argv)
    batches = [("regulars", "plain", [*asked.rival, *asked.plain]), ("regulars", "full", [*asked.rival, *asked.full])]
    batches += [("highs", preset, asked.rival) for preset in ("plain", "full")]
    for policy, preset, sizes in batches:
        for customers in sizes:
            seeds = asked.seed if policy == "regulars" else asked.seed[:1]
            keep(asked.out, rows_for(policy, preset, customers, seeds))
    if (ROOT / "data" / "events").exists():
        keep(asked.out, hit_rows(ROOT, asked.seed[0]))
    else:
        say("no goods judged: expected data/events, found none; run `make run` first")
    say(f"written {asked.out}/offers.json and offers.md")


if __name__ == "__main__":
    main()
