"""Findings about gaps and oddities in time and volume: missing days, jumps, absurd quantities, stand-in times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from contracts import windows
from events.report.findings import Finding, counted, examples, percent
from events.report.reading import Ints, Look, orders
from events.report.weeks import weekly

USUALLY = 0.8
MIN_WEEKS = 4
MIN_LINES = 50
JUMP = 2.0
NEIGHBOURS = 4
ABSURD_QUANTITY = 100
ABSURD_TIMES = 50
MIN_OF_PRODUCT = 5
RARE_PRODUCT_FACTOR = 20
MIN_SAME_INSTANT = 10
SAME_INSTANT_SHARE = 0.01
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
    has_sale = np.isin(days, np.unique(look.column("day")))
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
        begins = (found["week"] * windows.WEEK_DAYS - 3).tolist()
        named = [
            f"week of {windows.day_of(int(day))} (×{ratio:.2f})"
            for day, ratio in zip(begins, found["ratio"], strict=True)
        ]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        said = (
            f"{counted(len(found), 'week')} with fewer than half or more than twice the lines of the "
            f"{2 * NEIGHBOURS} weeks around: {', '.join(named[:5])}{more}."
        )
        remedy = "A season or a closure: nothing. Otherwise look for a file that is missing or given twice."
        yield Finding("warning", said, "purchases", len(found), "weeks", remedy)


def _absurd_quantities(look: Look) -> Iterator[Finding]:
    if "quantity" not in look.lines.columns:
        return
    quantity = look.lines["quantity"].fillna(0.0)
    by_product = quantity.groupby(look.lines["product"])
    usual, n = by_product.transform("median"), by_product.transform("size")
    overall = RARE_PRODUCT_FACTOR * float(quantity.median())
    usual = usual.where(n >= MIN_OF_PRODUCT, overall)
    is_absurd = (quantity >= ABSURD_QUANTITY) & (quantity > ABSURD_TIMES * usual)
    if is_absurd.any():
        rows = look.lines[is_absurd]
        said = (
            f"{counted(len(rows), 'line')} with {ABSURD_QUANTITY} units or more and over {ABSURD_TIMES} times what is "
            f"usual for the product; the largest has {quantity.max():,.0f} units, {look.dates}."
        )
        remedy = (
            "Look at these lines: a slip of the keyboard, another unit (as fuel by volume), or a wholesale account."
        )
        share = len(rows) / len(look.lines)
        yield Finding(
            "warning", said, "purchases.quantity", len(rows), "lines", remedy, share, examples(rows, look.files)
        )


def _same_instants(look: Look) -> Iterator[Finding]:
    if "hour" in look.absent:
        return
    made = orders(look)
    counts = made["ordered_at"].value_counts()
    crowded = counts[(counts >= MIN_SAME_INSTANT) & (counts >= SAME_INSTANT_SHARE * len(made))]
    if len(crowded):
        n = int(crowded.sum())
        said = (
            f"{counted(n, 'order')} ({percent(n / len(made))}) stand at {counted(len(crowded), 'very same instant')}, "
            f"{look.dates}."
        )
        rows = look.lines[look.lines["ordered_at"].isin(crowded.index)]
        remedy = "Such instants are often those of an import, not of a purchase: map the column of the purchase's time."
        yield Finding(
            "warning",
            said,
            "purchases.ordered_at",
            n,
            "orders",
            remedy,
            n / len(made),
            examples(rows, look.files),
        )


def _midnights(look: Look) -> Iterator[Finding]:
    if "hour" in look.absent:
        n = len(look.lines)
        remedy = "Map a column with the time of day, if the shop records one; else habits by hour are not told."
        said = f"All {n:,} lines stand at midnight, {look.dates}: only the day of purchase is recorded."
        yield Finding("note", said, "purchases.ordered_at", n, "lines", remedy, 1.0)
        return
    early = look.lines[look.lines["ordered_hour"] == 0]
    begins = windows.day_begins(pd.Series(early["day"].to_numpy().astype("datetime64[D]")), look.zone)
    rows = early[early["ordered_at"].to_numpy() == begins.to_numpy()]
    share = len(rows) / len(look.lines)
    if share >= MIDNIGHT_SHARE:
        said = (
            f"{counted(len(rows), 'line')} ({percent(share)}) stand exactly at midnight, others do not, {look.dates}."
        )
        remedy = "A part of the source gives days without a time: habits by hour are then skewed; map its time of day."
        where = "purchases.ordered_at"
        yield Finding("note", said, where, len(rows), "lines", remedy, share, examples(rows, look.files))
