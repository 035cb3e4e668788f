"""When, where and how customers shop: shares of their visits in the last half-year."""

from __future__ import annotations

import pandas as pd

# Local hours at which a part of the day begins; what lies before the first belongs to the last.
DAY_PARTS = {"morning": 5, "afternoon": 12, "evening": 17, "late": 21}
SATURDAY = 5


def visits(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and receipt: day, hour, store of its first line (lines are in time order); its lines."""
    groups = lines.groupby(["customer_id", "order_id"], observed=True)
    seen = groups[["ordered_on", "ordered_hour", "store_id"]].first()
    return seen.assign(n_lines=groups.size()).reset_index()


def day_part(hours: pd.Series) -> pd.Series:
    """The part of the day in which an hour lies.

    >>> day_part(pd.Series([4, 5, 12, 20, 23])).tolist()
    ['late', 'morning', 'afternoon', 'evening', 'late']
    """
    names = list(DAY_PARTS)
    part = pd.cut(
        hours, [-1, *(begin - 1 for begin in DAY_PARTS.values()), 23], labels=[names[-1], *names], ordered=False
    )
    return part.astype("str")


def habits(seen: pd.DataFrame) -> pd.DataFrame:
    """One row per customer: `n_visits`, `n_stores`, `lines_per_visit`; shares of visits by weekend, day part, store."""
    by_customer = seen.groupby("customer_id", observed=True)
    facts = pd.DataFrame({"n_visits": by_customer.size(), "n_stores": by_customer["store_id"].nunique()})
    weekend = (seen["ordered_on"].dt.day_of_week >= SATURDAY).astype("float64")
    facts["weekend_share"] = weekend.groupby(seen["customer_id"], observed=True).mean()
    part = day_part(seen["ordered_hour"])
    for name in DAY_PARTS:
        facts[f"{name}_share"] = (part == name).groupby(seen["customer_id"], observed=True).mean()
    per_store = seen.groupby(["customer_id", "store_id"], observed=True).size()
    facts["store_share"] = per_store.groupby("customer_id", observed=True).max() / facts["n_visits"]
    facts["lines_per_visit"] = by_customer["n_lines"].mean()
    return facts
