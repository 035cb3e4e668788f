"""Whether a customer's facts meet a condition of `portraits.yaml`. A missing fact meets none."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.portrait_conditions import FLAGS, Comparator, Condition
from contracts.portrait_facts import FACTS, UNKNOWN

Flags = npt.NDArray[np.bool_]
ORDER: dict[Comparator, Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], Flags]] = {
    "at least": operator.ge,
    "at most": operator.le,
    "more than": operator.gt,
    "less than": operator.lt,
}
NEAR = 1e-9  # shares are quotients: 0.3 of 10 is not to fail by the last bit


def is_known(facts: pd.DataFrame, name: str) -> Flags:
    """Which customers have the fact: a number that is one, a text that says something, a flag either way."""
    said: Flags = facts[name].notna().to_numpy(dtype=bool)
    if FACTS[name].kind == "text":
        said = said & ~facts[name].isin(["", UNKNOWN]).to_numpy(dtype=bool)
    return said


def meets(facts: pd.DataFrame, condition: Condition) -> Flags:
    """Which customers meet one condition."""
    kind = FACTS[condition.fact].kind
    if kind == "number":
        return _meets_number(facts, condition)
    known = is_known(facts, condition.fact)
    if condition.comparator == "is known":
        return known
    values = [FLAGS[value] for value in condition.values] if kind == "flag" else list(condition.values)
    is_wanted = condition.comparator == "is"
    return np.asarray(known & (facts[condition.fact].isin(values).to_numpy(dtype=bool) == is_wanted))


def _meets_number(facts: pd.DataFrame, condition: Condition) -> Flags:
    values = facts[condition.fact].to_numpy(dtype=np.float64, na_value=np.nan)
    if condition.comparator == "is known":
        return np.asarray(~np.isnan(values))
    if condition.comparator == "between":
        return np.asarray((values >= condition.number - NEAR) & (values <= condition.upper + NEAR))
    limit = np.full(len(facts), condition.number)
    if condition.other:
        limit *= facts[condition.other].to_numpy(dtype=np.float64, na_value=np.nan)
    near = np.abs(values - limit) <= NEAR
    decided = ORDER[condition.comparator](values, limit)
    return np.asarray((decided | near) if condition.comparator in {"at least", "at most"} else (decided & ~near))


def meets_all(facts: pd.DataFrame, conditions: Iterable[Condition], reads: Iterable[str]) -> Flags:
    """Which customers meet every condition and have every fact of `reads`."""
    met = np.ones(len(facts), dtype=bool)
    for condition in conditions:
        met = met & meets(facts, condition)
    for name in reads:
        met = met & is_known(facts, name)
    return met
