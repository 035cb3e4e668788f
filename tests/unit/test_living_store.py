"""A store that answers what it is sent; expected values come from closed forms, scipy, and sums by hand."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import date
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from contracts.errors import ContractError, ParameterError
from contracts.event_tables import CONSENTS, CONTACTS, CUSTOMERS, INTERACTIONS, PRODUCTS, PURCHASES, RESPONSES
from contracts.params import load_params
from contracts.portrait_rules import load_portrait_rules
from contracts.table import COUNT, DAY, INSTANT, NUMBER, TEXT
from contracts.words import load_words
from offers.audience import Audience
from offers.catalogue import PRICE_MECHANICS as CATALOGUES_PRICE_MECHANICS
from offers.catalogue import Mechanic
from offers.catalogue_file import load_sound_catalogue
from simulation.living import nature as natures
from simulation.living.erlang import coefficients, day_chance, expected_events
from simulation.living.nature import MECHANICS, Effect, Nature
from simulation.living.presets import PRESETS
from simulation.living.state import Aims, acts_of, hazard_factor
from simulation.living.store import LivingStore, Week
from simulation.living.truth import expected

ROOT = Path(__file__).parents[2]
CALM: dict[str, Any] = {
    "customers": 300,
    "fatigue_factor": 1.0,
    "ended_factor": 1.0,
    "taught_step": 0.0,
    "unsubscribe_share": 0.0,
    "complained_share": 0.0,
}
"""Contacts leave no trace but what their effects say."""
SURE: dict[str, Any] = CALM | {
    "reach": {"email": 1.0, "letter": 1.0},
    "consent_shares": {"email": 1.0, "letter": 1.0},
    "type_saves": (1.0,) * 4,
    "type_harms": (1.0,) * 4,
    "price_match": (1.0,) * 3,
    "service_match": (1.0,) * 3,
    "taste_match": 0.0,
}
"""Effects are what is said, for every customer and channel."""


def sends_of(store: LivingStore, mechanic: str = "money_off", **other: Any) -> pd.DataFrame:
    """One message to every customer who has joined, on the coming Monday."""
    monday = pd.Timestamp(store.today)
    table = pd.DataFrame({"customer_id": store.customers["customer_id"]})
    said: dict[str, Any] = {
        "send_on": monday,
        "valid_until": monday + pd.Timedelta(days=13),
        "offer": "an offer",
        "mechanic": mechanic,
        "channel": "letter",
        "price_worth": 3.0 if mechanic in natures.PRICE_MECHANICS else 0.0,
        "other_worth": 0.0,
        "cost": 2.5,
        "contact_cost": 0.6,
    }
    return table.assign(**(said | other))


def lived(nature: Nature, weeks: int, seed: int = 1) -> LivingStore:
    store = LivingStore(nature, seed)
    for _ in range(weeks):
        store.advance()
    return store


def steps(store: LivingStore, sends: list[pd.DataFrame | None]) -> list[Week]:
    return [store.step(one) for one in sends]


def test_names_are_those_of_the_catalogue() -> None:
    assert set(MECHANICS) == set(get_args(Mechanic))
    assert natures.PRICE_MECHANICS == CATALOGUES_PRICE_MECHANICS


@pytest.mark.parametrize("name", ["grocery", "doors"])
def test_tables_keep_their_contracts(name: str) -> None:
    nature = dataclasses.replace(
        PRESETS[name].nature, customers=300, bad_share=0.3, unsubscribe_share=0.2, complained_share=0.2
    )
    store = lived(nature, 30)
    weeks = steps(store, [sends_of(store, "free_service"), None, None])
    for table, contract in (("purchases", PURCHASES), ("contacts", CONTACTS), ("responses", RESPONSES)):
        frame = pd.concat([getattr(week, table) for week in weeks], ignore_index=True)
        pd.testing.assert_frame_equal(contract(frame), frame, check_like=True, check_dtype=False)
        assert len(frame)
    for table, contract in (("interactions", INTERACTIONS), ("consents", CONSENTS)):
        frame = pd.concat([getattr(week, table) for week in weeks], ignore_index=True)
        pd.testing.assert_frame_equal(contract(frame), frame, check_like=True, check_dtype=False)
        assert len(frame)
    for frame, contract in ((store.customers, CUSTOMERS), (store.products, PRODUCTS), (store.consents, CONSENTS)):
        pd.testing.assert_frame_equal(contract(frame), frame, check_like=True, check_dtype=False)
    kinds = set(pd.concat([week.interactions for week in weeks])["kind"])
    assert {"complaint", "complaint_closed"} <= kinds
    assert ({"care_visit", "service_request"} <= kinds) == (name == "doors")


def test_columns_have_the_types_that_contracts_name() -> None:
    store = lived(Nature(customers=200, unsubscribe_share=0.5), 10)
    weeks = steps(store, [sends_of(store), None])
    for frame in (week_table for week in weeks for week_table in vars(week).values() if hasattr(week_table, "dtypes")):
        for name, dtype in frame.dtypes.items():
            wanted = {"at": INSTANT, "on": DAY, "id": TEXT}.get(str(name).rsplit("_", maxsplit=1)[-1], str(dtype))
            assert str(dtype) == wanted, name
    first = weeks[0].purchases.dtypes
    numbers = ["amount", "quantity", "discount", "coupon_discount"]
    assert (first[numbers] == NUMBER).all()
    assert (str(first["ordered_hour"]), str(first["source_line"])) == ("int8", COUNT)


def test_tables_hold_the_week_alone_and_local_days() -> None:
    store = lived(Nature(customers=300), 30)
    week = store.step()
    assert week.monday == date(2022, 1, 3) + pd.Timedelta(weeks=30)
    days = (week.purchases["ordered_on"] - pd.Timestamp(week.monday)).dt.days
    assert sorted(days.unique()) == list(range(7))
    local = week.purchases["ordered_at"].dt.tz_convert("Europe/Berlin")
    assert (local.dt.tz_localize(None).dt.normalize() == week.purchases["ordered_on"]).all()
    assert (local.dt.hour == week.purchases["ordered_hour"]).all()
    assert week.purchases["customer_id"].isin(store.customers["customer_id"]).all()


def test_the_same_sends_give_the_same_weeks() -> None:
    nature = Nature(customers=300)
    found = []
    for _ in range(2):
        store = lived(nature, 20)
        found.append(steps(store, [sends_of(store), None, None, None]))
    for one, other in zip(*found, strict=True):
        for table in ("purchases", "contacts", "responses", "interactions", "consents", "money"):
            pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))


def test_messages_that_do_nothing_change_nothing() -> None:
    nature = Nature(**CALM, default_effect=Effect(save=0.0, harm=0.0, redeem=0.0, lift=0.0))
    quiet, busy = lived(nature, 20), lived(nature, 20)
    for sends in (sends_of(busy), sends_of(busy, send_on=pd.Timestamp(busy.today) + pd.Timedelta(days=10)), None, None):
        one, other = quiet.step(), busy.step(sends)
        pd.testing.assert_frame_equal(one.purchases, other.purchases)
        pd.testing.assert_frame_equal(one.interactions, other.interactions)
        assert one.money["margin"].sum() == pytest.approx(other.money["margin"].sum())
    np.testing.assert_allclose(quiet.state.belief.p_left, busy.state.belief.p_left, atol=1e-12)


def test_another_policy_meets_the_same_luck() -> None:
    nature = Nature(**SURE, default_effect=Effect(save=0.0, harm=1.0, redeem=0.0))
    quiet, busy = lived(nature, 20), lived(nature, 20)
    half = sends_of(busy).iloc[::2]
    busy.step(half), quiet.step()
    spared = set(busy.customers["customer_id"]) - set(half["customer_id"])
    one, other = quiet.step().purchases, busy.step().purchases
    columns = ["customer_id", "ordered_at", "amount", "product_id"]
    kept = [table.loc[table["customer_id"].isin(spared), columns].reset_index(drop=True) for table in (one, other)]
    pd.testing.assert_frame_equal(kept[0], kept[1])
    assert len(kept[0]) > 20


def test_harm_drives_away_and_save_brings_back() -> None:
    store = lived(Nature(**SURE, default_effect=Effect(save=0.0, harm=1.0)), 20)
    joined = store.people.joined < store.day
    before = store.state.left[joined].mean()
    store.advance(sends_of(store))
    # .95 is the most that a message does
    assert store.state.left[joined].mean() == pytest.approx(before + (1 - before) * 0.95, abs=0.04)
    back = Nature(**SURE, default_effect=Effect(save=1.0, harm=0.0), recall_days=10_000, mean_life_days=40.0)
    store = lived(back, 20)
    gone = store.state.left & (store.people.joined < store.day)
    store.advance(sends_of(store))
    # the shieldless again leave within the week with the hazard, so that somewhat fewer are here at its end
    assert 0.7 < 1 - store.state.left[gone].mean() <= 0.97
    assert gone.sum() > 100


def test_a_shield_keeps_the_living() -> None:
    kind = SURE | {"mean_life_days": 30.0, "starter_share": 1.0, "hazard_shape": 1e6, "type_hazards": (1.0,) * 4}
    nature = Nature(**kind, default_effect=Effect(save=1.0, harm=0.0), shield_days=1e9, bad_share=0.0)
    store = LivingStore(nature, 3)
    everyone = pd.DataFrame({"customer_id": store.people.ids})
    said = sends_of(lived(nature, 1)).iloc[0].drop("customer_id")
    monday = pd.Timestamp(store.today)
    sends = everyone.assign(**{str(name): value for name, value in said.items()}).assign(
        send_on=monday, valid_until=monday
    )
    store.advance(sends)
    for _ in range(9):
        store.advance()
    # 5 % are not shielded, and e^(-70/30) of those are still here
    assert store.state.left.mean() == pytest.approx(0.05 * (1 - np.exp(-70 / 30)), abs=0.03)


def test_pending_messages_go_out_on_their_day() -> None:
    store = lived(Nature(customers=300), 20)
    later = pd.Timestamp(store.today) + pd.Timedelta(days=9)
    weeks = steps(store, [sends_of(store, send_on=later, channel="email"), None, None])
    assert [len(week.contacts) > 0 for week in weeks] == [False, True, False]
    assert set(weeks[1].contacts["sent_on"]) == {later}
    assert set(weeks[1].contacts["channel"]) == {"email"}


def test_money_adds_up() -> None:
    nature = Nature(customers=400, return_share=0.2)
    store = lived(nature, 20)
    sends = sends_of(store)
    week = store.step(sends)
    assert week.money["contact_cost"].sum() == pytest.approx(0.6 * len(sends))
    used = week.responses["kind"] == "redeemed"
    assert week.money["benefit_cost"].sum() == pytest.approx(2.5 * used.sum())
    kept = week.purchases[week.purchases["undone_at"].isna()]
    assert 0 < len(kept) < len(week.purchases)
    # list value = paid + discount; the shop earns what is paid, the benefit's cost apart, less 70 % of the list value
    earned = kept["amount"] + kept["coupon_discount"] - 0.7 * (kept["amount"] + kept["discount"])
    assert week.money["margin"].sum() == pytest.approx(earned.sum(), abs=0.02 * len(kept))
    assert (week.purchases["coupon_discount"] > 0).sum() == used.sum()


def test_price_benefits_teach_and_services_do_not() -> None:
    nature = Nature(**(CALM | {"taught_step": 0.05}))
    for mechanic, step in (("money_off", 0.05), ("recognition", 0.0)):
        store = lived(nature, 20)
        before = store.state.sensitivity.copy()
        store.advance(sends_of(store, mechanic))
        joined = store.people.joined < store.day - 7
        np.testing.assert_allclose(store.state.sensitivity[joined], before[joined] + step)


def test_hazards_rise_after_bad_experiences_ends_and_many_contacts() -> None:
    nature = Nature(customers=4, bad_factor=3.0, ended_factor=1.5, ended_days=14, fatigue_factor=1.2, fatigue_free=1)
    state = LivingStore(nature, 1).state
    state.bad_until[0], state.ended_from[1] = 11, 5
    state.contacts[2, :3] = 1
    np.testing.assert_allclose(hazard_factor(nature, state, 10), [3.0, 1.5, 1.44, 1.0])
    np.testing.assert_allclose(hazard_factor(nature, state, 19), [1.0, 1.0, 1.44, 1.0])


def test_effects_hang_on_type_match_reach_and_recent_contacts() -> None:
    nature = Nature(customers=50, effects={"money_off": Effect(save=0.1, harm=0.01)}, contact_factor=0.6)
    store = LivingStore(nature, 1)
    store.state.contacts[:, 0] = 1
    who = np.arange(50)
    acts = acts_of(store.shop, store.state, 0, Aims(who, np.zeros(50, dtype=np.int64), np.full(50, 0.5)))
    for one in who:
        kind, level = store.people.kind[one], store.people.level[one]
        assert acts.save[one] == pytest.approx(0.1 * 0.5 * 0.6 * (2.0, 0.7, 0.15, 0.1)[kind] * (0.5, 1.3, 1.1)[level])
        assert acts.harm[one] == pytest.approx(0.01 * 0.5 * (0.5, 0.5, 1.0, 6.0)[kind])


def test_a_reversal_mirrors_the_mechanics() -> None:
    effects = {name: Effect(save=0.01 * (nth + 1), harm=0.001) for nth, name in enumerate(MECHANICS)}
    nature = Nature(effects=effects, reversal_week=26, burn_in_weeks=60, reversal_harm=0.05)
    assert nature.effect("money_off", 85).save == pytest.approx(0.01)
    assert nature.effect("money_off", 86).save == pytest.approx(0.14)
    assert nature.effect("money_off", 86).harm == pytest.approx(0.001)
    assert nature.effect("personal_call", 86) == dataclasses.replace(effects["personal_call"], save=0.01, harm=0.05)


def test_low_risk_alone_is_saved_where_the_nature_says_so() -> None:
    store = lived(Nature(customers=400, only_low_risk=True, low_risk_at=0.2), 40)
    who = np.flatnonzero(store.people.joined < store.day)
    acts = acts_of(store.shop, store.state, 40, Aims(who, np.zeros(len(who), dtype=np.int64), np.ones(len(who))))
    is_low = store.state.belief.p_left[who] <= 0.2
    np.testing.assert_array_equal(acts.save > 0, is_low)
    assert is_low.any()
    assert not is_low.all()


def test_forks_copies_and_pickles_live_apart() -> None:
    store = lived(Nature(customers=200), 20)
    twins = [store.fork(), copy.deepcopy(store), pickle.loads(pickle.dumps(store))]
    other = store.fork(luck_seed=99)
    other.advance(sends_of(other))
    first = store.step()
    for twin in twins:
        pd.testing.assert_frame_equal(twin.step().purchases, first.purchases)
    assert not other.step().purchases.equals(store.step().purchases)


def test_purchases_keep_the_declared_rhythm() -> None:
    nature = Nature(
        customers=2000,
        starter_share=1.0,
        mean_life_days=1e9,
        pauses_per_year=0.0,
        rate_shape=1e6,
        mean_gap_days=10.0,
        shape_shares=(0.0, 0.0, 1.0),
        yearly_amplitude=0.0,
    )
    store = lived(nature, 12)
    n_ties = sum(len(day.who) for _ in range(26) for day in store.advance().ties)
    # 2,000 customers, 182 days, a gap of 10; steady gaps leave less than .5 % of chance, the weeks' shocks 1.2 %
    assert n_ties / (2000 * 18.2) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("shape", [1, 2, 3, 4])
def test_expected_events_are_those_of_renewal_theory(shape: int) -> None:
    gap = stats.gamma(shape)  # in stages

    def renewals(x: float) -> float:
        return float(sum(stats.gamma.cdf(x, shape * n) for n in range(1, 60)))

    for age, ahead in ((0.0, 0.7), (0.0, 9.0), (2.5, 1.2), (6.0, 7.0)):
        direct = integrate.quad(lambda s, a=age, x=ahead: gap.pdf(a + s) / gap.sf(a) * (1 + renewals(x - s)), 0, ahead)
        found = expected_events(np.array([age]), np.array([[ahead]]), np.array([shape]))
        assert found[0, 0] == pytest.approx(direct[0], rel=1e-6)


def test_a_days_chance_is_its_part_of_the_cumulative_hazard() -> None:
    shape = np.array([1, 2, 3, 4, 3])
    begins, step = np.array([0.5, 0.5, 2.0, 3.0, 40.0]), np.array([0.2, 0.3, 0.4, 0.1, 30.0])
    found = day_chance(begins, step, coefficients(shape))
    direct = stats.gamma.logsf(begins, shape) - stats.gamma.logsf(begins + step, shape)
    np.testing.assert_allclose(found[:4], direct[:4], rtol=1e-9)
    assert found[4] == 0.9


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_shop_has_a_sound_catalogue(name: str) -> None:
    preset, params = PRESETS[name], load_params(ROOT / "params.yaml")
    nature = preset.nature
    store = params.store.model_copy(update={"margin_rate": nature.margin_rate, "currency": nature.currency})
    plan = params.plan.model_copy(update={"budget": preset.budget, "capacity": preset.capacity})
    own = params.model_copy(update={"store": store, "plan": plan})
    rules = load_portrait_rules(preset.folder / "portraits.yaml", own.plan.forbidden_attributes)
    words = load_words(preset.folder / "words.yaml")
    catalogue = load_sound_catalogue(preset.folder / "offers.yaml", own, rules, words)
    assert 5 <= len(catalogue.offers) <= 7
    assert len({round(offer.whole_benefit, 9) for offer in catalogue.offers}) == 1
    assert {channel.id for channel in catalogue.channels} <= set(nature.reach)
    for offer in catalogue.offers:
        narrowed = Audience(promotion_sensitivity=offer.audience.promotion_sensitivity)
        assert offer.audience == narrowed
        assert offer.needs_score
    assert set(LivingStore(dataclasses.replace(nature, customers=5), 1).products["category"]) <= set(words.names)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mechanic": "mony_off"}, "unknown mechanic 'mony_off'; did you mean 'money_off'"),
        ({"channel": "emial"}, "unknown channel 'emial'; did you mean 'email'"),
        ({"customer_id": "nobody"}, "unknown customer 'nobody'"),
        ({"send_on": pd.Timestamp("2022-01-01")}, "lie before the week"),
        ({"cost": -1.0}, "cost: expected amounts of at least 0, got -1.0"),
        ({"customer_id": "c000001"}, "two messages to one customer on one day"),
    ],
)
def test_wrong_sends_are_refused(change: dict[str, Any], said: str) -> None:
    store = lived(Nature(customers=100), 2)
    with pytest.raises(ContractError, match=said):
        store.advance(sends_of(store).assign(**change))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"one_time_share": 1.5}, "one_time_share: expected a share from 0 to 1, got 1.5"),
        ({"basket": 0.0}, "basket: expected a number above 0"),
        ({"effects": {"points_": Effect()}}, "unknown mechanic 'points_'; did you mean 'points'"),
        ({"first_day": date(2022, 1, 4)}, "expected a Monday"),
        ({"time_zone": "Europe/Berlni"}, "did you mean 'Europe/Berlin'"),
        ({"type_saves": (1.0,)}, "type_saves: expected one for each of persuadable"),
        ({"level_shares": (0.5, 0.4, 0.2)}, "level_shares: expected shares that sum to 1"),
        ({"shape_shares": (0.125,) * 8}, "shape_shares: expected 1 to 4, got 8"),
        ({"reach": {"email": 0.6}}, "expected the same channels in both"),
    ],
)
def test_impossible_natures_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Nature(**wrong)


def test_expected_names_an_unknown_channel() -> None:
    store = lived(Nature(customers=50), 5)
    with pytest.raises(ContractError, match="unknown channel 'leter'; did you mean 'letter'"):
        expected(store, sends_of(store, channel="leter"), 28, 91)


def test_expected_profit_is_the_sum_of_its_parts() -> None:
    store = lived(Nature(customers=200), 30)
    found = expected(store, sends_of(store), 28, 91)
    parts = found["gain"] + found["extra"] - found["benefit_cost"] - found["taught"]
    np.testing.assert_allclose(found["profit"], parts - found["contact_cost"] - found["permission"])
    assert found["p_lapse"].between(0, 1).all()
