"""Profit against budget: the plan's value, cost and bound at other budgets, each begun from its neighbour's prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from offers.optimiser.choice import described
from offers.optimiser.problem import Problem, Row
from offers.optimiser.sides import Sides, sides_of
from offers.optimiser.solving import FULL, QUICK, Solution, solved

MANY = 5_000
"""Candidates above which a point is tried less hard: a plot shows no thousandth, and each point tells its bound."""


@dataclass(frozen=True)
class Point:
    """The best plan at a budget: its value, what of the budget it costs, and what no plan at that budget can pass."""

    budget: float
    value: float
    cost: float
    bound: float

    @property
    def gap(self) -> float:
        """(bound − value) relative to the bound."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-9)


def budget_curve(problem: Problem, budgets: Sequence[float], *, whole_size: int = 0) -> list[Point | None]:
    """One point a budget, in the given order; none where the minimums cannot be held at that budget.

    Every row with `per_budget` follows the budget; the others stay. Solved by prices and core unless there are at most
    `whole_size` candidates; a plan that a smaller budget pays for as well stands for that one too.
    """
    effort = FULL if problem.n_candidates <= MANY else QUICK
    points: dict[float, Point | None] = {}
    found: Solution | None = None
    for budget in sorted(set(budgets), reverse=True):
        there = replace(problem, rows=tuple(_at(row, budget) for row in problem.rows))
        sides = sides_of(there)
        if found is None or not _is_paid_for(sides, found):
            prices = None if found is None else found.prices
            found = solved(there, sides, whole_size=whole_size, start=prices, effort=effort)
        points[budget] = None if found is None else _point(there, found, budget)
    return [points[budget] for budget in budgets]


def _is_paid_for(sides: Sides, found: Solution) -> bool:
    """Whether a plan that was best with more money keeps every limit with less: then it is best with less as well."""
    return bool((sides.activity(found.use.contacts, found.use.spent) <= sides.bound).all())


def _at(row: Row, budget: float) -> Row:
    return replace(row, most=row.per_budget * budget - row.used) if row.per_budget else row


def _point(problem: Problem, found: Solution, budget: float) -> Point:
    choice = described(problem, sides_of(problem), found)
    spent = [row.most + row.used - choice.slack[row.name] for row in problem.rows if row.per_budget == 1]
    return Point(budget, choice.value, max(0.0, *spent, 0.0), choice.bound)
