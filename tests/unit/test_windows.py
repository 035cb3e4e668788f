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


CUTOFF = date(2017, 3, 6)
AROUND = np.array([windows.day_number(CUTOFF) + k for k in (-2, -1, 0, 1)])


def test_what_is_before_a_cutoff_is_so_to_the_day() -> None:
    assert windows.days_before(AROUND, CUTOFF).tolist() == [True, True, False, False]
    assert windows.n_days_before(np.repeat(AROUND, 3), CUTOFF) == 6
    assert windows.n_days_before(AROUND[:0], CUTOFF) == 0
    assert windows.trailing(AROUND, CUTOFF, 1, skip_days=1).tolist() == [True, False, False, False]
    assert windows.trailing(AROUND, CUTOFF, 2, skip_days=0).tolist() == [True, True, False, False]
    assert not windows.is_later(CUTOFF, CUTOFF)
    assert windows.is_later(CUTOFF + timedelta(days=1), CUTOFF)


def test_a_row_counts_from_the_day_after_it_was_known_until_its_undoing_was() -> None:
    never = np.full(4, np.iinfo(np.int64).max)
    assert windows.counts_at(AROUND, never, CUTOFF).tolist() == [True, True, False, False]
    assert windows.counts_at(np.full(4, AROUND[0] - 9), AROUND, CUTOFF).tolist() == [False, False, True, True]
    assert not windows.counts_at(AROUND[3:], AROUND[3:], CUTOFF).any()


def test_days_of_the_store_begin_and_end_at_its_own_midnight() -> None:
    """The clocks of New York went forward on 2017-03-12: that day has 23 hours."""
    edges = ["2017-03-12 04:59:59", "2017-03-12 05:00", "2017-03-13 03:59:59", "2017-03-13 04:00"]
    at = pd.Series(pd.to_datetime(edges, format="ISO8601", utc=True))
    assert windows.is_before_day(at, date(2017, 3, 12), NEW_YORK).tolist() == [True, False, False, False]
    assert windows.is_after_day(at, date(2017, 3, 12), NEW_YORK).tolist() == [False, False, False, True]
    assert windows.is_after_day(at, date(2017, 3, 11), NEW_YORK).tolist() == [False, True, True, True]


def test_rows_without_instants_count_once_they_were_known() -> None:
    known = pd.Series(pd.to_datetime(["2017-03-06 04:59:59", "2017-03-06 05:00:00", None], utc=True))
    frame = pd.DataFrame({"value": [1, 2, 3]})
    assert windows.known_before(frame, CUTOFF, NEW_YORK) is frame
    assert windows.known_before(frame.assign(known_at=known), CUTOFF, NEW_YORK)["value"].tolist() == [1, 3]


def test_an_undone_row_counts_until_its_undoing_was_known() -> None:
    at = pd.Series(pd.to_datetime(["2017-03-01"] * 3, utc=True))
    undone = pd.Series(pd.to_datetime(["2017-03-06 04:59:59", "2017-03-06 05:00:00", None], utc=True))
    frame = pd.DataFrame({"ordered_at": at, "undone_at": undone})
    assert windows.rows_before(frame, CUTOFF, NEW_YORK).index.tolist() == [1, 2]


@given(st.dates(date(1990, 1, 1), date(2060, 12, 31)))
def test_a_week_is_its_monday(day: date) -> None:
    monday = windows.monday_at_or_before(day)
    assert windows.monday_of(windows.iso_week(monday)) == monday
    assert monday.weekday() == 0
    assert timedelta(0) <= day - monday < timedelta(days=7)


def test_matured_mondays_are_the_latest_so_many_weeks_apart() -> None:
    found = windows.matured_mondays(date(2018, 1, 1), 28, n=3, every_weeks=2)
    assert found == (date(2017, 11, 6), date(2017, 11, 20), date(2017, 12, 4))
    assert windows.matured_mondays(date(2017, 12, 31), 28, n=1) == (date(2017, 11, 27),)


def test_what_a_label_waits_for_is_said_with_its_grace() -> None:
    windows.refuse_unmatured(date(2017, 12, 4), 28, date(2018, 1, 4), grace_days=3)
    with pytest.raises(TimeError) as refused:
        windows.refuse_unmatured(date(2017, 12, 4), 28, date(2018, 1, 3), grace_days=3)
    assert str(refused.value) == (
        "no label for cutoff 2017-12-04: expected data to 2018-01-04, got data to 2018-01-03; "
        "choose an earlier cutoff or a shorter horizon"
    )


def test_overlap_is_refused_with_the_days_that_would_do() -> None:
    windows.refuse_overlap([], [date(2017, 11, 13)], 28)
    windows.refuse_overlap([date(2017, 10, 17)], [], 28)
    with pytest.raises(TimeError) as refused:
        windows.refuse_overlap([date(2017, 9, 1), date(2017, 10, 17)], [date(2017, 11, 20), date(2017, 11, 13)], 28)
    assert str(refused.value) == (
        "leak refused: fitting windows end 2017-11-14, judged cutoffs begin 2017-11-13; "
        "expected the last fitting cutoff at or before 2017-10-16"
    )


def test_the_release_grid_goes_on_where_the_fit_grid_ends_each_cutoff_once() -> None:
    plan = windows.calendar(**YEAR)
    fortnights = [plan.fit[0] + timedelta(weeks=2 * k) for k in range(len(plan.release))]
    assert list(plan.release) == fortnights
    assert plan.release[: len(plan.fit)] == plan.fit
    assert plan.as_json(YEAR["end"]) == {
        "data_end": "2018-01-01",
        "scored": "2018-01-01",
        "previous": "2017-12-25",
        "test": ["2017-11-13", "2017-11-20", "2017-11-27", "2017-12-04"],
        "fit": [str(day) for day in fortnights[:17]],
        "release": [str(day) for day in fortnights],
    }
    assert windows.read_days(plan.as_json(YEAR["end"])) == {
        "data_end": (date(2018, 1, 1),),
        **{name: getattr(plan, name) for name in ("test", "fit", "release")},
        **{name: (getattr(plan, name),) for name in ("scored", "previous")},
    }


def test_a_shop_without_labels_needs_a_sale_before_its_monday() -> None:
    plan = windows.unlabelled(date(2017, 12, 31), date(2018, 1, 3))
    assert plan.all == (date(2017, 12, 25), date(2018, 1, 1))
    with pytest.raises(TimeError) as refused:
        windows.unlabelled(date(2018, 1, 1), date(2018, 1, 3))
    assert str(refused.value) == (
        "history too short: sales from 2018-01-01 to 2018-01-03, expected a sale before Monday 2018-01-01; "
        "run again after next Monday"
    )


def test_own_horizons_are_whole_days_upwards_and_forgive_rounding() -> None:
    gaps = np.array([50.0, 25.0, np.nan, 1000.0, 10.1])  # 1.1 × 50 is 55.00000000000001 in doubles
    found = windows.own_horizons(gaps, 1.1, 1, 90)
    assert found.tolist() == [55, 28, 1, 90, 12]
    assert found.dtype == np.int64


def test_days_until_are_whole_and_missing_where_the_day_is() -> None:
    days = pd.Series(pd.to_datetime(["2017-03-05", "2017-03-06", "2017-03-08", None]).as_unit("us"), [7, 8, 9, 10])
    found = windows.days_until(days, CUTOFF)
    assert found.index.tolist() == [7, 8, 9, 10]
    assert found.to_numpy()[:3].tolist() == [1.0, 0.0, -2.0]
    assert np.isnan(found.to_numpy()[3])


def test_what_became_known_at_the_very_cutoff_was_not_known_before_it() -> None:
    at = pd.Series(pd.to_datetime(["2017-03-01", "2017-03-01", "2017-03-07"], utc=True))
    cutoff = windows.midnight(CUTOFF, NEW_YORK)
    known = pd.Series([cutoff, cutoff - pd.Timedelta(microseconds=1), pd.NaT])
    frame = pd.DataFrame({"ordered_at": at, "known_at": known, "undone_at": pd.Series([pd.NaT] * 3, dtype=at.dtype)})
    assert windows.rows_before(frame, CUTOFF, NEW_YORK).index.tolist() == [1]


def test_a_day_ends_one_microsecond_before_the_next_begins() -> None:
    days = pd.Series(pd.to_datetime(["2017-03-11", "2017-03-12"]).as_unit("us"))
    begun = [windows.midnight(date(2017, 3, 12), NEW_YORK), windows.midnight(date(2017, 3, 13), NEW_YORK)]
    assert (windows.day_ends(days, NEW_YORK) + pd.Timedelta(microseconds=1)).tolist() == begun
    assert windows.day_begins(days, NEW_YORK)[1] == begun[0]


def test_without_grace_and_every_week_is_what_is_meant_where_nothing_is_said() -> None:
    windows.refuse_unmatured(date(2017, 12, 4), 28, date(2018, 1, 1))
    assert windows.matured_mondays(date(2018, 1, 1), 28, n=2) == (date(2017, 11, 27), date(2017, 12, 4))
    plan = windows.unlabelled(date(2017, 12, 31), date(2018, 1, 3))
    assert (plan.fit, plan.release, plan.test) == ((), (), ())


def test_days_and_their_numbers() -> None:
    assert windows.data_end(date(2017, 12, 31)) == date(2018, 1, 1)
    assert (windows.day_number(date(1970, 1, 2)), windows.day_of(1)) == (1, date(1970, 1, 2))
    assert windows.day_of(windows.day_number(CUTOFF)) == CUTOFF
    days = pd.Series(pd.to_datetime(["1970-01-01", "2017-03-06"]))
    assert windows.day_numbers(days).tolist() == [0, windows.day_number(CUTOFF)]
    assert windows.day_numbers(days.astype("datetime64[us]")).dtype == np.int64
