"""What customers said on joining: the day, and the channel that they asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from contracts.windows import known_before, local_dates, rows_before


def membership(
    customers: pd.DataFrame | None, same_as: Mapping[str, str], cutoff: date, time_zone: str
) -> pd.DataFrame:
    """One row per person of whom something was known before the cutoff: `joined_on` and `asked_channel`.

    Of several ids of one person the earliest day of joining counts, and the wish of the id that joined last.
    """
    if customers is None or customers.empty:
        return pd.DataFrame({"joined_on": pd.Series(dtype="datetime64[us]"), "asked_channel": pd.Series(dtype="str")})
    known = known_before(customers, cutoff, time_zone)
    if "joined_at" in known.columns:
        joined = rows_before(known, cutoff, time_zone, "joined_at").sort_values(["joined_at", "customer_id"])
        known = pd.concat([known[known["joined_at"].isna()], joined])
    person = known["customer_id"].map(lambda name: same_as.get(name, name)).astype("str")
    return pd.DataFrame(
        {
            "joined_on": _joined_on(known, time_zone).groupby(person).min(),
            "asked_channel": _wishes(known).groupby(person).last(),
        }
    )


def _joined_on(known: pd.DataFrame, time_zone: str) -> pd.Series:
    if "joined_at" not in known.columns:
        return pd.Series(pd.NaT, index=known.index, dtype="datetime64[us]")
    return local_dates(known["joined_at"], time_zone).astype("datetime64[us]")


def _wishes(known: pd.DataFrame) -> pd.Series:
    if "preferred_channel" not in known.columns:
        return pd.Series("", index=known.index, dtype="str")
    return known["preferred_channel"]
