"""The customers of a living store: what is drawn once for each, known to the oracle, hidden from the shop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulation.draws import Flags, Floats, Ints, chosen, chosen_by_row
from simulation.living.erlang import coefficients
from simulation.living.nature import Nature

STREAM = 101
"""Key of the streams of customers; those of luck have others."""


@dataclass(frozen=True)
class People:
    """One entry a customer. `joined` is a day counted from the first, negative for starters (day of first purchase)."""

    ids: pd.Series  # text
    joined: Ints
    is_one_time: Flags
    gap_days: Floats  # mean gap on the store's clock
    shape: Ints
    poly: Floats  # three rows: erlang.coefficients
    start_age: Floats  # days of the clock since the last tie, on the first day
    hazard: Floats  # a day, before the factors that pass
    kind: Ints  # number in TYPES
    level: Ints  # number in LEVELS
    focus: Floats  # share of lines of the favourite category
    favourite: Ints  # category on the first day
    basket: Floats  # mean list value of a purchase
    opens: Floats  # probability that a message is opened
    consents: dict[str, Flags]  # by channel, when they joined
    no_marketing: Flags
    home: Ints  # store visited

    def __len__(self) -> int:
        return len(self.joined)


def people_of(nature: Nature, seed: int) -> People:
    """Draw the customers of a store."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
    n = nature.customers
    kind = chosen(rng.random(n), nature.type_shares)
    level = _levels(nature, rng, kind)
    rate = rng.gamma(nature.rate_shape, 1 / (nature.rate_shape * nature.mean_gap_days), n)
    gap = np.clip(1 / rate, *nature.gap_bounds_days)
    shape = chosen(rng.random(n), nature.shape_shares) + 1
    is_starter = rng.random(n) < nature.starter_share
    joined = _joined(nature, rng, is_starter)
    hazard = rng.gamma(nature.hazard_shape, 1 / (nature.hazard_shape * nature.mean_life_days), n)
    return People(
        ids=pd.Series([f"c{number:06d}" for number in range(n)], dtype="str"),
        joined=joined,
        is_one_time=~is_starter & (rng.random(n) < nature.one_time_share),
        gap_days=gap,
        shape=shape,
        poly=coefficients(shape),
        start_age=rng.random(n) * gap,
        hazard=hazard * np.asarray(nature.type_hazards)[kind],
        kind=kind,
        level=level,
        focus=np.clip(rng.normal(nature.favourite_share, 0.15, n), 0.05, 0.95),
        favourite=rng.integers(0, nature.categories, n),
        basket=nature.basket * np.exp(rng.normal(-(nature.basket_sd**2) / 2, nature.basket_sd, n)),
        opens=np.clip(nature.open_share * _shown(nature, nature.type_opens)[kind], 0.0, 1.0),
        consents={name: rng.random(n) < share for name, share in sorted(nature.consent_shares.items())},
        no_marketing=rng.random(n) < nature.no_marketing_share,
        home=rng.integers(0, 3, n),
    )


def _shown(nature: Nature, factors: tuple[float, ...]) -> Floats:
    """Factors of types, as far as types are visible."""
    shown: Floats = 1 + nature.type_visibility * (np.asarray(factors) - 1)
    return shown


def _levels(nature: Nature, rng: np.random.Generator, kind: Ints) -> Ints:
    """Price levels: those of the type as far as it shows, else those of all."""
    seen = nature.type_visibility
    shares = (1 - seen) * np.asarray(nature.level_shares) + seen * np.asarray(nature.type_levels)
    steps = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    steps[:, -1] = 1.0
    return chosen_by_row(rng.random(len(kind)), kind, steps)


def _joined(nature: Nature, rng: np.random.Generator, is_starter: Flags) -> Ints:
    """Starters before the first day, newcomers evenly over the weeks of the world."""
    n = len(is_starter)
    before = -1 - np.floor(rng.random(n) * nature.oldest_days).astype(np.int64)
    after = rng.integers(0, 7 * nature.world_weeks, n)
    return np.where(is_starter, before, after)
