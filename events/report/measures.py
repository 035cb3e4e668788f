"""Measures of the whole store: who is recognised, how concentrated revenue is, who stays, and who comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Inspect, Task
from events.report.beside import months
from events.report.findings import Finding, counted, percent
from events.report.look import Look
from events.report.money import UNITS
from events.report.reading import Ints
from events.report.visits import Some

Floats = npt.NDArray[np.float64]
Z95 = 1.959963984540054
TOP_SHARES = (0.1, 0.2)
PERIODS = (("month", 1, 18), ("quarter", 3, 72), ("year", 12, 10_000))
"""Cohorts: name, months in one, and the longest history in months that it is used for."""


def wilson(found: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927).

    >>> [round(edge, 3) for edge in wilson(8, 10)]
    [0.49, 0.943]
    """
    share, spread = found / n, Z95 * Z95 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return float(middle - half), float(middle + half)


def recognised_by_month(look: Look) -> pd.DataFrame:
    """One row a calendar month with sales: `month`, lines and amount in all, and the shares with a customer."""
    own = pd.DataFrame({"month": months(look.days), "known": look.lines_on, "known_amount": look.units_on})
    unnamed = look.beside.anonymous.rename(columns={"lines": "more", "units": "more_amount"})
    every = pd.concat([own[own["known"] > 0], unnamed], ignore_index=True).fillna(0).groupby("month").sum()
    sums = pd.DataFrame({"lines": (every["known"] + every["more"]).astype(np.int64)})
    sums["known"] = every["known"].astype(np.int64)
    sums["amount"] = (every["known_amount"] + every["more_amount"]) / UNITS
    sums["known_amount"] = every["known_amount"] / UNITS
    sums["lines_share"], sums["amount_share"] = sums["known"] / sums["lines"], sums["known_amount"] / sums["amount"]
    return sums.reset_index()


def recognised(look: Look) -> dict[str, Any]:
    """Shares of all sales that name a customer, by lines and by amount; `payer_share` where tills record it.

    A sale that names no customer had no recognised payer.
    """
    table = recognised_by_month(look)
    lines, amount = int(table["lines"].sum()), float(table["amount"].sum())
    n_told, n_recognised = look.n_payers
    return {
        "lines": lines,
        "lines_with_customer": int(table["known"].sum()),
        "lines_share": float(table["known"].sum()) / lines,
        "amount_share": float(table["known_amount"].sum()) / amount,
        "payer_lines": n_told,
        "payer_share": n_recognised / (n_told + look.beside.n_anonymous) if n_told else None,
    }


def recognised_finding(look: Look) -> Iterator[Finding]:
    """The share of sales with a recognised member."""
    found = recognised(look)
    said = (
        f"{percent(found['amount_share'])} of sales by amount and {percent(found['lines_share'])} of "
        f"{found['lines']:,} lines name a customer, {look.dates}."
    )
    if found["payer_share"] is not None:
        said += f" At payment {percent(found['payer_share'])} of {found['payer_lines']:,} lines had a recognised payer."
    n_unknown = found["lines"] - found["lines_with_customer"]
    if n_unknown:
        remedy = "Membership is built at payment: ask for it there; what names no customer is in no list."
    else:
        remedy = "If sales to people who are not members exist, bring them in too: the true share is lower."
    yield Finding("note", said, "purchases.customer_id", n_unknown, "lines without", remedy, found["amount_share"])


def concentration_curve(look: Look) -> Floats:
    """Share of revenue of the first 0, 1, 2, … customers, the largest first."""
    amounts = np.sort(look.amount_of)[::-1]
    return np.asarray(np.r_[0.0, np.cumsum(amounts)] / amounts.sum())


def concentration(look: Look) -> dict[str, float]:
    """Share of revenue of the top tenth and fifth of customers (rounded up to whole customers)."""
    curve = concentration_curve(look)
    n = len(curve) - 1
    return {f"top_{round(100 * top)}_percent": float(curve[int(np.ceil(top * n - 1e-9))]) for top in TOP_SHARES}


def concentration_finding(look: Look) -> Iterator[Finding]:
    """How much of the revenue a few customers carry."""
    found = concentration(look)
    n_top = int(np.ceil(0.2 * look.n_customers - 1e-9))
    said = (
        f"The top 20 % of customers ({n_top:,} of {look.n_customers:,}) bring {percent(found['top_20_percent'])} of "
        f"revenue, the top 10 % {percent(found['top_10_percent'])}, {look.dates}."
    )
    remedy = "Keep a share of budget and capacity for regulars who are not at risk (recognition, not discounts)."
    yield Finding("note", said, "purchases.amount", n_top, "customers", remedy, found["top_20_percent"])


def bought_again(look: Look, task: Task, limits: Inspect) -> pd.DataFrame:
    """One row a cutoff t, oldest first: of customers active before t, who lapsed in [t, t + h), and who of these bought
    in [t + h, t + 2h). Only cutoffs whose second window has passed, and with a whole horizon of history before them.
    """
    horizon = task.horizon_days
    at = look.end - timedelta(days=2 * horizon)
    cutoffs: list[date] = []
    while len(cutoffs) < limits.n_lapse_cutoffs and windows.is_matured(look.first_on, horizon, at):
        cutoffs.append(at)
        at -= timedelta(days=horizon)
    counts = np.zeros((len(cutoffs), 3), dtype=np.int64)
    for some in look.visits.parts():
        counts += np.array([_came_back(some, cutoff, task) for cutoff in cutoffs], dtype=np.int64).reshape(-1, 3)
    table = pd.DataFrame(counts, columns=["n_active", "n_lapsed", "n_again"])
    table.insert(0, "cutoff_on", pd.Series(cutoffs, dtype=object))
    return table[::-1].reset_index(drop=True)


def _came_back(some: Some, at: date, task: Task) -> tuple[int, int, int]:
    """Of some customers, who were active before a cutoff, lapsed, and bought again in the horizon after."""
    horizon = task.horizon_days
    active = some.any(windows.trailing(some.day, at, task.active_days))
    lapsed = active & ~some.any(windows.following(some.day, at, horizon))
    again = lapsed & some.any(windows.following(some.day, at + timedelta(days=horizon), horizon))
    return int(active.sum()), int(lapsed.sum()), int(again.sum())


def bought_again_finding(look: Look, task: Task, limits: Inspect) -> Iterator[Finding]:
    """How many of the lapsed bought again in the next horizon."""
    table, h = bought_again(look, task, limits), task.horizon_days
    n_lapsed, n_again = int(table["n_lapsed"].sum()), int(table["n_again"].sum())
    if not n_lapsed:
        said = (
            f"Whether the lapsed come back cannot be told yet: no customer lapsed {3 * h} days or more before data end."
        )
        yield Finding("note", said, "purchases", 0, "customers", "Nothing; or shorten task.horizon_days.")
        return
    low, high = wilson(n_again, n_lapsed)
    said = (
        f"Of {n_lapsed:,} lapses (no purchase in {h} days) at {counted(len(table), 'cutoff')} from "
        f"{table['cutoff_on'].iloc[0]} to {table['cutoff_on'].iloc[-1]}, {n_again:,} ({percent(n_again / n_lapsed)}, "
        f"95 % interval {percent(low)} to {percent(high)}) bought again in the next {h} days."
    )
    remedy = "Where that is half or more, 'lapsed' often means 'not yet': lengthen task.horizon_days or use own_rhythm."
    yield Finding("note", said, "task.horizon_days", n_again, "customers", remedy, n_again / n_lapsed)


def cohorts(look: Look) -> tuple[str, pd.DataFrame]:
    """The name of the period, and the share of each cohort (row: first period) active so many periods later (column).

    NaN where the data ends before; periods are calendar months, quarters or years.
    """
    visits = look.visits
    begin, end = months(np.array([visits.first_seen, visits.last_seen]))
    name, length, _ = next(period for period in PERIODS if end - begin + 1 <= period[2])
    first, n = begin // length, end // length - begin // length + 1
    found = sum((_active(some, length, first, n) for some in visits.parts()), np.zeros((n, n), dtype=np.int64))
    counts = pd.DataFrame(found, index=first + np.arange(n))
    counts = counts[counts[0] > 0]
    shares = counts.div(counts[0], axis=0)
    beyond = np.add.outer(counts.index.to_numpy(), counts.columns.to_numpy()) > end // length
    table = shares.mask(beyond)
    table.insert(0, "n", counts[0])
    table.index = pd.Index([_period_name(int(start), length) for start in counts.index], name="cohort")
    return name, table


def _active(some: Some, length: int, first: int, n: int) -> Ints:
    """How many of some customers bought first in each period (row), and again so many periods later (column)."""
    customer, period = some.distinct(months(some.day) // length - first)
    began = period[np.searchsorted(customer, np.arange(some.n_customers))][customer]
    return np.bincount(began * n + period - began, minlength=n * n).reshape(n, n)


def _period_name(start: int, length: int) -> str:
    month = start * length
    year, within = 1970 + month // 12, month % 12
    return f"{year}-{within + 1:02d}" if length == 1 else f"{year} Q{within // 3 + 1}" if length == 3 else f"{year}"
