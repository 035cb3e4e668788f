"""The two engines: written apart, equal on drawn histories and on a simulated store, however the work is cut up."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import windows
from events.store import Events, open_store
from features.catalogue import FEATURES
from features.engine import feature_table
from features.kernel import coding, computing, kinds, slots
from features.kernel.context import store_context
from features.plan import closure, recorded
from features.reference.kinds import KINDS as REFERENCE_KINDS
from features.vocabulary import AGGREGATIONS
from tests import rich_stores, stores

RELATIVE, ABSOLUTE = 1e-5, 1e-6
CUTOFFS = st.integers(20, 230)
"""Days after the first day."""
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def on(days: int) -> date:
    return stores.FIRST_DAY + timedelta(days=days)


def has_buyers(known: Events, day: date) -> bool:
    return len(windows.rows_before(known.purchases, day, stores.ZONE)) > 0


def assert_equal(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, rtol=RELATIVE, atol=ABSOLUTE, check_column_type=False)


@slow
@given(known=rich_stores.SHOPS, day=CUTOFFS, n_buckets=st.integers(1, 3))
def test_the_kernel_equals_the_reference_on_drawn_histories(known: Events, day: int, n_buckets: int) -> None:
    if not has_buyers(known, on(day)):
        return
    kernel = stores.feature_frame(known, on(day), FEATURES, "kernel", n_buckets)
    assert_equal(kernel, stores.feature_frame(known, on(day), FEATURES, "reference"))


def test_the_drawn_histories_reach_every_aggregation_and_every_feature() -> None:
    """Values that are neither all empty nor all alike: else the engines would agree about nothing."""
    values: dict[str, Counter[float]] = {feature.name: Counter() for feature in FEATURES}

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(known=rich_stores.SHOPS, day=st.integers(90, 230))
    def draw(known: Events, day: int) -> None:
        if has_buyers(known, on(day)):
            frame = stores.feature_frame(known, on(day), FEATURES)
            for name in frame.columns:
                values[name].update(value for value in frame[name] if not math.isnan(value))

    draw()
    unreached = [name for name, found in values.items() if len(found) < 2]
    year_ago = [feature.name for feature in FEATURES if feature.skip_days > 200 or "_before_336d" in feature.name]
    assert set(unreached) <= {*year_ago, "store_purchase_days_91d_before_273d_to_previous"}  # histories of 190 days
    reached = {one.aggregation for feature in FEATURES if feature.name not in unreached for one in closure([feature])}
    assert reached == set(AGGREGATIONS)


def test_both_engines_know_every_aggregation() -> None:
    assert set(kinds.KINDS) == set(AGGREGATIONS) == set(REFERENCE_KINDS)


def year_long() -> Events:
    """Three customers over 600 days: what a year ago was can be seen."""
    rng = np.random.default_rng(7)
    rows = [
        (who, int(day), int(rng.integers(24)), int(rng.integers(8)), float(rng.integers(100, 9000)) / 100, 0.0)
        for who, gap in (("ann", 5), ("bob", 11), ("cy", 30))
        for day in np.cumsum(rng.integers(1, 2 * gap, 600 // gap))
    ]
    return stores.events(stores.drawn_lines(rows))


def test_the_engines_are_equal_where_a_year_ago_is_known() -> None:
    day = on(500)
    kernel = stores.feature_frame(year_long(), day, FEATURES)
    assert_equal(kernel, stores.feature_frame(year_long(), day, FEATURES, "reference"))
    assert kernel["purchase_days_28d_before_336d"].gt(0).any()
    assert kernel["store_purchase_days_28d_before_336d_to_previous"].ne(1).all()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The event store of a simulated shop: ids twice, late and undone lines, seasons, promotions."""
    return stores.simulated_store(tmp_path_factory.mktemp("simulated"), n_customers=150, n_weeks=70)


def snapshot_of(folder: Path, *cutoffs: date) -> pd.DataFrame:
    known = open_store(folder).whole()
    parts = [
        pd.DataFrame({"customer_id": sorted(set(bought["customer_id"])), "cutoff_on": pd.Timestamp(cutoff)})
        for cutoff in cutoffs
        for bought in [windows.rows_before(known.purchases, cutoff, known.time_zone)]
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_kernel_equals_the_reference_on_a_simulated_store(simulated: Path) -> None:
    shelf = open_store(simulated)
    days = [shelf.whole().first_sale_on + timedelta(days=n) for n in (100, 430)]
    features, rows = recorded(FEATURES, shelf.absent), snapshot_of(simulated, *days)
    assert len(features) > 90
    kernel, oracle = (feature_table(shelf, rows, features, 28, name) for name in ("kernel", "reference"))
    assert_equal(kernel, oracle)
    assert len(kernel) > 150


def tables(known: Events, days: list[int], n_buckets: int, rows_a_piece: int) -> pd.DataFrame:
    """Every customer at every cutoff, computed bucket by bucket in pieces of so many rows."""
    cutoffs = np.array([windows.day_number(on(day)) for day in sorted(days)])
    shelf, plan = stores.Shelf(known, n_buckets), closure(FEATURES)
    sold = coding.assortment(shelf.side["products"], shelf.product_ids())
    buckets = [coding.coded(one, sold) for one in shelf.buckets()]
    context = store_context(buckets, plan, cutoffs, sold.goods)
    parts = []
    for bucket in buckets:
        rows = slots.all_rows(bucket, len(cutoffs), 28)
        values = computing.compute(bucket, rows, cutoffs, FEATURES, context, rows_a_piece=rows_a_piece)
        keys = pd.MultiIndex.from_arrays([bucket.customers[rows.customer], rows.cutoff])
        parts.append(pd.DataFrame(values, index=keys))
    return pd.concat(parts).sort_index()


@slow
@given(
    known=rich_stores.SHOPS,
    days=st.lists(CUTOFFS, min_size=1, max_size=5, unique=True),
    n_buckets=st.integers(2, 5),
    rows_a_piece=st.integers(1, 40),
)
def test_buckets_and_pieces_change_no_bit(known: Events, days: list[int], n_buckets: int, rows_a_piece: int) -> None:
    whole = tables(known, days, 1, slots.ROWS_A_PIECE)
    pd.testing.assert_frame_equal(whole, tables(known, days, n_buckets, rows_a_piece), check_exact=True)


@slow
@given(known=rich_stores.SHOPS, days=st.lists(CUTOFFS, min_size=2, max_size=4, unique=True))
def test_one_cutoff_at_a_time_gives_what_all_at_once_give(known: Events, days: list[int]) -> None:
    together = tables(known, days, 1, slots.ROWS_A_PIECE)
    for number, day in enumerate(sorted(days)):
        alone = tables(known, [day], 1, slots.ROWS_A_PIECE)
        pd.testing.assert_frame_equal(together.xs(number, level=1), alone.xs(0, level=1), check_exact=True)


@slow
@given(known=rich_stores.SHOPS, day=CUTOFFS)
def test_values_stay_within_their_bounds(known: Events, day: int) -> None:
    if not has_buyers(known, on(day)):
        return
    frame = stores.feature_frame(known, on(day), FEATURES)
    for feature in FEATURES:
        low, high = feature.bounds
        assert frame[feature.name].dropna().between(low - 1e-6, high + 1e-6).all(), feature.name
        if feature.empty == 0 and feature.aggregation != "difference":
            assert frame[feature.name].notna().all(), feature.name
