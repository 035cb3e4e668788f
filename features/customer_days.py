"""Purchase days: all of a customer's purchases on one local day, the unit of recency, frequency and rhythm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

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


def customer_days(purchases: pd.DataFrame) -> CustomerDays:
    """Aggregate purchase lines to purchase days."""
    found, distinct = pd.factorize(purchases["customer_id"])
    ids: npt.NDArray[np.object_] = np.asarray(distinct, dtype=object)
    customers = np.sort(ids)
    customer = np.searchsorted(customers, ids)[found]
    day = windows.day_numbers(purchases["ordered_on"])
    key = day * len(customers) + customer
    keys, entry = np.unique(key, return_inverse=True)
    orders = pd.factorize(purchases["order_id"])[0].astype(np.int64)
    order_keys = np.unique(entry.astype(np.int64) * (orders.max(initial=0) + 1) + orders)
    return CustomerDays(
        customers=customers,
        customer=keys % len(customers),
        day=keys // len(customers),
        amount=np.bincount(entry, purchases["amount"].to_numpy()).astype(np.float64).round(2),
        discount=np.bincount(entry, purchases["discount"].to_numpy()).astype(np.float64).round(2),
        n_orders=np.bincount(order_keys // (orders.max(initial=0) + 1)).astype(np.int64),
        n_lines=np.bincount(entry).astype(np.int64),
    )
