"""The own-rhythm label: each customer's horizon follows from their gaps before the cutoff, and from nothing else."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise
from statistics import median

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts import windows
from contracts.errors import TimeError
from contracts.params import Params, Task
from features.customer_days import DayBook, day_book
from features.snapshots import horizons, lapsed, snapshots, usual_gap_days
from tests import stores

MULTIPLES = st.sampled_from([0.5, 1.1, 2.0, 3.0])


def own(params: Params, multiple: float = 3.0, shortest: int = 7, longest: int = 40) -> Task:
    changes = {
        "label": "own_rhythm",
        "rhythm_multiple": multiple,
        "horizon_days": shortest,
        "max_horizon_days": longest,
    }
    return params.task.model_copy(update={**changes, "value_horizon_days": 30, "min_purchase_days": 1})


def book(rows: list) -> DayBook:
    return day_book(stores.drawn_lines(rows), stores.ZONE)


def days_of(rows: list) -> dict[str, list[date]]:
    """Second route: each customer's purchase days from the drawn numbers, in plain Python."""
    found: dict[str, set[date]] = {}
    for who, day, *_ in rows:
        found.setdefault(who, set()).add(stores.FIRST_DAY + timedelta(days=day))
    return {who: sorted(days) for who, days in found.items()}


def slow_horizon(days: list[date], cutoff: date, task: Task) -> int:
    past = [day for day in days if day < cutoff]
    gaps = [(later - earlier).days for earlier, later in pairwise(past)]
    wanted = math.ceil(round(task.rhythm_multiple * median(gaps), 6)) if gaps else 0
    return min(max(wanted, task.horizon_days), task.max_horizon_days)


@given(rows=stores.STORES, at=st.integers(20, 140), multiple=MULTIPLES)
def test_horizon_and_label_equal_a_slow_second_route(rows, at: int, multiple: float, params: Params) -> None:
    cutoff, task = stores.FIRST_DAY + timedelta(days=at), own(params, multiple)
    end = cutoff + timedelta(days=task.label_days)
    days = book(rows).final
    ahead = horizons(days, cutoff, task)
    missed = lapsed(days, cutoff, end, task, ahead)
    for code, who in enumerate(days.customers):
        horizon = slow_horizon(days_of(rows)[who], cutoff, task)
        last = cutoff + timedelta(days=horizon)
        assert ahead[code] == horizon
        assert missed[code] == (not any(cutoff <= day < last for day in days_of(rows)[who]))


@given(rows=stores.STORES, later=stores.STORES)
def test_the_horizon_hangs_on_what_was_known_at_the_cutoff(rows, later, params: Params) -> None:
    cutoff, task = stores.FIRST_DAY + timedelta(days=98), own(params)
    before = [row for row in rows if row[1] < 98] or [("ann", 5, 10, 0, 3.0, 0.0)]
    after = [(who, 98 + day, *rest) for who, day, *rest in later]
    alone, followed = book(before).final, book([*before, *after]).final
    told = dict(zip(alone.customers, horizons(alone, cutoff, task), strict=True))
    assert {
        who: days for who, days in zip(followed.customers, horizons(followed, cutoff, task), strict=True) if who in told
    } == told


@given(rows=stores.STORES, horizon=st.integers(1, 30))
def test_flat_is_own_rhythm_whose_horizons_cannot_differ(rows, horizon: int, params: Params) -> None:
    lines = stores.drawn_lines([*rows, ("ann", 190, 9, 1, 5.0, 0.0)])
    first, end = (
        windows.monday_at_or_before(stores.FIRST_DAY + timedelta(days=70)),
        stores.FIRST_DAY + timedelta(days=191),
    )
    scored = windows.monday_at_or_before(end)
    plan = windows.Calendar((first,), (first,), (first + timedelta(weeks=6),), scored - timedelta(weeks=1), scored)
    same = own(params, 3.0, horizon, horizon)
    flat = same.model_copy(update={"label": "flat"})
    assert same.label_days == flat.label_days
    tables = [snapshots(day_book(lines, stores.ZONE), plan, end, task) for task in (same, flat)]
    pd.testing.assert_frame_equal(*tables)


def test_by_hand_a_monthly_guest_is_not_lost_after_four_weeks(params: Params) -> None:
    """Gaps of 30 days: horizon 90. The weekly guest (gaps of 7) is held to the shortest, 28."""
    rows = [("ann", day, 9, 1, 5.0, 0.0) for day in (0, 30, 60, 130)] + [
        ("bob", day, 9, 1, 5.0, 0.0) for day in (63, 70, 77, 130)
    ]
    days, cutoff, task = book(rows).final, stores.FIRST_DAY + timedelta(days=84), own(params, 3.0, 28, 100)
    assert usual_gap_days(days, cutoff).tolist() == [30.0, 7.0]
    assert horizons(days, cutoff, task).tolist() == [90, 28]
    end = cutoff + timedelta(days=100)
    assert lapsed(days, cutoff, end, task, horizons(days, cutoff, task)).tolist() == [False, True]
    with pytest.raises(TimeError, match="no label for cutoff"):
        lapsed(days, cutoff, end - timedelta(days=1), task)


def test_a_label_matures_with_the_longest_horizon(params: Params) -> None:
    task = own(params, longest=40).model_copy(update={"label_grace_days": 3})
    assert task.label_days == 43
    assert task.model_copy(update={"label": "flat"}).label_days == 10
    first = stores.FIRST_DAY + timedelta(days=14)
    plan = windows.Calendar((first,), (first,), (), first + timedelta(weeks=5), first + timedelta(weeks=6))
    days = book([("ann", 3, 9, 1, 5.0, 0.0)])
    for n_days, is_labelled in ((42, False), (43, True)):
        table = snapshots(days, plan, first + timedelta(days=n_days), task)
        assert table.loc[table["in_test_fit"], "lapsed"].notna().all() == is_labelled


def test_the_longest_horizon_is_not_shorter_than_the_shortest(params: Params) -> None:
    plain = {**params.task.model_dump(), "label": "own_rhythm", "horizon_days": 60, "max_horizon_days": 30}
    with pytest.raises(ValidationError, match="max_horizon_days: expected at least horizon_days"):
        Task.model_validate(plain)
    assert Task.model_validate({**plain, "label": "flat"}).label_days == 60


def test_a_purchase_booked_late_moves_the_label_and_no_horizon(params: Params) -> None:
    cutoff = stores.FIRST_DAY + timedelta(days=42)
    task = own(params, 3.0, 7, 40)
    rows = [("ann", day, 9, 1, 5.0, 0.0) for day in (10, 12, 14, 40, 60)]
    lines = stores.drawn_lines(rows)
    late = lines["ordered_on"].isin([pd.Timestamp(stores.FIRST_DAY + timedelta(days=day)) for day in (12, 14)])
    booked = windows.midnight(cutoff, stores.ZONE) + pd.Timedelta(days=3)
    lines = lines.assign(known_at=lines["ordered_at"].mask(late, booked))
    plan = windows.Calendar((cutoff,), (cutoff,), (), cutoff + timedelta(weeks=8), cutoff + timedelta(weeks=9))
    table = snapshots(day_book(lines, stores.ZONE), plan, cutoff + timedelta(days=60), task)
    row = table[table["in_test_fit"]].iloc[0]
    assert row["horizon_days"] == 40  # 3 × 30 days, cut at the longest; by now the gap would be 2 days
    assert not row["lapsed"]
    assert row["is_eligible"]
