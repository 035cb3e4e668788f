"""The randomised control groups: the week's, drawn among the selected within group × risk band, and the year's."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from contracts.lots import lot
from contracts.params import Plan
from offers.catalogue import NEVER_WITHHELD


def start(week_on: date, seed: int) -> float:
    """Where a week's systematic draw begins, in [0, 1): a lot that no customer holds."""
    return lot("\0start", week_on, seed) % 2**53 / 2**53


def treatable(plan: Plan) -> float:
    """How many of those selected may be expected to be treated, so that never more than `plan.capacity` are.

    Controls take no slot: whoever takes part in the draw counts 1 − share, a follow-up counts 1. Beside F follow-ups
    and E explored at most N·(1 − share) + 1 of N selected are treated, for the draw is systematic, and E (which count
    1 − share as well) is at most `exploration_share` of the capacity. As many as the capacity may always be selected.
    """
    held = plan.control_share
    kept_free = 1 + held * plan.exploration_share * plan.capacity
    return max(plan.capacity - kept_free, plan.capacity * (1 - held))


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
