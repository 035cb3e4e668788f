"""Minimums that cannot hold: which, by how much, and what would be possible instead.

Phase 1 of the same machine: profits are 0 and each minimum may fall short at a price of 1 a unit, so that the least
total shortfall is found, and no plan can do better than the bound says.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from contracts.errors import ParameterError
from offers.optimiser.problem import INFINITE, Doubles, Problem, Row
from offers.optimiser.sides import Sides, sides_of
from offers.optimiser.solving import Solution, solved

MOST_NAMED = 4
ROUND = 1e-6


def refusal(problem: Problem, sides: Sides, whole_size: int) -> ParameterError:
    """The error that names the rules that no plan keeps together, and what would be possible."""
    found = least_shortfall(problem, sides, whole_size)
    short = _short(sides, found) if found else np.zeros(len(sides))
    worst = [int(side) for side in np.argsort(-short, kind="stable") if short[side] > ROUND]
    if not worst:
        rows = ", ".join(problem.rows[k].name for k in np.unique(sides.row))
        return ParameterError(f"no plan found that keeps every rule exactly; relax one of: {rows}")
    names = [_said(problem, sides, side, found, whole_size) for side in worst[:MOST_NAMED] if found]
    more = f"; and {len(worst) - MOST_NAMED} rules more" if len(worst) > MOST_NAMED else ""
    full = _full(problem, sides, found)
    beside = f" within {', '.join(full)}" if full else ""
    return ParameterError(f"no plan keeps every rule{beside}: {'; '.join(names)}{more}; relax one of them")


def least_shortfall(problem: Problem, sides: Sides, whole_size: int) -> Solution | None:
    """The plan whose minimums fall short by the least in all, each in its row's own unit."""
    profit = np.zeros(problem.n_candidates, dtype=problem.profit.dtype)
    most = np.where(sides.bound < 0, sides.scale, INFINITE)
    return solved(replace(problem, profit=profit), sides, whole_size=whole_size, most=most)


def _short(sides: Sides, found: Solution) -> Doubles:
    over = (sides.activity(found.use.contacts, found.use.spent) - sides.bound) * sides.scale
    return np.where(sides.bound < 0, np.maximum(over, 0.0), 0.0)


def _said(problem: Problem, sides: Sides, side: int, found: Solution, whole_size: int) -> str:
    row, wanted = problem.rows[sides.row[side]], -sides.bound[side] * sides.scale[side]
    if sides.sign[side] > 0:
        return f"{row.name} at most {row.most:g} cannot hold even with no offer at all"
    possible = most_of(problem, row, whole_size)
    if possible >= wanted - ROUND:
        others = _beside(problem, sides, side, found)
        return f"{row.name} at least {row.least:g}: at most {wanted - _short(sides, found)[side]:g} beside {others}"
    return f"{row.name} at least {row.least:g}: at most {possible:g} can be given an offer"


def _beside(problem: Problem, sides: Sides, side: int, found: Solution) -> str:
    """The minimums that stand in a minimum's way."""
    priced = (found.prices > ROUND * sides.scale) & (sides.bound < 0) & (np.arange(len(sides)) != side)
    rows = [problem.rows[k] for k in np.unique(sides.row[priced])]
    return ", ".join(f"{row.name} at least {row.least:g}" for row in rows) or "the other minimums"


def most_of(problem: Problem, row: Row, whole_size: int) -> float:
    """The greatest activity of a row that the limits allow without any minimum; whole numbers of whole weights."""
    table = np.zeros((problem.n_kinds, problem.n_pairs)) if row.per_contact is None else row.per_contact
    who = np.repeat(problem.kind, np.diff(problem.start))
    worth = table[who, problem.pair]
    if row.per_cost is not None:
        worth = worth + row.per_cost[who, problem.pair] * problem.cost
    rows = tuple(replace(other, least=-INFINITE) for other in problem.rows if other.most >= 0)
    alone = replace(problem, profit=worth.astype(np.float64), rows=rows)
    found = solved(alone, sides_of(alone), whole_size=whole_size)
    return 0.0 if found is None else round(found.value, 6)


def _full(problem: Problem, sides: Sides, found: Solution | None) -> list[str]:
    """Limits that the least shortfall is held up by."""
    if found is None:
        return []
    priced = (found.prices > ROUND * sides.scale) & (sides.bound >= 0)
    return [problem.rows[k].name for k in np.unique(sides.row[priced])]
