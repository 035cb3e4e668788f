"""The shop's own rhythm: how long its customers usually stay away, and the horizon and window that follow from it.

The horizon is the shortest usual one that four in five of the gaps between purchase days stay within, and that leaves
at most a third of the customers with a usual gap longer than it; never below 28 days, since a weekly list and an offer
need weeks to act. Where a quarter of the customers usually stay away longer, each should have a horizon of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows

HORIZONS_DAYS = (28, 56, 90, 182, 365, 730)
ACTIVE_DAYS = (90, 180, 365, 730, 1460)
WITHIN = 0.8
LONGER = 1 / 3
OWN_RHYTHM_FROM = 0.25
GAPS_FOR_A_RHYTHM = 2


@dataclass(frozen=True)
class Rhythm:
    """`gaps_days` are all gaps between purchase days; the proposals follow from them.

    `n_mislabelled` customers, of `n_with_rhythm` with at least two gaps, have a usual (median) gap longer than the
    proposed horizon: a flat horizon would call them lapsed although they keep their rhythm.
    """

    gaps_days: npt.NDArray[np.int64]
    proposed_horizon_days: int
    proposed_active_days: int
    n_with_rhythm: int
    n_mislabelled: int
    why: str

    @property
    def share_mislabelled(self) -> float:
        """Share of the customers with a rhythm whom the flat horizon would mislabel."""
        return self.n_mislabelled / self.n_with_rhythm if self.n_with_rhythm else 0.0

    @property
    def proposes_own_rhythm(self) -> bool:
        """Whether rhythms differ so much that each customer should have a horizon of their own."""
        return self.share_mislabelled >= OWN_RHYTHM_FROM


def rhythm_of(days: pd.DataFrame) -> Rhythm:
    """The rhythm of a shop from one row per customer and purchase day (`customer_id`, `ordered_on`)."""
    ordered = days[["customer_id", "ordered_on"]].drop_duplicates()
    ordered = ordered.sort_values(["customer_id", "ordered_on"], ignore_index=True)
    gap = pd.Series(windows.day_numbers(ordered["ordered_on"]), index=ordered.index)
    gap = gap.groupby(ordered["customer_id"], sort=False).diff().dropna()
    gaps: npt.NDArray[np.int64] = gap.to_numpy(dtype=np.int64)
    owner = ordered.loc[gap.index, "customer_id"]
    by_customer = gap.groupby(owner, sort=False).agg(["count", "median"])
    usual = by_customer.loc[by_customer["count"] >= GAPS_FOR_A_RHYTHM, "median"].to_numpy(dtype=np.float64)
    horizon = _horizon(gaps, usual)
    active = next((days_ for days_ in ACTIVE_DAYS if days_ >= 2 * horizon), ACTIVE_DAYS[-1])
    longer = int((usual > horizon).sum())
    return Rhythm(gaps, horizon, active, len(usual), longer, _why(gaps, usual, horizon, longer))


def _horizon(gaps: npt.NDArray[np.int64], usual: npt.NDArray[np.float64]) -> int:
    """28 days where nobody has come twice yet: nothing speaks for any other."""
    if not len(gaps):
        return 28
    fitting = (
        days
        for days in HORIZONS_DAYS
        if np.mean(gaps <= days) >= WITHIN and (not len(usual) or np.mean(usual > days) <= LONGER)
    )
    return next(fitting, HORIZONS_DAYS[-1])


def _why(gaps: npt.NDArray[np.int64], usual: npt.NDArray[np.float64], horizon: int, longer: int) -> str:
    if not len(gaps):
        return "no customer has bought on two days yet, so that the data cannot speak for any horizon"
    middle, high = np.quantile(gaps, [0.5, 0.9])
    said = (
        f"of {len(gaps):,} gaps between purchase days half are at most {middle:.0f} days and nine in ten at most "
        f"{high:.0f}; {np.mean(gaps <= horizon):.0%} lie within {horizon} days"
    )
    if len(usual):
        said += (
            f"; {longer:,} of {len(usual):,} customers with a rhythm ({longer / len(usual):.1%}) usually stay away "
            "longer than that, and a flat horizon would call them lapsed although they keep it"
        )
    return said
