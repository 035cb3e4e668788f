"""Time discipline: nothing at or after a cutoff moves a feature or an eligibility; nothing before it moves a label."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import windows
from contracts.params import Params
from events.store import Events
from features.catalogue import FEATURES
from features.customer_days import day_book
from features.engine import feature_table
from features.snapshots import eligible, lapsed
from tests import rich_stores, stores

CUTOFF = stores.FIRST_DAY + timedelta(days=98)
ENGINES = pytest.mark.parametrize("engine", ["kernel", "reference"])


def feature_frame(known: Events, cutoff: date) -> pd.DataFrame:
    return stores.feature_frame(known, cutoff, FEATURES)


def is_before_any_sale(known: Events, day: date) -> bool:
    return not len(windows.rows_before(known.purchases, day, stores.ZONE))


@ENGINES
@given(known=rich_stores.SHOPS, cutoff=st.integers(30, 180))
def test_features_from_data_cut_off_equal_features_from_all_data(known: Events, cutoff: int, engine) -> None:
    """Truncation, over everything that a shop can record: late rows, undoings, returns, campaigns, answers."""
    day = stores.FIRST_DAY + timedelta(days=cutoff)
    if is_before_any_sale(known, day):
        return
    whole = stores.feature_frame(known, day, FEATURES, engine)
    cut = stores.feature_frame(rich_stores.truncated(known, day), day, FEATURES, engine)
    pd.testing.assert_frame_equal(whole, cut, check_exact=True, check_index_type=False)


@given(rows=stores.STORES, later=stores.STORES)
def test_what_happens_after_the_cutoff_moves_no_feature_and_no_eligibility(rows, later, params: Params) -> None:
    before = [row for row in rows if row[1] < 98] or [("ann", 5, 10, 0, 3.0, 0.0)]
    after = [(who, 98 + day, hour, product, amount, off) for who, day, hour, product, amount, off in later]
    alone, followed = (stores.events(stores.drawn_lines(listed)) for listed in (before, [*before, *after]))
    pd.testing.assert_frame_equal(feature_frame(alone, CUTOFF), feature_frame(followed, CUTOFF), check_exact=True)
    left, right = (day_book(known.purchases, stores.ZONE).final for known in (alone, followed))
    names = set(left.customers[eligible(left, CUTOFF, params.task)])
    assert names == set(right.customers[eligible(right, CUTOFF, params.task)])


@given(rows=stores.STORES, later=stores.STORES)
def test_what_happened_before_the_cutoff_moves_no_label(rows, later, params: Params) -> None:
    end = CUTOFF + timedelta(days=400)
    after = [(who, 98 + day, hour, product, amount, off) for who, day, hour, product, amount, off in later]
    before = [(who, day % 98, hour, product, amount, off) for who, day, hour, product, amount, off in rows]
    alone = day_book(stores.drawn_lines(after), stores.ZONE).final
    preceded = day_book(stores.drawn_lines([*before, *after]), stores.ZONE).final
    labels = dict(zip(preceded.customers, lapsed(preceded, CUTOFF, end, params.task), strict=True))
    expected = dict(zip(alone.customers, lapsed(alone, CUTOFF, end, params.task), strict=True))
    assert {name: labels[name] for name in expected} == expected
    assert all(labels[name] for name in labels if name not in expected)


@given(rows=stores.STORES, order=st.randoms(use_true_random=False))
def test_the_order_of_raw_rows_changes_nothing(rows, order) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)
    first, second = (stores.events(stores.drawn_lines(listed)) for listed in (rows, shuffled))
    cutoff = stores.FIRST_DAY + timedelta(days=200)
    left, right = feature_frame(first, cutoff), feature_frame(second, cutoff)
    pd.testing.assert_frame_equal(left, right, rtol=1e-6)


def at_the_cutoff() -> tuple[Events, Events]:
    """A regular customer, without and with a purchase at the very instant of the cutoff."""
    usual = [("ann", f"2017-0{month}-15 10:00", 1, 9.0, 0.0) for month in (1, 2, 3)]
    instant = ("ann", f"{CUTOFF} 00:00", 2, 50.0, 5.0)
    return stores.events(stores.purchases(usual)), stores.events(stores.purchases([*usual, instant]))


def test_a_purchase_at_the_cutoff_moves_the_label_and_no_feature(params: Params) -> None:
    without, with_it = at_the_cutoff()
    end = CUTOFF + timedelta(days=28)
    pd.testing.assert_frame_equal(feature_frame(without, CUTOFF), feature_frame(with_it, CUTOFF), check_exact=True)
    labels = [
        lapsed(day_book(one.purchases, stores.ZONE).final, CUTOFF, end, params.task) for one in (without, with_it)
    ]
    assert [label.tolist() for label in labels] == [[True], [False]]


@ENGINES
def test_a_price_paid_at_the_cutoff_moves_no_price_rank_and_no_newcomers_price(engine) -> None:
    """The store's own numbers end at the cutoff too: at that instant bob pays ten times as much for what ann buys."""
    usual = [(who, f"2017-0{month}-{day} 10:00", product, 5.0 + product / 3, 0.0)
             for who, day in (("ann", 15), ("bob", 16)) for month in (2, 3) for product in (0, 3)]  # fmt: skip
    instant = ("bob", f"{CUTOFF} 00:00", 0, 50.0, 0.0)
    without, with_it = (
        stores.feature_frame(stores.events(stores.purchases(rows)), CUTOFF, FEATURES, engine)
        for rows in (usual, [*usual, instant])
    )
    pd.testing.assert_frame_equal(without, with_it, check_exact=True)
    assert without["price_rank_91d"].tolist() == [0.5, 0.5]
    later = stores.events(stores.purchases([*usual, instant, ("ann", f"{CUTOFF} 00:00", 0, 5.0, 0.0)]))
    moved = stores.feature_frame(later, CUTOFF + timedelta(days=1), FEATURES, engine)
    assert moved.loc["ann", "priced_amount_91d_to_newcomers_price_91d"] < 0.9


@given(rows=stores.STORES)
def test_one_cutoff_s_features_hang_on_no_other_cutoff(rows) -> None:
    """Many cutoffs in one go, and each alone on a history of its own: the same tables."""
    lines = stores.drawn_lines([*rows, ("ann", 0, 9, 0, 3.0, 0.0)])
    days = [pd.Timestamp(stores.FIRST_DAY + timedelta(days=day)) for day in (180, 60, 120)]
    snapshot = pd.DataFrame({"customer_id": "ann", "cutoff_on": days})
    shelf = stores.Shelf(stores.events(lines))
    together = feature_table(shelf, snapshot, FEATURES, 28)
    for day in days:
        one = snapshot[snapshot["cutoff_on"] == day]
        alone = feature_table(shelf, one, FEATURES, 28)
        found = together[together["cutoff_on"] == day].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, alone, check_exact=True)


# The canaries: planted mistakes. Each must be refused by the very checks above.


def as_of_today(known: Events) -> pd.Series:
    """The mistake: lifetime value over all data, joined to every cutoff."""
    final = day_book(known.purchases, stores.ZONE).final
    return pd.Series(final.count(final.amount), index=final.customers, name="amount_life")


def test_canary_an_as_of_today_column_is_caught_by_truncation() -> None:
    known = stores.events(stores.drawn_lines([("ann", 10, 9, 1, 5.0, 0.0), ("ann", 150, 9, 1, 7.0, 0.0)]))
    whole, cut = as_of_today(known), as_of_today(rich_stores.truncated(known, CUTOFF))
    with pytest.raises(AssertionError):
        pd.testing.assert_series_equal(whole, cut)


def test_canary_the_cutoff_instant_in_the_features_is_caught_at_the_boundary() -> None:
    without, with_it = at_the_cutoff()
    late = CUTOFF + timedelta(days=1)  # the mistake: `<=` instead of `<`, by one day
    with pytest.raises(AssertionError):
        pd.testing.assert_frame_equal(feature_frame(without, late), feature_frame(with_it, late))
