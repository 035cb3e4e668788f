"""When, where and how customers shop: shares of their visits in the last half-year."""

from __future__ import annotations

import pandas as pd

from contracts.portrait_facts import UNKNOWN
from portraits.known import aligned

# Local hours at which a part of the day begins; what lies before the first belongs to the last.
DAY_PARTS = {"morning": 5, "afternoon": 12, "evening": 17, "late": 21}
SATURDAY = 5


def visits(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and receipt: day, hour, store, channel of its first line (in time order); its lines.

    Of lines at one time the first by store and channel, so that nothing hangs on the order of rows.
    """
    told = ["ordered_on", "ordered_hour", "store_id", "channel"]
    groups = lines.sort_values(told, kind="stable").groupby(["customer_id", "order_id"], observed=True)
    seen = groups[told].first()
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


def known_channels(seen: pd.DataFrame) -> frozenset[str]:
    """The channels of some visits."""
    return frozenset(seen.loc[seen["channel"] != UNKNOWN, "channel"].astype("str").unique())


def habits(seen: pd.DataFrame) -> pd.DataFrame:
    """One row per customer, from the rows of `visits`.

    `n_visits`, `lines_per_visit`; shares of visits by weekend and day part; of stores and of channels, how many, the
    share of the one used most and, for channels, which it is.
    """
    by_customer = seen.groupby("customer_id", observed=True)
    facts = pd.DataFrame({"n_visits": by_customer.size()})
    weekend = (seen["ordered_on"].dt.day_of_week >= SATURDAY).astype("float64")
    facts["weekend_share"] = weekend.groupby(seen["customer_id"], observed=True).mean()
    part = day_part(seen["ordered_hour"])
    for name in DAY_PARTS:
        facts[f"{name}_share"] = (part == name).groupby(seen["customer_id"], observed=True).mean()
    facts["lines_per_visit"] = by_customer["n_lines"].mean()
    stores, channels = (aligned(most_used(seen, column), facts.index) for column in ("store_id", "channel"))
    facts["n_stores"], facts["store_share"] = stores["n"], stores["n_visits"] / facts["n_visits"]
    facts["n_channels"], facts["channel_share"] = channels["n"], channels["n_visits"] / facts["n_visits"]
    facts["main_channel"] = channels["most"]
    return facts


def most_used(seen: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row per customer with a known value: how many values (`n`), the one of `most` visits, and those `n_visits`.

    Ties go by name.
    """
    known = seen[seen[column] != UNKNOWN]
    counts = known.groupby(["customer_id", column], observed=True).size().rename("n_visits").reset_index()
    counts["most"] = counts[column].astype("str")
    ranked = counts.sort_values(["customer_id", "n_visits", "most"], ascending=[True, False, True])
    best = ranked.drop_duplicates("customer_id").set_index("customer_id")[["most", "n_visits"]]
    return best.assign(n=counts.groupby("customer_id", observed=True).size())
