"""Why a customer for whom an offer would have paid has none: the limits that bind the plan and touch that offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from offers.catalogue import Catalogue
from offers.limits import Limit
from offers.optimiser import Choice

PARITY = "fairness between tiers"
ELSEWHERE = "Others had more to gain from what this customer could be offered."


def passed_over(
    priced: pd.DataFrame, n_customers: int, limits: Sequence[Limit], choice: Choice, catalogue: Catalogue
) -> pd.Series:
    """One sentence for each customer (by position), true if an offer would have paid and the plan gives them none."""
    known = _names(catalogue)
    pays = priced["expected_profit"].to_numpy(dtype=float) > 0
    touched: list[list[str]] = [[] for _ in range(n_customers)]
    for limit in limits:
        if limit.name in choice.binding:
            name = known.get(limit.name, PARITY)
            for customer in np.unique(priced["customer"].to_numpy()[pays & (limit.weights > 0)]):
                if name not in touched[customer]:
                    touched[customer].append(name)
    return pd.Series([sentence(names) for names in touched], dtype="str")


def sentence(names: Iterable[str]) -> str:
    """The limits in words.

    >>> sentence(["the budget", "fairness between tiers"])
    'Others had more to gain within the limits reached this week: the budget, fairness between tiers.'
    """
    listed = ", ".join(names)
    return f"Others had more to gain within the limits reached this week: {listed}." if listed else ELSEWHERE


def _names(catalogue: Catalogue) -> dict[str, str]:
    """How each limit that is not about parity is called in a sentence."""
    return (
        {"budget": "the budget", "capacity": "the number of contacts"}
        | {f"capacity of {c.id}": f"the number of contacts by {c.name}" for c in catalogue.channels}
        | {f"capacity of {o.id}": f"the weekly number of '{o.id}'" for o in catalogue.offers}
    )
