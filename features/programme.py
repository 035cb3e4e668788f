"""All marketing together: who was left without any for a year, and what came of them and of the others.

The windows of the chosen Mondays do not overlap, so that a lapse or an amount counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from contracts import windows
from contracts.lots import is_universal
from features.wave_outcomes import Seen

COLUMNS = ["customer_id", "cutoff_on", "horizon_days", "is_control", "lapsed", "margin"]


@dataclass(frozen=True)
class UniversalDraw:
    """How the customers without marketing are drawn: the seed, and their share of all."""

    seed: int
    share: float


def programme_rows(
    snapshots: pd.DataFrame, seen: Seen, drawn: pd.DataFrame, margin_rate: float, draw: UniversalDraw
) -> pd.DataFrame:
    """One row a customer and Monday: eligible then, matured since, from the first wave's Monday on.

    `drawn` holds every wave with its `amount` and `margin` (features.wave_outcomes): `margin_rate` of the one less the
    other is what benefits and contacts cost. Columns: `customer_id`, `cutoff_on`, `horizon_days`, `is_control` (no
    marketing in the Monday's year, whatever reached them), `lapsed`, and `margin` in the horizon: of what was paid,
    less what the waves of these days cost; currency.
    """
    if drawn.empty:
        return pd.DataFrame(columns=COLUMNS)
    spent = drawn[["customer_id", "cutoff_on"]].assign(cost=margin_rate * drawn["amount"] - drawn["margin"])
    first_on = drawn["cutoff_on"].min().date()
    parts = [
        _at(rows, seen, spent, margin_rate, draw)
        for _, rows in chosen_rows(snapshots, first_on).groupby("cutoff_on", sort=True)
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def chosen_rows(snapshots: pd.DataFrame, first_on: date) -> pd.DataFrame:
    """Of SNAPSHOTS the eligible rows with a label, at Mondays since the first wave, each a longest horizon or more
    after the last.
    """
    matured = snapshots[snapshots["is_eligible"] & snapshots["lapsed"].notna()]
    after_days = -windows.days_until(matured["cutoff_on"], first_on)
    kept: list[float] = []
    for day in sorted(after_days[after_days >= 0].unique()):
        if not kept or day - kept[-1] >= matured["horizon_days"].max():
            kept.append(day)
    return matured[after_days.isin(kept)]


def _at(rows: pd.DataFrame, seen: Seen, spent: pd.DataFrame, margin_rate: float, draw: UniversalDraw) -> pd.DataFrame:
    monday, ids = rows["cutoff_on"].iloc[0].date(), rows["customer_id"]
    paid = _sums(seen.purchases, "ordered_on", "amount", rows)
    cost = _sums(spent, "cutoff_on", "cost", rows)
    return rows[["customer_id", "cutoff_on", "horizon_days"]].assign(
        is_control=is_universal(ids, monday, draw.seed, draw.share),
        lapsed=rows["lapsed"].astype(bool),
        margin=(margin_rate * paid - cost).to_numpy(),
    )


def _sums(table: pd.DataFrame, day: str, what: str, rows: pd.DataFrame) -> pd.Series:
    """What each customer of `rows` (one Monday's) has of a column in the days of their own horizon; 0 for nothing."""
    horizons = rows.set_index("customer_id")["horizon_days"]
    own = table[table["customer_id"].isin(horizons.index)]
    monday, days = rows["cutoff_on"].iloc[0].date(), own["customer_id"].map(horizons).to_numpy(dtype="int64")
    within = own[windows.following(windows.day_numbers(own[day]), monday, days)]
    return within.groupby("customer_id")[what].sum().reindex(horizons.index).fillna(0.0)
