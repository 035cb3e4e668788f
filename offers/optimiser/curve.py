"""Profit against budget: the plan's value, cost and bound at other budgets, each begun from its neighbour's prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from offers.optimiser.choice import described
from offers.optimiser.problem import Problem, Row
from offers.optimiser.sides import sides_of
from offers.optimiser.solving import WHOLE_SIZE, Solution, solved

EIGHTHS = tuple(k / 8 for k in range(17))


@dataclass(frozen=True)
class Point:
    """The best plan at a budget: its value, its expected cost, and what no plan at that budget can pass."""

    budget: float
    value: float
    cost: float
    bound: float

    @property
    def gap(self) -> float:
        """(bound − value) relative to the bound."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-9)


def shares_of(budget: float, shares: Sequence[float] = EIGHTHS) -> list[float]:
    """The budgets of a curve: from nothing by eighths to twice the budget."""
    return [share * budget for share in shares]


def budget_curve(problem: Problem, budgets: Sequence[float], *, whole_size: int = WHOLE_SIZE) -> list[Point | None]:
    """One point a budget, in the given order; none where the minimums cannot be held at that budget.

    Every row with `per_budget` follows the budget; the others stay.
    """
    points: dict[float, Point | None] = {}
    prices = None
    for budget in sorted(set(budgets), reverse=True):
        there = replace(problem, rows=tuple(_at(row, budget) for row in problem.rows))
        sides = sides_of(there)
        found = solved(there, sides, whole_size=whole_size, start=prices)
        points[budget] = None if found is None else _point(there, found, budget)
        prices = prices if found is None else found.prices
    return [points[budget] for budget in budgets]


def _at(row: Row, budget: float) -> Row:
    return replace(row, most=row.per_budget * budget) if row.per_budget else row


def _point(problem: Problem, found: Solution, budget: float) -> Point:
    choice = described(problem, sides_of(problem), found)
    taken = choice.picked[choice.picked >= 0]
    cost = float(np.sum(problem.cost[taken], dtype=np.float64)) if len(problem.cost) else 0.0
    return Point(budget, choice.value, cost, choice.bound)
