"""What the oracle expects is what happens: the filter is calibrated, and expectations are the means of many futures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from simulation.draws import Floats, Ints
from simulation.living import tables
from simulation.living.nature import MECHANICS, PRICE_MECHANICS, Nature
from simulation.living.presets import PRESETS
from simulation.living.store import LivingStore
from simulation.living.truth import expected

VALID_DAYS = 20
STANDARD_ERRORS = 4.0
APPROXIMATION = 0.1
"""Of a mean effect or profit: what the stated approximations may cost."""


def with_history(nature: Nature, seed: int, weeks: int) -> LivingStore:
    """A store some of whose customers have been written to in the last ten weeks."""
    store, rng = LivingStore(nature, seed), np.random.default_rng(seed)
    for week in range(weeks):
        joined = np.flatnonzero(store.people.joined < store.day)
        some = joined[rng.random(len(joined)) < 0.1]
        store.advance(sends_of(store, some, rng.choice(MECHANICS, len(some))) if week >= weeks - 10 else None)
    return store


def sends_of(store: LivingStore, who: Ints, mechanic: np.ndarray) -> pd.DataFrame:
    monday = pd.Timestamp(store.today)
    is_price = np.isin(mechanic, PRICE_MECHANICS)
    return pd.DataFrame(
        {
            "customer_id": store.people.ids.to_numpy()[who],
            "send_on": monday,
            "valid_until": monday + pd.Timedelta(days=VALID_DAYS),
            "offer": "an offer",
            "mechanic": mechanic,
            "channel": "letter",
            "price_worth": np.where(is_price, 3.0, 0.0),
            "other_worth": np.where(is_price, 0.0, 3.0),
            "cost": 2.0,
            "contact_cost": 0.5,
        }
    )


@pytest.mark.parametrize("name", ["grocery", "hotel", "all_harm"])
def test_the_filter_is_calibrated(name: str) -> None:
    p_left, left = [], []
    for seed in range(4):
        store = with_history(dataclasses.replace(PRESETS[name].nature, customers=1500), seed, 50)
        joined = store.people.joined < store.day
        p_left.append(store.state.belief.p_left[joined])
        left.append(store.state.left[joined])
    p, is_left = np.concatenate(p_left), np.concatenate(left)
    for low, high in ((0.0, 0.02), (0.02, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.98), (0.98, 1.01)):
        here = (p >= low) & (p < high)
        spread = np.sqrt((p[here] * (1 - p[here])).sum())
        assert here.sum() > 20
        assert abs(is_left[here].sum() - p[here].sum()) < STANDARD_ERRORS * spread + 1


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_beliefs_are_probabilities(name: str) -> None:
    store = with_history(dataclasses.replace(PRESETS[name].nature, customers=150), 2, 30)
    belief = store.state.belief
    assert min(belief.living.min(), belief.ring.min(), belief.older.min()) >= -1e-12
    np.testing.assert_allclose(belief.total, 1.0)
    np.testing.assert_allclose(belief.recent, belief.ring.sum(axis=0), atol=1e-12)


def future(store: LivingStore, sends: pd.DataFrame | None, horizon: int, value_days: int) -> tuple[Floats, Floats]:
    """Who makes no tie within the horizon, and what each customer brings within the value horizon."""
    n, start = len(store.people), store.day
    silent, money = np.ones(n), np.zeros(n)
    for week in range(-(-value_days // 7)):
        found = store.advance(sends if week == 0 else None)
        rows, day = tables.whole(found.ties)
        who = rows["who"].astype(np.int64)
        silent[who[day < start + horizon]] = 0.0
        margin = tables.margins_of(store.nature, found.ties, found.luck) - rows["benefit_cost"].astype(np.float64)
        counted = day < start + value_days
        money += np.bincount(who[counted], margin[counted], n)
        for one in found.arrived:
            money[one.sends.who] -= one.sends.contact_cost + one.sends.cost * one.served
    return silent, money


CASES = {
    "grocery": (["money_off", "free_service", "recognition"], 40),
    "fashion": (["money_off", "early_access"], 25),
    "doors": (["free_service", "money_off"], 60),
    "all_harm": (["money_off", "free_service"], 25),
}


LONG = "doors"
"""Whose value horizon is years: half of all the time that these take."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.prove] if name == LONG else []) for name in sorted(CASES)]
)
def test_expectations_are_the_means_of_many_futures(name: str) -> None:
    mechanics, n_futures = CASES[name]
    preset = PRESETS[name]
    horizon, value_days = preset.horizon_days, preset.value_horizon_days
    nature = dataclasses.replace(preset.nature, customers=min(preset.nature.customers, 1200), unsubscribe_share=0.0)
    store = with_history(nature, 7, nature.burn_in_weeks)
    some = np.flatnonzero((store.people.joined < store.day) & (store.state.belief.p_left < 0.97))
    mechanic = np.asarray(mechanics)[np.arange(len(some)) % len(mechanics)]
    sends = sends_of(store, some, mechanic)
    oracle = expected(store, sends, horizon, value_days, VALID_DAYS)
    seen = []
    for nth in range(n_futures):
        base = store.fork(luck_seed=1000 + nth)
        base.redraw_hidden(seed=5000 + nth)
        (silent, money), (silent_if, money_if) = (
            future(base.fork(), one, horizon, value_days) for one in (None, sends)
        )
        seen.append([silent[some], (silent - silent_if)[some], (money_if - money)[some]])
    for one in mechanics:
        here = mechanic == one
        for column, drawn in zip(("p_lapse", "effect", "profit"), np.moveaxis(np.asarray(seen), 1, 0), strict=True):
            means = drawn[:, here].mean(axis=1)
            error = means.std(ddof=1) / np.sqrt(n_futures)
            said = oracle.loc[here, column].mean()
            off = abs(means.mean() - said)
            assert off < STANDARD_ERRORS * error + APPROXIMATION * abs(said), (one, column, said, means.mean(), error)
