"""Worth, timing, choice and control against figures worked out by hand."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ContractError
from contracts.lots import lot
from offers.catalogue import Catalogue, Component, Prior
from offers.control import draw_control
from offers.economics import (
    Z95,
    at_worst,
    beliefs,
    benefit_costs,
    cautious,
    effect_variance,
    looked_up,
    offer_terms,
    priced,
)
from offers.plan import in_order_of_headroom
from tests.offer_shops import setting_of

STOP = "Say stop to stop."


def small_catalogue() -> Catalogue:
    letter = {
        "id": "letter", "name": "letter", "cost": 0.5, "capacity": 9, "needs_consent": False, "reach": 0.5,
        "permission_loss": 0.01, "permission_worth": 2.0, "stop_text": STOP,
    }  # fmt: skip
    common = {"channels": ["letter"], "other_worth": 0.0, "valid_days": 7}
    voucher = common | {
        "id": "voucher", "code": "V10", "mechanic": "threshold", "text": "have some money back until {valid_until}.",
        "audience": {"value_tiers": ["top", "middle"]}, "basket": 20.0, "price_worth": 4.0, "cost": 3.0, "redeem": 0.25,
        "save": {"mean": 0.2, "strength": 15.0},
        "harm": {"mean": 0.02, "strength": 48.0}, "taught": 0.3, "extra": 0.1,
    }  # fmt: skip
    welcome = voucher | {
        "id": "welcome", "code": "W10", "mechanic": "free_service", "price_worth": 0.0, "other_worth": 2.0,
        "needs_score": False, "assumed_gain": {"mean": 2.0, "low": 1.0, "high": 3.0},
    }  # fmt: skip
    whole = {"sender": "Shop", "message": "Hello {name}, {text} {stop} {sender}"}
    return Catalogue.model_validate(whole | {"channels": [letter], "offers": [voucher, welcome]})


def customers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "p_lapse": [0.4, np.nan],
            "value_at_stake": [50.0, np.nan],
            "value_at_stake_low": [40.0, np.nan],
            "value_at_stake_high": [60.0, np.nan],
            "promotion_sensitivity": ["full-price", "mixed"],
            "group": ["regulars at risk", "newcomers"],
            "redeem_odds": [1.0, 1.0],
        }
    )


GROUPS = ("regulars at risk", "newcomers")


def test_expected_profit_term_by_term():
    found = pd.DataFrame({"customer": [0, 1], "offer": ["voucher", "welcome"], "channel": ["letter", "letter"]})
    catalogue = small_catalogue()
    scored, unscored = priced(found, customers(), catalogue, beliefs(catalogue, GROUPS)).to_dict("records")
    # save 0.2 × reach 0.5 = 0.1; effect 0.4 × 0.1 − 0.6 × 0.02 = 0.028; × 50 = 1.4
    assert scored["effect"] == pytest.approx(0.028)
    assert scored["gain"] == pytest.approx(1.4)
    assert scored["offer_cost"] == pytest.approx(0.25 * 3 + 0.5)
    assert scored["expected_profit"] == pytest.approx(1.4 + 0.1 - 1.25 - 0.3 - 0.02)
    assert (scored["price_benefit"], scored["benefit"]) == (1.0, 1.0)
    # Var save = .25 × .2 × .8 / 16 = .0025; Var harm = .02 × .98 / 49 = .0004; Var effect = .16 × .0025 + .36 × .0004
    effect_variance = 0.16 * 0.0025 + 0.36 * 0.0004
    stake_variance = (20 / (2 * 1.959963984540054)) ** 2
    spread = 1.959963984540054 * np.sqrt(
        0.028**2 * stake_variance + 2500 * effect_variance + effect_variance * stake_variance
    )
    assert scored["expected_profit_high"] - scored["expected_profit"] == pytest.approx(spread)
    assert scored["expected_profit"] - scored["expected_profit_low"] == pytest.approx(spread)
    assert np.isnan(unscored["effect"])
    assert unscored["expected_profit"] == pytest.approx(2.0 + 0.1 - 1.25 - 0.02)
    assert unscored["expected_profit_low"] == pytest.approx(1.0 + 0.1 - 1.25 - 0.02)
    assert (unscored["price_benefit"], unscored["benefit"]) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("believed", "horizon", "expected"),
    [
        (0.02, 365, 5.0 + 0.6 * 0.06 * 200),
        (0.1, 365, 5.0 + 0.6 * 0.1 * 200),
        (0.02, 91, 5.0 + 0.6 * 0.06 * 200 * 365 / 91),
        (0.02, 730, 5.0 + 0.6 * 0.06 * 200),
    ],
    ids=["the stated harm", "more is believed", "a year of a shorter stake", "a longer stake as it is"],
)
def test_the_price_of_experiments_is_what_a_year_without_those_driven_away_costs(believed, horizon, expected):
    row = {"p_lapse": 0.4, "harm_high": believed, "value_at_stake_high": 200.0, "offer_cost": 5.0}
    unscored = {"p_lapse": np.nan, "harm_high": np.nan, "value_at_stake_high": np.nan, "offer_cost": 3.0}
    assert at_worst(pd.DataFrame([row, unscored]), 0.06, horizon) == pytest.approx(expected + 3.0)


def test_caution_takes_standard_errors_off_what_a_score_promises():
    table = pd.DataFrame(
        {
            "expected_profit": [10.0, 10.0],
            "expected_profit_low": [10.0 - 1.959963984540054 * 4, 0.0],
            "expected_profit_high": [10.0 + 1.959963984540054 * 4, 20.0],
            "needs_score": [True, False],
        }
    )
    assert cautious(table, 0.5)["weight"].tolist() == pytest.approx([10.0 - 0.5 * 4, 10.0])
    assert cautious(table, 0.0)["weight"].tolist() == [10.0, 10.0]


def test_terms_name_the_offers_that_have_a_limit_of_their_own():
    catalogue = small_catalogue()
    voucher, welcome = catalogue.offers
    limited = (voucher.model_copy(update={"capacity": 5}), welcome.model_copy(update={"budget": 9.0}))
    terms = offer_terms(catalogue).set_index("offer")
    assert terms["capped"].tolist() == ["", ""]
    assert terms["taught_if_full_price"].to_dict() == {"voucher": 0.3, "welcome": 0.0}
    assert terms["assumed_gain"].to_dict() == {"voucher": 0.0, "welcome": 2.0}
    assert terms["assumed_gain_sd"].to_dict() == pytest.approx({"voucher": 0.0, "welcome": 1 / 1.959963984540054})
    capped = offer_terms(catalogue.model_copy(update={"offers": limited}))["capped"]
    assert capped.tolist() == ["voucher", "welcome"]


def test_expected_profit_with_what_was_learned_term_by_term():
    names = ("save", "save_variance", "harm", "harm_variance", "covariance", "extra", "extra_variance")
    row = dict(zip(names, (0.3, 0.04, 0.1, 0.01, 0.005, 0.7, 0.25), strict=True))
    learned = pd.DataFrame([{"offer": name, "group": "regulars at risk", **row} for name in ("voucher", "welcome")])
    found = pd.DataFrame({"customer": [0], "offer": ["voucher"], "channel": ["letter"]})
    held = beliefs(small_catalogue(), GROUPS, learned)
    savable = customers().assign(p_savable=[0.3, np.nan])
    (told,) = priced(found, savable, small_catalogue(), held).to_dict("records")
    # reach 0.5: save 0.15, its variance 0.01, covariance 0.0025; q 0.3, 1 − p0 0.6
    effect, variance = 0.3 * 0.15 - 0.6 * 0.1, 0.09 * 0.01 + 0.36 * 0.01 - 2 * 0.3 * 0.6 * 0.0025
    assert told["effect"] == pytest.approx(effect)
    assert told["harm_high"] == pytest.approx(0.1 + Z95 * 0.1)
    assert told["effect_low"] == pytest.approx(effect - Z95 * np.sqrt(variance))
    assert told["effect_high"] == pytest.approx(effect + Z95 * np.sqrt(variance))
    assert told["expected_profit"] == pytest.approx(50 * effect + 0.7 - 1.25 - 0.3 - 0.02)
    stake_variance = (20 / (2 * Z95)) ** 2
    whole = effect**2 * stake_variance + 2500 * variance + variance * stake_variance + 0.25
    assert told["expected_profit_high"] - told["expected_profit"] == pytest.approx(Z95 * np.sqrt(whole))


def test_a_variance_that_beliefs_make_negative_counts_as_none():
    """A covariance above what both variances allow can come from rounding alone."""
    row = {"p_savable": 0.5, "p_lapse": 0.5, "save_variance": 0.01, "harm_variance": 0.01, "covariance": 0.0101}
    assert effect_variance(pd.DataFrame([row])).tolist() == [0.0]


def test_a_look_up_leaves_missing_what_is_not_found_and_refuses_two_answers():
    table = pd.DataFrame({"offer": ["b", "a", "b"], "group": ["y", "x", "x"]}, index=[5, 7, 9])
    found = pd.DataFrame(
        {"offer": ["a", "b", "a"], "group": ["x", "y", "z"], "value": [1.0, 2.0, 3.0]}, index=[4, 2, 2]
    )
    told = looked_up(table, found, ("offer", "group"))
    assert told.columns.tolist() == ["offer", "group", "value"]
    assert told.index.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(told["value"], [2.0, 1.0, np.nan])
    assert looked_up(table.iloc[:0], found, ("offer", "group")).columns.tolist() == ["offer", "group", "value"]
    with pytest.raises(ContractError, match=r"^expected one row for each offer and group, got 4 for 3$"):
        looked_up(table, pd.concat([found, found.iloc[:1]]), ("offer", "group"))


def test_costs_stand_at_their_own_rows():
    table = pd.DataFrame({"offer": ["welcome", "voucher"], "redeem_odds": [1, 3]}, index=[8, 3])
    costs = benefit_costs(table, small_catalogue())
    assert costs.index.tolist() == [8, 3]
    assert costs.tolist() == pytest.approx([0.25 * 3, 3 * 0.25 / (0.75 + 3 * 0.25) * 3])


def test_what_was_learned_takes_the_place_of_what_was_declared_number_by_number():
    names = ("save", "save_variance", "harm", "harm_variance", "covariance", "extra", "extra_variance")
    row = dict(zip(names, (0.3, 0.001, np.nan, 0.0002, 0.0001, 0.7, 0.04), strict=True))
    learned = pd.DataFrame([{"offer": "voucher", "group": "newcomers", **row}])
    held = beliefs(small_catalogue(), GROUPS, learned).set_index(["offer", "group"])
    plain = beliefs(small_catalogue(), GROUPS).set_index(["offer", "group"])
    told = held.loc[("voucher", "newcomers")]
    assert told[["save", "save_variance", "harm_variance", "covariance"]].tolist() == [0.3, 0.001, 0.0002, 0.0001]
    assert told[["learned_extra", "extra_variance"]].tolist() == [0.7, 0.04]
    assert told["harm"] == plain.loc[("voucher", "newcomers"), "harm"] == 0.02
    others = [pair for pair in held.index if pair != ("voucher", "newcomers")]
    pd.testing.assert_frame_equal(held.loc[others], plain.loc[others])
    pd.testing.assert_frame_equal(beliefs(small_catalogue(), GROUPS, learned.iloc[:0]), plain.reset_index())


def test_readiness_to_redeem_moves_cost_and_no_benefit():
    catalogue = small_catalogue()
    found = pd.DataFrame({"customer": [0, 0], "offer": ["voucher", "welcome"], "channel": ["letter", "letter"]})
    keen = customers().assign(redeem_odds=3.0)
    voucher, welcome = priced(found, keen, catalogue, beliefs(catalogue, GROUPS)).to_dict("records")
    # odds of a quarter are 1 : 3; three times that is 1 : 1
    assert voucher["benefit_cost"] == pytest.approx(0.5 * 3)
    assert welcome["benefit_cost"] == pytest.approx(0.5 * 3)
    assert (voucher["benefit"], voucher["price_benefit"]) == (1.0, 1.0)
    assert voucher["gain"] == pytest.approx(1.4)


def test_a_bundle_costs_and_gives_what_its_components_do():
    plain = small_catalogue()
    more = {"code": "MORE", "mechanic": "upgrade", "price_worth": 0.0, "other_worth": 5.0, "cost": 2.0, "redeem": 0.5}
    component = Component.model_validate(more | {"valid_days": 90})
    offers = tuple(offer.model_copy(update={"with_": (component,)}) for offer in plain.offers)
    bundled = plain.model_copy(update={"offers": offers})
    found = pd.DataFrame({"customer": [0], "offer": ["voucher"], "channel": ["letter"]})
    row = priced(found, customers(), bundled, beliefs(bundled, GROUPS)).iloc[0]
    assert row["benefit_cost"] == pytest.approx(0.25 * 3 + 0.5 * 2)
    assert row["benefit"] == pytest.approx(0.25 * 4 + 0.5 * 5)
    assert row["price_benefit"] == pytest.approx(1.0)


def test_beliefs_differ_by_group_where_the_catalogue_says_so():
    plain = small_catalogue()
    own = {"regulars at risk": Prior(mean=0.4, strength=9.0)}
    offers = tuple(offer.model_copy(update={"save_by_group": own}) for offer in plain.offers)
    held = beliefs(plain.model_copy(update={"offers": offers}), GROUPS).set_index(["offer", "group"])
    assert held.loc[("voucher", "regulars at risk"), "save"] == 0.4
    assert held.loc[("voucher", "regulars at risk"), "save_variance"] == pytest.approx(0.4 * 0.6 / 10)
    assert held.loc[("voucher", "newcomers"), "save"] == 0.2


def selected(n: int, group: str = "g") -> pd.DataFrame:
    return pd.DataFrame(
        {"customer_id": [f"{group}{k}" for k in range(n)], "group": group, "risk_band": "high", "mechanic": "threshold"}
    )


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (0.0, {"a": 2, "b": 1, "c": 1, "d": 0}),  # cumulated 10 → 2.0, 17 → 3.4, 20 → 4.0, 21 → 4.2: floors 2, 3, 4, 4
        (0.7, {"a": 2, "b": 2, "c": 0, "d": 0}),  # 2.7, 4.1, 4.7, 4.9: floors 2, 4, 4, 4
        (0.9, {"a": 2, "b": 2, "c": 0, "d": 1}),  # 2.9, 4.3, 4.9, 5.1: floors 2, 4, 4, 5
    ],
)
def test_control_is_a_systematic_draw_along_the_strata(begin, expected, monkeypatch):
    monkeypatch.setattr("offers.control.start", lambda *_: begin)
    table = pd.concat([selected(10, "a"), selected(7, "b"), selected(3, "c"), selected(1, "d")], ignore_index=True)
    held = draw_control(table, date(2018, 1, 1), 1, 0.2)
    assert held.groupby(table["group"]).sum().to_dict() == expected


def test_everyone_is_control_as_often_as_the_share_says_even_alone_in_a_stratum():
    table = pd.concat([selected(4, "a"), selected(1, "b"), selected(2, "c")], ignore_index=True)
    weeks = [date(2018, 1, 1) + timedelta(days=7 * k) for k in range(500)]
    held = pd.concat([draw_control(table, week, 1, 0.2) for week in weeks], axis=1)
    # the standard error of each share is √(0.2 × 0.8 / 500) = 0.0179
    assert (held.mean(axis=1) - 0.2).abs().max() < 0.073


def test_equal_profits_go_to_more_headroom_then_by_lot_and_so_differ_from_week_to_week():
    shop = pd.DataFrame(
        {"customer_id": [f"c{k}" for k in range(40)], "headroom": np.where(np.arange(40) < 3, 90.2, 10.0)}
    )
    candidates = pd.DataFrame({"customer": np.arange(40), "expected_profit": 0.2})
    orders = []
    for week in (date(2018, 1, 1), date(2018, 1, 8), date(2018, 1, 8)):
        order = in_order_of_headroom(candidates, shop, setting_of(cutoff=week))["customer"].tolist()
        assert sorted(order[:3]) == [0, 1, 2]
        lots = [lot(f"c{k}", week, 1) for k in order[3:]]
        assert lots == sorted(lots)
        orders.append(order)
    assert orders[0] != orders[1] == orders[2]


def test_control_is_stable_and_changes_with_week_and_seed():
    table = selected(40)
    first = draw_control(table, date(2018, 1, 1), 1, 0.5)
    shuffled = table.sample(frac=1, random_state=3)
    assert draw_control(shuffled, date(2018, 1, 1), 1, 0.5).sort_index().equals(first)
    assert not draw_control(table, date(2018, 1, 8), 1, 0.5).equals(first)
    assert not draw_control(table, date(2018, 1, 1), 2, 0.5).equals(first)
    assert lot("a", date(2018, 1, 1), 1) == lot("a", date(2018, 1, 1), 1)


def test_what_puts_things_right_is_never_held_back():
    table = selected(6).assign(mechanic="service_recovery")
    assert not draw_control(table, date(2018, 1, 1), 1, 0.5).any()


def test_lots_are_even():
    lots = np.array([lot(str(k), date(2018, 1, 1), 7) for k in range(4000)], dtype=np.float64) / 2**64
    assert np.abs(np.quantile(lots, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]).max() < 0.03
