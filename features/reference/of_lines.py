"""Aggregations of lines, their codes and their orders: each gives one value a customer with such a line."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.records import Feature
from features.reference import prices
from features.reference.known import Known, in_units, measured, rows_of

ORDER = ["customer_id", "day", "order_id"]


def order_sd(known: Known, feature: Feature) -> pd.Series:
    """Sample standard deviation of the orders' amounts; empty below two."""
    rows = rows_of(known, feature)
    amounts = measured(rows, feature).groupby([rows[name] for name in ORDER]).sum()
    return in_units(feature, amounts.groupby("customer_id").std())


def distinct(known: Known, feature: Feature) -> pd.Series:
    """Number of distinct codes."""
    return _rows_by_code(known, feature).groupby("customer_id").size()


def entropy(known: Known, feature: Feature) -> pd.Series:
    """Shannon entropy of the codes, in nats."""
    share = _shares(known, feature)
    information: pd.Series = share * np.log(1 / share)
    return information.groupby("customer_id").sum()


def top_share(known: Known, feature: Feature) -> pd.Series:
    """Share of the most frequent code."""
    return _shares(known, feature).groupby("customer_id").max()


def _shares(known: Known, feature: Feature) -> pd.Series:
    n = _rows_by_code(known, feature)
    return n / n.groupby("customer_id").transform("sum")


def _rows_by_code(known: Known, feature: Feature) -> pd.Series:
    """How many rows of the window have the code, by customer and code."""
    rows = rows_of(known, feature)
    return rows.groupby(["customer_id", feature.measure]).size()


def line_mean(known: Known, feature: Feature) -> pd.Series:
    """Mean of the measure over the lines for which it is known."""
    values = _known_values(known, feature)
    return in_units(feature, values.groupby(known.lines["customer_id"]).mean())


def line_sum(known: Known, feature: Feature) -> pd.Series:
    """Sum of the measure over the lines for which it is known."""
    values = _known_values(known, feature)
    return in_units(feature, values.groupby(known.lines["customer_id"]).sum())


def _known_values(known: Known, feature: Feature) -> pd.Series:
    rows = rows_of(known, feature)
    price = prices.MEASURES.get(feature.measure)
    return (measured(rows, feature) if price is None else price(known, feature, rows)).dropna()
