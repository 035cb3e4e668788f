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


def start(week_on: date, seed: int) -> float:
    """Where a week's systematic draw begins, in [0, 1): a lot that no customer holds."""
    return lot("\0start", week_on, seed) % 2**53 / 2**53


def draw_control(selected: pd.DataFrame, week_on: date, seed: int, share: float) -> pd.Series:
    """Which rows of `selected` (`customer_id`, `group`, `risk_band`, `mechanic`) are held back, as a flag per row.

    A systematic draw along the strata (group × risk band) that starts at the week's own lot in [0, 1): everyone is held
    back with probability `share`, even if alone in a stratum, and in all as in each stratum the number is less than one
    away from that share. Within a stratum the smallest lots are held back; mechanics that put something right never.
    """
    may = selected[~selected["mechanic"].isin(NEVER_WITHHELD)]
    lots = pd.Series([lot(name, week_on, seed) for name in may["customer_id"]], index=may.index, dtype="uint64")
    order = may.assign(lot=lots).sort_values(["group", "risk_band", "lot", "customer_id"])
    strata = order.groupby(["group", "risk_band"], sort=True)
    size = strata.size()
    up_to = pd.Series(np.floor(size.cumsum() * share + start(week_on, seed)), index=size.index)
    n_held = up_to.diff().fillna(up_to)
    held = (
        strata.cumcount().to_numpy()
        < n_held.reindex(pd.MultiIndex.from_frame(order[["group", "risk_band"]])).to_numpy()
    )
    return pd.Series(held, index=order.index).reindex(selected.index, fill_value=False).astype(bool)
