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

Z95 = 1.959963984540054


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

    @property
    def won(self) -> float:
        """Expected profit of contacting one who would have lapsed."""
        return self.acceptance * (self.customer_value - self.incentive_cost) - self.contact_cost

    @property
    def spent(self) -> float:
        """Cost of contacting one who would have stayed: the incentive is taken, and nothing is won."""
        return self.incentive_cost + self.contact_cost

    @property
    def threshold(self) -> float:
        """The probability of lapse above which a contact pays: costs set it, not 0.5.

        p · won − (1 − p) · spent > 0 where p > spent / (won + spent), which is (incentive + contact) /
        (acceptance · (value − incentive) + incentive). 1 or above: nobody is worth contacting.

        >>> round(Economics(200, 10, 1, 6, 14).threshold, 4)
        0.1642
        """
        return self.spent / max(self.won + self.spent, 1e-12)


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


def best_cuts(p: Floats, lapsed: Flags, terms: Economics) -> tuple[float, float]:
    """EMP per customer (expected maximum profit, store currency) and its fraction of customers contacted: the best cut
    for each acceptance rate, averaged over its distribution. Both are known with hindsight alone; `list_figures` holds
    what can be known before. Each corner of the ROC curve's hull is the best cut over a range of acceptance rates.

    Moving on from a corner pays once gamma · (value − incentive) − contact exceeds `spent` times the kept for each
    lapsed customer that the next one adds; Beta's distribution function weighs the ranges in closed form.
    """
    share_gone = float(lapsed.mean())
    if share_gone in (0.0, 1.0) or terms.incentive_cost >= terms.customer_value:
        return 0.0, 0.0
    gone, kept = convex_hull(p, lapsed)
    d, f = terms.incentive_cost / terms.customer_value, terms.contact_cost / terms.customer_value
    finds = np.diff(gone) > 0
    steepness = np.diff(kept) / np.where(finds, np.diff(gone), 1.0)
    switch = np.where(finds, ((1 - share_gone) * (d + f) / share_gone * steepness + f) / (1 - d), np.inf)
    edges = np.r_[0.0, np.clip(switch, 0.0, 1.0), 1.0]
    mass = np.diff(betainc(terms.alpha, terms.beta, edges))
    first_moment = terms.acceptance * np.diff(betainc(terms.alpha + 1, terms.beta, edges))
    won = share_gone * gone * (first_moment * (1 - d) - mass * f)
    spent = (1 - share_gone) * kept * mass * (d + f)
    contacted = mass * (share_gone * gone + (1 - share_gone) * kept)
    return float(terms.customer_value * (won - spent).sum()), float(contacted.sum())


def top_k(p: Floats, k: int) -> npt.NDArray[np.int64]:
    """Positions of the k highest predictions; ties by position."""
    return np.argsort(-p, kind="stable")[:k].astype(np.int64)


def profit_by_length(p: Floats, lapsed: Flags, terms: Economics) -> Floats:
    """Expected profit (store currency) of contacting the first 1, 2, … customers of the ranking."""
    return np.cumsum(np.where(lapsed[top_k(p, len(p))], terms.won, -terms.spent))


def profit_at_capacity(p: Floats, lapsed: Flags, k: int, terms: Economics) -> float:
    """Expected profit (store currency) of contacting the first k of the ranking."""
    profits = profit_by_length(p, lapsed, terms)
    return float(profits[min(k, len(profits)) - 1]) if len(profits) else 0.0


def worth_contacting(p: Floats, terms: Economics) -> Flags:
    """Whose contact is expected to pay, by the predicted probabilities alone: no outcome is needed."""
    return np.asarray(p > terms.threshold)


def list_figures(
    p: Floats, lapsed: Flags, customer: npt.NDArray[np.int64], n_lists: float, terms: Economics
) -> dict[str, float]:
    """The list that the threshold makes, mean over `n_lists` cutoffs: its length, and what it earned on these rows.

    Rows of a sample lie on its share of so many lists: then length and profit are told of the whole shop.
    The length hangs on predictions and costs alone; the profit (store currency, mean over acceptance rates) on what
    happened, so it has a 95 % interval over customers.
    """
    listed = worth_contacting(p, terms)
    gained = np.where(listed, np.where(lapsed, terms.won, -terms.spent), 0.0)
    total, low, high = total_with_interval(gained, customer, n_lists)
    return {
        "profit_threshold": terms.threshold,
        "optimal_list_length": float(listed.sum() / n_lists),
        "profit_at_optimal_length": total,
        "profit_at_optimal_length_low": low,
        "profit_at_optimal_length_high": high,
    }


def total_with_interval(values: Floats, customer: npt.NDArray[np.int64], n_lists: float) -> tuple[float, float, float]:
    """Mean total of a list and its 95 % interval over customers, of rows that lie on `n_lists` lists.

    A total of n customers drawn anew has variance n · var of a customer's sum: what a bootstrap over customers tends
    to, without drawing.
    """
    sums = np.bincount(customer, values) / n_lists
    half = Z95 * float(np.sqrt(len(sums) * sums.var()))
    total = float(sums.sum())
    return total, total - half, total + half
