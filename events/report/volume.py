"""Findings about gaps and oddities in time and volume: missing days, jumps, absurd quantities, stand-in times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contracts import windows
from events.report.closer import ABSURD_QUANTITY, ABSURD_TIMES, absurd_quantities, crowded_instants
from events.report.findings import Finding, counted, examples, percent
from events.report.look import Look
from events.report.reading import Ints
from events.report.weeks import week_begins, weekly

USUALLY = 0.8
MIN_WEEKS = 4
MIN_LINES = 50
JUMP = 2.0
NEIGHBOURS = 4
MIDNIGHT_SHARE = 0.05


def volume_findings(look: Look) -> Iterator[Finding]:
    """Every finding of this module."""
    yield from _silent_days(look)
    yield from _jumps(look)
    yield from _absurd_quantities(look)
    yield from _same_instants(look)
    yield from _midnights(look)


def silent_days(look: Look) -> Ints:
    """Days without any sale, on weekdays on which the shop usually sells."""
    first, last = windows.day_number(look.first_on), windows.day_number(look.last_on)
    days = np.arange(first, last + 1)
    has_sale = look.lines_on > 0
    weekday = days % windows.WEEK_DAYS
    n_days = np.bincount(weekday, minlength=windows.WEEK_DAYS)
    n_sales = np.bincount(weekday, has_sale, minlength=windows.WEEK_DAYS)
    is_usual = (n_days >= MIN_WEEKS) & (n_sales >= USUALLY * n_days)
    return np.asarray(days[~has_sale & is_usual[weekday]])


def _silent_days(look: Look) -> Iterator[Finding]:
    days = silent_days(look)
    if len(days):
        runs = np.split(days, np.flatnonzero(np.diff(days) > 1) + 1)
        n_days = windows.day_number(look.last_on) - windows.day_number(look.first_on) + 1
        said = (
            f"{counted(len(days), 'day')} of {n_days:,} without any sale, on weekdays on which the shop usually sells: "
            f"{_spans(runs)}."
        )
        longest = max(len(run) for run in runs)
        yield Finding(
            "warning" if longest >= windows.WEEK_DAYS else "note",
            said,
            "purchases.ordered_at",
            len(days),
            "days",
            "Closed on those days: nothing. Otherwise an export is missing: add it, and ingest again.",
            len(days) / n_days,
        )


def _spans(runs: list[Ints], at_most: int = 5) -> str:
    longest = sorted(sorted(runs, key=len, reverse=True)[:at_most], key=lambda run: int(run[0]))
    texts = [
        f"{windows.day_of(int(run[0]))}" + (f" to {windows.day_of(int(run[-1]))}" if len(run) > 1 else "")
        for run in longest
    ]
    more = f" and {len(runs) - at_most} more spells" if len(runs) > at_most else ""
    return ", ".join(texts) + more


def jumps(look: Look) -> pd.DataFrame:
    """Whole weeks with fewer than half or more than twice the lines of the weeks around them: `week`, `ratio`."""
    whole = weekly(look).query("is_whole").reset_index(drop=True)
    lines = whole["lines"].to_numpy(dtype=np.float64)
    around = [np.r_[lines[max(0, at - NEIGHBOURS) : at], lines[at + 1 : at + 1 + NEIGHBOURS]] for at in whole.index]
    usual = np.array([np.median(values) if len(values) >= NEIGHBOURS else np.nan for values in around])
    ratio = lines / np.maximum(usual, 1.0)
    is_jump = (usual >= MIN_LINES) & ((ratio * JUMP < 1) | (ratio > JUMP))
    found: pd.DataFrame = pd.DataFrame({"week": whole["week"], "ratio": ratio})[is_jump]
    return found.reset_index(drop=True)


def _jumps(look: Look) -> Iterator[Finding]:
    found = jumps(look)
    if len(found):
        begins = week_begins(found["week"].to_numpy())
        named = [f"week of {day} (×{ratio:.2f})" for day, ratio in zip(begins, found["ratio"], strict=True)]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        said = (
            f"{counted(len(found), 'week')} with fewer than half or more than twice the lines of the "
            f"{2 * NEIGHBOURS} weeks around: {', '.join(named[:5])}{more}."
        )
        remedy = "A season or a closure: nothing. Otherwise look for a file that is missing or given twice."
        yield Finding("warning", said, "purchases", len(found), "weeks", remedy)


def _absurd_quantities(look: Look) -> Iterator[Finding]:
    found = absurd_quantities(look)
    if found is not None:
        said = (
            f"{counted(found.n_lines, 'line')} with {ABSURD_QUANTITY} units or more and over {ABSURD_TIMES} times what "
            f"is usual for the product; the largest has {found.largest:,.0f} units, {look.dates}."
        )
        remedy = (
            "Look at these lines: a slip of the keyboard, another unit (as fuel by volume), or a wholesale account."
        )
        share, first = found.n_lines / look.n_lines, examples(found.first)
        yield Finding("warning", said, "purchases.quantity", found.n_lines, "lines", remedy, share, first)


def _same_instants(look: Look) -> Iterator[Finding]:
    found = crowded_instants(look)
    if found is not None:
        share = found.n_orders / look.n_orders
        said = (
            f"{counted(found.n_orders, 'order')} ({percent(share)}) stand at "
            f"{counted(found.n_instants, 'very same instant')}, {look.dates}."
        )
        remedy = "Such instants are often those of an import, not of a purchase: map the column of the purchase's time."
        where, first = "purchases.ordered_at", examples(found.first)
        yield Finding("warning", said, where, found.n_orders, "orders", remedy, share, first)


def _midnights(look: Look) -> Iterator[Finding]:
    if "hour" in look.absent:
        n = look.n_lines
        remedy = "Map a column with the time of day, if the shop records one; else habits by hour are not told."
        said = f"All {n:,} lines stand at midnight, {look.dates}: only the day of purchase is recorded."
        yield Finding("note", said, "purchases.ordered_at", n, "lines", remedy, 1.0)
        return
    share = look.n_midnights / look.n_lines
    if share >= MIDNIGHT_SHARE:
        said = (
            f"{counted(look.n_midnights, 'line')} ({percent(share)}) stand exactly at midnight, others do not, "
            f"{look.dates}."
        )
        remedy = "A part of the source gives days without a time: habits by hour are then skewed; map its time of day."
        where, first = "purchases.ordered_at", examples(look.first_midnights)
        yield Finding("note", said, where, look.n_midnights, "lines", remedy, share, first)
