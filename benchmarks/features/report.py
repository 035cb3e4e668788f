"""The measured rows, merged into docs/benchmarks/features.json, and the page beside it.

    python -m benchmarks.features.report < rows.json

A row replaces the one with the same engine, lines, cutoffs and number of features.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.features.columns import N_FEATURES
from benchmarks.features.run import ALL, MODULES, OURS
from contracts.files import read_json, write_json, write_text

Row = dict[str, Any]
ROWS, PAGE = Path("docs/benchmarks/features.json"), Path("docs/benchmarks/features.md")
KEY = ("lines", "cutoffs", "engine", "features")
ENGINES = tuple(engine for engine in MODULES if engine != ALL)
LIBRARIES = ("numpy", "numba", "duckdb", "polars", "pandas", "pyarrow")

HEAD = """# Feature computation: our kernel and its rivals

60 features of the catalogue (`benchmarks/features/columns.py`) for every simulated customer with a purchase before the
cutoff, from purchase lines in Parquet: about 250 lines a customer over two years; cutoffs are Mondays four weeks
apart. Engines run one at a time, each as one process, on files that were read just before; CPU is user and system time
of the process, start included, of the run with the least CPU where runs were repeated. The engines of a run are
compared, row by row at a million lines (relative and absolute tolerance 1e-4), by sums and counts above, and a run
whose engines differ records nothing. `scan` computes no features: it reads the same columns and sums one of them by
customer, and so is the floor. The kernel's compiled code comes from Numba's cache, as it does in every run but the
first after its source has changed (which compiles for some seconds).

How to read it: the rows at {fewest:,} lines are little but each engine's start, of which ours has the longest (Python
libraries and compiled code are loaded). So start-up decides below some million lines, and any engine will do there;
from there on each further line, and above all each further cutoff, costs ours less than any rival. Lines lie coded to
whole numbers and sorted by customer and day, as an event store keeps them; our engine relies on that, and the product
pays for coding a shop's own ids on top. Runs at 100,000,000 lines were not repeated, and not every rival was tried
there. The rows of `kernel` with more than 60 features are all that these lines can give, MBG/NBD and prices included.

{engines}

Last measured {today} on {cores} cores with {memory_gb} GB of memory; Python {python}, {libraries}. To reproduce:

    python -m benchmarks.features.run --lines {lines} --cutoffs {cutoffs} --repeat 3

| lines | cutoffs | engine | features | CPU s | wall s | peak MB | CPU against ours |
|---|---|---|---|---|---|---|---|
"""


def what_it_is(engine: str) -> str:
    """The first line of an engine's docstring, without importing it.

    >>> what_it_is("scan")[:10]
    'The floor:'
    """
    source = Path(__file__).with_name(f"{MODULES[engine]}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """All rows, the new in place of the old with the same key, in the order of lines, cutoffs and engines."""
    by_key = {tuple(row[name] for name in KEY): row for row in (*old, *new)}
    return sorted(
        by_key.values(), key=lambda row: (row["lines"], row["cutoffs"], ENGINES.index(row["engine"]), row["features"])
    )


def ours(rows: Iterable[Row]) -> dict[tuple[int, int], float]:
    """Our CPU seconds, by lines and cutoffs."""
    return {(row["lines"], row["cutoffs"]): row["cpu_s"] for row in rows if is_ours(row) and row["cpu_s"]}


def is_ours(row: Row) -> bool:
    """Whether a row is our engine's with the features that all engines compute."""
    return bool(row["engine"] == OURS and row["features"] == N_FEATURES)


def line(row: Row, our_cpu_s: float | None) -> str:
    """A row of the table.

    >>> line({"lines": 1000, "cutoffs": 1, "engine": "a", "features": 60, "cpu_s": 3.0, "wall_s": 2.0, "peak_mb": 9}, 2)
    '| 1,000 | 1 | a | 60 | 3.00 | 2.00 | 9 | 1.5 × |\\n'
    """
    keys = f"| {row['lines']:,} | {row['cutoffs']} | {row['engine']} | {row['features']} |"
    if row["cpu_s"] is None:
        return f"{keys} {row['note']} | – | – | – |\n"
    ratio = f"{row['cpu_s'] / our_cpu_s:.1f} ×" if our_cpu_s else "–"
    return f"{keys} {row['cpu_s']:.2f} | {row['wall_s']:.2f} | {row['peak_mb']:,} | {ratio} |\n"


def page(rows: list[Row], today: str) -> str:
    """The page: what was measured, on what, how to reproduce it, and the table."""
    base = ours(rows)
    head = HEAD.format(
        engines="\n".join(f"- `{engine}`: {what_it_is(engine)}" for engine in ENGINES),
        today=today,
        fewest=min(row["lines"] for row in rows),
        cores=os.cpu_count(),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        python=".".join(str(part) for part in sys.version_info[:3]),
        libraries=", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        lines=" ".join(str(n) for n in sorted({row["lines"] for row in rows})),
        cutoffs=" ".join(str(n) for n in sorted({row["cutoffs"] for row in rows})),
    )
    return head + "".join(line(row, base.get((row["lines"], row["cutoffs"]))) for row in rows)


def main() -> None:
    """Merge the rows of standard input."""
    rows = merged(read_json(ROWS) if ROWS.exists() else [], json.load(sys.stdin))
    write_json(ROWS, rows)
    write_text(PAGE, page(rows, datetime.now(UTC).date().isoformat()))


if __name__ == "__main__":
    main()
