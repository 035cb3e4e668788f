"""Worth, timing, choice and control against figures worked out by hand."""

from datetime import date, timedelta
from itertools import product

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ParameterError
from offers.catalogue import Catalogue
from offers.control import draw_control, lot
from offers.economics import priced
from offers.limits import Limit, parity_cells
from offers.optimiser import choose
from offers.plan import in_order_of_lots
from offers.timing import last_days, send_day

STOP = "Say stop to stop."


def small_catalogue() -> Catalogue:
    letter = {
        "id": "letter", "name": "letter", "cost": 0.5, "capacity": 9, "needs_consent": False, "reach": 0.5,
        "permission_loss": 0.01, "permission_worth": 2.0, "stop_text": STOP,
    }  # fmt: skip
    common = {"channels": ["letter"], "other_worth": 0.0, "valid_days": 7}
    voucher = common | {
        "id": "voucher", "code": "V10", "mechanic": "threshold", "text": "have some money back until {valid_until}.",
        "price_worth": 4.0, "cost": 3.0, "redeem": 0.25, "save": {"mean": 0.2, "strength": 15.0},
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
        }
    )


def test_expected_profit_term_by_term():
    found = pd.DataFrame({"customer": [0, 1], "offer": ["voucher", "welcome"], "channel": ["letter", "letter"]})
    scored, unscored = priced(found, customers(), small_catalogue()).to_dict("records")
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


def test_days_of_an_offer():
    send_on = send_day(date(2018, 1, 1), 1)
    found = last_days(send_on, 7, pd.Series([14, 28]))
    assert send_on == date(2018, 1, 2)
    assert found["act_by"].unique().tolist() == [pd.Timestamp("2018-01-09")]
    assert found["valid_until"].tolist() == [pd.Timestamp("2018-01-23"), pd.Timestamp("2018-02-06")]


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
    weeks = [date(2018, 1, 1) + timedelta(days=7 * k) for k in range(1500)]
    held = pd.concat([draw_control(table, week, 1, 0.2) for week in weeks], axis=1)
    # the standard error of each share is √(0.2 × 0.8 / 1500) = 0.0103
    assert (held.mean(axis=1) - 0.2).abs().max() < 0.042


def test_equal_profits_are_ordered_by_lot_and_so_differ_from_week_to_week():
    shop = pd.DataFrame({"customer_id": [f"c{k}" for k in range(40)]})
    candidates = pd.DataFrame({"customer": np.arange(40), "expected_profit": 0.2})
    served = []
    for week in (date(2018, 1, 1), date(2018, 1, 8), date(2018, 1, 8)):
        order = in_order_of_lots(candidates, shop, week, 1)
        lots = [lot(f"c{k}", week, 1) for k in order["customer"]]
        assert lots == sorted(lots)
        limits = [Limit("capacity", np.ones(40), 5)]
        chosen = choose(order["expected_profit"].to_numpy(), order["customer"].to_numpy(), limits).chosen
        served.append(set(order.loc[chosen, "customer"]))
    assert served[0] != served[1] == served[2]
    assert [len(names) for names in served] == [5, 5, 5]


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


def brute_force(profit, customer, limits) -> float:
    per_customer = [[None, *np.flatnonzero(customer == c)] for c in np.unique(customer)]
    best = -np.inf
    for pick in product(*per_customer):
        chosen = [k for k in pick if k is not None]
        if all(limit.weights[chosen].sum() <= limit.most + 1e-9 for limit in limits):
            best = max(best, profit[chosen].sum())
    return float(best)


@pytest.mark.parametrize("seed", range(25))
def test_the_choice_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    customer = np.sort(rng.integers(0, 5, 11))
    profit = rng.normal(1, 2, 11).round(2)
    cost, parity = rng.uniform(0, 3, 11).round(2), rng.normal(0, 1, 11).round(2)
    limits = [
        Limit("budget", cost, 4.0),
        Limit("capacity", np.ones(11), 3),
        Limit("parity", parity, 0.1),
        Limit("parity back", -parity, 0.4),
    ]
    choice = choose(profit, customer, limits)
    assert choice.value == pytest.approx(brute_force(profit, customer, limits), abs=1e-5)
    assert choice.gap <= 1e-6
    assert np.bincount(customer[choice.chosen], minlength=5).max() <= 1
    assert all(limit.weights[choice.chosen].sum() <= limit.most + 1e-9 for limit in limits)


@pytest.mark.parametrize("seed", range(5))
def test_large_weeks_by_their_core_are_as_good_as_in_one_piece(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    customer = np.sort(rng.integers(0, 200, 500))
    profit, cost = rng.gamma(2, 1, 500).round(2), rng.uniform(0.5, 3, 500).round(2)
    parity = np.where(customer % 2, 1 / 100, -1 / 100)
    limits = [Limit("budget", cost, 60.0), Limit("capacity", np.ones(500), 50), Limit("parity", parity, 0.01)]
    whole = choose(profit, customer, limits)
    monkeypatch.setattr("offers.solver.WHOLE_SIZE", 100)
    monkeypatch.setattr("offers.solver.CORE_SIZES", (60, 200))
    by_core = choose(profit, customer, limits)
    assert by_core.value <= whole.value + 1e-9
    assert by_core.value >= whole.value * (1 - 1e-3)
    assert by_core.value + 1e-9 >= by_core.bound * (1 - by_core.gap)
    assert by_core.bound >= whole.value - 1e-9
    assert all(limit.weights[by_core.chosen].sum() <= limit.most + 1e-9 for limit in limits)


def test_a_limit_that_cannot_hold_is_named():
    with pytest.raises(ParameterError, match="group minimum cannot hold"):
        choose(np.ones(2), np.array([0, 1]), [Limit("group minimum", -np.ones(2), -1.0)])


def test_nothing_to_choose_from_is_a_plan_of_none():
    choice = choose(np.zeros(0), np.zeros(0, dtype=np.int64), [Limit("budget", np.zeros(0), 1.0)])
    assert (choice.value, choice.gap, len(choice.chosen)) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("counts", "cells"),
    [
        ({("high", "x"): 3, ("low", "x"): 3}, {"high risk, x", "low risk, x"}),
        ({("high", "x"): 1, ("medium", "x"): 1, ("low", "x"): 3}, {"high and medium and low risk, x"}),
        ({("high", "x"): 3, ("low", "x"): 1}, {"high and low risk, x"}),
        ({("low", "x"): 3, ("low", "y"): 2, ("low", "z"): 1}, {"low risk, x", "low risk, other channels"}),
        ({("low", "x"): 3, ("low", "y"): 2}, {"low risk, all channels"}),
        ({("unscored", "x"): 5}, {""}),
    ],
)
def test_small_parity_cells_are_merged(counts, cells):
    rows = [key for key, n in counts.items() for _ in range(n)]
    table = pd.DataFrame(rows, columns=["risk_band", "preferred_channel"]).assign(customer_id="c")
    assert set(parity_cells(table, 3)) == cells
