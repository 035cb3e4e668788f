"""Purchase days: all of a customer's purchases on one local day, the unit of recency, frequency and rhythm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CustomerDays:
    """One entry a customer and local day with a purchase, sorted by day, then customer.

    `customer` are codes into `customers` (sorted ids), `day` day numbers, `amount` and `discount` store currency,
    `n_orders` and `n_lines` counts.
    """

    customers: npt.NDArray[np.object_]
    customer: Ints
    day: Ints
    amount: Floats
    discount: Floats
    n_orders: Ints
    n_lines: Ints

    def before(self, cutoff: date) -> CustomerDays:
        """The purchase days strictly before the cutoff (a prefix, since they are sorted by day)."""
        n = windows.n_days_before(self.day, cutoff)
        return CustomerDays(
            self.customers,
            self.customer[:n],
            self.day[:n],
            self.amount[:n],
            self.discount[:n],
            self.n_orders[:n],
            self.n_lines[:n],
        )

    def count(self, weights: npt.NDArray[np.generic] | None = None) -> Floats:
        """Sum of weights (or number of purchase days) a customer code."""
        return np.bincount(self.customer, weights, minlength=len(self.customers)).astype(np.float64)


NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class DayBook:
    """Purchase lines, coded, from which purchase days are made: those known at a cutoff, or those that stand today.

    One entry a line, in time order. `known` and `undone` are the day numbers on which the line and its undoing became
    known; a line that stands has `undone` NEVER.
    """

    customers: npt.NDArray[np.object_]
    customer: Ints
    day: Ints
    order: Ints
    amount: Floats
    discount: Floats
    known: Ints
    undone: Ints

    @cached_property
    def is_plain(self) -> bool:
        """Whether every line was known at once and stands: then what was known is a prefix of what is known."""
        return bool((self.known == self.day).all() and (self.undone == NEVER).all())

    @cached_property
    def final(self) -> CustomerDays:
        """The purchase days that stand, by all that is known today: for labels."""
        return self._days(self.undone == NEVER)

    def known_at(self, cutoff: date) -> CustomerDays:
        """The purchase days before the cutoff, as far as they were known and stood then: for features, eligibility."""
        if self.is_plain:
            return self.final.before(cutoff)
        return self._days(windows.counts_at(self.known, self.undone, cutoff)).before(cutoff)

    def as_of(self, day: date) -> DayBook:
        """The book as it stood when `day` began: without lines known later, and with undoings known later not done."""
        known = windows.days_before(self.known, day)
        undone = self.undone[known]
        return DayBook(
            customers=self.customers,
            customer=self.customer[known],
            day=self.day[known],
            order=self.order[known],
            amount=self.amount[known],
            discount=self.discount[known],
            known=self.known[known],
            undone=np.where(windows.days_before(undone, day), undone, NEVER),
        )

    def _days(self, kept: npt.NDArray[np.bool_]) -> CustomerDays:
        customer, day, order = self.customer[kept], self.day[kept], self.order[kept]
        n_customers = max(len(self.customers), 1)
        keys, entry = np.unique(day * n_customers + customer, return_inverse=True)
        width = int(order.max(initial=0)) + 1
        baskets = np.unique(entry.astype(np.int64) * width + order) // width
        n = len(keys)
        return CustomerDays(
            customers=self.customers,
            customer=keys % n_customers,
            day=keys // n_customers,
            amount=np.bincount(entry, self.amount[kept], minlength=n).astype(np.float64).round(2),
            discount=np.bincount(entry, self.discount[kept], minlength=n).astype(np.float64).round(2),
            n_orders=np.bincount(baskets, minlength=n).astype(np.int64),
            n_lines=np.bincount(entry, minlength=n).astype(np.int64),
        )


def day_book(purchases: pd.DataFrame, time_zone: str) -> DayBook:
    """Code purchase lines (in time order)."""
    found, distinct = pd.factorize(purchases["customer_id"])
    ids: npt.NDArray[np.object_] = np.asarray(distinct, dtype=object)
    customers = np.sort(ids)
    day = windows.day_numbers(purchases["ordered_on"])
    return DayBook(
        customers=customers,
        customer=np.searchsorted(customers, ids).astype(np.int64)[found],
        day=day,
        order=pd.factorize(purchases["order_id"])[0].astype(np.int64),
        amount=purchases["amount"].to_numpy(dtype=np.float64),
        discount=amounts_of(purchases, "discount"),
        known=np.maximum(day, days_of(purchases, "known_at", time_zone, day)),
        undone=days_of(purchases, "undone_at", time_zone, np.full(len(day), NEVER)),
    )


def amounts_of(purchases: pd.DataFrame, name: str) -> Floats:
    """An optional column of numbers; 0 where the shop records none."""
    if name not in purchases.columns:
        return np.zeros(len(purchases))
    return purchases[name].fillna(0.0).to_numpy(dtype=np.float64)


def days_of(frame: pd.DataFrame, name: str, time_zone: str, otherwise: Ints) -> Ints:
    """Local day numbers of an optional column of instants; `otherwise` where it is empty."""
    if name not in frame.columns or frame[name].isna().all():
        return otherwise
    given = frame[name].notna().to_numpy(dtype=bool)
    days = otherwise.copy()
    days[given] = windows.day_numbers(windows.local_dates(frame.loc[given, name], time_zone))
    return days


def known_days(frame: pd.DataFrame, on: str, time_zone: str) -> Ints:
    """Day numbers on which the rows of a further table became known: their own day, or that of `known_at` if later."""
    day = windows.day_numbers(frame[on])
    return np.maximum(day, days_of(frame, "known_at", time_zone, day))
