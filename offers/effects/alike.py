"""Rows of customers, counted once: a circumstance is then compared at the cost of the rows that have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from offers.effects.rows import Floats

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Alike:
    """Rows by stratum and outcome: cell `s` holds who stayed in stratum s, cell `n_strata + s` who lapsed.

    `cell` and `customer` (from 0, all of whom have a row) have one entry a row. `counts` is customers × cells, `cross`
    its product with itself: with a value a cell, it gives the sum over customers of their squared sums.
    """

    cell: Ints
    customer: Ints
    n_strata: int
    counts: csr_array
    cross: Floats

    @classmethod
    def of(cls, lapsed: Floats, stratum: Ints, customer: Ints) -> Alike:
        """Rows with their outcome (1.0: lapsed), stratum and customer, both numbered from 0."""
        n_strata = int(stratum.max(initial=0)) + 1
        cell = stratum + n_strata * lapsed.astype(np.int64)
        _, who = np.unique(customer, return_inverse=True)
        shape = (int(who.max(initial=-1)) + 1, 2 * n_strata)
        counts = csr_array((np.ones(len(cell)), (who, cell)), shape=shape)
        return cls(cell, who.astype(np.int64), n_strata, counts, np.asarray((counts.T @ counts).todense()))

    def sides(self, places: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """By stratum: rows at the places, all others, and how many of either lapsed."""
        own, every = (np.bincount(cell, minlength=2 * self.n_strata) for cell in (self.cell[places], self.cell))
        kept, lapsed = (np.reshape(counts.astype(np.float64), (2, -1)) for counts in (own, every - own))
        return kept.sum(axis=0), lapsed.sum(axis=0), kept[1], lapsed[1]

    def n_customers(self, places: Ints) -> tuple[int, int]:
        """Customers with a row at the places, and with a row elsewhere."""
        who, n = np.unique(self.customer[places], return_counts=True)
        rows = np.asarray(self.counts[who].sum(axis=1)).ravel()
        return len(who), self.counts.shape[0] - int((rows == n).sum())

    def clustered(self, places: Ints, here: Floats, elsewhere: Floats) -> float:
        """Standard error of a sum of parts whose customers are independent, and rows of a customer are not.

        A row's part is `here[outcome, stratum]` at the places, else `elsewhere[outcome, stratum]`.
        """
        others, own = elsewhere.ravel(), (here - elsewhere).ravel()
        who, place = np.unique(self.customer[places], return_inverse=True)
        before = self.counts[who] @ others
        after = before + np.bincount(place, own[self.cell[places]], minlength=len(who))
        total = others @ self.cross @ others + (np.square(after) - np.square(before)).sum()
        n = max(self.counts.shape[0], 2)
        return float(np.sqrt(max(total, 0.0) * n / (n - 1)))
