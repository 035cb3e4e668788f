"""The choice as plain arrays: customers' candidates, and limits whose weights hang on the customer's kind and the pair.

A *pair* is an (offer, channel), by number; a *kind* is a set of customers whom every limit treats alike. So a limit
needs no number a candidate: its weight is `per_contact[kind, pair] + cost · per_cost[kind, pair]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contracts.errors import ContractError

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]
INFINITE = float("inf")


@dataclass(frozen=True)
class Row:
    """One limit: the sum of weights over the chosen candidates lies between `least` and `most`.

    `words` name it in a sentence ("the budget"); `unit` is what one more of it is ("one more call"). `per_budget` says
    by how much `most` grows with each unit of the week's budget; 0 for what does not hang on it. `is_fairness`: the
    unit is one of mean benefit, not of money or contacts. `used` was spoken for beforehand: both bounds are what is
    left beside it.
    """

    name: str
    words: str
    unit: str
    least: float = -INFINITE
    most: float = INFINITE
    per_contact: Doubles | None = None
    per_cost: Doubles | None = None
    per_budget: float = 0.0
    is_fairness: bool = False
    used: float = 0.0


@dataclass(frozen=True)
class Problem:
    """The choice of one week. Customer i has candidates `start[i]` up to `start[i + 1]`, and 'none', worth 0.

    `pair`, `profit` and `cost` have one entry a candidate (`cost` may be empty where no row has `per_cost`), `kind`
    one a customer; `profit` and `cost` in store currency, float32 or float64. Ties go to whoever comes first.
    """

    start: Ints
    pair: Ints
    profit: Floats
    cost: Floats
    kind: Ints
    n_kinds: int
    n_pairs: int
    rows: tuple[Row, ...]

    @property
    def n_customers(self) -> int:
        """Customers with or without candidates."""
        return len(self.kind)

    @property
    def n_candidates(self) -> int:
        """Candidates of all customers."""
        return len(self.pair)

    def cell(self, candidates: Ints, customers: Ints) -> Ints:
        """The cell (kind × pair, as one number) of candidates that belong to these customers."""
        return np.asarray(self.kind[customers].astype(np.int64) * self.n_pairs + self.pair[candidates])

    def cost_of(self, candidates: Ints) -> Doubles:
        """Expected cost of candidates; 0 where costs are not measured."""
        return self.cost[candidates].astype(np.float64) if len(self.cost) else np.zeros(len(candidates))


def problem(
    start: Ints,
    pair: Ints,
    profit: Floats,
    kind: Ints,
    rows: Sequence[Row],
    *,
    cost: Floats | None = None,
    n_pairs: int | None = None,
) -> Problem:
    """A checked `Problem`; `ContractError` if arrays do not fit each other or a number is not finite."""
    n_kinds = max((len(t) for t in _tables(rows)), default=int(kind.max(initial=0)) + 1)
    width = max((t.shape[1] for t in _tables(rows)), default=n_pairs or int(pair.max(initial=0)) + 1)
    costs = np.zeros(0, dtype=profit.dtype) if cost is None else cost
    made = Problem(start, pair, profit, costs, kind, n_kinds, width, tuple(rows))
    _check(made)
    return made


def _tables(rows: Sequence[Row]) -> list[Doubles]:
    return [table for row in rows for table in (row.per_contact, row.per_cost) if table is not None]


def _check(made: Problem) -> None:
    n = made.n_candidates
    expected = [
        (len(made.start) == made.n_customers + 1, "one start a customer and the end"),
        (int(made.start[0]) == 0 and int(made.start[-1]) == n, "starts from 0 to the number of candidates"),
        (bool((np.diff(made.start) >= 0).all()), "starts that never fall"),
        (len(made.profit) == n and len(made.cost) in {0, n}, "one profit and one cost a candidate"),
        (bool(np.isfinite(made.profit).all() and np.isfinite(made.cost).all()), "finite profits and costs"),
        (not n or 0 <= int(made.pair.min()) <= int(made.pair.max()) < made.n_pairs, "pairs below their number"),
        (not len(made.kind) or 0 <= int(made.kind.min()) <= int(made.kind.max()) < made.n_kinds, "kinds within tables"),
        (all(t.shape == (made.n_kinds, made.n_pairs) for t in _tables(made.rows)), "tables of kinds × pairs"),
        (len(made.cost) == n or all(row.per_cost is None for row in made.rows), "costs where a row counts them"),
    ]
    for holds, what in expected:
        if not holds:
            raise ContractError(f"a problem needs {what}; got {made.n_customers} customers and {n} candidates")
