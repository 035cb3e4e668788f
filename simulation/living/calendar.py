"""The calendar of a living store: how fast its clock runs on each day, for all and for each customer."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from simulation.draws import Flags, Floats, Ints
from simulation.living.nature import Nature
from simulation.living.people import People

YEAR_DAYS = 365.25
PROMOTION_WEEK = 3
"""The shop's promotion falls on this week of each round."""


def intensity(nature: Nature, days: Ints) -> Floats:
    """How fast the clock runs on days counted from the first, 1 on average: year × weekday, no chance."""
    weights = np.asarray(nature.weekday_weights) / np.mean(nature.weekday_weights)
    start = nature.first_day.timetuple().tm_yday
    angle = 2 * np.pi * (start + days - nature.yearly_peak_day) / YEAR_DAYS
    found: Floats = (1 + nature.yearly_amplitude * np.cos(angle)) * weights[days % 7]
    return found


def is_promotion(nature: Nature, days: Ints) -> Flags:
    """Whether the shop's own promotion runs on each day."""
    return np.asarray((days // 7) % nature.promotion_every_weeks == PROMOTION_WEEK % nature.promotion_every_weeks)


def promotion_factors(nature: Nature, people: People) -> tuple[Floats, Floats]:
    """Each customer's factor on the clock on other days, and on promotion days; the mean over a round is 1."""
    pull = nature.promotion_pull * np.asarray(nature.level_sensitivity)[people.level]
    usual = 1 / (1 + pull / nature.promotion_every_weeks)
    return usual, usual * (1 + pull)


def day_of(nature: Nature, day: int) -> date:
    """The date of a day counted from the first."""
    return nature.first_day + timedelta(days=day)


def midnight_us(nature: Nature, day: int) -> tuple[int, int]:
    """Microseconds since 1970 of a day's midnight: as a local clock shows it, and in UTC (by its noon's offset)."""
    start = pd.Timestamp(day_of(nature, day))
    noon = (start + pd.Timedelta(hours=12)).tz_localize(ZoneInfo(nature.time_zone))
    offset = noon.utcoffset() or timedelta()
    local = int(start.to_datetime64().astype("datetime64[us]").astype(np.int64))
    return local, local - offset // timedelta(microseconds=1)
