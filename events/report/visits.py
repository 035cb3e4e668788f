"""Every customer's purchase days, a few bytes each, and what is counted over them some customers after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
MOST_DAYS = 1_000_000
"""Purchase days in memory at once as whole numbers; no result hangs on it."""


@dataclass(frozen=True)
class Some:
    """Some customers' purchase days, each once: numbers from 0 among them, and days since 1970-01-01."""

    n_customers: int
    customer: Ints
    day: Ints

    def any(self, is_meant: Flags) -> Flags:
        """Which customers have one of the days meant."""
        found = np.zeros(self.n_customers, dtype=bool)
        found[self.customer[is_meant]] = True
        return found

    def distinct(self, period: Ints) -> tuple[Ints, Ints]:
        """Customers and their periods (one a day is given, in order), each pair once."""
        is_new = (np.diff(self.customer, prepend=-1) != 0) | (np.diff(period, prepend=-1) != 0)
        return self.customer[is_new], period[is_new]


@dataclass(frozen=True)
class Visits:
    """Purchase days by customer and day: how many each customer has, and how long each lies after the first of all."""

    first_day: int
    n_of: Ints
    after: npt.NDArray[np.unsignedinteger]

    @classmethod
    def of(cls, first_day: int, parts: Sequence[tuple[Ints, npt.NDArray[np.unsignedinteger]]]) -> Visits:
        """From the parts' counts and days."""
        n_of, after = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return cls(first_day, n_of, after)

    @property
    def first_seen(self) -> int:
        """The first purchase day of all."""
        return self.first_day + int(self.after.min())

    @property
    def last_seen(self) -> int:
        """The last purchase day of all."""
        return self.first_day + int(self.after.max())

    def parts(self) -> Iterator[Some]:
        """All customers, some after the other."""
        ends = np.cumsum(self.n_of)
        begin, before = 0, 0
        while begin < len(ends):
            end = max(begin + 1, int(np.searchsorted(ends, before + MOST_DAYS, side="right")))
            n_of = self.n_of[begin:end]
            days = self.after[before : int(ends[end - 1])].astype(np.int64) + self.first_day
            yield Some(len(n_of), np.repeat(np.arange(len(n_of)), n_of), days)
            begin, before = end, int(ends[end - 1])


def packed(
    customer: Ints, day: Ints, n_customers: int, first_day: int, span: int
) -> tuple[Ints, npt.NDArray[np.uint32]]:
    """Distinct purchase days of lines: how many each customer has, and days after `first_day`, by customer and day."""
    keys = np.unique(customer * span + (day - first_day))
    kind = np.min_scalar_type(span)
    return np.bincount(keys // span, minlength=n_customers), (keys % span).astype(kind)
