"""The measured rows as a readable page, one section a topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.offers.results import Row

HEAD = """\
# The weekly plan: how near to the best, and at what cost

`python -m benchmarks.offers` makes this page and [offers.json](offers.json); rows of other metrics, policies,
presets or sizes are kept. Figures are medians over seeds, with the least and the greatest."""

SIZES = """\
Each run is a process of its own on two shared cores; seconds are of the choice alone, memory of the whole process with
its data. `plain`: 8 (offer, channel) pairs open to every customer, a budget and four channels' capacities. `full`: 32
pairs; budget, four offers' budgets, capacities, minimums and maximums of eight groups, and 21 rows of parity between
tiers. Profits and costs are random. The gap is (bound − value) / bound, where no plan can pass the bound; `violation`
is the most by which any row is passed (relative to its bound), recounted by other code. `highs` is HiGHS on the whole
problem, asked for a gap of 1e-4, and ended where it had not finished after 240 seconds; it keeps rows to its own
tolerance only."""

HITS = """\
Share of customers who bought at least one of the k goods that would have been named within the next 28 days, among
those who bought anything that can be named then; mean over six past cutoffs, four weeks apart, with what was known at
each alone. Low and high: 95 % interval by bootstrap over customers; differences are paired by customer."""

SHOWN = ("value", "gap", "seconds", "cpu_seconds", "peak_mb", "violation")
OTHERS = ("hit_rate", "unfinished")
FORMS = {"value": ",.0f", "gap": ".1e", "seconds": ".2f", "cpu_seconds": ".2f", "peak_mb": ",.0f", "violation": ".1e"}


def is_shown(row: Row) -> bool:
    """Whether a row belongs to this page; the others are of effects and stand on a page of their own."""
    return row["metric"] in SHOWN or str(row["metric"]).startswith(OTHERS)


def page(every: Sequence[Row]) -> str:
    """The whole page in Markdown: the optimiser's table, then a plain table for each other metric of its own."""
    rows = [row for row in every if is_shown(row)]
    own = [row for row in rows if row["metric"] in SHOWN]
    others = dict.fromkeys(row["metric"] for row in rows if row["metric"] not in SHOWN)
    parts = [HEAD, "## Size and speed", SIZES, "\n".join(_sizes(own))] if own else [HEAD]
    for metric in others:
        told = [HITS] if metric.startswith("hit_rate") else []
        parts += [f"## {metric}", *told, "\n".join(_plain_table([row for row in rows if row["metric"] == metric]))]
    return "\n\n".join(parts) + "\n"


def _sizes(rows: Sequence[Row]) -> Iterable[str]:
    yield "| preset | customers | policy | seeds | plan's profit | gap | seconds | CPU seconds | peak MB | violation |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    known = {(row["preset"], row["customers"], row["policy"], row["metric"]): row for row in rows}
    for preset, customers, policy in sorted({key[:3] for key in known}, key=lambda key: (key[0] != "plain", *key[1:])):
        cells = [known.get((preset, customers, policy, metric)) for metric in SHOWN]
        seeds = next(", ".join(map(str, row["seeds"])) for row in cells if row)
        shown = " | ".join(_cell(row) for row in cells)
        yield f"| {preset} | {customers:,} | {policy} | {seeds} | {shown} |"


def _cell(row: Row | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    form = FORMS.get(row["metric"], ".3f")
    spread = f" [{row['low']:{form}}, {row['high']:{form}}]" if row["low"] != row["high"] else ""
    return f"{row['value']:{form}}{spread}"


def _plain_table(rows: Sequence[Row]) -> Iterable[str]:
    yield "| preset | customers | policy | value | low | high |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        figures = " | ".join(str(row[name]) for name in ("value", "low", "high"))
        yield f"| {row['preset']} | {row['customers']:,} | {row['policy']} | {figures} |"
