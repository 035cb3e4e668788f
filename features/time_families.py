"""Features from purchase days alone: recency, frequency, monetary value, decay, gaps, rhythm, trend.

Every function takes a cut and gives one array a feature, with one entry a customer code. 'Days' are purchase days.
An undefined value (a gap with one purchase) is NaN, never 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.catalogue import AMOUNT_WINDOWS_DAYS, COUNT_WINDOWS_DAYS, HALF_LIVES_DAYS, WEEKS_ACTIVE
from features.history import Cut

Floats = npt.NDArray[np.float64]
Columns = dict[str, Floats]

N_RECENT_GAPS = 5
N_SLOPE_WEEKS = 13
MONTH_DAYS = 28


def ratio(above: npt.NDArray[np.number[Any]], below: npt.NDArray[np.number[Any]]) -> Floats:
    """Element-wise quotient; NaN where the divisor is 0 or unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.where(below > 0, above / below, np.nan)
    return quotient


def smoothed_ratio(now: Floats, before: Floats, prior: float) -> Floats:
    """Growth of a count or amount, pulled to 1 by `prior` units on both sides, so that 0 against 0 is 1."""
    return (now + prior) / (before + prior)


def first_and_last_day(cut: Cut) -> tuple[Floats, Floats]:
    """First and last purchase day number a customer; NaN for those who never bought.

    Purchase days are sorted by day, and of several values written to one place the last one stays.
    """
    first, last = np.full(cut.n_customers, np.nan), np.full(cut.n_customers, np.nan)
    last[cut.days.customer] = cut.days.day
    first[cut.days.customer[::-1]] = cut.days.day[::-1]
    return first, last


def recency(cut: Cut) -> Columns:
    """Silence and tenure."""
    first, last = first_and_last_day(cut)
    return {"days_since_last_purchase": cut.today - last, "tenure_days": cut.today - first}


def frequency(cut: Cut) -> Columns:
    """Purchase days in trailing windows, for life, and their rate over the tenure."""
    columns = {f"purchase_days_{days}d": cut.purchase_days(days) for days in COUNT_WINDOWS_DAYS}
    life = cut.per_customer(cut.days.customer)
    first, _ = first_and_last_day(cut)
    columns["purchase_days_life"] = life
    columns["purchase_day_rate_life"] = ratio(life, cut.today - first)
    recent = cut.in_window(cut.days.day, 91)
    columns["orders_91d"] = cut.per_customer(cut.days.customer[recent], cut.days.n_orders[recent])
    return columns


def monetary(cut: Cut) -> Columns:
    """Amounts in trailing windows and for life, and the usual amount of a purchase day."""
    columns = {f"amount_{days}d": cut.amount(days) for days in AMOUNT_WINDOWS_DAYS}
    columns["amount_life"] = cut.per_customer(cut.days.customer, cut.days.amount)
    columns["amount_per_purchase_day_91d"] = ratio(columns["amount_91d"], cut.purchase_days(91))
    columns["amount_per_purchase_day_life"] = ratio(columns["amount_life"], cut.per_customer(cut.days.customer))
    return columns


def decay(cut: Cut) -> Columns:
    """Purchase days and amounts whose weight halves with every half-life."""
    columns: Columns = {}
    for half_life in HALF_LIVES_DAYS:
        weight = np.exp2(-(cut.today - cut.days.day) / half_life)
        columns[f"decayed_purchase_days_{half_life}d"] = cut.per_customer(cut.days.customer, weight)
        if half_life >= 14:
            columns[f"decayed_amount_{half_life}d"] = cut.per_customer(cut.days.customer, weight * cut.days.amount)
    return columns


class Gaps:
    """Days between successive purchase days, sorted by customer and time; `rank_back` is 1 for a customer's latest."""

    def __init__(self, cut: Cut) -> None:
        order = np.lexsort((cut.days.day, cut.days.customer))
        customer, day = cut.days.customer[order], cut.days.day[order]
        follows = customer[1:] == customer[:-1]
        self.customer = customer[1:][follows]
        self.length = np.diff(day)[follows].astype(np.float64)
        self.n = cut.per_customer(self.customer)
        self.end = np.cumsum(self.n).astype(np.int64)
        self.rank_back = self.end[self.customer] - np.arange(len(self.customer))

    def mean(self, chosen: npt.NDArray[np.bool_] | None = None) -> Floats:
        """Mean gap a customer, of the chosen gaps."""
        kept = np.ones(len(self.length), dtype=bool) if chosen is None else chosen
        n = np.bincount(self.customer[kept], minlength=len(self.n)).astype(np.float64)
        return ratio(np.bincount(self.customer[kept], self.length[kept], minlength=len(self.n)), n)

    def quantile(self, q: float) -> Floats:
        """The customer's q-quantile of gaps, by linear interpolation between order statistics."""
        ordered = self.length[np.lexsort((self.length, self.customer))]
        start = self.end - self.n.astype(np.int64)
        position = q * np.maximum(self.n - 1, 0)
        low = np.minimum(start + np.floor(position).astype(np.int64), max(len(ordered) - 1, 0))
        high = np.minimum(start + np.ceil(position).astype(np.int64), max(len(ordered) - 1, 0))
        if not len(ordered):
            return np.full(len(self.n), np.nan)
        value = ordered[low] + (position - np.floor(position)) * (ordered[high] - ordered[low])
        return np.where(self.n > 0, value, np.nan)


def gaps(cut: Cut) -> Columns:
    """The customer's own distribution of gaps, and the present silence against it."""
    found = Gaps(cut)
    mean = found.mean()
    squares = np.bincount(found.customer, (found.length - mean[found.customer]) ** 2, minlength=cut.n_customers)
    sd = np.sqrt(ratio(squares, np.maximum(found.n - 1, 0)))
    _, last = first_and_last_day(cut)
    silence = cut.today - last
    median = found.quantile(0.5)
    shorter = np.bincount(
        found.customer, (found.length <= silence[found.customer]).astype(np.float64), minlength=cut.n_customers
    )
    recent = found.mean(found.rank_back <= N_RECENT_GAPS)
    return {
        "gap_mean_days": mean,
        "gap_median_days": median,
        "gap_sd_days": sd,
        "gap_cv": ratio(sd, mean),
        "gap_p90_days": found.quantile(0.9),
        "gap_max_days": found.quantile(1.0),
        "gap_last_days": found.mean(found.rank_back == 1),
        "gap_mean_last_5_days": recent,
        "gap_recent_to_mean": ratio(recent, mean),
        "silence_to_gap_mean": ratio(silence, mean),
        "silence_to_gap_median": ratio(silence, median),
        "silence_percentile": ratio(shorter, found.n),
    }


def rhythm(cut: Cut) -> Columns:
    """In how many of the last weeks the customer came, and the habits of weekday and hour."""
    columns: Columns = {}
    weeks_ago = (cut.today - 1 - cut.days.day) // 7
    for n_weeks in WEEKS_ACTIVE:
        chosen = weeks_ago < n_weeks
        pairs = np.unique(cut.days.customer[chosen] * n_weeks + weeks_ago[chosen])
        columns[f"weeks_active_{n_weeks}w"] = cut.per_customer(pairs // n_weeks)
    weekday = (cut.days.day + 3) % 7
    total = cut.per_customer(cut.days.customer)
    by_weekday = np.stack([cut.per_customer(cut.days.customer[weekday == day]) for day in range(7)])
    shares = ratio(by_weekday, np.broadcast_to(total, by_weekday.shape))
    columns["top_weekday_share_life"] = shares.max(axis=0)
    columns["weekend_share_life"] = shares[5] + shares[6]
    recent = cut.recent_lines(182)
    n_lines = cut.per_customer(recent.customer)
    columns["evening_share_182d"] = ratio(cut.per_customer(recent.customer, recent.hour >= 17), n_lines)
    columns["morning_share_182d"] = ratio(cut.per_customer(recent.customer, recent.hour < 11), n_lines)
    return columns


def weekly_counts(cut: Cut, n_weeks: int) -> Floats:
    """Purchase days by week, the latest first: shape (n_weeks, customers)."""
    return np.stack([cut.purchase_days(7, 7 * week) for week in range(n_weeks)])


def trend(cut: Cut) -> Columns:
    """Windows against the previous ones, the slope of weekly visits, and the time since the best month."""
    columns: Columns = {}
    for days in (28, 91):
        columns[f"purchase_days_{days}d_to_previous"] = smoothed_ratio(
            cut.purchase_days(days), cut.purchase_days(days, days), 1.0
        )
        columns[f"amount_{days}d_to_previous"] = smoothed_ratio(cut.amount(days), cut.amount(days, days), 10.0)
    weeks = weekly_counts(cut, N_SLOPE_WEEKS)
    ahead = -(np.arange(N_SLOPE_WEEKS) - (N_SLOPE_WEEKS - 1) / 2)
    columns["weekly_slope_13w"] = (ahead @ weeks) / (ahead @ ahead)
    months = np.stack([cut.amount(MONTH_DAYS, MONTH_DAYS * month) for month in range(6)])
    columns["months_since_best_month_6m"] = np.where(months.max(axis=0) > 0, months.argmax(axis=0), np.nan)
    columns["amount_28d_to_best_month_6m"] = ratio(months[0], months.max(axis=0))
    return columns
