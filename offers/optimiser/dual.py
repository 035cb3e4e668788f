"""Prices of the limits: the dual softened by a temperature that falls, minimised by projected Newton steps.

For any prices >= 0, `Σ price · bound + Σ customers max(0, best net)` is a value that no plan can pass. The softened
maximum (temperature × log Σ exp) makes it smooth, so that a few Newton steps on as many numbers as there are limits
find its minimum, whatever the number of customers; first on a drawn sample of them, then on all.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from offers.optimiser import kernels
from offers.optimiser.problem import Doubles, Floats, Ints, Problem
from offers.optimiser.sides import Sides

CHUNK = 1 << 17
"""Customers summed in one go. Sums are added in the order of chunks, so that no result hangs on the threads."""
SAMPLE = 20_000
"""Customers drawn for the first prices, where there are more than twice as many."""
SEED = 20_180_101
COOLING = 0.2
SOFTEST, HARDEST = 1.0, 3e-4
"""Temperatures relative to the typical profit: the first and the last."""
LEAST_STEP = 1e-9
MOST_STEPS = 30
MOST_HALVINGS = 12
LONGEST = 4.0
"""A step moves no price by more than so many times the highest price (and the temperature)."""
NO_MARGIN: Floats = np.zeros(0, dtype=np.float32)
NO_PICKS: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Use:
    """What the best choices at some prices use: the dual's value, contacts and cost by cell."""

    value: float
    contacts: Doubles
    spent: Doubles


@dataclass(frozen=True)
class Soft:
    """The softened dual at some prices: its value, slope and curvature."""

    value: float
    slope: Doubles
    curvature: Doubles


def _in_chunks(n: int, work: Callable[[int, int], Any]) -> Iterator[Any]:
    ranges = [(lo, min(lo + CHUNK, n)) for lo in range(0, n, CHUNK)]
    if len(ranges) <= 1:
        yield from (work(*bounds) for bounds in ranges)
        return
    with ThreadPoolExecutor(min(len(ranges), os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda bounds: work(*bounds), ranges)


def best(problem: Problem, sides: Sides, prices: Doubles, picked: Ints = NO_PICKS, margin: Floats = NO_MARGIN) -> Use:
    """Each customer's best choice at the prices, written to `picked` and `margin` if these are given; the exact dual.

    The value is a bound on every plan: chunks' sums of float64, added without rounding.
    """
    fee, rate = sides.fees(prices)

    def work(lo: int, hi: int) -> Any:
        return kernels.best(lo, hi, *_arrays(problem), fee, rate, problem.n_pairs, picked, margin)

    contacts, spent, totals = np.zeros(len(fee)), np.zeros(len(fee)), [float(v) for v in prices * sides.bound]
    for total, more, paid in _in_chunks(problem.n_customers, work):
        totals.append(total)
        contacts += more
        spent += paid
    return Use(math.fsum(totals), contacts, spent)


def use_of(problem: Problem, picked: Ints) -> Use:
    """What a plan uses; its value is not known here and stands as 0."""
    n_cells = problem.n_kinds * problem.n_pairs

    def work(lo: int, hi: int) -> Any:
        return kernels.used(lo, hi, problem.pair, problem.cost, problem.kind, problem.n_pairs, picked, n_cells)

    contacts, spent = np.zeros(n_cells), np.zeros(n_cells)
    for more, paid in _in_chunks(problem.n_customers, work):
        contacts += more
        spent += paid
    return Use(0.0, contacts, spent)


def _arrays(problem: Problem) -> tuple[Ints, Ints, Floats, Floats, Ints]:
    return problem.start, problem.pair, problem.profit, problem.cost, problem.kind


class Softened:
    """The softened dual of a problem, as a function of prices and temperature."""

    def __init__(self, problem: Problem, sides: Sides) -> None:
        self.problem, self.sides, self.by_cell = problem, sides, sides.by_cell()

    def __call__(self, prices: Doubles, temperature: float) -> Soft:
        """Value, slope and curvature at the prices."""
        problem, n = self.problem, len(self.sides)
        fee, rate = self.sides.fees(prices)

        def work(lo: int, hi: int) -> Any:
            return kernels.softened(
                lo, hi, *_arrays(problem), fee, rate, problem.n_pairs, temperature, *self.by_cell, n
            )

        contacts, spent, curvature = np.zeros(len(fee)), np.zeros(len(fee)), np.zeros((n, n))
        totals = [float(v) for v in prices * self.sides.bound]
        for total, more, paid, bent in _in_chunks(problem.n_customers, work):
            totals.append(total)
            contacts += more
            spent += paid
            curvature += bent
        slope = self.sides.bound - self.sides.activity(contacts, spent)
        return Soft(math.fsum(totals), slope, curvature + np.tril(curvature, -1).T)


def minimised(dual: Softened, prices: Doubles, temperature: float, most: Doubles) -> Doubles:
    """Prices (0 to `most`) of the least softened dual, by projected Newton steps (Bertsekas 1982)."""
    at = dual(prices, temperature)
    for _ in range(MOST_STEPS):
        step = _newton_step(at, prices, most)
        step *= min(1.0, LONGEST * (np.max(prices, initial=0.0) + temperature) / max(np.max(np.abs(step)), 1e-300))
        gain = -float(at.slope @ step)
        if gain <= LEAST_STEP * (abs(at.value) + temperature):
            break
        moved = _line_search(lambda there: dual(there, temperature), at, prices, step, most)
        if moved is None:
            break
        prices, at = moved
    return prices


def _newton_step(at: Soft, prices: Doubles, most: Doubles) -> Doubles:
    free = ((prices > 0) | (at.slope < 0)) & ((prices < most) | (at.slope > 0))
    step = np.zeros(len(prices))
    if not free.any():
        return step
    block = at.curvature[np.ix_(free, free)]
    ridge = 1e-7 * np.diag(block) + 1e-9 * np.max(np.diag(block), initial=0.0) + 1e-30
    step[free] = np.linalg.solve(block + np.diag(ridge), -at.slope[free])
    return step


def _line_search(
    dual: Callable[[Doubles], Soft], at: Soft, prices: Doubles, step: Doubles, most: Doubles
) -> tuple[Doubles, Soft] | None:
    """The first of ever shorter steps that lowers the dual enough; none if rounding is all that is left."""
    share = 1.0
    for _ in range(MOST_HALVINGS):
        moved = np.clip(prices + share * step, 0.0, most)
        there = dual(moved)
        if there.value <= at.value + 1e-4 * float(at.slope @ (moved - prices)):
            return moved, there
        share *= 0.35
    return None


def prices_of(problem: Problem, sides: Sides, scale: float, most: Doubles, start: Doubles | None = None) -> Doubles:
    """Prices near the least dual: on a sample first where there are many customers, then on all.

    `scale` is the typical profit, `most` the highest price of each side; with `start`, from those prices on.
    """
    if not len(sides):
        return np.zeros(0)
    everyone = Softened(problem, sides)
    prices, temperature = np.zeros(len(sides)) if start is None else start, SOFTEST
    if start is None and problem.n_customers > 2 * SAMPLE:
        few, bounds = _sample(problem, sides)
        prices = _cooled(Softened(few, bounds), prices, SOFTEST, scale, most)
    if start is not None or problem.n_customers > 2 * SAMPLE:
        temperature = HARDEST / COOLING
    return _cooled(everyone, prices, temperature, scale, most)


def _cooled(dual: Softened, prices: Doubles, temperature: float, scale: float, most: Doubles) -> Doubles:
    while True:
        prices = minimised(dual, prices, temperature * scale, most)
        if temperature <= HARDEST:
            return prices
        temperature = max(temperature * COOLING, HARDEST)


def _sample(problem: Problem, sides: Sides) -> tuple[Problem, Sides]:
    drawn = np.random.default_rng(SEED).choice(problem.n_customers, SAMPLE, replace=False)
    few = part_of(problem, np.sort(drawn))
    return few, replace(sides, bound=sides.bound * (SAMPLE / problem.n_customers))


def part_of(problem: Problem, who: Ints) -> Problem:
    """The same problem for some of its customers, in the given order."""
    sizes = problem.start[who + 1] - problem.start[who]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(problem.start.dtype)
    at = np.repeat(problem.start[who] - start[:-1], sizes) + np.arange(start[-1])
    cost = problem.cost[at] if len(problem.cost) else problem.cost
    return replace(
        problem, start=start, pair=problem.pair[at], profit=problem.profit[at], cost=cost, kind=problem.kind[who]
    )


def typical_profit(problem: Problem) -> float:
    """Root mean square of the profits: the unit in which temperatures and tolerances are meant; 1 if all are 0."""
    if not problem.n_candidates:
        return 1.0
    step = max(1, problem.n_candidates // 1_000_000)
    size = float(np.sqrt(np.mean(np.square(problem.profit[::step], dtype=np.float64))))
    return size if size > 0 else 1.0
