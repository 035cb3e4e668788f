"""Purchase days for the NumPy rival, and sums of them by customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.features import columns as c

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[Any]


def per(a: Codes, b: Codes) -> Floats:
    """a / b; NaN where b is 0 or NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, a / b, np.nan)


@dataclass(frozen=True)
class Past:
    """The purchase days of a bucket before a cutoff, sorted by customer and day; customers are counted from 0."""

    days: pd.DataFrame
    cutoff: int
    n: int

    def column(self, name: str) -> Codes:
        """A column of the purchase days."""
        return self.days[name].to_numpy()

    def total(self, values: Codes | None = None, chosen: Flags | None = None) -> Floats:
        """Sum of the values (or number of purchase days) a customer, of the chosen purchase days."""
        customer = self.column("customer")
        if chosen is not None:
            customer, values = customer[chosen], None if values is None else values[chosen]
        return np.bincount(customer, values, minlength=self.n).astype(np.float64)

    def within(self, days: int, skip: int = 0) -> Flags:
        """Which purchase days lie in the window."""
        back = self.cutoff - self.column("day")
        return np.asarray((back > skip) & (back <= days + skip))

    def sum(self, name: str, days: int, skip: int = 0) -> Floats:
        """Sum of a column over the window."""
        return self.total(self.column(name), self.within(days, skip))

    def count(self, days: int, skip: int = 0) -> Floats:
        """Number of purchase days in the window."""
        return self.total(chosen=self.within(days, skip))


def purchase_days(lines: pd.DataFrame) -> pd.DataFrame:
    """One row a customer and day, in that order: sums, and the days since the day before (NaN for the first)."""
    marked = lines[["customer", "day", "order", "amount", "discount", "quantity"]].assign(
        lines=1,
        evening=lines["hour"] >= c.EVENING_HOUR,
        morning=lines["hour"] < c.NOON_HOUR,
        discounted=lines["discount"] > 0,
    )
    orders = marked.groupby(["customer", "day", "order"], sort=False, as_index=False).sum()
    days = orders.drop(columns="order").assign(orders=1).groupby(["customer", "day"], as_index=False).sum()
    days["amount"] /= c.CENTS
    days["discount"] /= c.CENTS
    days["gap"] = days["day"].diff().where(days["customer"] == days["customer"].shift())
    return days
