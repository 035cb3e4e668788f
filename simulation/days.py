"""The calendar of the store: how busy each day is, what is promoted on it, and the store's clock that follows."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from contracts import windows
from simulation.draws import Flags, Floats, Ints, stream
from simulation.world import World

LEVELS = 5
"""Promotion sensitivity comes in so many levels, from 0 to 1: each has a clock of its own."""
YEAR_DAYS = 365.25
SHOCK_WEEKS = 1100


@dataclass(frozen=True)
class Promotions:
    """The shop's own promotions, in order, by days from the first day (`end` is the day after the last)."""

    start: Ints
    end: Ints
    depth: Floats
    categories: Flags  # one row a promotion, one column a category


@dataclass(frozen=True)
class Days:
    """One entry a day from the first day on.

    `intensity` has one row a level of promotion sensitivity; each row has the mean 1, and 0 where the store is closed.
    `clock` is its running sum: the store's clock at the beginning of each day, and at the end of the last.
    `promotion` is the number of the day's promotion, -1 for none. `offset_us`: local clock minus UTC, microseconds.
    """

    number: Ints
    month: Ints
    weekday: Ints
    is_open: Flags
    intensity: Floats
    clock: Floats
    promotion: Ints
    last_open: Ints
    offset_us: Ints


def promotions_of(world: World) -> Promotions:
    """The promotions of all years, none of which meets another."""
    rng = stream(world.seed, "shop", 1)
    slack = world.promotion_every_days - world.promotion_days
    start = np.arange(0, world.n_days, world.promotion_every_days, dtype=np.int64)
    start += rng.integers(0, slack, len(start), endpoint=True)
    depth = np.round(rng.uniform(*world.promotion_depths, len(start)), 2)
    n_promoted = max(1, round(world.promoted_category_share * world.n_categories))
    rank = np.argsort(np.argsort(rng.random((len(start), world.n_categories)), axis=1), axis=1)
    shown = start < world.n_days
    end = np.minimum(start + world.promotion_days, world.n_days)
    return Promotions(start[shown], end[shown], depth[shown], (rank < n_promoted)[shown])


def base_intensity(world: World) -> Floats:
    """How busy each day is before promotions, up to a factor: year × weekday × Christmas × week's chance."""
    at = pd.date_range(world.first_day, periods=world.n_days)
    year_angle = 2 * np.pi * (at.day_of_year.to_numpy() - world.yearly_peak_day) / YEAR_DAYS
    busy = 1 + world.yearly_amplitude * np.cos(year_angle)
    busy = busy * np.asarray(world.weekday_weights)[at.day_of_week.to_numpy()]
    busy[(at.month == 12) & (at.day <= 24)] *= world.christmas_factor
    for month, day in world.closed_days:
        busy[(at.month == month) & (at.day == day)] = 0.0
    shocks = stream(world.seed, "days").normal(0.0, world.shock_sd, SHOCK_WEEKS)[: world.n_weeks]
    intensity: Floats = busy * np.exp(np.repeat(shocks, 7))
    return intensity


def with_waiting(base: Floats, on_promotion: Flags, waiting: float) -> Floats:
    """A share of what is bought between promotions waits for one: the sum stays."""
    waits = np.where(on_promotion, 0.0, base * waiting)
    busy = base[on_promotion].sum()
    if busy <= 0:
        return base
    moved: Floats = base - waits + np.where(on_promotion, base * waits.sum() / busy, 0.0)
    return moved


def days_of(world: World, promotions: Promotions) -> Days:
    """The calendar of a world."""
    at = pd.Series(pd.date_range(world.first_day, periods=world.n_days, unit="us"))
    promotion = np.full(world.n_days, -1, dtype=np.int64)
    for nth, (start, end) in enumerate(zip(promotions.start, promotions.end, strict=True)):
        promotion[start:end] = nth
    base = base_intensity(world)
    base = base / base.mean()
    intensity = np.stack(
        [with_waiting(base, promotion >= 0, world.waiting_share * level / (LEVELS - 1)) for level in range(LEVELS)]
    )
    clock = np.concatenate([np.zeros((LEVELS, 1)), np.cumsum(intensity, axis=1)], axis=1)
    is_open = base > 0
    number = windows.day_numbers(at)
    noon = at + pd.Timedelta(hours=12)
    utc = noon.dt.tz_localize(ZoneInfo(world.time_zone)).dt.tz_convert("UTC").dt.tz_localize(None)
    return Days(
        number=number,
        month=at.dt.month.to_numpy().astype(np.int64),
        weekday=at.dt.day_of_week.to_numpy().astype(np.int64),
        is_open=is_open,
        intensity=intensity,
        clock=clock,
        promotion=promotion,
        last_open=np.maximum.accumulate(np.where(is_open, np.arange(world.n_days), 0)),
        offset_us=((noon - utc) // pd.Timedelta(microseconds=1)).to_numpy().astype(np.int64),
    )


def instants_us(days: Days, day: Ints, second: Ints) -> Ints:
    """UTC microseconds since 1970 of a local second of a day; clocks are changed before the shop opens."""
    return (days.number[day] * 86_400 + second) * 1_000_000 - days.offset_us[day]
