"""The measured rows as a readable page: policies on stores of known truth first, then the proofs behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.effects.stores import LATE_FROM, LEAST_SHARE, N_WEEKS
from benchmarks.offers.results import Row

HEAD = """\
# Experiments, learning, and what policies earn

`make bench-effects` makes this page and the rows of [offers.json](offers.json) behind it; values stand with their 95 %
interval. Stores are simulated (`simulation/living/`), each policy is replayed with the product's own code on the same
customers and the same luck, and `seeds` says how many stores a preset had."""

STORES = f"""\
{N_WEEKS} weeks after a burn-in without messages; profit is what came in beyond contacting nobody in weeks
{LATE_FROM} to {N_WEEKS}, less benefits and messages, in the store's currency. The oracle knows each customer's expected
effect and every parameter of the store, but not the luck to come; it plans under the same limits, fairness rows and
control draws. Rivals hold nobody back, keep budget, capacities, consent and rest, and send the offer whose declared
effect is the strongest; the mass coupon keeps no budget. Regulars and the oracle hold back one in ten of those selected
(the shipped `plan.control_share` is .2), two in a hundred of all, and write on the first day of the week. The pooled
share is the mean over presets on which the oracle earns more than {LEAST_SHARE:.0%} of what comes in without messages;
`gain_over` pools all presets, in shares of what comes in without messages."""

TOLD = {
    "share_of_oracle": "Profit over nobody as a share of the oracle's.",
    "coverage_95": "Share of drawn waves whose 95 % interval holds the mean expected difference of the same customers.",
    "stated_price_of_experiments": "What the plans of the year said they could lose at worst within a year of each, "
    "summed over its weeks: no offer keeps anybody, and each does as much harm as can be believed.",
    "profit_of_the_year": "Regulars' profit over nobody in all weeks, those of learning among them.",
}
FIRST = ("share_of_oracle", "profit", "coverage_95")


def page(rows: Sequence[Row]) -> str:
    """The whole page in Markdown."""
    names = dict.fromkeys(str(row["metric"]) for row in rows)
    order = [name for name in FIRST if name in names] + sorted(name for name in names if name not in FIRST)
    parts = [HEAD, "## Policies on stores of known truth", STORES]
    for name in order:
        own = [row for row in rows if row["metric"] == name]
        parts += [f"### {name}", *([TOLD[name]] if name in TOLD else []), "\n".join(_table(own))]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> Iterable[str]:
    yield "| preset | policy | value | seeds | customers |"
    yield "|---|---|---|---|---|"
    for row in rows:
        n_seeds = len(row["seeds"]) if isinstance(row["seeds"], list) else row["seeds"]
        yield f"| {row['preset']} | {row['policy']} | {_figure(row)} | {n_seeds} | {row['customers']:,} |"


def _figure(row: Row) -> str:
    if row["value"] is None:
        return "–"
    digits = 0 if abs(row["value"]) >= 100 else 4 if abs(row["value"]) < 1 else 2
    ends = "" if row["low"] is None else f" [{row['low']:,.{digits}f}, {row['high']:,.{digits}f}]"
    return f"{row['value']:,.{digits}f}{ends}".replace("-", "−")
