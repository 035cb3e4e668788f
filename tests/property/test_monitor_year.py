"""Drift week by week in a simulated store with seasons, promotions and closed days, and no other change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.params import Params
from events.store import open_store
from features.catalogue import BY_NAME
from features.customer_days import day_book
from features.engine import feature_table
from features.snapshots import eligible
from models.monitoring.drift import DRIFTED, Sample, drifts, why_not
from models.recipe.lean import LEAN
from tests.stores import simulated_store

LABEL_DAYS = 28
FIRST_WEEKS = 9
PRICES = {"discount_share_28d", "discount_share_91d"}
"""Promotions of the simulated store are drawn in depth: a run of deeper ones is a change of prices, rightly told."""


@dataclass(frozen=True)
class Year:
    """Weekly feature matrices of a store, by day number."""

    names: tuple[str, ...]
    at: dict[int, np.ndarray]
    customers: dict[int, set[str]]

    def sample(self, scored: int) -> Sample:
        """Fortnightly fitting cutoffs whose labels were known at the scored Monday, and the last two weeks."""
        known = [day for day in self.at if day + LABEL_DAYS <= scored]
        days = np.array(known[::-1][::2][::-1])
        everyone = set().union(*(self.customers[day] for day in days))
        reference = tuple(self.at[day] for day in days)
        return Sample(self.names, reference, days, len(everyone), self.at[scored - 7], self.at[scored], scored)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Year:
    """Three years of a store of 1,500 customers who ever join: about 530 are eligible in a week."""
    store = simulated_store(tmp_path_factory.mktemp("year"), n_customers=1500, n_weeks=156, n_stores=1, seed=1)
    shelf = open_store(store)
    events = shelf.whole()
    book = day_book(events.purchases, events.time_zone)
    last = windows.monday_at_or_before(events.data_end_on)
    n_weeks = (last - events.first_sale_on).days // 7 - FIRST_WEEKS
    parts = []
    for cutoff in [last - timedelta(weeks=k) for k in reversed(range(n_weeks))]:
        known = book.known_at(cutoff)
        chosen = known.customers[eligible(known, cutoff, params.task)].astype(str)
        parts.append(pd.DataFrame({"customer_id": chosen, "cutoff_on": pd.Timestamp(cutoff)}))
    table = feature_table(shelf, pd.concat(parts, ignore_index=True), [BY_NAME[name] for name in LEAN], 28)
    days = windows.day_numbers(table["cutoff_on"])
    groups = {int(day): table[days == day] for day in np.unique(days)}
    return Year(
        LEAN,
        {day: rows[list(LEAN)].to_numpy(dtype=np.float64) for day, rows in groups.items()},
        {day: set(rows["customer_id"]) for day, rows in groups.items()},
    )


def drifted(year: Year, params: Params, n_weeks: int) -> dict[int, set[str]]:
    found = {}
    for scored in list(year.at)[-n_weeks:]:
        sample = year.sample(scored)
        assert not why_not(sample, params.monitor)
        table = drifts(sample, params.monitor)
        found[scored] = set(table.loc[table["verdict"] == DRIFTED, "column"])
    return {day: columns for day, columns in found.items() if columns}


def test_twelve_weeks_without_drift_are_quiet(year: Year, params: Params) -> None:
    assert not drifted(year, params, 12)


@pytest.mark.prove
def test_a_year_without_drift_is_quiet(year: Year, params: Params) -> None:
    """52 weeks × 40 columns: no alert but one run of deeper promotions, which lasts three weeks."""
    found = drifted(year, params, 52)
    assert len(found) <= 3
    assert set().union(*found.values()) <= PRICES


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("amount_91d", lambda v: v * 1.6),
        ("gap_median_days", lambda v: np.where(np.arange(len(v)) % 5 == 0, np.nan, v)),
        ("days_since_last_purchase", lambda v: v + 7),
        ("weeks_active_13w", lambda v: np.floor(v / 2)),
    ],
)
def test_planted_drift_is_found_in_its_column_alone(year: Year, params: Params, column: str, change) -> None:
    base = year.sample(max(year.at))
    place = year.names.index(column)
    weeks = [base.previous.copy(), base.present.copy()]
    for week in weeks:
        week[:, place] = change(week[:, place])
    table = drifts(replace(base, previous=weeks[0], present=weeks[1]), params.monitor)
    assert table.loc[table["verdict"] == DRIFTED, "column"].tolist() == [column]
