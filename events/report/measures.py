"""Measures of the whole store: who is recognised, how concentrated revenue is, who stays, and who comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.params import Inspect, Task
from events.report.findings import Finding, counted, percent
from events.report.reading import Ints, Look

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


def months(days: Ints) -> Ints:
    """Calendar months of day numbers, counted from January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def anonymous(look: Look) -> pd.DataFrame:
    """Sales that name no customer: `month` and `amount`, one row a line."""
    named = look.rejects[(look.rejects["rule"] == "no_customer") & (look.rejects["amount"] > 0)]
    day = windows.day_numbers(windows.local_dates(named["ordered_at"], look.zone))
    return pd.DataFrame({"month": months(day), "amount": named["amount"].to_numpy()})


def recognised_by_month(look: Look) -> pd.DataFrame:
    """One row a calendar month with sales: `month`, lines and amount in all, and the shares with a customer."""
    known = pd.DataFrame({"month": months(look.column("day")), "amount": look.lines["amount"].to_numpy(), "known": 1})
    small = {"month": np.int32, "known": np.int8}
    every = pd.concat([part.astype(small) for part in (known, anonymous(look).assign(known=0))], ignore_index=True)
    every["known_amount"] = every["amount"].where(every["known"] > 0, 0.0)
    sums = every.groupby("month").agg(
        lines=("known", "size"), known=("known", "sum"), amount=("amount", "sum"), known_amount=("known_amount", "sum")
    )
    sums["lines_share"], sums["amount_share"] = sums["known"] / sums["lines"], sums["known_amount"] / sums["amount"]
    return sums.reset_index()


def recognised(look: Look) -> dict[str, Any]:
    """Shares of all sales that name a customer, by lines and by amount; `payer_share` where tills record it.

    A sale that names no customer had no recognised payer.
    """
    table = recognised_by_month(look)
    lines, amount = int(table["lines"].sum()), float(table["amount"].sum())
    told = look.lines["payer_recognised"].dropna() if "payer_recognised" in look.lines.columns else pd.Series([])
    return {
        "lines": lines,
        "lines_with_customer": int(table["known"].sum()),
        "lines_share": float(table["known"].sum()) / lines,
        "amount_share": float(table["known_amount"].sum()) / amount,
        "payer_lines": len(told),
        "payer_share": float(told.astype(bool).sum()) / (len(told) + len(anonymous(look))) if len(told) else None,
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
    amounts = np.sort(np.bincount(look.column("customer"), look.lines["amount"]))[::-1]
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
    visits = look.purchase_days
    day, customer = visits["day"].to_numpy(), visits["customer"].to_numpy()
    rows: list[tuple[object, ...]] = []
    at = look.end - timedelta(days=2 * horizon)
    while len(rows) < limits.n_lapse_cutoffs and windows.is_matured(look.first_on, horizon, at):
        later = at + timedelta(days=horizon)
        active = np.unique(customer[windows.trailing(day, at, task.active_days)])
        lapsed = np.setdiff1d(active, customer[windows.following(day, at, horizon)])
        again = np.intersect1d(lapsed, customer[windows.following(day, later, horizon)])
        rows.append((at, len(active), len(lapsed), len(again)))
        at -= timedelta(days=horizon)
    return pd.DataFrame(rows[::-1], columns=["cutoff_on", "n_active", "n_lapsed", "n_again"])


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
    visits = look.purchase_days
    month = months(visits["day"].to_numpy())
    span = int(month.max() - month.min()) + 1
    name, length, _ = next(period for period in PERIODS if span <= period[2])
    period = month // length
    first = np.full(look.n_customers, np.iinfo(np.int64).max)
    np.minimum.at(first, visits["customer"].to_numpy(), period)
    active = pd.DataFrame({"customer": visits["customer"], "period": period}).drop_duplicates()
    active["first"] = first[active["customer"]]
    active["later"] = active["period"] - active["first"]
    counts = active.groupby(["first", "later"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=range(int(period.max() - period.min()) + 1), fill_value=0)
    shares = counts.div(counts[0], axis=0)
    beyond = np.add.outer(counts.index.to_numpy(), counts.columns.to_numpy()) > period.max()
    table = shares.mask(beyond)
    table.insert(0, "n", counts[0])
    table.index = pd.Index([_period_name(int(start), length) for start in counts.index], name="cohort")
    return name, table


def _period_name(start: int, length: int) -> str:
    month = start * length
    year, within = 1970 + month // 12, month % 12
    return f"{year}-{within + 1:02d}" if length == 1 else f"{year} Q{within // 3 + 1}" if length == 3 else f"{year}"
