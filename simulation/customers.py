"""The truth about customers: when they join and leave and why, how often they buy, what they like, when they pause."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from simulation.days import LEVELS, YEAR_DAYS
from simulation.draws import BLOCK, Flags, Floats, Ints, chosen, stream
from simulation.shop import NEVER, TIERS, Setting, products_at

N_FAVOURITES = 3
FAVOURITE_WEIGHTS = (0.5, 0.3, 0.2)
REASONS = ("", "one_time", "drop_out", "store_closed")
RHYTHM_SD = 0.25
LAST_CARE_DAYS = 10**6


@dataclass(frozen=True)
class Truth:
    """The customers of one block; one entry (or row) a customer. Days are counted from the first day, 0.

    `joined` is the day of the first purchase, negative before the first day. `left` is the day from which there is no
    purchase any more, `NEVER` if it lies behind the end of the world. `mean_gap_days` and `gap_shape` are those of the
    gamma gaps, in days of the store's clock. A pause runs from `pause_start` up to `pause_end`; rows are filled from
    the left, with `NEVER` behind.
    """

    number: Ints
    joined: Ints
    left: Ints
    left_reason: Ints
    hazard_per_day: Floats
    mean_gap_days: Floats
    gap_shape: Floats
    basket_lines: Floats
    price_level: Ints
    sensitivity_level: Ints
    channel: Ints
    main_store: Ints
    second_store: Ints
    favourites: Ints
    own_products: Ints
    rhythm_days: Floats
    pause_start: Ints
    pause_end: Ints
    has_second_id: Flags
    is_anonymous: Flags
    is_employer_paid: Flags

    def __len__(self) -> int:
        return len(self.number)

    def first(self, n: int) -> Truth:
        """The first n customers."""
        return Truth(**{field.name: getattr(self, field.name)[:n] for field in dataclasses.fields(self)})


def customers_of(setting: Setting, block: int) -> Truth:
    """The truth about a block's 256 customers, whether or not the world is as large."""
    world, rng = setting.world, stream(setting.world.seed, "customers", block)
    is_starter = rng.random(BLOCK) < world.starter_share
    age = np.where(is_starter, rng.random(BLOCK) * world.oldest_days, 0.0)
    clock = setting.days.clock[0]
    new_on = np.searchsorted(clock, rng.random(BLOCK) * clock[-1], side="right") - 1
    joined = np.where(is_starter, -1 - age.astype(np.int64), new_on)
    branches, closed = _branches(setting, rng, joined)
    left, reason, hazard = _leaving(setting, rng, joined, age, closed)
    favourites = _favourites(setting, rng)
    price_level = chosen(rng.random(BLOCK), world.level_shares)
    start, end = _pauses(setting, rng, joined)
    rate = rng.gamma(world.rate_shape, 1 / (world.rate_shape * world.mean_gap_days), BLOCK)
    return Truth(
        number=block * BLOCK + np.arange(BLOCK, dtype=np.int64),
        joined=joined,
        left=left,
        left_reason=reason,
        hazard_per_day=hazard,
        mean_gap_days=np.clip(1 / rate, world.shortest_gap_days, world.longest_gap_days),
        gap_shape=world.gap_shape_low + rng.exponential(world.gap_shape_spread, BLOCK),
        basket_lines=_basket_lines(setting, rng),
        price_level=price_level,
        sensitivity_level=chosen(rng.random(BLOCK), world.sensitivity_shares),
        channel=chosen(rng.random(BLOCK), world.channel_shares),
        main_store=branches[0],
        second_store=branches[1],
        favourites=favourites,
        own_products=products_at(world, favourites, price_level[:, None], rng.random(favourites.shape)),
        rhythm_days=setting.shop.rhythm_days[favourites] * np.exp(rng.normal(0.0, RHYTHM_SD, favourites.shape)),
        pause_start=start,
        pause_end=end,
        has_second_id=rng.random(BLOCK) < world.two_ids_share,
        is_anonymous=rng.random(BLOCK) < world.anonymous_share,
        is_employer_paid=rng.random(BLOCK) < world.employer_share,
    )


def _basket_lines(setting: Setting, rng: np.random.Generator) -> Floats:
    """Mean unplanned lines: lognormal with the declared mean, at least 1."""
    sd = setting.world.basket_sd
    drawn = setting.world.basket_lines * np.exp(rng.normal(-(sd**2) / 2, sd, BLOCK))
    return np.maximum(drawn, 1.0)


def _branches(setting: Setting, rng: np.random.Generator, joined: Ints) -> tuple[tuple[Ints, Ints], Flags]:
    """Main and second store, and whose main store closes on them; nobody joins a store that is closed."""
    weight, closes_on = setting.shop.branch_weight, setting.shop.closes_on
    main = chosen(rng.random(BLOCK), weight)
    step = 1 + (rng.random(BLOCK) * max(len(weight) - 1, 1)).astype(np.int64)
    second = (main + step) % len(weight)
    is_gone = closes_on[main] <= joined
    main, second = np.where(is_gone, second, main), np.where(is_gone, main, second)
    return (main, second), closes_on[main] != NEVER


def _leaving(
    setting: Setting, rng: np.random.Generator, joined: Ints, age: Floats, closed: Flags
) -> tuple[Ints, Ints, Floats]:
    """Day of leaving, why, and the hazard a day.

    Lifetimes are exponential, hazards gamma (Pareto: Schmittlein, Morrison and Colombo 1987). A starter's hazard is
    drawn given that the customer has stayed for `age` days: gamma with the same shape, and the scale plus the age.
    """
    world = setting.world
    hazard = rng.gamma(world.drop_out_shape, 1.0, BLOCK) / (world.drop_out_scale_days + age)
    life = np.minimum(rng.exponential(1.0, BLOCK) / np.maximum(hazard, 1e-12), LAST_CARE_DAYS).astype(np.int64)
    left = np.where(joined < 0, life, joined + 1 + life)
    reason = np.full(BLOCK, REASONS.index("drop_out"))
    closes_on = setting.shop.closes_on.min()
    goes_along = closed & (rng.random(BLOCK) < world.leave_on_closing_share) & (left > closes_on)
    left, reason = np.where(goes_along, closes_on, left), np.where(goes_along, REASONS.index("store_closed"), reason)
    is_one_time = (rng.random(BLOCK) < world.one_time_share) & (joined >= 0)
    left = np.where(is_one_time, joined + 1, left)
    reason = np.where(is_one_time, REASONS.index("one_time"), reason)
    stays = left >= world.n_days
    is_hidden = stays & ~is_one_time
    return np.where(is_hidden, NEVER, left), np.where(is_hidden, 0, reason), hazard


def _favourites(setting: Setting, rng: np.random.Generator) -> Ints:
    """Three different categories (or as many as there are), more likely the popular ones (Gumbel's top k)."""
    popularity = np.log(setting.shop.category_weight.mean(axis=0))
    keys = popularity + rng.gumbel(size=(BLOCK, len(popularity)))
    order = np.argsort(-keys, axis=1)[:, :N_FAVOURITES]
    return np.asarray(np.take(order, np.arange(N_FAVOURITES) % order.shape[1], axis=1), dtype=np.int64)


def _pauses(setting: Setting, rng: np.random.Generator, joined: Ints) -> tuple[Ints, Ints]:
    """Breaks after the day of joining, none of which meets another; part of them are the year's holidays."""
    world = setting.world
    mean = world.pauses_per_year * world.n_days / YEAR_DAYS
    slots = int(np.ceil(mean + 4 * np.sqrt(mean)) + 1)
    n_pauses = rng.poisson(mean, BLOCK)
    anywhere = rng.random((BLOCK, slots)) * world.n_days
    year = np.floor(anywhere / YEAR_DAYS) * YEAR_DAYS - (world.first_day.timetuple().tm_yday - 1)
    holiday = year + world.holiday_day + rng.normal(0.0, 20.0, (BLOCK, slots))
    start = np.where(rng.random((BLOCK, slots)) < world.holiday_share, holiday, anywhere).astype(np.int64)
    length = 1 + rng.gamma(4.0, world.pause_mean_days / 4, (BLOCK, slots)).astype(np.int64)
    is_real = (np.arange(slots) < n_pauses[:, None]) & (start > np.maximum(joined, 0)[:, None])
    start = np.where(is_real & (start < world.n_days), start, NEVER)
    order = np.argsort(start, axis=1, kind="stable")
    start, length = np.take_along_axis(start, order, 1), np.take_along_axis(length, order, 1)
    following = np.concatenate([start[:, 1:], np.full((BLOCK, 1), NEVER)], axis=1)
    end = np.minimum(np.where(start == NEVER, 0, start) + length, np.minimum(following, world.n_days))
    return start, np.where(start == NEVER, NEVER, end)


def sensitivity(truth: Truth) -> Floats:
    """Promotion sensitivity from 0 to 1."""
    return truth.sensitivity_level / (LEVELS - 1)


def tiers_of(price_level: Ints, own: Flags, uniform: Floats) -> Ints:
    """The price tier of a line: the customer's own, or any."""
    return np.where(own, price_level, np.minimum((uniform * TIERS).astype(np.int64), TIERS - 1))
