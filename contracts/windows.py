"""The one module that owns time: cutoffs, horizons, data end, and what is before or within.

A *cutoff* is a local midnight in the store's time zone, written as its date. Windows are half-open: what happens at
the cutoff itself belongs to the label, never to a feature. No other module compares a timestamp with a cutoff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import TimeError

WEEK_DAYS = 7
DAY_US = 86_400_000_000
CUTOFF_NAMES = ("data_end", "scored", "previous", "test", "fit", "release")


class HistoryError(TimeError):
    """The history leaves no training cutoff, so that no model can be fitted."""


def midnight(day: date, time_zone: str) -> pd.Timestamp:
    """The instant (UTC) at which a local day begins in `time_zone`."""
    return pd.Timestamp(day).tz_localize(ZoneInfo(time_zone)).tz_convert("UTC")


def local_dates(instants: pd.Series, time_zone: str) -> pd.Series:
    """The local calendar day of each instant, as naive midnights (`datetime64`)."""
    local: pd.Series = instants.dt.tz_convert(ZoneInfo(time_zone)).dt.tz_localize(None).dt.normalize()
    return local


def local_hours(instants: pd.Series, time_zone: str) -> pd.Series:
    """The local hour of day (0 to 23) of each instant."""
    hours: pd.Series = instants.dt.tz_convert(ZoneInfo(time_zone)).dt.hour.astype("int8")
    return hours


def day_begins(days: pd.Series, time_zone: str) -> pd.Series:
    """The instants (UTC) at which local days begin."""
    instants: pd.Series = days.dt.as_unit("us").dt.tz_localize(ZoneInfo(time_zone)).dt.tz_convert("UTC")
    return instants


def day_ends(days: pd.Series, time_zone: str) -> pd.Series:
    """The last microseconds (UTC) of local days: what is known only by its day is known at its end."""
    return day_begins(days + pd.Timedelta(days=1), time_zone) - pd.Timedelta(microseconds=1)


def is_before_day(instants: pd.Series, day: date, time_zone: str) -> npt.NDArray[np.bool_]:
    """Which instants lie before the local day `day`."""
    return (instants < midnight(day, time_zone)).to_numpy(dtype=bool)


def is_after_day(instants: pd.Series, day: date, time_zone: str) -> npt.NDArray[np.bool_]:
    """Which instants lie after the local day `day`."""
    return (instants >= midnight(day + timedelta(days=1), time_zone)).to_numpy(dtype=bool)


def data_end(last_sale_on: date) -> date:
    """The day after the last day with a sale: its midnight is the end of what the data can say."""
    return last_sale_on + timedelta(days=1)


def monday_at_or_before(day: date) -> date:
    """
    >>> monday_at_or_before(date(2018, 1, 3))
    datetime.date(2018, 1, 1)
    """
    return day - timedelta(days=day.weekday())


def iso_week(day: date) -> str:
    """The ISO week that a Monday opens.

    >>> iso_week(date(2018, 1, 1))
    '2018-W01'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def monday_of(week: str) -> date:
    """The Monday that opens an ISO week: `iso_week` undone.

    >>> monday_of("2018-W01")
    datetime.date(2018, 1, 1)
    """
    year, number = week.split("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def is_matured(cutoff: date, window_days: int, end: date, grace_days: int = 0) -> bool:
    """Whether the window `[cutoff, cutoff + window_days)` and its grace have passed at data end."""
    return cutoff + timedelta(days=window_days + grace_days) <= end


def refuse_unmatured(cutoff: date, window_days: int, end: date, grace_days: int = 0) -> None:
    """Raise `TimeError` for a window that the data does not cover to its end."""
    if not is_matured(cutoff, window_days, end, grace_days):
        needed = cutoff + timedelta(days=window_days + grace_days)
        raise TimeError(
            f"no label for cutoff {cutoff}: expected data to {needed}, got data to {end}; "
            "choose an earlier cutoff or a shorter horizon"
        )


def is_later(day: date, cutoff: date) -> bool:
    """Whether a day lies after a cutoff's: what became known on it was not known at the cutoff."""
    return day > cutoff


def refuse_overlap(fit_cutoffs: Sequence[date], judged_cutoffs: Sequence[date], label_days: int) -> None:
    """Raise `TimeError` if any fitting label (horizon and grace) is known only after the first judged cutoff."""
    if not fit_cutoffs or not judged_cutoffs:
        return
    last_end = max(fit_cutoffs) + timedelta(days=label_days)
    if last_end > min(judged_cutoffs):
        raise TimeError(
            f"leak refused: fitting windows end {last_end}, judged cutoffs begin {min(judged_cutoffs)}; "
            f"expected the last fitting cutoff at or before {min(judged_cutoffs) - timedelta(days=label_days)}"
        )


@dataclass(frozen=True)
class Calendar:
    """The cutoffs of one run. Every date is a Monday; windows are `horizon_days` long.

    `fit` serve the test fit (their windows end before the first test cutoff), `release` is `fit` and every later
    matured cutoff on the same grid, `test` are judged, `previous` and `scored` are this week and the one before.
    """

    fit: tuple[date, ...]
    release: tuple[date, ...]
    test: tuple[date, ...]
    previous: date
    scored: date

    @property
    def all(self) -> tuple[date, ...]:
        """Every cutoff once, in order."""
        return tuple(sorted({*self.release, *self.test, self.previous, self.scored}))

    def as_json(self, end: date) -> dict[str, str | list[str]]:
        """The cutoffs as plain data, with the data end that they were laid out for."""
        return {
            "data_end": end.isoformat(),
            "scored": self.scored.isoformat(),
            "previous": self.previous.isoformat(),
            "test": [day.isoformat() for day in self.test],
            "fit": [day.isoformat() for day in self.fit],
            "release": [day.isoformat() for day in self.release],
        }


def read_days(plain: dict[str, str | list[str]]) -> dict[str, tuple[date, ...]]:
    """The cutoffs as `Calendar.as_json` wrote them, each name with its dates (a single date as a tuple of one)."""
    return {
        name: tuple(date.fromisoformat(day) for day in ([days] if isinstance(days, str) else days))
        for name, days in plain.items()
        if name in CUTOFF_NAMES
    }


def unlabelled(first_sale_on: date, end: date) -> Calendar:
    """The cutoffs of a shop without labels to learn from: this week and the one before, none fitted, none judged.

    Raises:
        TimeError: no sale lies before the scored Monday.
    """
    scored = monday_at_or_before(end)
    if first_sale_on >= scored:
        raise TimeError(
            f"history too short: sales from {first_sale_on} to {end}, expected a sale before Monday {scored}; "
            "run again after next Monday"
        )
    return Calendar((), (), (), scored - timedelta(weeks=1), scored)


def calendar(
    first_sale_on: date,
    end: date,
    *,
    horizon_days: int,
    grace_days: int,
    min_history_days: int,
    n_test: int,
    train_every_weeks: int,
) -> Calendar:
    """Lay out a run's cutoffs over the days from `first_sale_on` to data `end`.

    The last `n_test` matured Mondays are test cutoffs. The training grid ends one horizon before the first of them and
    runs backwards every `train_every_weeks` while `min_history_days` of sales lie before the cutoff.

    Raises:
        HistoryError: the history leaves no training cutoff.
    """
    scored = monday_at_or_before(end)
    last = monday_at_or_before(end - timedelta(days=horizon_days + grace_days))
    test = tuple(last - timedelta(weeks=k) for k in reversed(range(n_test)))
    label_days = horizon_days + grace_days
    anchor = monday_at_or_before(test[0] - timedelta(days=label_days))
    earliest = first_sale_on + timedelta(days=min_history_days)
    step = timedelta(weeks=train_every_weeks)
    backwards = [anchor - k * step for k in range(max(0, (anchor - earliest) // step + 1))]
    forwards = [anchor + k * step for k in range(1, (last - anchor) // step + 1)]
    if not backwards:
        raise HistoryError(
            f"history too short: sales from {first_sale_on} to {end} leave no training cutoff by {anchor}; expected "
            f"{min_history_days} days of sales before it; lower snapshot.n_test_cutoffs or snapshot.min_history_days"
        )
    fit = tuple(sorted(backwards))
    refuse_overlap(fit, test, label_days)
    return Calendar(fit, (*fit, *forwards), test, scored - timedelta(weeks=1), scored)


def matured_mondays(end: date, label_days: int, n: int, every_weeks: int = 1) -> tuple[date, ...]:
    """The latest `n` Mondays, `every_weeks` apart, whose label windows (horizon and grace) had passed at data end.

    >>> [str(day) for day in matured_mondays(date(2018, 1, 3), 28, n=2)]
    ['2017-11-27', '2017-12-04']
    """
    last = monday_at_or_before(end - timedelta(days=label_days))
    return tuple(last - timedelta(weeks=k * every_weeks) for k in reversed(range(n)))


def rows_before(frame: pd.DataFrame, cutoff: date, time_zone: str, column: str = "ordered_at") -> pd.DataFrame:
    """The rows whose instant lies strictly before the cutoff, as far as they were known then.

    Rows that became known only later (`known_at`) are left out, and purchases whose undoing was known (`undone_at`).
    """
    instant = midnight(cutoff, time_zone)
    keep = frame[column] < instant
    if "known_at" in frame.columns:
        keep &= frame["known_at"].isna() | (frame["known_at"] < instant)
    if "undone_at" in frame.columns:
        keep &= ~(frame["undone_at"] < instant)
    return frame[keep]


def known_before(frame: pd.DataFrame, cutoff: date, time_zone: str) -> pd.DataFrame:
    """The rows of a table without instants that were known before the cutoff; all where it does not say."""
    if "known_at" not in frame.columns:
        return frame
    return frame[frame["known_at"].isna() | (frame["known_at"] < midnight(cutoff, time_zone))]


def counts_at(known: npt.NDArray[np.int64], undone: npt.NDArray[np.int64], cutoff: date) -> npt.NDArray[np.bool_]:
    """Which rows counted at the cutoff, by the day numbers on which they became known and were undone."""
    day = day_number(cutoff)
    return (known < day) & (undone >= day)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def day_of(number: int) -> date:
    """The date of a day number."""
    return date(1970, 1, 1) + timedelta(days=number)


def day_numbers(days: pd.Series) -> npt.NDArray[np.int64]:
    """Days since 1970-01-01 of a column of naive midnights."""
    return days.to_numpy().astype("datetime64[D]").astype(np.int64)


def days_before(days: npt.NDArray[np.int64], cutoff: date) -> npt.NDArray[np.bool_]:
    """Which day numbers lie strictly before the cutoff."""
    return days < day_number(cutoff)


def n_days_before(days: npt.NDArray[np.int64], cutoff: date) -> int:
    """How many of the sorted day numbers lie strictly before the cutoff."""
    return int(np.searchsorted(days, day_number(cutoff), side="left"))


def trailing(days: npt.NDArray[np.int64], cutoff: date, window_days: int, skip_days: int = 0) -> npt.NDArray[np.bool_]:
    """Which day numbers fall in the `window_days` that end `skip_days` before the cutoff."""
    end = day_number(cutoff) - skip_days
    return (days < end) & (days >= end - window_days)


def following(
    days: npt.NDArray[np.int64], cutoff: date, window_days: int | npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which day numbers fall in the `window_days` that begin at the cutoff; each day may have a window of its own."""
    begin = day_number(cutoff)
    return (days >= begin) & (days < begin + window_days)


def own_horizons(
    usual_gap_days: npt.NDArray[np.float64], multiple: float, shortest_days: int, longest_days: int
) -> npt.NDArray[np.int64]:
    """Days that each customer's label looks ahead: `multiple` usual gaps, upwards, within shortest and longest.

    Whoever has no gap yet gets the shortest.

    >>> own_horizons(np.array([2.0, 30.5, 90.0, np.nan]), 3.0, 28, 182).tolist()
    [28, 92, 182, 28]
    """
    wanted = np.ceil(np.round(multiple * np.nan_to_num(usual_gap_days, nan=0.0), 6))
    return np.asarray(np.clip(wanted, shortest_days, longest_days).astype(np.int64))


def days_until(days: pd.Series, instant_on: date) -> pd.Series:
    """Whole days from each naive midnight to `instant_on`; missing where the day is."""
    elapsed = np.datetime64(instant_on) - days.to_numpy().astype("datetime64[us]")
    whole = np.floor(elapsed.astype(np.int64) / DAY_US)
    return pd.Series(np.where(np.isnat(elapsed), np.nan, whole), index=days.index, name=days.name)
