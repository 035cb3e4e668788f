"""What a ranking is worth in money, if a retention campaign is run down the list.

Verbraken, Verbeke and Baesens 2013, 'A novel profit maximizing metric for measuring classification performance of
customer churn prediction models', IEEE TKDE 25(5). A contacted churner accepts with probability gamma ~ Beta and is
worth `customer_value`; the incentive is paid to those who accept and to all who would have stayed; every contact costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from models.risk import Flags, Floats


@dataclass(frozen=True)
class Economics:
    """Costs and worth in store currency; `alpha` and `beta` of the acceptance rate's Beta distribution."""

    customer_value: float
    incentive_cost: float
    contact_cost: float
    alpha: float
    beta: float

    @property
    def acceptance(self) -> float:
        """Mean acceptance rate."""
        return self.alpha / (self.alpha + self.beta)


def convex_hull(p: Floats, lapsed: Flags) -> tuple[Floats, Floats]:
    """Upper convex hull of the ROC curve: shares of the lapsed and of the kept that are contacted, from (0, 0)."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])
    gone = np.r_[0.0, np.cumsum(lapsed[order])[ends]] / max(lapsed.sum(), 1)
    kept = np.r_[0.0, np.cumsum(~lapsed[order])[ends]] / max((~lapsed).sum(), 1)
    hull: list[int] = []
    for point in range(len(gone)):
        while len(hull) > 1 and _turns_left(kept, gone, hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return gone[hull], kept[hull]


def _turns_left(x: Floats, y: Floats, a: int, b: int, c: int) -> bool:
    return bool((x[b] - x[a]) * (y[c] - y[a]) >= (y[b] - y[a]) * (x[c] - x[a]))


def expected_maximum_profit(p: Floats, lapsed: Flags, terms: Economics) -> float:
    """EMP per customer, store currency: the best cut for each acceptance rate, averaged over its distribution."""
    share_gone = float(lapsed.mean())
    if share_gone in (0.0, 1.0):
        return 0.0
    gone, kept = convex_hull(p, lapsed)
    d, f = terms.incentive_cost / terms.customer_value, terms.contact_cost / terms.customer_value
    with np.errstate(divide="ignore"):
        steepness = np.where(np.diff(gone) > 0, np.diff(kept) / np.maximum(np.diff(gone), 1e-300), np.inf)
    switch = ((1 - share_gone) * (d + f) / share_gone * steepness + f) / (1 - d)
    edges = np.r_[0.0, np.clip(switch, 0.0, 1.0), 1.0]
    mass = np.diff(betainc(terms.alpha, terms.beta, edges))
    first_moment = terms.acceptance * np.diff(betainc(terms.alpha + 1, terms.beta, edges))
    won = share_gone * gone * (first_moment * (1 - d) - mass * f)
    spent = (1 - share_gone) * kept * mass * (d + f)
    return float(terms.customer_value * (won - spent).sum())


def top_k(p: Floats, k: int) -> npt.NDArray[np.int64]:
    """Positions of the k highest predictions; ties by position."""
    return np.argsort(-p, kind="stable")[:k].astype(np.int64)


def profit_by_length(p: Floats, lapsed: Flags, terms: Economics) -> Floats:
    """Expected profit (store currency) of contacting the first 1, 2, … customers of the ranking."""
    won = terms.acceptance * (terms.customer_value - terms.incentive_cost) - terms.contact_cost
    spent = -terms.incentive_cost - terms.contact_cost
    return np.cumsum(np.where(lapsed[top_k(p, len(p))], won, spent))


def profit_at_capacity(p: Floats, lapsed: Flags, k: int, terms: Economics) -> float:
    """Expected profit (store currency) of contacting the first k of the ranking."""
    profits = profit_by_length(p, lapsed, terms)
    return float(profits[min(k, len(profits)) - 1]) if len(profits) else 0.0
