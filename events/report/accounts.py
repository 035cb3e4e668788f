"""Accounts that buy as no person does: tills, staff, wholesale. They are shown, never left out by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.params import Inspect
from events import people
from events.cleaning import BY_CODE
from events.report.findings import Finding, counted, percent
from events.report.look import Look, look_at
from events.store import read_side

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
MIN_CUSTOMERS = 20
MIN_OPEN_DAYS = 28
LEAST_SPREAD = 0.1
"""On a log scale: where nearly all customers are alike, a tenth more is no sign of anything."""
FAR_ABOVE_USUAL = 5.0
NORMAL_MAD = 1.4826
"""A normal distribution's standard deviation is this many median absolute deviations (Rousseeuw and Croux 1993)."""
COLUMNS = [
    "customer_id",
    "reason",
    "purchase_days",
    "open_day_share",
    "lines",
    "lines_share",
    "lines_deviations",
    "amount",
    "amount_share",
    "amount_deviations",
]


def suspicious_accounts(root: Path, limits: Inspect) -> pd.DataFrame:
    """One row an account that buys as no person does: its id, why, and the numbers; the largest amount first.

    `*_share` are shares of all sales, `*_deviations` robust deviations above the median on a log scale. Customers who
    refuse to be profiled are left out.
    """
    look = look_at(root)
    found = flagged(look, limits)
    found.insert(0, "customer_id", look.customers.take(found["customer"].to_numpy()).astype("str"))
    refused = people.flagged(read_side(root, "customers"), "no_profiling")
    return found.loc[~found["customer_id"].isin(refused), COLUMNS].reset_index(drop=True)


def flagged(look: Look, limits: Inspect) -> pd.DataFrame:
    """The accounts by number (`customer`), why, and the numbers; none where there are too few customers to compare."""
    table = evidence(look)
    odd = _odd(table, limits, look.n_open_days) if len(table) >= MIN_CUSTOMERS else dict[str, Flags]()
    chosen = np.flatnonzero(np.any([np.zeros(len(table), dtype=bool), *odd.values()], axis=0))
    reasons = [_reason(table.iloc[at], {name for name in odd if odd[name][at]}, look.n_open_days) for at in chosen]
    found = table.iloc[chosen].assign(reason=pd.array(reasons, dtype="str"))
    return found.sort_values(["amount", "customer"], ascending=[False, True], ignore_index=True)


def evidence(look: Look) -> pd.DataFrame:
    """One row a customer: purchase days, lines and amount, their shares, and how far they lie from the usual."""
    days, lines = look.visits.n_of.astype(np.float64), look.lines_of.astype(np.float64)
    amount = look.amount_of
    return pd.DataFrame(
        {
            "customer": np.arange(look.n_customers),
            "purchase_days": days.astype(np.int64),
            "open_day_share": days / look.n_open_days,
            "usual_open_day_share": np.median(days) / look.n_open_days,
            "lines": lines.astype(np.int64),
            "lines_share": lines / lines.sum(),
            "lines_deviations": deviations(lines),
            "amount": amount,
            "amount_share": amount / amount.sum(),
            "amount_deviations": deviations(amount),
        }
    )


def deviations(values: Floats) -> Floats:
    """Robust deviations above the median on a log scale.

    >>> deviations(np.array([1.0, 10.0, 100.0])).round(2).tolist()
    [-0.67, 0.0, 0.67]
    """
    logs = np.log(values)
    apart = logs - np.median(logs)
    return np.asarray(apart / max(NORMAL_MAD * float(np.median(np.abs(apart))), LEAST_SPREAD))


def _odd(table: pd.DataFrame, limits: Inspect, n_open_days: int) -> dict[str, Flags]:
    """Which accounts stand out by their open days, lines, amount."""
    least = np.maximum(limits.suspicious_open_day_share, FAR_ABOVE_USUAL * table["usual_open_day_share"])
    found = {"open_day": (table["open_day_share"] >= least).to_numpy() & (n_open_days >= MIN_OPEN_DAYS)}
    for name in ("lines", "amount"):
        has_much = table[f"{name}_share"] >= limits.suspicious_sales_share
        found[name] = (has_much & (table[f"{name}_deviations"] >= limits.suspicious_mads)).to_numpy()
    return found


def _reason(row: pd.Series, odd: set[str], n_open_days: int) -> str:
    said = [f"bought on {percent(row['open_day_share'], 0)} of {n_open_days} open days"] if "open_day" in odd else []
    said += [
        f"{name}: {percent(row[f'{name}_share'])} of all, {row[f'{name}_deviations']:.1f} robust deviations above the "
        "usual"
        for name in ("lines", "amount")
        if name in odd
    ]
    return "; ".join(said)


def account_findings(look: Look, limits: Inspect) -> Iterator[Finding]:
    """How many accounts buy as no person does, with the rule; no id."""
    found = flagged(look, limits)
    if found.empty:
        return
    share = float(found["amount_share"].sum())
    said = (
        f"{counted(len(found), 'account buys', 'accounts buy')} as no person does (till, staff or wholesale?), with "
        f"{percent(share)} of revenue and {percent(float(found['lines_share'].sum()))} of lines, "
        f"{look.dates}. The foremost: {found['reason'].iloc[0]}."
    )
    remedy = BY_CODE["suspicious_account"].remedy
    yield Finding("warning", said, "purchases.customer_id", len(found), "accounts", f"{remedy.capitalize()}.", share)
