"""The plain engine: features of one cutoff, one column after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import pandas as pd

from events.store import Events
from features.records import Feature
from features.reference.kinds import KINDS
from features.reference.known import Known, known_at


def columns_at(
    events: Events, cutoff: date, features: Sequence[Feature], horizon_days: int | pd.Series
) -> pd.DataFrame:
    """One row a customer with a purchase that counted before the cutoff (index `customer_id`, sorted).

    One float64 column a feature, in the given order, named by `Feature.name`. `horizon_days` is one for all, or by
    customer.
    """
    known = known_at(events, cutoff, horizon_days)
    made: dict[Feature, pd.Series] = {}
    for feature in _operands_first(features):
        if feature not in made:
            made[feature] = _column(known, feature, [made[operand] for operand in feature.operands])
    return pd.DataFrame({feature.name: made[feature] for feature in features}, index=known.customers)


def _operands_first(features: Iterable[Feature]) -> Iterable[Feature]:
    """The features, each after those that it is derived from."""
    for feature in features:
        yield from _operands_first(feature.operands)
        yield feature


def _column(known: Known, feature: Feature, operands: Sequence[pd.Series]) -> pd.Series:
    """The feature of every customer; `Feature.empty` where its kind gives none."""
    if known.customers.empty:
        return pd.Series(index=known.customers, dtype="float64")
    values = KINDS[feature.aggregation](known, feature, *operands)
    by_customer = values.set_axis(values.index.astype("str"))
    return by_customer.reindex(known.customers, fill_value=feature.empty).astype("float64")
