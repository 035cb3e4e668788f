"""Days counted by Monday week, and which weeks the data covers whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from events.report.look import Look
from events.report.reading import Ints

_MONDAY = 3
"""Day 0 (1970-01-01) was a Thursday."""


def week_numbers(days: Ints) -> Ints:
    """The Monday week of each day number, counted from the week of 1970-01-01."""
    return np.asarray((days + _MONDAY) // windows.WEEK_DAYS)


def week_begins(weeks: Ints) -> npt.NDArray[np.datetime64]:
    """The Mondays of weeks."""
    return np.asarray((weeks * windows.WEEK_DAYS - _MONDAY).astype("datetime64[D]"))


def weekly(look: Look) -> pd.DataFrame:
    """One row a Monday week from the first sale to the last: `week`, `orders`, `customers`, `lines`, `is_whole`."""
    first, last = windows.day_number(look.first_on), windows.day_number(look.last_on)
    begin, end = (int(week_numbers(np.array([day]))[0]) for day in (first, last))
    weeks = np.arange(begin, end + 1)
    week = week_numbers(look.days) - begin
    seen = np.zeros(len(weeks), dtype=np.int64)
    for some in look.visits.parts():
        seen += np.bincount(some.distinct(week_numbers(some.day))[1] - begin, minlength=len(weeks))
    monday = weeks * windows.WEEK_DAYS - _MONDAY
    return pd.DataFrame(
        {
            "week": weeks,
            "orders": np.bincount(week, look.orders_on).astype(np.int64),
            "customers": seen,
            "lines": np.bincount(week, look.lines_on).astype(np.int64),
            "is_whole": (monday >= first) & (monday + windows.WEEK_DAYS - 1 <= last),
        }
    )
