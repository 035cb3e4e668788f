"""Coded events: dated rows of customers as plain arrays, sorted by customer and day, that the kernel can walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Stream:
    """Rows of slots (a slot is a customer, or a customer as known at one cutoff), sorted by slot and day.

    Slot `s` owns the rows `start[s]` to `start[s + 1]`. `known` and `undone` are the day numbers on which a row and its
    undoing became known (None: at once, and never). `columns` have one entry a row; weights are integers: hundredths
    of the currency, thousandths of a unit.
    """

    start: Ints
    day: Ints
    columns: Mapping[str, Column]
    known: Ints | None = None
    undone: Ints | None = None

    @property
    def n_slots(self) -> int:
        """How many slots."""
        return len(self.start) - 1

    def between(self, first: int, last: int) -> Stream:
        """The rows of the slots from `first` to `last`, without a copy."""
        rows = slice(int(self.start[first]), int(self.start[last]))
        return Stream(
            self.start[first : last + 1] - self.start[first],
            self.day[rows],
            {name: column[rows] for name, column in self.columns.items()},
            None if self.known is None else self.known[rows],
            None if self.undone is None else self.undone[rows],
        )

    def taken(self, start: Ints, rows: Ints) -> Stream:
        """Some rows, in slots of their own that begin at `start`."""
        return Stream(start, self.day[rows], {name: column[rows] for name, column in self.columns.items()})

    def slots(self) -> Ints:
        """The slot of each row."""
        return np.repeat(np.arange(self.n_slots), np.diff(self.start))

    def without_times(self) -> Stream:
        """The same rows, all known at once."""
        return replace(self, known=None, undone=None)


def stream(
    n_customers: int,
    customer: Ints,
    day: Ints,
    columns: Mapping[str, Column],
    *,
    known: Ints | None = None,
    undone: Ints | None = None,
) -> Stream:
    """Rows in any order as a stream of customers 0 to `n_customers` − 1."""
    if not _is_sorted(customer, day):
        order = np.lexsort((day, customer))
        customer, day = customer[order], day[order]
        columns = {name: column[order] for name, column in columns.items()}
        known = None if known is None else known[order]
        undone = None if undone is None else undone[order]
    start = np.searchsorted(customer, np.arange(n_customers + 1)).astype(np.int64)
    is_late = known is not None and bool((known > day).any())
    is_undone = undone is not None and bool((undone != NEVER).any())
    odd = is_late or is_undone
    return Stream(start, day, columns, known if odd else None, undone if odd else None)


def _is_sorted(customer: Ints, day: Ints) -> bool:
    rises = customer[1:] > customer[:-1]
    return bool((rises | ((customer[1:] == customer[:-1]) & (day[1:] >= day[:-1]))).all())


def empty_stream(n_customers: int, *columns: str) -> Stream:
    """No rows."""
    nothing = np.zeros(0, dtype=np.int64)
    return Stream(np.zeros(n_customers + 1, dtype=np.int64), nothing, dict.fromkeys(columns, nothing))


@dataclass(frozen=True)
class Goods:
    """What the store sells: one entry a product code; code 0 is 'unknown'. All buckets share these codes."""

    category: Codes
    department: Codes
    is_private_label: Flags

    @property
    def n_products(self) -> int:
        """Product codes, 'unknown' included."""
        return len(self.category)


@dataclass(frozen=True)
class Coded:
    """A bucket's events. `customers` are sorted ids; the streams' slots are positions in it.

    `lines` has the columns order, product, store, channel (codes), hour, amount, discount, coupon_discount, quantity
    (weights), has_promotion, is_employers (flags), benefit_ended (day number; NEVER if under no benefit), as far as
    the shop records them. `others` are the returns (`returned_amount`) and the signals (`n`, `value`).
    """

    customers: npt.NDArray[Any]
    lines: Stream
    others: Mapping[str, Stream]
    goods: Goods

    @property
    def n_customers(self) -> int:
        """How many customers."""
        return len(self.customers)
