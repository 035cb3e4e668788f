"""What is in each order: goods that were used up, favourites, goods of the season, goods on promotion; with prices."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np

from simulation.customers import FAVOURITE_WEIGHTS, Truth, sensitivity, tiers_of
from simulation.days import YEAR_DAYS
from simulation.draws import Flags, Floats, Ints, chosen, chosen_by_row, renewals, stream
from simulation.shop import Setting, products_at
from simulation.trips import Trips

MOST_UNITS = 8
RHYTHM_SHAPE = 5.0
"""Gamma shape of the days until a product is used up."""
NO_PROMOTION = -1


@dataclass(frozen=True)
class Baskets:
    """Lines of one block's orders, by order. `trip` is the order's place; money in cents, `discount` with coupon."""

    trip: Ints
    product: Ints
    quantity: Ints
    amount_cents: Ints
    discount_cents: Ints
    coupon_cents: Ints
    promotion: Ints

    def __len__(self) -> int:
        return len(self.trip)

    def take(self, places: Ints) -> Self:
        """The lines at these places."""
        return dataclasses.replace(
            self, **{field.name: getattr(self, field.name)[places] for field in dataclasses.fields(self)}
        )


def baskets_of(setting: Setting, truth: Truth, trips: Trips, block: int) -> Baskets:
    """The lines of every order; no product stands twice in one."""
    rng = stream(setting.world.seed, "baskets", block)
    needed = _needed(setting, truth, trips, rng)
    unplanned = _unplanned(setting, truth, trips, rng)
    trip, product = (np.concatenate(pair) for pair in zip(needed, unplanned, strict=True))
    key = np.unique(trip * setting.world.n_products + product)
    return _priced(setting, trips, key // setting.world.n_products, key % setting.world.n_products, rng)


def _needed(setting: Setting, truth: Truth, trips: Trips, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Goods bought again when they are used up: a gamma renewal by customer and product, met by the next order."""
    n_days, n_favourites = setting.world.n_days, truth.favourites.shape[1]
    owner, nth = np.nonzero(truth.rhythm_days > 0)
    mean = truth.rhythm_days[owner, nth]
    begin = np.maximum(truth.joined, 0)[owner] + rng.random(len(owner)) * mean
    end = np.minimum(truth.left, n_days)[owner].astype(np.float64)
    process, at = renewals(rng, begin, mean, np.full(len(owner), RHYTHM_SHAPE), end)
    key = trips.customer * (n_days + 1) + trips.day
    place = np.searchsorted(key, owner[process] * (n_days + 1) + np.ceil(at).astype(np.int64))
    is_met = (place < len(trips)) & (trips.customer[np.minimum(place, len(trips) - 1)] == owner[process])
    product = truth.own_products.ravel()[(owner * n_favourites + nth)[process[is_met]]]
    return place[is_met].astype(np.int64), product


def _unplanned(setting: Setting, truth: Truth, trips: Trips, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """One line at least an order: of a favourite category, of what is on promotion, or of the month's goods."""
    world = setting.world
    counts = 1 + rng.poisson(np.maximum(truth.basket_lines - 1, 0.0)[trips.customer])
    trip = np.repeat(np.arange(len(trips)), counts)
    customer, day = trips.customer[trip], trips.day[trip]
    favourite = chosen(rng.random(len(trip)), FAVOURITE_WEIGHTS)
    is_favourite = rng.random(len(trip)) < world.favourite_share
    weights = np.cumsum(setting.shop.category_weight, axis=1)
    category = chosen_by_row(rng.random(len(trip)), setting.days.month[day] - 1, weights)
    category = np.where(is_favourite, truth.favourites[customer, favourite], category)
    is_pulled = _is_pulled(setting, truth, customer, day, rng)
    category = np.where(is_pulled, _promoted_category(setting, day, rng.random(len(trip))), category)
    own_tier = rng.random(len(trip)) < world.tier_share
    tier = tiers_of(truth.price_level[customer], own_tier, rng.random(len(trip)))
    product = products_at(world, category, tier, rng.random(len(trip)))
    is_own = is_favourite & ~is_pulled & (rng.random(len(trip)) < world.own_product_share)
    return trip, np.where(is_own, truth.own_products[customer, favourite], product)


def _is_pulled(setting: Setting, truth: Truth, customer: Ints, day: Ints, rng: np.random.Generator) -> Flags:
    """Whether a line goes to promoted goods because of the promotion."""
    pull = setting.world.promotion_pull * sensitivity(truth)[customer]
    pulled: Flags = (setting.days.promotion[day] >= 0) & (rng.random(len(day)) < pull)
    return pulled


def _promoted_category(setting: Setting, day: Ints, uniform: Floats) -> Ints:
    """One of the categories on promotion that day, by their popularity (any, where there is no promotion)."""
    if not len(setting.promotions.start):
        return np.zeros(len(day), dtype=np.int64)
    weights = setting.promotions.categories * setting.shop.category_weight.mean(axis=0)
    steps = np.cumsum(weights, axis=1)
    return chosen_by_row(uniform, np.maximum(setting.days.promotion[day], 0), steps / steps[:, -1:])


def _priced(setting: Setting, trips: Trips, trip: Ints, product: Ints, rng: np.random.Generator) -> Baskets:
    """Units and money of each line: the day's list price, less the promotion, less a coupon for a few."""
    world, day = setting.world, trips.day[trip]
    quantity = np.minimum(1 + rng.poisson(world.mean_extra_units, len(trip)), MOST_UNITS).astype(np.int64)
    rise = (1 + world.price_rise_per_year) ** (day / YEAR_DAYS)
    full = np.rint(setting.shop.price_cents[product] * rise).astype(np.int64) * quantity
    promotion = promotion_of(setting, day, product % world.n_categories)
    off = np.zeros(len(trip), dtype=np.int64)
    on = promotion != NO_PROMOTION
    off[on] = np.rint(full[on] * setting.promotions.depth[promotion[on]]).astype(np.int64)
    has_coupon = rng.random(len(trip)) < world.coupon_share
    coupon = np.where(has_coupon, np.rint((full - off) * world.coupon_depth), 0).astype(np.int64)
    return Baskets(trip, product, quantity, full - off - coupon, off + coupon, coupon, promotion)


def promotion_of(setting: Setting, day: Ints, category: Ints) -> Ints:
    """The promotion that a line of that day and category belongs to, or `NO_PROMOTION`."""
    number = setting.days.promotion[day]
    if not len(setting.promotions.start):
        return number
    return np.where(
        (number >= 0) & setting.promotions.categories[np.maximum(number, 0), category], number, NO_PROMOTION
    )
