"""The choice: at most one (offer, channel) a customer, worth the most in all, within every limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from offers.optimiser.dual import typical_profit
from offers.optimiser.feasibility import refusal
from offers.optimiser.problem import Doubles, Flags, Problem
from offers.optimiser.sides import Sides, sides_of
from offers.optimiser.solving import FULL, WHOLE_SIZE, Effort, Solution, solved

ROUNDING = 1e-12
"""A bound that lies above the value by less than this (relative) is the value: float64 sums cannot tell them apart."""
Method = Literal["whole", "core", "none"]


@dataclass(frozen=True)
class Choice:
    """What is chosen, and how good it is sure to be.

    `picked` holds a customer's candidate (−1: none). `value` is reached, `bound` no plan can pass. `prices` say, by
    row, what one unit more of it would bring (>= 0; below 0 for a minimum: what one unit more of it costs); `slack` how
    far the nearest bound of the row is; `binding` are rows with less room than the smallest choice would need.
    `n_core` customers were decided exactly, the others by the prices.
    """

    picked: npt.NDArray[np.int64]
    n_candidates: int
    value: float
    bound: float
    prices: dict[str, float]
    slack: dict[str, float]
    binding: tuple[str, ...]
    n_core: int
    method: Method

    @property
    def chosen(self) -> Flags:
        """Whether each candidate is chosen."""
        chosen = np.zeros(self.n_candidates, dtype=bool)
        chosen[self.picked[self.picked >= 0]] = True
        return chosen

    @property
    def gap(self) -> float:
        """(bound − value) relative to the bound."""
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-9)


def choose(problem: Problem, *, whole_size: int = WHOLE_SIZE, effort: Effort = FULL) -> Choice:
    """Maximise the sum of profits; problems of up to `whole_size` candidates are solved exactly in one piece.

    Less than full `effort` keeps every limit all the same, and comes less near to the bound.

    Deterministic for equal input, whatever the threads. Raises `ParameterError` with the rules that cannot hold
    together, and what would be possible.
    """
    sides = sides_of(problem)
    found = solved(problem, sides, whole_size=whole_size, effort=effort)
    if found is None:
        raise refusal(problem, sides, whole_size)
    return described(problem, sides, found)


def described(problem: Problem, sides: Sides, found: Solution) -> Choice:
    """The solution with prices, slack and binding rows by name."""
    value = profit_of(problem, found.picked)
    room = (sides.bound - sides.activity(found.use.contacts, found.use.spent)) * sides.scale
    method: Method = "none" if not problem.n_candidates else "whole" if found.is_whole else "core"
    return Choice(
        picked=found.picked,
        n_candidates=problem.n_candidates,
        value=value,
        bound=found.bound if found.bound - value > ROUNDING * max(abs(value), typical_profit(problem)) else value,
        prices=_prices(problem, sides, found.prices),
        slack={row.name: _slack(sides, room, k) for k, row in enumerate(problem.rows)},
        binding=_binding(problem, sides, room),
        n_core=found.n_core,
        method=method,
    )


def profit_of(problem: Problem, picked: npt.NDArray[np.int64]) -> float:
    """The sum of the chosen profits in float64, added without rounding of the parts' sum."""
    taken = picked[picked >= 0]
    parts = (problem.profit[taken[k : k + 65_536]].sum(dtype=np.float64) for k in range(0, len(taken), 65_536))
    return math.fsum(float(part) for part in parts)


def _prices(problem: Problem, sides: Sides, prices: Doubles) -> dict[str, float]:
    net = np.bincount(sides.row, weights=sides.sign * prices / sides.scale, minlength=len(problem.rows))
    return {row.name: float(net[k]) for k, row in enumerate(problem.rows)}


def _slack(sides: Sides, room: Doubles, row: int) -> float:
    return float(np.min(room[sides.row == row], initial=np.inf))


def _binding(problem: Problem, sides: Sides, room: Doubles) -> tuple[str, ...]:
    """Rows with a side that could be passed and that has less room than its smallest weight."""
    is_full = (room < sides.least_step) & sides.can_be_passed
    return tuple(row.name for k, row in enumerate(problem.rows) if is_full[sides.row == k].any())
