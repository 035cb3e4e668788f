"""The simulated shop's further tables: products, promotions, and its members with their consents; and the truth's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from contracts import windows
from contracts.event_tables import CONSENTS, CUSTOMERS, PRODUCTS, PROMOTIONS
from simulation.customers import REASONS, Truth, sensitivity
from simulation.draws import BLOCK, Flags, Ints, stream
from simulation.purchases import (
    MISSING,
    category_names,
    customer_ids,
    product_ids,
    product_names,
    promotion_ids,
    texts,
)
from simulation.shop import NEVER, Setting

ANNOUNCED_DAYS = 14
NOON_HOURS = 12
CONSENT_CHANNELS = ("email", "letter", "phone")
TIER_NAMES = ("ECONOMY", "MAINSTREAM", "PREMIUM")
N_DEPARTMENTS = 5
JOINED_BY = ("at the till", "on the web", "by phone")
PREFERRED = ("letter", "email", "phone")


def products_table(setting: Setting) -> pd.DataFrame:
    """The assortment, as `contracts.event_tables.PRODUCTS` wants it."""
    number = np.arange(setting.world.n_products, dtype=np.int64)
    category = number % setting.world.n_categories
    tier = (number // setting.world.n_categories) % len(TIER_NAMES)
    return PRODUCTS(
        pd.DataFrame(
            {
                "product_id": product_ids(setting).to_pandas(),
                "department": texts([f"DEPARTMENT {k + 1}" for k in range(N_DEPARTMENTS)], category % N_DEPARTMENTS),
                "category": texts(category_names(setting), category),
                "product_type": texts([f"{name.split(' OF ')[0]}" for name in product_names(setting)], number)
                + " "
                + texts(list(TIER_NAMES), tier),
                "is_private_label": pd.Series(setting.shop.is_private_label == 1).astype("boolean"),
            }
        )
    )


def promotions_table(setting: Setting) -> pd.DataFrame:
    """The shop's promotions, announced two weeks before."""
    promotions = setting.promotions
    days = pd.Series(pd.date_range(setting.world.first_day, periods=setting.world.n_days + 1, unit="us"))
    starts = days.iloc[promotions.start].reset_index(drop=True)
    percent = np.rint(100 * promotions.depth).astype(int)
    return PROMOTIONS(
        pd.DataFrame(
            {
                "promotion_id": pd.Series(promotion_ids(setting), dtype="str"),
                "name": pd.Series([f"{value} % off" for value in percent], dtype="str"),
                "starts_on": starts,
                "ends_on": days.iloc[promotions.end - 1].reset_index(drop=True),
                "known_at": windows.day_begins(starts - pd.Timedelta(days=ANNOUNCED_DAYS), setting.world.time_zone),
            }
        )
    )


def _noons(setting: Setting, day: Ints) -> pd.Series:
    """The instants of local noon of days from the first day; missing where the day is `NEVER`."""
    at = pd.Timestamp(setting.world.first_day) + pd.to_timedelta(np.where(day == NEVER, 0, day), unit="D")
    begins = windows.day_begins(pd.Series(at), setting.world.time_zone) + pd.Timedelta(hours=NOON_HOURS)
    return begins.where(day != NEVER).astype("datetime64[us, UTC]")


def members_of(setting: Setting, truth: Truth) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The block's customers and consents tables: those who have a card, and a row for each second card."""
    block = int(truth.number[0]) // BLOCK
    rng, world = stream(setting.world.seed, "membership", block), setting.world
    drawn = rng.random((BLOCK, 2 + 3 * len(CONSENT_CHANNELS)))[: len(truth)]
    known = np.flatnonzero(~truth.is_anonymous)
    second = np.flatnonzero(~truth.is_anonymous & truth.has_second_id)
    ids = customer_ids(truth)
    cards = np.sort(np.concatenate([2 * known, 2 * second + 1]))
    who, is_second = cards // 2, cards % 2 == 1
    joined_at = _noons(setting, truth.joined[who])
    table = pd.DataFrame(
        {
            "customer_id": texts(ids, cards),
            "joined_at": joined_at,
            "joined_by": texts(list(JOINED_BY), np.minimum(truth.channel[who], len(JOINED_BY) - 1)),
            "joined_store_id": texts(
                [f"S{number + 1}" for number in range(world.n_stores)],
                np.where(truth.channel[who] == 0, truth.main_store[who], MISSING),
            ),
            "preferred_channel": texts(list(PREFERRED), np.minimum(truth.channel[who], len(PREFERRED) - 1)),
            "same_as": texts(ids, np.where(is_second, 2 * who, MISSING)),
            "no_marketing": pd.Series(drawn[who, 0] < world.no_marketing_share).astype("boolean"),
            "no_profiling": pd.Series(drawn[who, 1] < world.no_profiling_share).astype("boolean"),
            "known_at": joined_at,
        }
    )
    return CUSTOMERS(table), _consents(setting, truth, known, drawn[:, 2:])


def _consents(setting: Setting, truth: Truth, known: Ints, drawn: np.ndarray) -> pd.DataFrame:
    """Consents given on joining; some withdrawn later, which is known at once."""
    world, n = setting.world, len(CONSENT_CHANNELS)
    has: Flags = drawn[known, :n] < world.consent_share
    place, channel = np.nonzero(has)
    who = known[place]
    joined = truth.joined[who]
    withdrawn = drawn[who, n + channel] < world.withdrawn_share
    after = np.maximum(joined, 0) + 1 + (drawn[who, 2 * n + channel] * world.n_days).astype(np.int64)
    withdrawn_on = np.where(withdrawn & (after < world.n_days), after, NEVER)
    given_at, withdrawn_at = _noons(setting, joined), _noons(setting, withdrawn_on)
    return CONSENTS(
        pd.DataFrame(
            {
                "customer_id": texts(customer_ids(truth), 2 * who),
                "channel": texts(list(CONSENT_CHANNELS), channel.astype(np.int64)),
                "given_at": given_at,
                "withdrawn_at": withdrawn_at,
                "proof": texts(["joining form, text 1"], np.zeros(len(who), dtype=np.int64)),
                "known_at": given_at,
            }
        )
    )


def _local_days(setting: Setting, day: Ints) -> pd.Series:
    at = pd.Timestamp(setting.world.first_day) + pd.to_timedelta(np.where(day == NEVER, 0, day), unit="D")
    return pd.Series(at).astype("datetime64[us]").where(day != NEVER)


def truth_table(setting: Setting, truth: Truth) -> pd.DataFrame:
    """The truth, one row a customer, which no shop has: `left_on` is empty for whoever is still there at the end."""
    ids, place = customer_ids(truth), 2 * np.arange(len(truth))
    favourites = {f"favourite_{k + 1}": column for k, column in enumerate(truth.favourites.T)}
    rhythms = {f"rhythm_{k + 1}_days": column for k, column in enumerate(truth.rhythm_days.T)}
    return pd.DataFrame(
        {
            "customer_id": texts(ids, place),
            "second_id": texts(ids, np.where(truth.has_second_id, place + 1, MISSING)),
            "is_anonymous": truth.is_anonymous,
            "joined_on": _local_days(setting, truth.joined),
            "left_on": _local_days(setting, truth.left),
            "left_reason": texts(list(REASONS), truth.left_reason),
            "hazard_per_day": truth.hazard_per_day,
            "mean_gap_days": truth.mean_gap_days,
            "gap_shape": truth.gap_shape,
            "basket_lines": truth.basket_lines,
            "price_level": truth.price_level,
            "promotion_sensitivity": sensitivity(truth),
            "channel": texts(list(setting.world.channels), truth.channel),
            "main_store_id": texts([f"S{k + 1}" for k in range(setting.world.n_stores)], truth.main_store),
            **{name: texts(category_names(setting), column) for name, column in favourites.items()},
            **rhythms,
            "n_pauses": (truth.pause_start != NEVER).sum(axis=1),
            "is_employer_paid": truth.is_employer_paid,
        }
    )


def pauses_table(setting: Setting, truth: Truth) -> pd.DataFrame:
    """One row a customer's break: its first day, and the day after its last."""
    who, nth = np.nonzero(truth.pause_start != NEVER)
    return pd.DataFrame(
        {
            "customer_id": texts(customer_ids(truth), 2 * who),
            "starts_on": _local_days(setting, truth.pause_start[who, nth]),
            "ends_on": _local_days(setting, truth.pause_end[who, nth]),
        }
    )
