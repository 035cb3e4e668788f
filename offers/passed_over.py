"""Why a customer for whom an offer would have paid has none: the limits that bind the plan and touch that offer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from offers.catalogue import Catalogue
from offers.limits import Limits
from offers.optimiser.choice import Choice
from offers.optimiser.problem import Row

PARITY = "fairness between tiers"
ELSEWHERE = "Others had more to gain from what this customer could be offered."


def passed_over(
    priced: pd.DataFrame, n_customers: int, limits: Limits, choice: Choice, catalogue: Catalogue
) -> pd.Series:
    """One sentence for each customer (by position), true if an offer would have paid and the plan gives them none."""
    known = _names(limits, catalogue)
    pays = priced["expected_profit"].to_numpy(dtype=float) > 0
    touched: dict[str, npt.NDArray[np.bool_]] = {}
    for row in limits.rows:
        if row.name in choice.binding:
            by_name = touched.setdefault(known[row.name], np.zeros(n_customers, dtype=bool))
            by_name[priced["customer"].to_numpy()[pays & (_weights(priced, limits, row) > 0)]] = True
    return _sentences(touched, n_customers)


def _weights(priced: pd.DataFrame, limits: Limits, row: Row) -> npt.NDArray[np.float64]:
    """What each candidate weighs in a row."""
    kind, pair = limits.kind[priced["customer"].to_numpy()], limits.pair_of(priced)
    weights = np.zeros(len(priced)) if row.per_contact is None else row.per_contact[kind, pair]
    if row.per_cost is not None:
        weights = weights + row.per_cost[kind, pair] * priced["offer_cost"].to_numpy(dtype=float)
    return weights


def _sentences(touched: dict[str, npt.NDArray[np.bool_]], n_customers: int) -> pd.Series:
    """Customers of whom the same limits are true share one sentence."""
    if not touched:
        return pd.Series([ELSEWHERE] * n_customers, dtype="str")
    marks = np.column_stack(list(touched.values()))
    packed, which = np.unique(np.packbits(marks, axis=1), axis=0, return_inverse=True)
    patterns = np.unpackbits(packed, axis=1, count=len(touched)).astype(bool)
    texts = [sentence(name for name, is_on in zip(touched, on, strict=True) if is_on) for on in patterns]
    return pd.Series(np.array(texts, dtype=object)[which.ravel()], dtype="str")


def sentence(names: Iterable[str]) -> str:
    """The limits in words.

    >>> sentence(["the budget", "fairness between tiers"])
    'Others had more to gain within the limits reached this week: the budget, fairness between tiers.'
    """
    listed = ", ".join(names)
    return f"Others had more to gain within the limits reached this week: {listed}." if listed else ELSEWHERE


def _names(limits: Limits, catalogue: Catalogue) -> dict[str, str]:
    """How each limit is called in a sentence to whom it concerns: parity rows all alike, the others by their words."""
    own = {f"capacity of {o.id}": f"the weekly number of '{o.id}'" for o in catalogue.offers}
    return {row.name: PARITY if row.name.startswith("parity ") else own.get(row.name, row.words) for row in limits.rows}
