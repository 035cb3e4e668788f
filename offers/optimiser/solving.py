"""From prices to a plan: the core grows until the plan is nearly as good as its bound; every row is kept exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from offers.optimiser.core import Core, applied, core_of, exact, relaxed
from offers.optimiser.dual import Use, best, prices_of, typical_profit, use_of
from offers.optimiser.problem import Doubles, Flags, Ints, Problem
from offers.optimiser.sides import Sides

WHOLE_SIZE, SMALL = 5_000, 1_000
"""Candidates that HiGHS is given in one piece: always up to `SMALL`, else where the prices and a core prove less."""
WHOLE_GAP, GAP, ENOUGH = 1e-9, 1e-6, 1e-4
"""Relative gaps asked of HiGHS in one piece and of a core; a plan within `ENOUGH` of its bound gets no larger core."""
WHOLE_NODES, CORE_NODES = 2_000, 30
CORE_SIZES = (2_000, 8_000, 32_000, 128_000)
LARGE, EVERYTHING = 8_000, 10_000
"""Larger cores are for feasibility alone; and so is a core of all customers who have more candidates than this."""
MOST_PRICINGS = 4
MOST_ROUNDS = 8
EXACT, ROUNDING = 1e-9, 1e-13
"""How far a row may be passed: in its own unit, and relative to its bound, which float64 sums cannot tell from 0."""
UNBOUNDED = 1e6


@dataclass(frozen=True)
class Effort:
    """How hard the core is tried: its sizes in turn, HiGHS's relative gap and nodes, and when the plan is good enough.

    Cores of more than `largest` customers are for feasibility alone. Every limit is kept exactly, whatever the effort;
    the gap to the bound is told.
    """

    core_sizes: tuple[int, ...] = CORE_SIZES
    gap: float = GAP / 3
    nodes: int = CORE_NODES
    enough: float = ENOUGH
    largest: int = LARGE


FULL = Effort()
QUICK = Effort(core_sizes=(50, 100, 300, 1_000), gap=5e-3, nodes=1, enough=1e-2, largest=50)
"""For replays of many weeks: on replayed weeks about a thousandth below what cores of 1,000 find, at worst half a
hundredth. The bound is looser than that, most so where few can be chosen: small cores prove little."""


@dataclass(frozen=True)
class Task:
    """A problem to solve: its sides, its typical profit, and the highest price of each side.

    A side whose highest price is finite may fall short of its bound, at that price a (scaled) unit.
    """

    problem: Problem
    sides: Sides
    scale: float
    most: Doubles
    effort: Effort = FULL

    @property
    def may_fall_short(self) -> Flags:
        """Sides that need not be kept."""
        return np.isfinite(self.most)


@dataclass(frozen=True)
class Solution:
    """The picks of a problem, what they use, a bound on every plan, and the sides' prices that prove it."""

    picked: npt.NDArray[np.int64]
    use: Use
    value: float
    bound: float
    prices: Doubles
    n_core: int
    is_whole: bool


@dataclass(frozen=True)
class Margin:
    """The best choices at some prices: picks, how far each customer's second best lies below, and what they use."""

    prices: Doubles
    picked: npt.NDArray[np.int64]
    below: npt.NDArray[np.float32]
    use: Use


@dataclass(frozen=True)
class Around:
    """The core around some prices: customers `who`; no core if its limits cannot be kept even with fractions."""

    at: Margin
    who: Ints
    core: Core | None
    is_everything: bool


def solved(
    problem: Problem,
    sides: Sides,
    *,
    whole_size: int = WHOLE_SIZE,
    start: Doubles | None = None,
    most: Doubles | None = None,
    effort: Effort = FULL,
) -> Solution | None:
    """The best plan found; None if HiGHS finds none that keeps every side.

    `start` are prices to begin with; a side with a finite price in `most` may fall short, at that price.
    """
    highest = np.full(len(sides), np.inf) if most is None else most
    task = Task(problem, sides, typical_profit(problem), highest, effort)
    if not problem.n_candidates:
        return _nothing(task)
    if effort is FULL and problem.n_candidates <= min(whole_size, SMALL):
        return _in_one_piece(task)
    ceiling = np.minimum(highest, UNBOUNDED * task.scale)
    found = _by_cores(task, margin_at(task, prices_of(problem, sides, task.scale, ceiling, start)))
    is_proved = found is not None and (_gap(found) <= GAP or effort is not FULL)
    return found if is_proved or problem.n_candidates > whole_size else _in_one_piece(task)


def margin_at(task: Task, prices: Doubles) -> Margin:
    """The best choices at the prices."""
    picked = np.full(task.problem.n_customers, -1, dtype=np.int64)
    below = np.zeros(task.problem.n_customers, dtype=np.float32)
    return Margin(prices, picked, below, best(task.problem, task.sides, prices, picked, below))


def _nothing(task: Task) -> Solution | None:
    """No offer at all, if that keeps every side that must be kept."""
    picked = np.full(task.problem.n_customers, -1, dtype=np.int64)
    use = use_of(task.problem, picked)
    lost = -_shortfall(task, use)
    kept = Solution(picked, use, lost, lost, np.zeros(len(task.sides)), 0, True)
    return None if _over(task, use).any() else kept


def _in_one_piece(task: Task) -> Solution | None:
    """Everybody decided by HiGHS; prices from the relaxation."""
    at = margin_at(task, np.zeros(len(task.sides)))
    everyone = np.flatnonzero(np.diff(task.problem.start) > 0)
    core = _core(task, at, everyone, np.inf)
    fractions = relaxed(core, task.scale, task.most)
    if fractions is None:
        return None
    found = _decided(task, Around(at, everyone, core, is_everything=True), WHOLE_GAP, WHOLE_NODES)
    if found is None:
        return None
    by_prices = best(task.problem, task.sides, fractions.prices).value
    return replace(found, bound=min(found.bound, by_prices), prices=fractions.prices, is_whole=True)


def _by_cores(task: Task, at: Margin) -> Solution | None:
    """Ever larger cores, until the plan is good enough; very large ones only where no smaller keeps every side."""
    found: Solution | None = None
    n = task.problem.n_customers
    many = n if task.problem.n_candidates <= EVERYTHING else n // 2
    sizes, effort = CORE_SIZES if n > LARGE else task.effort.core_sizes, task.effort
    for size in dict.fromkeys([*(min(size, many) for size in sizes), n if many < CORE_SIZES[-1] else many]):
        if found is not None and (_gap(found) <= effort.enough or size > min(effort.largest, many)):
            break
        around = _repriced(task, at, size)
        at = around.at
        found = _better(found, _decided(task, around, effort.gap, effort.nodes))
        if around.core is None and _is_impossible(task, at.prices):
            return None
    return found


def _is_impossible(task: Task, prices: Doubles) -> bool:
    """Whether these prices, or a multiple of them, prove that no plan keeps every side: no plan is worth so little."""
    if task.may_fall_short.any():
        return False
    worst = -float(np.sum(np.maximum(-task.problem.profit, 0.0), dtype=np.float64))
    return any(best(task.problem, task.sides, times * prices).value < worst - task.scale for times in (1.0, 1e4))


def _repriced(task: Task, at: Margin, size: int) -> Around:
    """Prices made exact for the core around them, again and again while that lowers the bound; the core at the last."""
    kept: Around | None = None
    for _ in range(MOST_PRICINGS):
        who, reach = _nearest(at, size, task.scale)
        core = _core(task, at, who, reach)
        fractions = relaxed(core, task.scale, task.most)
        if kept is None or kept.core is None or at.use.value < kept.at.use.value:
            kept = Around(at, who, core if fractions is not None else None, bool(np.isinf(reach)))
        if fractions is None:
            break
        value = at.use.value - float(at.prices @ core.room) + fractions.gain
        if at.use.value - value <= GAP / 10 * abs(value):
            break
        at = margin_at(task, fractions.prices)
    assert kept is not None  # noqa: S101  (MOST_PRICINGS is above 0)
    return kept


def _core(task: Task, at: Margin, who: Ints, reach: float) -> Core:
    return core_of(task.problem, task.sides, at.prices, at.picked, at.use, who=who, reach=reach, scale=task.scale)


def _nearest(at: Margin, size: int, scale: float) -> tuple[Ints, float]:
    """The customers nearest the margin, at least `size` of them, and how near the farthest of them is."""
    has_choice = np.isfinite(at.below)
    if size >= has_choice.sum():
        return np.flatnonzero(has_choice), np.inf
    reach = max(float(np.partition(at.below, size)[size]), 1e-7 * scale)
    return np.flatnonzero(at.below <= reach), reach * (1 + 1e-6)


def _decided(task: Task, around: Around, gap: float, nodes: int) -> Solution | None:
    """The core in whole numbers; None if HiGHS finds no choice that keeps every side.

    HiGHS keeps a side to about 1e-6 only: one that is passed by more than `EXACT` is drawn in by twice as much and the
    core decided again; the bound stays that of the sides as given.
    """
    at, core, sides = around.at, around.core, task.sides
    if core is None:
        return None
    base = at.use.value - float(at.prices @ core.room)
    drawn_in, bound = np.zeros(len(sides)), at.use.value
    for nth in range(MOST_ROUNDS):
        found = exact(core, task.scale, task.most, offset=base, gap=gap, nodes=nodes, drawn_in=drawn_in)
        if found is None:
            return None
        if around.is_everything and nth == 0:
            bound = min(bound, base + found.bound)
        picked = applied(core, around.who, at.picked, found.x)
        use = use_of(task.problem, picked)
        over = _over(task, use)
        if not over.any():
            value = base + found.gain - _shortfall(task, use)
            return Solution(picked, use, value, max(bound, value), at.prices, core.n_customers, False)
        drawn_in += 2 * over
    return None


def _over(task: Task, use: Use) -> Doubles:
    """By how much each side is passed that must be kept; 0 within rounding."""
    sides = task.sides
    over = sides.activity(use.contacts, use.spent) - sides.bound
    tolerance = EXACT / sides.scale + ROUNDING * np.abs(sides.bound)
    return np.where((over > tolerance) & ~task.may_fall_short, over, 0.0)


def _shortfall(task: Task, use: Use) -> float:
    """What falling short costs."""
    soft, sides = task.may_fall_short, task.sides
    over = np.maximum(sides.activity(use.contacts, use.spent) - sides.bound, 0.0)
    return float(task.most[soft] @ over[soft])


def _better(one: Solution | None, other: Solution | None) -> Solution | None:
    """The plan of higher value, with the lower of both bounds and the prices that go with it."""
    if one is None or other is None:
        return one or other
    lower = one if one.bound <= other.bound else other
    higher = one if one.value > other.value else other
    return replace(higher, bound=max(lower.bound, higher.value), prices=lower.prices)


def _gap(found: Solution) -> float:
    return (found.bound - found.value) / max(abs(found.bound), 1e-9)
