"""Random weeks of any size: a plain one (a budget and four channels), and one with every kind of limit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from offers.optimiser.problem import Doubles, Flags, Ints, Problem, Row, problem

N_CHANNELS = 4
BLOCK = 1_000_000
GROUPS, CELLS, TIERS = 8, 6, 4
"""Customers of the full week: every kind is a group × parity cell × tier."""


def plain(n_customers: int, seed: int, n_pairs: int = 8) -> Problem:
    """A budget of a fifth of a unit a customer, and channels for 5, 10, 2 and 20 % of the customers."""
    every = np.ones((1, n_pairs))
    shares = (0.05, 0.10, 0.02, 0.20)
    rows = [_budget(0.2 * n_customers, every)] + [
        _contacts(f"capacity of channel {c}", int(share * n_customers), every * (np.arange(n_pairs) % N_CHANNELS == c))
        for c, share in enumerate(shares)
    ]
    return _drawn(n_customers, n_pairs, 1, seed, lambda _: rows)


def full(n_customers: int, seed: int, n_pairs: int = 32) -> Problem:
    """Budget, capacities, every other offer's own budget, minimums and maximums of groups, and parity between tiers."""
    return _drawn(n_customers, n_pairs, GROUPS * CELLS * TIERS, seed, lambda kind: _full_rows(kind, n_pairs, seed))


PRESETS: dict[str, Callable[[int, int], Problem]] = {"plain": plain, "full": full}


def _drawn(
    n: int,
    n_pairs: int,
    n_kinds: int,
    seed: int,
    rows: Callable[[Ints], list[Row]],
) -> Problem:
    """Every pair open to every customer: profit gamma(2) less 1 and less a tenth a tier, cost uniform from 0.2 to 2."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, n_kinds, n, dtype=np.int32)
    profit, cost = (np.empty(n * n_pairs, dtype=np.float32) for _ in range(2))
    for lo in range(0, n * n_pairs, BLOCK):
        part = slice(lo, min(lo + BLOCK, n * n_pairs))
        size = part.stop - part.start
        rng.standard_gamma(2.0, dtype=np.float32, out=profit[part])
        profit[part] -= 1
        cost[part] = rng.random(size, dtype=np.float32) * np.float32(1.8) + np.float32(0.2)
    profit -= np.repeat((0.1 * (kind % TIERS)).astype(np.float32), n_pairs)
    start = np.arange(n + 1, dtype=np.int64) * n_pairs
    return problem(start, np.tile(np.arange(n_pairs, dtype=np.int16), n), profit, kind, rows(kind), cost=cost)


def _budget(most: float, table: Doubles, name: str = "budget") -> Row:
    return Row(
        name, f"the {name}", "one more unit of it", most=most, per_cost=table, per_budget=float(name == "budget")
    )


def _contacts(name: str, most: float, table: Doubles, least: float = -np.inf) -> Row:
    return Row(name, name, "one more contact", least=least, most=most, per_contact=table)


def _full_rows(kind: Ints, n_pairs: int, seed: int) -> list[Row]:
    n, n_kinds = len(kind), GROUPS * CELLS * TIERS
    group, cell, tier = (
        np.arange(n_kinds) // (CELLS * TIERS),
        np.arange(n_kinds) // TIERS % CELLS,
        np.arange(n_kinds) % TIERS,
    )
    count = np.bincount(kind, minlength=n_kinds)
    every, pairs, offers = np.ones((n_kinds, n_pairs)), np.arange(n_pairs), n_pairs // N_CHANNELS
    rows = [_budget(0.2 * n, every), _contacts("capacity", int(0.22 * n), every)]
    rows += [
        _contacts(f"capacity of channel {c}", int(share * n), every * (pairs % N_CHANNELS == c))
        for c, share in enumerate((0.05, 0.10, 0.02, 0.20))
    ]
    rows += [
        _budget(0.02 * n, every * (pairs // N_CHANNELS == offer), f"budget of offer {offer}")
        for offer in range(0, offers, 2)
    ]
    shares = [(0.3, 1.0), (0.0, 0.1), (0.26, 1.0), (0.0, 0.15), (0.2, 0.21), (0.0, 1.0), (0.25, 1.0), (0.05, 0.5)]
    for g, (least, most) in enumerate(shares):
        n_in = int(count[group == g].sum())
        rows.append(_contacts(f"group {g}", int(most * n_in), every * (group == g)[:, None], int(least * n_in)))
    benefit = np.random.default_rng(seed + 1).uniform(0.5, 2.0, offers)[pairs // N_CHANNELS]
    for c in range(CELLS):
        rows += _parity(f"cell {c}", cell == c, tier, count, benefit)
    return rows + _parity("all", np.full(n_kinds, True), tier, count, benefit)


def _parity(name: str, inside: Flags, tier: Ints, count: Ints, benefit: Doubles) -> list[Row]:
    """Mean benefit falls from a tier to the next by a hundredth at most; over all customers not at all."""
    share = [inside * (tier == t) / max(int(count[inside & (tier == t)].sum()), 1) for t in range(TIERS)]
    tolerance = 0.0 if inside.all() else 0.01
    return [
        _contacts(f"parity in {name}: {t}", tolerance, np.outer(share[t] - share[t + 1], benefit))
        for t in range(TIERS - 1)
    ]
