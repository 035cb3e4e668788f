"""The compiled loops over customers. Each reads a range of customers and returns new sums; nothing is kept.

All take the same plain arrays: `start`, `pair`, `profit`, `cost` (may be empty), `kind`, and what a cell (kind × pair)
pays at the prices: `fee` a contact and `rate` a unit of cost. A candidate's net is profit − fee − rate · cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Loop = TypeVar("Loop", bound=Callable[..., Any])
SURE = 36.0
"""Beyond so many temperatures below the best, a candidate's share is less than rounding."""
MIX = np.uint64(0x9E3779B97F4A7C15)


def compiled(loop: Loop) -> Loop:
    """A loop as machine code, compiled at its first call and kept beside its module."""
    return cast(Loop, numba.njit(cache=True, nogil=True, error_model="numpy")(loop))


@numba.njit(cache=True, inline="always")
def _mixed(one: Any, other: Any) -> Any:
    """A hash of two numbers of 64 bits (splitmix64's finaliser)."""
    x = (one + MIX) ^ (other * np.uint64(0xD6E8FEB86659FD93))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(cache=True, inline="always")
def _coded(value: Any, quantum: Any) -> Any:
    return np.uint64(np.int64(np.rint(value / quantum)))


@compiled
def best(
    lo: int, hi: int, start: Array, pair: Array, profit: Array, cost: Array, kind: Array,
    fee: Array, rate: Array, n_pairs: int, picked: Array, margin: Array,
) -> tuple[float, Array, Array]:  # fmt: skip
    """Each customer's best choice at the prices: the sum of nets, and contacts and cost by cell.

    Writes the candidate (−1: none) to `picked` and how far the second best lies below it to `margin`, if they are as
    long as the customers. Of equal nets the first wins, and none before all.
    """
    contacts, spent = np.zeros(len(fee)), np.zeros(len(fee))
    total = 0.0
    for i in range(lo, hi):
        base = np.int64(kind[i]) * n_pairs
        first, second, at = 0.0, -np.inf, np.int64(-1)
        for j in range(start[i], start[i + 1]):
            cell = base + pair[j]
            net = np.float64(profit[j]) - fee[cell]
            if len(cost):
                net -= rate[cell] * np.float64(cost[j])
            if net > first:
                first, second, at = net, first, np.int64(j)
            elif net > second:
                second = net
        total += first
        if at >= 0:
            contacts[base + pair[at]] += 1.0
            if len(cost):
                spent[base + pair[at]] += np.float64(cost[at])
        if len(picked):
            picked[i] = at
            margin[i] = first - second
    return total, contacts, spent


@compiled
def softened(
    lo: int, hi: int, start: Array, pair: Array, profit: Array, cost: Array, kind: Array,
    fee: Array, rate: Array, n_pairs: int, temperature: float,
    begin: Array, side: Array, by_contact: Array, by_cost: Array, n_sides: int,
) -> tuple[float, Array, Array, Array]:  # fmt: skip
    """The softened sum of nets (temperature × log Σ exp), expected contacts and cost by cell, and the curvature.

    The curvature is the sum over customers of the covariance of their weights, over the temperature; `begin`, `side`,
    `by_contact`, `by_cost` hold each cell's weights that are not 0. Customers whose choice is sure add nothing to it.
    """
    contacts, spent = np.zeros(len(fee)), np.zeros(len(fee))
    curvature = np.zeros((n_sides, n_sides))
    longest = 0
    for i in range(lo, hi):
        longest = max(longest, start[i + 1] - start[i])
    share, mean, seen = np.empty(longest), np.zeros(n_sides), np.empty(n_sides, np.int64)
    is_seen = np.zeros(n_sides, np.bool_)
    total = 0.0
    for i in range(lo, hi):
        base, begins, ends = np.int64(kind[i]) * n_pairs, start[i], start[i + 1]
        top, second, at = 0.0, -np.inf, np.int64(-1)
        for j in range(begins, ends):
            cell = base + pair[j]
            net = np.float64(profit[j]) - fee[cell]
            if len(cost):
                net -= rate[cell] * np.float64(cost[j])
            share[j - begins] = net
            if net > top:
                top, second, at = net, top, np.int64(j)
            elif net > second:
                second = net
        if top - second > SURE * temperature:
            total += top
            if at >= 0:
                contacts[base + pair[at]] += 1.0
                if len(cost):
                    spent[base + pair[at]] += np.float64(cost[at])
            continue
        whole = np.exp(-top / temperature)
        for j in range(ends - begins):
            share[j] = np.exp((share[j] - top) / temperature) if top - share[j] < SURE * temperature else 0.0
            whole += share[j]
        total += top + temperature * np.log(whole)
        n_seen = 0
        for j in range(begins, ends):
            p = share[j - begins] / whole
            if p == 0.0:
                continue
            cell, paid = base + pair[j], np.float64(cost[j]) if len(cost) else 0.0
            contacts[cell] += p
            spent[cell] += p * paid
            for a in range(begin[cell], begin[cell + 1]):
                row, weight = side[a], by_contact[a] + by_cost[a] * paid
                if not is_seen[row]:
                    is_seen[row] = True
                    seen[n_seen] = row
                    n_seen += 1
                mean[row] += p * weight
                for b in range(begin[cell], a + 1):
                    curvature[row, side[b]] += p * weight * (by_contact[b] + by_cost[b] * paid)
        for a in range(n_seen):
            for b in range(n_seen):
                if seen[b] <= seen[a]:
                    curvature[seen[a], seen[b]] -= mean[seen[a]] * mean[seen[b]]
        for a in range(n_seen):
            mean[seen[a]], is_seen[seen[a]] = 0.0, False
    return total, contacts, spent, curvature / temperature


@compiled
def surveyed(start: Array, pair: Array, cost: Array, kind: Array, n_pairs: int, n_cells: int) -> tuple[Array, ...]:
    """By cell: the number of candidates, the sum, the greatest and the least above 0 (infinite if none) of costs."""
    count, total = np.zeros(n_cells), np.zeros(n_cells)
    most, least = np.zeros(n_cells), np.full(n_cells, np.inf)
    for i in range(len(kind)):
        base = np.int64(kind[i]) * n_pairs
        for j in range(start[i], start[i + 1]):
            cell = base + pair[j]
            count[cell] += 1
            if len(cost):
                paid = np.float64(cost[j])
                total[cell] += paid
                most[cell] = max(most[cell], abs(paid))
                if paid > 0:
                    least[cell] = min(least[cell], paid)
    return count, total, most, least


@compiled
def used(lo: int, hi: int, pair: Array, cost: Array, kind: Array, n_pairs: int, picked: Array, n_cells: int) -> tuple[
    Array, Array
]:  # fmt: skip
    """Contacts and cost by cell of what is picked."""
    contacts, spent = np.zeros(n_cells), np.zeros(n_cells)
    for i in range(lo, hi):
        at = picked[i]
        if at >= 0:
            cell = np.int64(kind[i]) * n_pairs + pair[at]
            contacts[cell] += 1.0
            if len(cost):
                spent[cell] += np.float64(cost[at])
    return contacts, spent


@compiled
def options(
    who: Array, picked: Array, reach: float, quantum: float, start: Array, pair: Array, profit: Array, cost: Array,
    cost_bits: Array, kind: Array, fee: Array, rate: Array, n_pairs: int,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """What customers `who` might have instead of what was picked: choices whose net lies within `reach` of it.

    Returns where each customer's options begin (and the end), the options (candidates; −1 is none), and a key a
    customer: equal for those of the same kind whose options differ from what was picked in the same way.
    """
    begins, n = np.zeros(len(who) + 1, np.int64), 0
    room = len(who)
    for i in who:
        room += start[i + 1] - start[i]
    found, key = np.empty(room, np.int64), np.empty(len(who), np.uint64)
    for w in range(len(who)):
        i = who[w]
        base, at = np.int64(kind[i]) * n_pairs, picked[i]
        held, worth = 0.0, 0.0
        if at >= 0:
            worth = np.float64(profit[at])
            held = worth - fee[base + pair[at]]
            if len(cost):
                held -= rate[base + pair[at]] * np.float64(cost[at])
        mixed = _mixed(np.uint64(kind[i]), np.uint64(pair[at] + 1 if at >= 0 else 0))
        if at >= 0 and len(cost):
            mixed = _mixed(mixed, np.uint64(cost_bits[at]))
        for j in range(start[i], start[i + 1]):
            net = np.float64(profit[j]) - fee[base + pair[j]]
            if len(cost):
                net -= rate[base + pair[j]] * np.float64(cost[j])
            if j != at and held - net <= reach:
                found[n] = j
                n += 1
                mixed = _mixed(_mixed(mixed, np.uint64(pair[j] + 1)), _coded(np.float64(profit[j]) - worth, quantum))
                if len(cost):
                    mixed = _mixed(mixed, np.uint64(cost_bits[j]))
        if at >= 0 and held <= reach:
            found[n] = -1
            n += 1
            mixed = _mixed(_mixed(mixed, np.uint64(0)), _coded(-worth, quantum))
        begins[w + 1], key[w] = n, mixed
    return begins, found[:n].copy(), key
