"""A plan checked by plain NumPy, apart from the optimiser's own sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offers.optimiser.problem import Problem, Row

BLOCK = 1_000_000


def violation(problem: Problem, picked: npt.NDArray[np.int64]) -> float:
    """The most by which any row is passed, in its own unit (relative to its bound where that is above 1); 0 if kept.

    Infinite if a customer is given what is not theirs.
    """
    has = picked >= 0
    who, taken = np.flatnonzero(has), picked[has]
    if ((taken < problem.start[who]) | (taken >= problem.start[who + 1])).any():
        return float("inf")
    return max((_passed(row, _activity(problem, row, who, taken)) for row in problem.rows), default=0.0)


def _activity(problem: Problem, row: Row, who: npt.NDArray[np.int64], taken: npt.NDArray[np.int64]) -> float:
    total = np.longdouble(0)
    for lo in range(0, len(taken), BLOCK):
        at, kind = taken[lo : lo + BLOCK], problem.kind[who[lo : lo + BLOCK]]
        pair = problem.pair[at]
        if row.per_contact is not None:
            total += row.per_contact[kind, pair].astype(np.longdouble).sum()
        if row.per_cost is not None:
            total += (row.per_cost[kind, pair] * problem.cost[at].astype(np.longdouble)).sum()
    return float(total)


def _passed(row: Row, used: float) -> float:
    above = (used - row.most) / max(1.0, abs(row.most)) if np.isfinite(row.most) else 0.0
    below = (row.least - used) / max(1.0, abs(row.least)) if np.isfinite(row.least) else 0.0
    return max(0.0, above, below)
