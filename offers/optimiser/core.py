"""The exact repair: customers near the margin are decided anew by HiGHS, within what all others leave of every limit.

Each starts from the best choice at the prices. Those with another choice within `reach` of it make the core; customers
of one kind whose choices differ in the same way are one integer variable an option, so that any number of equal
customers weighs no more than one. With a reach without end the core is the whole problem.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csc_array, csr_array, eye_array, hstack, vstack

from offers.optimiser.dual import Use
from offers.optimiser.kernels import options
from offers.optimiser.problem import Doubles, Flags, Ints, Problem
from offers.optimiser.sides import Sides

QUANTUM = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-7}
"""Profits that differ by less, relative to the typical one, count as equal when customers are put together."""
BASE = -1
LARGE = 1e3
"""What a typical profit is scaled to, so that HiGHS's absolute tolerances are small beside it."""


@dataclass(frozen=True)
class Core:
    """Integer variables: `x[v]` of the `n[type_of[v]]` customers of a type take its option v instead of their base.

    `option` (by variable) and `base` (by type) are candidates of the type's first customer. `gain` is what each who
    takes the option brings more, `weights` (sides × variables) what they use more, `room` what the base choices leave
    of each side (may be below 0). `members` are customers by type, in order; `options` (by customer,
    beginning at `option_begins`) their options.
    """

    type_of: Ints
    option: Ints
    base: Ints
    n: Ints
    gain: Doubles
    weights: csc_array
    room: Doubles
    members: Ints
    option_begins: Ints
    options: Ints

    @property
    def n_customers(self) -> int:
        """Customers who are decided anew."""
        return len(self.members)


def core_of(
    problem: Problem, sides: Sides, prices: Doubles, picked: Ints, use: Use, *, who: Ints, reach: float, scale: float
) -> Core:
    """The core of customers `who` (in order) with their options within `reach` of the best at the prices."""
    fee, rate = sides.fees(prices)
    quantum = scale * QUANTUM[problem.profit.dtype]
    begins, found, key = options(
        who, picked, reach, quantum, problem.start, problem.pair, problem.profit, problem.cost, _bits(problem.cost),
        problem.kind, fee, rate, problem.n_pairs,
    )  # fmt: skip
    _, first, which, n = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    which, n, first = place[which], n[order], first[order]
    sizes = begins[first + 1] - begins[first]
    type_of = np.repeat(np.arange(len(first)), sizes)
    at = np.repeat(begins[first] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(sizes.sum())
    customer, option = who[first][type_of], found[at]
    held = picked[customer]
    gain = _profit(problem, option) - _profit(problem, held)
    weights = _weights(problem, sides, option, customer) - _weights(problem, sides, held, customer)
    members = np.argsort(which, kind="stable")
    room = sides.bound - sides.activity(use.contacts, use.spent)
    return Core(type_of, option, picked[who[first]], n, gain, csc_array(weights), room, members, begins, found)


def _bits(cost: npt.NDArray[np.floating]) -> npt.NDArray[np.integer]:
    return cost.view(np.int64 if cost.dtype == np.float64 else np.int32)


def _profit(problem: Problem, candidate: Ints) -> Doubles:
    return np.where(candidate >= 0, problem.profit[candidate].astype(np.float64), 0.0)


def _weights(problem: Problem, sides: Sides, candidate: Ints, customer: Ints) -> csc_array:
    at = np.maximum(candidate, 0)
    cells = np.where(candidate >= 0, problem.cell(at, customer), -1)
    return sides.weights(cells, problem.cost_of(at))


@dataclass(frozen=True)
class Solved:
    """A solution of the core: `x` by variable, its gain over the base, a bound of any gain, and the sides' prices."""

    x: Doubles
    gain: float
    bound: float
    prices: Doubles


def relaxed(core: Core, scale: float, most: Doubles) -> Solved | None:
    """The core with fractions allowed; None if no fractions keep every side. Its prices are exact for the core.

    A side whose highest price in `most` is finite may fall short, at that price.
    """
    kept = _can_bind(core)
    short = np.isfinite(most) & kept
    rows, room = _rows(core, kept, core.room, short)
    gains = np.concatenate([core.gain / scale, -most[short] / scale])
    upper = np.concatenate([core.n[core.type_of], np.full(short.sum(), np.inf)])
    if not len(gains):
        return Solved(np.zeros(0), 0.0, 0.0, np.zeros(len(core.room))) if (core.room >= -1e-12).all() else None
    result = linprog(-gains, A_ub=rows, b_ub=room, bounds=np.c_[np.zeros(len(upper)), upper], method="highs")
    if result.x is None or result.status != 0:
        return None
    prices = np.zeros(len(core.room))
    prices[kept] = np.maximum(-result.ineqlin.marginals[: kept.sum()] * scale, 0.0)
    value = -float(result.fun) * scale
    return Solved(result.x[: len(core.gain)], value, value, prices)


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on the standard output: HiGHS writes lines there that are meant for its developers alone."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what waits in C's buffer would come out later
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def exact(
    core: Core, scale: float, most: Doubles, *, offset: float, gap: float, nodes: int, drawn_in: Doubles
) -> Solved | None:
    """The core in whole numbers, to a `gap` relative to `offset` plus its gain, or so many `nodes`.

    Each side has `drawn_in` less room than it is given. None if HiGHS finds no choice.
    """
    kept = _can_bind(core)
    short = np.isfinite(most) & kept
    rows, room = _rows(core, kept, core.room - drawn_in, short)
    unit = scale / LARGE
    gains = np.concatenate([core.gain, -most[short], [offset]]) / unit
    upper = np.concatenate([core.n[core.type_of], np.full(short.sum(), np.inf), [1.0]])
    lower = np.concatenate([np.zeros(len(upper) - 1), [1.0]])
    with _silence():
        result = milp(
            -gains,
            integrality=np.concatenate([np.ones(len(core.gain)), np.zeros(short.sum() + 1)]),
            bounds=Bounds(lower, upper),
            constraints=LinearConstraint(hstack([rows, csr_array((rows.shape[0], 1))]), -np.inf, room)
            if rows.shape[0]
            else (),
            options={"mip_rel_gap": gap, "node_limit": nodes},
        )
    if result.x is None:
        return None
    x = np.rint(result.x[: len(core.gain)])
    bound = -float(result.mip_dual_bound) * unit - offset
    return Solved(x, float(core.gain @ x), bound, np.zeros(len(core.room)))


def _can_bind(core: Core) -> Flags:
    """Sides that some choice of the core could pass; the others need no row."""
    reached = core.weights.maximum(0) @ core.n[core.type_of].astype(np.float64)
    return np.asarray(reached > core.room)


def _rows(core: Core, kept: Flags, room: Doubles, short: Flags) -> tuple[csr_array, Doubles]:
    """Rows of the sides kept, then one for each type of several options; last columns are what falls short."""
    falling = eye_array(len(kept), format="csr")[:, np.flatnonzero(short)]
    sides = hstack([csr_array(core.weights), -falling], format="csr")[np.flatnonzero(kept)]
    several = np.flatnonzero(np.bincount(core.type_of, minlength=len(core.n)) > 1)
    place = np.full(len(core.n), -1)
    place[several] = np.arange(len(several))
    at = np.flatnonzero(place[core.type_of] >= 0)
    each = csr_array(
        (np.ones(len(at)), (place[core.type_of[at]], at)), shape=(len(several), len(core.gain) + int(short.sum()))
    )
    return csr_array(vstack([sides, each])), np.concatenate([room[kept], core.n[several]])


def applied(core: Core, who: Ints, picked: Ints, x: Doubles) -> npt.NDArray[np.int64]:
    """The picks with the core's solution: of each type, the first members take the first candidate, and so on.

    Whoever is left with none is last.
    """
    sizes = np.bincount(core.type_of, minlength=len(core.n))
    slot = np.arange(len(core.type_of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    taken = np.rint(x).astype(np.int64)
    left = core.n - np.bincount(core.type_of, weights=taken, minlength=len(core.n)).astype(np.int64)
    candidate = np.concatenate([core.option, core.base])
    order = np.lexsort((candidate, candidate < 0, np.concatenate([core.type_of, np.arange(len(core.n))])))
    slots = np.concatenate([slot, np.full(len(core.n), BASE)])[order]
    member_slot = np.repeat(slots, np.concatenate([taken, left])[order])
    new = picked.astype(np.int64)
    moved = np.flatnonzero(member_slot != BASE)
    local = core.members[moved]
    new[who[local]] = core.options[core.option_begins[local] + member_slot[moved]]
    return new
