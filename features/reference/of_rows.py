"""Aggregations of days, returns and signals: each gives one value a customer with a row in the window."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.records import Feature
from features.reference.known import Known, in_units, measured, parameter_of, rows_of
from features.vocabulary import MONTH_DAYS, WEEK_DAYS


def total(known: Known, feature: Feature) -> pd.Series:
    """Sum of the measure."""
    rows = rows_of(known, feature)
    return in_units(feature, measured(rows, feature).groupby(rows["customer_id"]).sum())


def decayed_total(known: Known, feature: Feature) -> pd.Series:
    """Sum of the measure, which halves every `parameter` days."""
    rows = rows_of(known, feature)
    weight = np.exp2(-(known.today - rows["day"]) / parameter_of(feature))
    return in_units(feature, (measured(rows, feature) * weight).groupby(rows["customer_id"]).sum())


def days_since_last(known: Known, feature: Feature) -> pd.Series:
    """Days from the last row to the cutoff."""
    return known.today - rows_of(known, feature).groupby("customer_id")["day"].max()


def days_since_first(known: Known, feature: Feature) -> pd.Series:
    """Days from the first row to the cutoff."""
    return known.today - rows_of(known, feature).groupby("customer_id")["day"].min()


def last(known: Known, feature: Feature) -> pd.Series:
    """The measure on the last day."""
    rows = rows_of(known, feature).sort_values("day", kind="stable").drop_duplicates("customer_id", keep="last")
    return in_units(feature, measured(rows, feature).set_axis(rows["customer_id"]))


def active_weeks(known: Known, feature: Feature) -> pd.Series:
    """Number of weeks back with a row."""
    rows = rows_of(known, feature)
    return _periods_back(known, rows, WEEK_DAYS).groupby(rows["customer_id"]).nunique()


def weekly_slope(known: Known, feature: Feature) -> pd.Series:
    """Least-squares slope of the weekly sums, a week: covariance of week and sum by the variance of the weeks."""
    sums = _period_sums(known, feature, WEEK_DAYS, (feature.window_days or 0) // WEEK_DAYS)
    week = -pd.Series(sums.columns, index=sums.columns, dtype="float64")
    from_middle = week - week.mean()
    return in_units(feature, sums.mul(from_middle).sum(axis=1) / (from_middle**2).sum())


def best_period(known: Known, feature: Feature) -> pd.Series:
    """The measure's largest sum over a period of 28 days."""
    return in_units(feature, _months(known, feature).max(axis=1))


def periods_since_best(known: Known, feature: Feature) -> pd.Series:
    """How many periods of 28 days back the best one lies, the latest of equals; missing where none is above 0."""
    months = _months(known, feature)
    return months.idxmax(axis=1).where(months.max(axis=1) > 0)


def _months(known: Known, feature: Feature) -> pd.DataFrame:
    return _period_sums(known, feature, MONTH_DAYS, int(parameter_of(feature)))


def _period_sums(known: Known, feature: Feature, period_days: int, n_periods: int) -> pd.DataFrame:
    """One row a customer with a row in the window, one column a period back (0 the last): the measure's sums."""
    rows = rows_of(known, feature)
    back = _periods_back(known, rows, period_days)
    sums = measured(rows, feature).groupby([rows["customer_id"], back]).sum().unstack(fill_value=0)
    return sums.reindex(columns=range(n_periods), fill_value=0)


def _periods_back(known: Known, rows: pd.DataFrame, period_days: int) -> pd.Series:
    return (known.today - 1 - rows["day"]) // period_days
