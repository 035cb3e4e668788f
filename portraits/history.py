"""What a customer's purchase days say: how many, how far apart, which tier they earned, which state they are in.

Tiers are those of the domain: *new*, *returning*, *regular*, *devoted*. A tier once earned is kept, so the tier is the
highest over all prefixes of the history; the present silence plays no part in it. The state is the other axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.params import Portray
from contracts.tables import TIERS
from contracts.windows import day_numbers, days_until
from portraits.known import aligned

NEW, RETURNING, REGULAR, DEVOTED = range(len(TIERS))
LEAST_GAPS = 3  # below this, quartiles say nothing
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]


def purchase_days(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and local day with a purchase, in order: `customer_id`, `ordered_on`, `gap_days`."""
    days = lines[["customer_id", "ordered_on"]].drop_duplicates()
    days = days.sort_values(["customer_id", "ordered_on"], ignore_index=True)
    number = pd.Series(day_numbers(days["ordered_on"]), index=days.index)
    return days.assign(gap_days=number.groupby(days["customer_id"], observed=True).diff())


def rhythm(days: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """One row per customer, from the rows of `purchase_days`.

    `n_purchase_days`, `first_purchase_on`, `last_purchase_on`, `silence_days` (to the cutoff), `usual_gap_days`
    (median; missing with one purchase day), `gap_cv` (coefficient of variation; missing with fewer than two gaps).
    """
    groups = days.groupby("customer_id", observed=True)
    facts = groups["ordered_on"].agg(["size", "min", "max"])
    facts.columns = pd.Index(["n_purchase_days", "first_purchase_on", "last_purchase_on"])
    facts["silence_days"] = days_until(facts["last_purchase_on"], cutoff)
    facts["usual_gap_days"] = groups["gap_days"].median()
    facts["gap_cv"] = groups["gap_days"].std() / groups["gap_days"].mean()
    return facts


def is_steady_so_far(days: pd.DataFrame, most_cv: float) -> pd.Series:
    """Whether the gaps up to and with each purchase day vary by at most `most_cv` (two gaps are the least).

    With k gaps of sum s and sum of squares q, var / mean² = k(kq − s²) / ((k − 1)s²): whole numbers to the last.
    """
    groups = days["gap_days"].fillna(0).groupby(days["customer_id"], observed=True)
    n_gaps = groups.cumcount()
    total = groups.cumsum()
    squares = (days["gap_days"].fillna(0) ** 2).groupby(days["customer_id"], observed=True).cumsum()
    return (n_gaps >= 2) & (n_gaps * (n_gaps * squares - total**2) <= most_cv**2 * (n_gaps - 1) * total**2)


def earned_tier(days: pd.DataFrame, limits: Portray) -> pd.Series:
    """The tier of each customer: the highest earned at any of their purchase days, whatever came after."""
    count = days.groupby("customer_id", observed=True).cumcount() + 1
    steady = is_steady_so_far(days, limits.steady_gap_cv)
    rank = pd.Series(NEW, index=days.index)
    rank = rank.mask(count >= limits.returning_days, RETURNING)
    rank = rank.mask(steady & (count >= limits.regular_days), REGULAR)
    rank = rank.mask(steady & (count >= limits.devoted_days), DEVOTED)
    highest = rank.groupby(days["customer_id"], observed=True).max()
    return highest.map(dict(enumerate(TIERS))).astype("str")


def state(
    facts: pd.DataFrame, silence: pd.Series, active_days: int, limits: Portray, shop_gap_days: float | None = None
) -> pd.Series:
    """Active, lapsing or gone, by the silence against the own usual gap (the shop's median for one-day buyers).

    `silence` are days since the last declared tie: purchase, care visit or referral. Without `shop_gap_days`, the rows
    are the whole shop.
    """
    shop_gap = facts["usual_gap_days"].median() if shop_gap_days is None else shop_gap_days
    usual = facts["usual_gap_days"].fillna(0.0 if np.isnan(shop_gap) else shop_gap)
    patience = np.maximum(limits.lapsing_min_days, limits.lapsing_gap_multiple * usual)
    named = np.select([silence > active_days, silence > patience], ["gone", "lapsing"], "active")
    return pd.Series(named, index=facts.index, dtype="str")


def next_due(facts: pd.DataFrame) -> pd.Series:
    """The last purchase day plus the usual gap, in whole days upwards; missing with one purchase day."""
    gap = pd.to_timedelta(np.ceil(facts["usual_gap_days"]), unit="D")
    due: pd.Series = (facts["last_purchase_on"] + gap).astype("datetime64[us]")
    return due


def due_interval(days: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """`due_from_on` and `due_until_on`: the last purchase day plus the lower and the upper quartile of the own gaps.

    Whole days, outwards: about half of such gaps end within. Missing with fewer than three gaps.
    """
    gaps = days.dropna(subset="gap_days").groupby("customer_id", observed=True)["gap_days"]
    enough = aligned(gaps.size(), facts.index).fillna(0) >= LEAST_GAPS
    ends = {"due_from_on": np.floor(gaps.quantile(0.25)), "due_until_on": np.ceil(gaps.quantile(0.75))}
    shifts = {name: pd.to_timedelta(aligned(gap, facts.index).where(enough), unit="D") for name, gap in ends.items()}
    return pd.DataFrame(
        {name: (facts["last_purchase_on"] + shift).astype("datetime64[us]") for name, shift in shifts.items()}
    )


def is_steady(facts: pd.DataFrame, limits: Portray) -> pd.Series:
    """Whether the rhythm over all purchase days is steady, and rests on enough of them for a regular."""
    steady: pd.Series = (facts["gap_cv"] <= limits.steady_gap_cv) & (facts["n_purchase_days"] >= limits.regular_days)
    return steady


@dataclass(frozen=True)
class CodedDays:
    """Purchase days as arrays, for replays: the same facts as of `purchase_days`, customer by customer.

    One entry a customer and day with a purchase, in order; customer `c` owns `begin[c]` to `begin[c + 1]`, at least
    one entry. `day` are day numbers.
    """

    day: Ints
    begin: Ints

    @property
    def count(self) -> Ints:
        """How many purchase days, one entry a customer."""
        return np.diff(self.begin)

    @cached_property
    def gaps(self) -> Ints:
        """Days between purchase days, each customer's by length; customer `c` owns as many as days but one."""
        gap = np.delete(np.diff(self.day, prepend=0), self.begin[:-1])
        owner = np.repeat(np.arange(len(self.count)), self.count - 1)
        return gap[np.lexsort((gap, owner))]

    def first_on(self) -> Days:
        """First purchase day."""
        return _days_on(self.day[self.begin[:-1]])

    def last_on(self) -> Days:
        """Last purchase day."""
        return _days_on(self.day[self.begin[1:] - 1])

    def gap_quantile(self, share: float) -> Floats:
        """That quantile of each customer's gaps, linear between neighbours; NaN without a gap."""
        n_gaps = self.count - 1
        place = np.maximum(share * (n_gaps - 1), 0.0)
        below = place.astype(np.int64)
        first = self.begin[:-1] - np.arange(len(n_gaps))
        padded = np.append(self.gaps, 0)
        low = padded[np.minimum(first + below, len(self.gaps))]
        high = padded[np.minimum(first + np.minimum(below + 1, np.maximum(n_gaps - 1, 0)), len(self.gaps))]
        return np.where(n_gaps > 0, low + (high - low) * (place - below), np.nan)

    def due_interval(self) -> tuple[Days, Days]:
        """As the function `due_interval`: from which day and until which the next purchase is due; NaT if unknown."""
        unknown, last = self.count - 1 < LEAST_GAPS, self.last_on()
        ends = np.floor(self.gap_quantile(0.25)), np.ceil(self.gap_quantile(0.75))
        since, until = (last + np.where(unknown, 0, end).astype("timedelta64[D]") for end in ends)
        never = np.datetime64("NaT", "us")
        return np.where(unknown, never, since), np.where(unknown, never, until)

    def earned_tier(self, limits: Portray) -> npt.NDArray[np.object_]:
        """As the function `earned_tier`."""
        count = np.arange(len(self.day)) - np.repeat(self.begin[:-1], self.count) + 1
        steady = self._is_steady_so_far(count - 1, limits.steady_gap_cv)
        rank = np.where(count >= limits.returning_days, RETURNING, NEW)
        rank = np.where(steady & (count >= limits.regular_days), REGULAR, rank)
        rank = np.where(steady & (count >= limits.devoted_days), DEVOTED, rank)
        highest = np.maximum.reduceat(rank, self.begin[:-1]) if len(rank) else rank
        return np.asarray(TIERS, dtype=object)[highest]

    def _is_steady_so_far(self, n_gaps: Ints, most_cv: float) -> npt.NDArray[np.bool_]:
        first = np.repeat(self.day[self.begin[:-1]], self.count)
        gap = np.diff(self.day, prepend=0)
        gap[self.begin[:-1]] = 0
        summed = np.cumsum(gap**2)
        total, squares = self.day - first, summed - np.repeat(summed[self.begin[:-1]], self.count)
        is_even = n_gaps * (n_gaps * squares - total**2) <= most_cv**2 * (n_gaps - 1) * total**2
        return np.asarray((n_gaps >= 2) & is_even)


def coded_days(customer: Ints, day: Ints, n_customers: int) -> CodedDays:
    """The purchase days of lines of customers 0 to `n_customers` − 1, each of whom has a line."""
    width = int(day.max(initial=0)) + 1
    keys = np.sort(customer * width + day)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    return CodedDays(keys % width, np.searchsorted(keys // width, np.arange(n_customers + 1)))


def _days_on(numbers: Ints) -> Days:
    return numbers.astype("datetime64[D]").astype("datetime64[us]")
