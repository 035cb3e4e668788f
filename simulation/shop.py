"""What the store sells and where: categories with seasons and rhythms, products with prices, branches, promotions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.days import Days, Promotions, days_of, promotions_of
from simulation.draws import Floats, Ints, stream
from simulation.world import World

TIERS = 3
TIER_FACTORS = (0.7, 1.0, 1.5)
NEVER = np.iinfo(np.int64).max
LOWEST_CENTS = 50


@dataclass(frozen=True)
class Shop:
    """The assortment and the branches.

    Product j is of category j % n_categories, price tier (j // n_categories) % 3, and the k-th of them.
    `category_weight` has one row a month and sums to 1 in each; `rhythm_days` is 0 where nothing is used up;
    `closes_on` is the first day on which a branch is closed for good, `NEVER` if it stays.
    """

    category_weight: Floats
    rhythm_days: Floats
    price_cents: Ints
    is_private_label: Ints
    branch_weight: Floats
    closes_on: Ints


@dataclass(frozen=True)
class Setting:
    """A world with all that its customers share."""

    world: World
    days: Days
    promotions: Promotions
    shop: Shop


def setting_of(world: World) -> Setting:
    """Work out a world's calendar, promotions, assortment and branches."""
    promotions = promotions_of(world)
    return Setting(world, days_of(world, promotions), promotions, shop_of(world))


def shop_of(world: World) -> Shop:
    """The assortment and the branches of a world."""
    rng = stream(world.seed, "shop")
    popularity = rng.dirichlet(np.full(world.n_categories, 2.0))
    peak_month = rng.uniform(0, 12, world.n_categories)
    has_rhythm = rng.random(world.n_categories) < world.rhythm_share
    rhythm = rng.choice(np.asarray(world.rhythm_days), world.n_categories)
    season = 1 + world.category_amplitude * np.cos(2 * np.pi * (np.arange(12)[:, None] - peak_month) / 12)
    weight = popularity * season
    product = np.arange(world.n_products)
    tier = (product // world.n_categories) % TIERS
    price = world.median_price * np.exp(rng.normal(0.0, world.price_sd, world.n_products))
    cents = np.rint(100 * price * np.asarray(TIER_FACTORS)[tier]).astype(np.int64)
    branches = 1.0 / np.arange(1, world.n_stores + 1)
    closes_on = np.full(world.n_stores, NEVER, dtype=np.int64)
    if world.closing_at_share is not None and world.n_stores > 1:
        closes_on[0] = int(world.closing_at_share * world.n_days)
    return Shop(
        category_weight=weight / weight.sum(axis=1, keepdims=True),
        rhythm_days=np.where(has_rhythm, rhythm, 0.0),
        price_cents=np.maximum(cents, LOWEST_CENTS),
        is_private_label=(tier == 0).astype(np.int64),
        branch_weight=branches / branches.sum(),
        closes_on=closes_on,
    )


def products_at(world: World, category: Ints, tier: Ints, uniform: Floats) -> Ints:
    """A product of the category and price tier: the earlier ones of them are the more popular.

    A category with too few products for three tiers has fewer.
    """
    n_of_category = (world.n_products - category + world.n_categories - 1) // world.n_categories
    tier = np.minimum(tier, np.minimum(n_of_category, TIERS) - 1)
    n_alike = (n_of_category - tier + TIERS - 1) // TIERS
    rank = np.minimum((n_alike * uniform**2).astype(np.int64), n_alike - 1)
    return np.asarray(category + world.n_categories * (tier + TIERS * rank), dtype=np.int64)
