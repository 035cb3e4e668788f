"""Sizes beyond this machine, by unit costs measured here: into docs/scale.md, between its marks.

    python -m benchmarks.scale.sizing

A unit cost is a stage's CPU seconds a million lines between the two largest sizes measured (its start-up drops out);
what lies beyond the largest size is reckoned in proportion, and called an estimate. Prices are assumptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.scale.data import LINES_PER_CUSTOMER
from benchmarks.scale.projects import BY_BUCKET
from benchmarks.scale.report import JSON, ROOT
from benchmarks.scale.results import Row
from contracts.files import read_json, read_text, write_text

PAGE = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- sizing: made by `python -m benchmarks.scale.sizing` -->", "<!-- end of sizing -->"
CUSTOMERS = (10_000_000, 100_000_000, 1_000_000_000)
MILLION = 1e6
CORE_HOUR, GB_MONTH = 0.05, 0.023
"""Assumed prices, US dollars: a core for an hour, a gigabyte of object storage for a month."""
HEADINGS = (
    "| customers | lines | core-hours by bucket | cores for two hours | core-hours in one process | disk, GB | "
    "a full rebuild, USD | storage a month, USD |"
)
SAMPLED = ("train", "evaluate")
"""Stages of a sample (`snapshot.max_fit_customers`): the seconds at the largest size measured, whatever the size."""
WITHIN_HOURS = 2.0


def unit_costs(rows: Iterable[Row]) -> dict[str, tuple[float, int]]:
    """By stage that grows, CPU seconds a million lines, and the largest size (lines) that they rest on."""
    alone = [one for one in rows if "metric" not in one and (one["executor"], one["workers"]) == ("local", 1)]
    found = {}
    for stage in dict.fromkeys(one["stage"] for one in alone if one["stage"] not in ("all", *SAMPLED)):
        points = sorted((one["lines"], one["cpu_s"]) for one in alone if one["stage"] == stage)[-2:]
        if len(points) == 2:
            (low, cheap), (high, dear) = points
            found[stage] = (max(dear - cheap, 0.0) / (high - low) * MILLION, high)
    return found


def sample_costs(rows: Iterable[Row]) -> dict[str, Row]:
    """The largest measured run of each stage that a sample bounds."""
    alone = [one for one in rows if "metric" not in one and (one["executor"], one["workers"]) == ("local", 1)]
    return {
        stage: max((one for one in alone if one["stage"] == stage), key=lambda one: one["lines"])
        for stage in dict.fromkeys(one["stage"] for one in alone if one["stage"] in SAMPLED)
    }


def bytes_a_line(rows: Iterable[Row], name: str) -> float:
    """Bytes on disk a purchase line, at the largest size measured."""
    sized = [one for one in rows if one.get("metric") == f"{name}_bytes"]
    largest = max(sized, key=lambda one: one["lines"])
    return float(largest["value"] / largest["lines"])


def told(rows: Sequence[Row]) -> str:
    """Two tables in Markdown: unit costs, and what so many customers come to."""
    units = unit_costs(rows)
    lines = ["| stage | CPU s a million lines | measured up to (lines) | work is shared by |", "|---|---|---|---|"]
    for stage, (cost, largest) in units.items():
        by = "buckets or pieces of rows" if stage in BY_BUCKET else "one process"
        lines.append(f"| {stage} | {cost:.2f} | {largest:,} | {by} |")
    sampled = sample_costs(rows)
    for stage, one in sampled.items():
        by = f"one process: {one['cpu_s']:,.0f} s for its sample, however many lines"
        lines.append(f"| {stage} | 0.00 | {one['lines']:,} | {by} |")
    disk = {name: bytes_a_line(rows, name) for name in ("raw", "store", "features")}
    said = ", ".join(f"{name} {n:.0f}" for name, n in disk.items())
    lines += ["", f"Bytes on disk a line (Parquet; features of 16 cutoffs of the sample, two of everyone): {said}.", ""]
    lines += [
        HEADINGS,
        "|---|---|---|---|---|---|---|---|",
    ]
    shared = sum(cost for stage, (cost, _) in units.items() if stage in BY_BUCKET)
    alone = sum(cost for stage, (cost, _) in units.items() if stage not in BY_BUCKET)
    fixed = sum(one["cpu_s"] for one in sampled.values())
    lines += [_size(customers, shared, (alone, fixed), sum(disk.values())) for customers in CUSTOMERS]
    return "\n".join(lines)


def _size(customers: int, shared: float, alone: tuple[float, float], disk: float) -> str:
    """One row; `alone`: CPU seconds a million lines of the stages of one process, and those of the samples."""
    lines = customers * LINES_PER_CUSTOMER
    hours = shared * lines / MILLION / 3_600
    single = (alone[0] * lines / MILLION + alone[1]) / 3_600
    gigabytes = disk * lines / 1e9
    cores = max(1, round(hours / WITHIN_HOURS))
    dear = f"{(hours + single) * CORE_HOUR:,.0f} | {gigabytes * GB_MONTH:,.0f}"
    return f"| {customers:,} | {lines:,} | {hours:,.1f} | {cores:,} | {single:,.1f} | {gigabytes:,.0f} | {dear} |"


def main(page: Path = PAGE) -> None:
    """Write the tables anew."""
    head, _, rest = read_text(page).partition(BEGIN)
    _, _, tail = rest.partition(END)
    write_text(page, f"{head}{BEGIN}\n{told(read_json(JSON))}\n{END}{tail}")


if __name__ == "__main__":
    main()
