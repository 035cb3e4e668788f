"""The shop's own rhythm: how long its customers usually stay away, and the horizon and window that follow from it.

The horizon is the shortest usual one that four in five of the gaps between purchase days stay within, and that leaves
at most a third of the customers with a usual gap longer than it; never below 28 days, since a weekly list and an offer
need weeks to act. Where a quarter of the customers usually stay away longer, each should have a horizon of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from contracts.counted import counted_quantile

Ints = npt.NDArray[np.int64]
Days = tuple[Ints, Ints]
"""Purchase days of whole customers: a customer's number and a day's, by customer and day, each pair once."""

HORIZONS_DAYS = (28, 56, 90, 182, 365, 730)
ACTIVE_DAYS = (90, 180, 365, 730, 1460)
WITHIN = 0.8
LONGER = 1 / 3
OWN_RHYTHM_FROM = 0.25
GAPS_FOR_A_RHYTHM = 2


@dataclass(frozen=True)
class Rhythm:
    """`n_gaps_of` says how many gaps between purchase days have 0, 1, 2, … days; the proposals follow from them.

    `n_mislabelled` customers, of `n_with_rhythm` with at least two gaps, have a usual (median) gap longer than the
    proposed horizon: a flat horizon would call them lapsed although they keep their rhythm.
    """

    n_gaps_of: Ints
    proposed_horizon_days: int
    proposed_active_days: int
    n_with_rhythm: int
    n_mislabelled: int
    why: str

    @property
    def n_gaps(self) -> int:
        """All gaps."""
        return int(self.n_gaps_of.sum())

    def share_of_gaps(self, is_meant: npt.NDArray[np.bool_]) -> float:
        """The share of all gaps that the lengths meant have, one flag a length."""
        return int(self.n_gaps_of[is_meant].sum()) / self.n_gaps

    @property
    def share_mislabelled(self) -> float:
        """Share of the customers with a rhythm whom the flat horizon would mislabel."""
        return self.n_mislabelled / self.n_with_rhythm if self.n_with_rhythm else 0.0

    @property
    def proposes_own_rhythm(self) -> bool:
        """Whether rhythms differ so much that each customer should have a horizon of their own."""
        return self.share_mislabelled >= OWN_RHYTHM_FROM


def rhythm_of(days: pd.DataFrame) -> Rhythm:
    """The rhythm of a shop from one row per customer and purchase day (`customer_id`, `ordered_on`), in any order."""
    customer = pd.factorize(days["customer_id"])[0].astype(np.int64)
    number = windows.day_numbers(days["ordered_on"])
    return rhythm_by_part([distinct_days(customer, number)])


def distinct_days(customer: Ints, day: Ints) -> Days:
    """Customers' numbers and their days' by customer and day, each pair once."""
    if not len(day):
        return customer, day
    first = int(day.min())
    span = int(day.max()) - first + 1
    keys = np.unique(customer * span + (day - first))
    return keys // span, keys % span + first


def rhythm_by_part(parts: Iterable[Days]) -> Rhythm:
    """The rhythm of a shop from some customers' purchase days after the other's."""
    found = [_gaps(*part) for part in parts]
    counts = np.zeros(max((len(n) for n, _ in found), default=0), dtype=np.int64)
    for n, _ in found:
        counts[: len(n)] += n
    usual = np.concatenate([np.empty(0), *(middles for _, middles in found)])
    horizon = _horizon(counts, usual)
    active = next((days_ for days_ in ACTIVE_DAYS if days_ >= 2 * horizon), ACTIVE_DAYS[-1])
    longer = int((usual > horizon).sum())
    return Rhythm(counts, horizon, active, len(usual), longer, _why(counts, usual, horizon, longer))


def _gaps(customer: Ints, day: Ints) -> tuple[Ints, npt.NDArray[np.float64]]:
    """How many gaps there are of each length, and the median gap of each customer with enough of them."""
    is_gap = customer[1:] == customer[:-1]
    gap, owner = np.diff(day)[is_gap], customer[1:][is_gap]
    gap = gap[np.lexsort((gap, owner))]
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    n = np.diff(begins, append=len(owner))
    begins, n = begins[n >= GAPS_FOR_A_RHYTHM], n[n >= GAPS_FOR_A_RHYTHM]
    return np.bincount(gap), (gap[begins + (n - 1) // 2] + gap[begins + n // 2]) / 2


def _within(counts: Ints, days: int) -> float:
    """Share of the gaps of at most so many days."""
    return int(counts[: days + 1].sum()) / int(counts.sum())


def _horizon(counts: Ints, usual: npt.NDArray[np.float64]) -> int:
    """28 days where nobody has come twice yet: nothing speaks for any other."""
    if not counts.sum():
        return 28
    fitting = (
        days
        for days in HORIZONS_DAYS
        if _within(counts, days) >= WITHIN and (not len(usual) or np.mean(usual > days) <= LONGER)
    )
    return next(fitting, HORIZONS_DAYS[-1])


def _why(counts: Ints, usual: npt.NDArray[np.float64], horizon: int, longer: int) -> str:
    if not counts.sum():
        return "no customer has bought on two days yet, so that the data cannot speak for any horizon"
    middle, high = (counted_quantile(counts, share) for share in (0.5, 0.9))
    said = (
        f"of {int(counts.sum()):,} gaps between purchase days half are at most {middle:.0f} days and nine in ten at "
        f"most {high:.0f}; {_within(counts, horizon):.0%} lie within {horizon} days"
    )
    if len(usual):
        said += (
            f"; {longer:,} of {len(usual):,} customers with a rhythm ({longer / len(usual):.1%}) usually stay away "
            "longer than that, and a flat horizon would call them lapsed although they keep it"
        )
    return said
