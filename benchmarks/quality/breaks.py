"""When the breaks of a simulated store's customers begin and how long they last, for whoever cannot see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtr

from simulation.days import YEAR_DAYS
from simulation.draws import Floats, Ints
from simulation.world import World

N_BEHIND, N_AHEAD = 48, 8
"""Breaks tried before the cutoff and after it: on 3,000 customers within .0005 log loss of what 200 and 32 give."""
GOLDEN = (5**0.5 - 1) / 2
HOLIDAY_SD_DAYS = 20.0
LENGTH_SHAPE = 4.0
"""The spread of holiday breaks and the gamma shape of lengths are those of `simulation.customers`, which draws them."""


def break_rate(world: World) -> Floats:
    """Breaks that begin on each day, a customer: half (or as declared) around the holidays, the others at any time."""
    day, n_years = np.arange(world.n_days), int(np.ceil(world.n_days / YEAR_DAYS))
    mean = world.pauses_per_year * world.n_days / YEAR_DAYS
    holidays = np.zeros(world.n_days)
    for year in range(n_years):
        share = (min((year + 1) * YEAR_DAYS, world.n_days) - year * YEAR_DAYS) / world.n_days
        middle = np.floor(year * YEAR_DAYS) - (world.first_day.timetuple().tm_yday - 1) + world.holiday_day
        holidays += share * np.diff(ndtr((np.append(day, world.n_days) - middle) / HOLIDAY_SD_DAYS))
    return np.asarray(mean * ((1 - world.holiday_share) / world.n_days + world.holiday_share * holidays))


@dataclass(frozen=True)
class Break:
    """A possible break a row, from the day `start` up to `end`. `chance`: how much likelier it is than none at all."""

    start: Ints
    end: Ints
    chance: Floats


def breaks_around(world: World, last_day: Ints, cutoff: Ints, end: Ints) -> list[Break]:
    """Possible breaks after the last purchase: many that begin before the cutoff, some in the window up to `end`.

    Those before are told by the silence, so they need a finer net. Breaks come by chance (Poisson): one in an interval
    is as many times likelier than none as the number expected there.
    """
    after = possible_breaks(world, cutoff, end, N_AHEAD)
    return [*possible_breaks(world, np.minimum(last_day + 1, cutoff), cutoff, N_BEHIND), *after]


def possible_breaks(world: World, first: Ints, end: Ints, n: int) -> list[Break]:
    """`n` breaks, equally likely, that begin in days `first` up to `end` (one a row).

    Their beginnings are evenly spread over the chance, their lengths over the quantiles, so mixed that any beginning
    meets any length (multiples of the golden ratio: Niederreiter 1992).
    """
    passed = np.concatenate([[0.0], np.cumsum(break_rate(world))])
    expected = passed[end] - passed[first]
    mixed = (np.arange(n) * GOLDEN + 0.5) % 1
    lengths = 1 + gammaincinv(LENGTH_SHAPE, mixed) * world.pause_mean_days / LENGTH_SHAPE
    found = []
    for nth, length in enumerate(lengths.astype(np.int64)):
        wanted = passed[first] + (nth + 0.5) / n * expected
        start = np.clip(np.searchsorted(passed, wanted, side="right") - 1, first, np.maximum(end - 1, first))
        found.append(Break(start, np.minimum(start + length, world.n_days), expected / n))
    return found
