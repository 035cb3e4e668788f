from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import windows
from contracts.errors import TimeError

NEW_YORK = "America/New_York"
YEAR = {
    "first_sale_on": date(2017, 1, 1),
    "end": date(2018, 1, 1),
    "horizon_days": 28,
    "grace_days": 0,
    "min_history_days": 56,
    "n_test": 4,
    "train_every_weeks": 2,
}


def test_local_midnight_follows_daylight_saving() -> None:
    assert windows.midnight(date(2017, 1, 2), NEW_YORK) == pd.Timestamp("2017-01-02 05:00", tz="UTC")
    assert windows.midnight(date(2017, 7, 3), NEW_YORK) == pd.Timestamp("2017-07-03 04:00", tz="UTC")


def test_a_late_evening_belongs_to_its_local_day() -> None:
    instants = pd.Series(pd.to_datetime(["2017-06-02 03:30", "2017-06-02 04:30"], utc=True))
    assert windows.local_dates(instants, NEW_YORK).dt.date.tolist() == [date(2017, 6, 1), date(2017, 6, 2)]
    assert windows.local_hours(instants, NEW_YORK).tolist() == [23, 0]


def test_the_calendar_of_complete_journey() -> None:
    plan = windows.calendar(**YEAR)
    assert plan.test == (date(2017, 11, 13), date(2017, 11, 20), date(2017, 11, 27), date(2017, 12, 4))
    assert plan.scored == date(2018, 1, 1)
    assert plan.previous == date(2017, 12, 25)
    assert plan.fit[-1] == date(2017, 10, 16)
    assert plan.fit[0] == date(2017, 3, 6)
    assert plan.release[-1] == date(2017, 11, 27)


@given(
    days=st.integers(150, 900),
    horizon=st.integers(1, 60),
    grace=st.integers(0, 10),
    n_test=st.integers(1, 4),
    every=st.integers(1, 4),
)
def test_every_calendar_keeps_the_time_rule(days: int, horizon: int, grace: int, n_test: int, every: int) -> None:
    first = date(2015, 1, 1)
    end = first + timedelta(days=days)
    options = {"horizon_days": horizon, "grace_days": grace, "n_test": n_test, "train_every_weeks": every}
    try:
        plan = windows.calendar(first, end, min_history_days=30, **options)
    except TimeError:
        return
    assert all(day.weekday() == 0 for day in plan.all)
    assert max(plan.fit) + timedelta(days=horizon + grace) <= min(plan.test)
    assert all(windows.is_matured(day, horizon, end, grace) for day in (*plan.release, *plan.test))
    assert min(plan.fit) >= first + timedelta(days=30)
    assert plan.scored <= end < plan.scored + timedelta(days=7)


def test_too_short_a_history_is_refused_with_the_remedy() -> None:
    with pytest.raises(TimeError, match=r"lower snapshot\.n_test_cutoffs"):
        windows.calendar(**{**YEAR, "end": date(2017, 4, 1)})


def test_a_window_that_ends_at_data_end_is_complete_and_one_day_later_is_not() -> None:
    assert windows.is_matured(date(2017, 12, 4), 28, date(2018, 1, 1))
    assert not windows.is_matured(date(2017, 12, 4), 28, date(2018, 1, 1), grace_days=1)
    with pytest.raises(TimeError, match="no label for cutoff 2017-12-05"):
        windows.refuse_unmatured(date(2017, 12, 5), 28, date(2018, 1, 1))


def test_overlap_is_refused_to_the_day() -> None:
    windows.refuse_overlap([date(2017, 10, 16)], [date(2017, 11, 13)], 28)
    with pytest.raises(TimeError, match="leak refused"):
        windows.refuse_overlap([date(2017, 10, 17)], [date(2017, 11, 13)], 28)


def test_rows_before_are_half_open_and_heed_known_at() -> None:
    edges = ["2017-01-08 23:59:59", "2017-01-09 00:00:00", "2017-01-15 23:59:59", "2017-01-16 00:00:00"]
    at = pd.Series(pd.to_datetime(edges)).dt.as_unit("us").dt.tz_localize(NEW_YORK).dt.tz_convert("UTC")
    frame = pd.DataFrame({"ordered_at": at})
    assert windows.rows_before(frame, date(2017, 1, 9), NEW_YORK).index.tolist() == [0]
    assert windows.rows_before(frame, date(2017, 1, 16), NEW_YORK).index.tolist() == [0, 1, 2]
    late = frame.assign(known_at=[at[3], at[1], pd.NaT, pd.NaT])
    assert windows.rows_before(late, date(2017, 1, 9), NEW_YORK).index.tolist() == []
    assert windows.rows_before(late, date(2017, 1, 17), NEW_YORK).index.tolist() == [0, 1, 2, 3]


def test_a_response_known_by_its_day_counts_from_the_next() -> None:
    day = pd.Series(pd.to_datetime(["2017-01-08"]).as_unit("us"))
    ended = windows.day_ends(day, NEW_YORK)
    assert (ended < windows.midnight(date(2017, 1, 9), NEW_YORK)).all()
    assert (ended >= windows.midnight(date(2017, 1, 8), NEW_YORK)).all()


def test_the_label_window_begins_at_the_cutoff_and_ends_before_its_last_day() -> None:
    cutoff = date(2017, 3, 6)
    begin = windows.day_number(cutoff)
    days = np.array([begin - 1, begin, begin + 27, begin + 28])
    assert windows.following(days, cutoff, 28).tolist() == [False, True, True, False]
    assert windows.trailing(days, cutoff, 1).tolist() == [True, False, False, False]
