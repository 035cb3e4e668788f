"""What is undone: whole orders cancelled, lines given back, some in part, some the same day, some weeks later.

Nobody gives a thing back after having bought the same number of it again: so the purchase that an undoing belongs to
is the latest of its kind, and whoever reads the lines can know it too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.baskets import Baskets
from simulation.draws import Flags, Ints, stream
from simulation.shop import NEVER, Setting
from simulation.trips import Trips, known_days

CANCELLED, RETURNED, PARTLY_RETURNED = 0, 1, 2
KINDS = ("cancelled", "returned", "partly_returned")
SAME_DAY_WAIT = (300, 7200)
"""Seconds from a purchase to its undoing on the same day; the store closes early enough for it."""
TILL_SECONDS = (9 * 3600, 20 * 3600)


@dataclass(frozen=True)
class Undoings:
    """Lines that undo: `line` is the purchase line's place, `quantity` what is given back (above 0), `kind` of `KINDS`.

    Cancelled lines of one order share its receipt; each returned line has one of its own.
    """

    line: Ints
    kind: Ints
    quantity: Ints
    day: Ints
    second: Ints
    known_day: Ints

    def __len__(self) -> int:
        return len(self.line)


@dataclass(frozen=True)
class _Acts:
    """Somebody at the till who wants to undo something; one entry an act, the order cancelled or the line returned.

    `free` are the days for it: until the customer's next purchase of the same kind.
    """

    trip: Ints
    free: Ints


def undoings_of(setting: Setting, trips: Trips, baskets: Baskets, block: int) -> Undoings:
    """The undoings of one block's lines."""
    world, rng = setting.world, stream(setting.world.seed, "undoings", block)
    free = _free_days(setting, trips, baskets)
    is_cancelled = rng.random(len(trips)) < world.cancelled_share
    is_returned = (rng.random(len(baskets)) < world.returned_share) & ~is_cancelled[baskets.trip]
    orders, returned = np.flatnonzero(is_cancelled), np.flatnonzero(is_returned)
    order_free = np.full(len(trips), NEVER)
    np.minimum.at(order_free, baskets.trip, free)
    acts = _Acts(np.concatenate([orders, baskets.trip[returned]]), np.concatenate([order_free[orders], free[returned]]))
    cancelled = np.flatnonzero(is_cancelled[baskets.trip])
    act = np.concatenate(
        [np.searchsorted(orders, baskets.trip[cancelled]), len(orders) + np.arange(len(returned), dtype=np.int64)]
    )
    quantity, is_partial = _given_back(setting, trips, baskets, returned, rng)
    day, second, known_day, happens = _dated(setting, trips, acts, rng)
    kept = happens[act]
    kind = [np.full(len(cancelled), CANCELLED), np.where(is_partial, PARTLY_RETURNED, RETURNED)]
    return Undoings(
        line=np.concatenate([cancelled, returned])[kept],
        kind=np.concatenate(kind)[kept],
        quantity=np.concatenate([baskets.quantity[cancelled], quantity])[kept],
        day=day[act][kept],
        second=second[act][kept],
        known_day=known_day[act][kept],
    )


def _dated(setting: Setting, trips: Trips, acts: _Acts, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Flags]:
    """Day, second and known day of each act, and whether it happens.

    It lies before the next purchase of its kind, on an open day, and after its purchase became known. Acts that cannot,
    or that lie behind the end of the world, do not happen.
    """
    world, n = setting.world, len(acts.trip)
    later = 1 + rng.exponential(world.return_mean_days, n).astype(np.int64)
    delay = np.where(rng.random(n) < world.same_day_share, 0, later)
    wait = rng.integers(*SAME_DAY_WAIT, n)
    at = rng.integers(*TILL_SECONDS, n)
    is_late = rng.random(n) < world.late_share
    bought, first_known = trips.day[acts.trip], trips.known_day[acts.trip]
    wished = bought + np.minimum(delay, acts.free - 1)
    day = setting.days.last_open[np.clip(wished, 0, world.n_days - 1)]
    happens = (acts.free > 0) & (wished < world.n_days) & ((first_known == bought) | (day > first_known))
    is_same_day = day == bought
    second = np.where(is_same_day, trips.second[acts.trip] + wait, at)
    return day, second, known_days(setting, day, is_late & ~is_same_day, rng), happens


def _keys(setting: Setting, trips: Trips, baskets: Baskets, quantity: Ints) -> Ints:
    """A number for customer, product and quantity."""
    world = setting.world
    return (trips.customer[baskets.trip] * world.n_products + baskets.product) * 64 + quantity


def _free_days(setting: Setting, trips: Trips, baskets: Baskets) -> Ints:
    """Days from each line to the customer's next line of the same product and quantity, `NEVER` if there is none."""
    key = _keys(setting, trips, baskets, baskets.quantity)
    day = trips.day[baskets.trip]
    order = np.lexsort((baskets.trip, key))
    same = key[order][1:] == key[order][:-1]
    free = np.full(len(baskets), NEVER)
    free[order[:-1]] = np.where(same, day[order][1:] - day[order][:-1], NEVER)
    return free


def _given_back(
    setting: Setting, trips: Trips, baskets: Baskets, returned: Ints, rng: np.random.Generator
) -> tuple[Ints, Flags]:
    """How many units are given back, and whether fewer than were bought.

    In part only such a number as the customer never bought of the product: else it would look like the return of that.
    """
    quantity = baskets.quantity[returned]
    wanted = (rng.random(len(returned)) < setting.world.partial_share) & (quantity > 1)
    fewer = 1 + (rng.random(len(returned)) * (quantity - 1)).astype(np.int64)
    bought = _keys(setting, trips, baskets, baskets.quantity)
    lines = baskets.take(returned)
    is_partial = wanted & ~np.isin(_keys(setting, trips, lines, fewer), bought)
    return np.where(is_partial, fewer, quantity), is_partial
