"""Aggregations of gaps: each gives one value a customer with a gap, of all gaps before the cutoff."""

from __future__ import annotations

import pandas as pd

from features.records import Feature
from features.reference.known import Known, parameter_of


def mean(known: Known, _: Feature) -> pd.Series:
    """Mean gap."""
    return known.gaps.groupby("customer_id")["gap"].mean()


def sd(known: Known, _: Feature) -> pd.Series:
    """Sample standard deviation; missing with one gap."""
    return known.gaps.groupby("customer_id")["gap"].std()


def quantile(known: Known, feature: Feature) -> pd.Series:
    """The `parameter`-quantile, interpolated."""
    return known.gaps.groupby("customer_id")["gap"].quantile(parameter_of(feature))


def mean_of_last(known: Known, feature: Feature) -> pd.Series:
    """Mean of the last `parameter` gaps."""
    return known.gaps.groupby("customer_id").tail(int(parameter_of(feature))).groupby("customer_id")["gap"].mean()


def silence_percentile(known: Known, _: Feature) -> pd.Series:
    """Share of gaps that the days since the last purchase day reach."""
    silence = known.today - known.days.groupby("customer_id")["day"].max()
    is_reached = known.gaps["gap"] <= _of_customer(known, silence)
    return _share(known, is_reached)


def regular_share(known: Known, feature: Feature) -> pd.Series:
    """Share of gaps within a day, or within `parameter` of it, of their median."""
    median = _of_customer(known, known.gaps.groupby("customer_id")["gap"].median())
    tolerance = (median * parameter_of(feature)).clip(lower=1.0)
    return _share(known, (known.gaps["gap"] - median).abs() <= tolerance)


def _share(known: Known, is_one: pd.Series) -> pd.Series:
    return is_one.astype("float64").groupby(known.gaps["customer_id"]).mean()


def _of_customer(known: Known, values: pd.Series) -> pd.Series:
    """Values by customer, once a gap."""
    return known.gaps["customer_id"].map(values).astype("float64")
