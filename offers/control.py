"""The randomised control group: drawn among the selected, within group × risk band: like against like."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pandas as pd

from offers.catalogue import NEVER_WITHHELD


def lot(customer_id: str, week_on: date, seed: int) -> int:
    """A customer's lot in a week: a keyed hash, the same on every machine, unrelated from week to week."""
    key = f"{seed}:{week_on.isoformat()}".encode()
    return int.from_bytes(hashlib.blake2b(customer_id.encode(), key=key[:64], digest_size=8).digest())


def draw_control(selected: pd.DataFrame, week_on: date, seed: int, share: float) -> pd.Series:
    """Which rows of `selected` (`customer_id`, `group`, `risk_band`, `mechanic`) are held back, as a flag per row.

    In all `share` of them, to the nearest whole customer, and at most one more or fewer in each stratum (group × risk
    band), where those with the smallest lots are held back. Mechanics that put something right are never held back.
    """
    may = selected[~selected["mechanic"].isin(NEVER_WITHHELD)]
    lots = pd.Series([lot(name, week_on, seed) for name in may["customer_id"]], index=may.index, dtype="uint64")
    order = may.assign(lot=lots).sort_values(["group", "risk_band", "lot", "customer_id"])
    strata = order.groupby(["group", "risk_band"], sort=True)
    size = strata.size()
    up_to = pd.Series(np.floor(size.cumsum() * share + 0.5), index=size.index)
    n_held = up_to.diff().fillna(up_to)
    held = (
        strata.cumcount().to_numpy()
        < n_held.reindex(pd.MultiIndex.from_frame(order[["group", "risk_band"]])).to_numpy()
    )
    return pd.Series(held, index=order.index).reindex(selected.index, fill_value=False).astype(bool)
