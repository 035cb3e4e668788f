"""Properties of the week's experiments: draws hang on lots alone, propensities are exact, nobody is in two waves."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.lots import is_universal
from contracts.wave_tables import WAVES
from offers.exploration import explore, weight_of
from offers.limits import limits_of
from offers.plan import make_plan, reachable, valued
from offers.waves import own_sends, running, treated_still, wave_of
from tests.offer_shops import CUTOFF, PLAN, drawn_shop, setting_of

LIVELY = PLAN.model_copy(update={"exploration_share": 0.3, "budget": 400.0, "capacity": 120, "universal_share": 0.05})


def priced_shop(seed: int, **changes: object):
    portraits, scores = drawn_shop(seed, 250)
    setting = setting_of(LIVELY.model_copy(update=changes))
    customers = reachable(scores, portraits, setting)
    worth = valued(customers, setting)
    return (
        setting,
        customers,
        worth,
        limits_of(worth, customers, setting.catalogue, setting.rules.groups, setting.limits),
    )


@given(seed=st.integers(0, 30), share=st.sampled_from([0.05, 0.3, 0.5]))
def test_whatever_is_drawn_keeps_within_its_reserve(seed: int, share: float):
    setting, customers, worth, limits = priced_shop(seed, exploration_share=share)
    explored = explore(worth, customers, limits, setting)
    for row in limits.rows:
        if row.is_fairness or np.isinf(row.most):
            continue
        most = 0.0
        for _, own in explored.drawn.iterrows():
            open_to = worth[(worth["customer"] == own["customer"]) & worth["offer"].isin(own["options"].split("; "))]
            drawn = worth.loc[[own["row"]]] if own["row"] >= 0 else open_to.iloc[:0]
            used = weight_of(row, limits.kind[drawn["customer"]], limits.pair_of(drawn), drawn["offer_cost"].to_numpy())
            most += float(used.sum())
        assert most <= share * row.most + 1e-6


def test_who_is_let_in_hangs_on_no_draw_and_each_option_is_drawn_as_often():
    _, customers, worth, limits = priced_shop(3)
    drawn: dict[str, Counter[str]] = {}
    for week in range(400):
        there = setting_of(LIVELY, cutoff=CUTOFF + timedelta(weeks=week))
        found = explore(worth, customers, limits, there).drawn
        for own in found.to_dict("records"):
            offer = "none" if own["row"] < 0 else str(worth.loc[own["row"], "offer"])
            assert offer in own["options"].split("; ")
            assert own["propensity"] == pytest.approx(1 / len(own["options"].split("; ")))
            drawn.setdefault(own["options"], Counter())[offer] += 1
    options, counts = max(drawn.items(), key=lambda item: sum(item[1].values()))
    n, k = sum(counts.values()), len(options.split("; "))
    expected = n / k
    chi2 = sum((counts[name] - expected) ** 2 / expected for name in options.split("; "))
    assert n > 200
    assert chi2 < k - 1 + 5 * np.sqrt(2 * (k - 1))  # five standard deviations of a chi-squared


def test_the_universal_control_holds_for_the_year_and_has_its_share():
    ids = pd.Series([f"c{k}" for k in range(20_000)])
    first, later = (is_universal(ids, day, 1, 0.02) for day in (date(2018, 1, 1), date(2018, 12, 31)))
    next_year = is_universal(ids, date(2019, 1, 7), 1, 0.02)
    assert (first == later).all()
    assert abs(first.mean() - 0.02) < 5 * np.sqrt(0.02 * 0.98 / 20_000)
    assert abs((first & next_year).mean() - 0.0004) < 5 * np.sqrt(0.0004 / 20_000)
    assert (is_universal(ids, date(2018, 1, 1), 1, 0.05) >= first).all()


@given(seed=st.integers(0, 8))
def test_no_control_gets_an_offer_and_whom_a_running_wave_treats_is_followed_up_without_a_draw(seed: int):
    portraits, scores = drawn_shop(seed, 250)
    first = setting_of(LIVELY)
    plan = make_plan(scores, portraits, first).plan
    wave = wave_of(plan, portraits, scores, first.catalogue, pd.Series(28, index=portraits["customer_id"].to_numpy()))
    week_on = CUTOFF + timedelta(weeks=3)  # later than the rest after a message, before the end of the window
    moved = [table.assign(cutoff_on=pd.Timestamp(week_on)) for table in (scores, portraits)]
    second = setting_of(LIVELY, cutoff=week_on, waves=wave, sent=None)
    made = make_plan(*moved, second)
    served = made.plan[~made.plan["offer"].isin(["none", "put_right"])]
    assert made.guard["passed"], made.guard["breaches"]
    controls = set(wave.loc[wave["arm"] == "control", "customer_id"])
    treated = set(wave["customer_id"]) - controls
    assert not set(served["customer_id"]) & controls
    again = served[served["customer_id"].isin(treated) & (served["purpose"] != "exploration")]
    assert (again["purpose"] == "follow_up").all()
    assert (again["arm"] == "treated").all()
    assert (again["propensity"] == 1).all()
    assert set(served.loc[served["purpose"] == "follow_up", "customer_id"]) <= treated
    universal = is_universal(served["customer_id"], week_on, 1, 0.05)
    assert not universal.any()
    # once the window is over they are free again
    assert running(wave, CUTOFF + timedelta(days=27)).index.is_unique
    assert set(running(wave, CUTOFF + timedelta(days=27)).index) == controls
    assert treated_still(wave, CUTOFF + timedelta(days=27)) == treated
    assert not treated_still(wave, CUTOFF + timedelta(days=28))
    assert running(wave, CUTOFF + timedelta(days=28)).empty
    assert running(wave, CUTOFF).empty


def test_own_sends_are_counted_once():
    portraits, scores = drawn_shop(2, 250)
    setting = setting_of(LIVELY)
    plan = make_plan(scores, portraits, setting).plan
    wave = wave_of(plan, portraits, scores, setting.catalogue, pd.Series(28, index=portraits["customer_id"].to_numpy()))
    treated = wave[(wave["arm"] == "treated") & (wave["offer"] != "none")]
    later = CUTOFF + timedelta(weeks=2)
    none = setting.sent
    assert set(own_sends(wave, none, later)["customer_id"]) == set(treated["customer_id"])
    who = treated["customer_id"].iloc[0]
    offer, day = treated["offer"].iloc[0], pd.Timestamp(CUTOFF) + pd.Timedelta(days=3)
    recorded = pd.DataFrame({"customer_id": [who], "sent_on": [day], "offer": [offer]})
    assert who not in set(own_sends(wave, recorded, later)["customer_id"])
    assert who not in set(own_sends(wave, recorded.assign(offer=""), later)["customer_id"])
    assert who in set(own_sends(wave, recorded.assign(offer="a newsletter"), later)["customer_id"])
    assert own_sends(wave, none, CUTOFF).empty


def test_a_wave_table_keeps_its_contract():
    portraits, scores = drawn_shop(5, 250)
    setting = setting_of(LIVELY)
    plan = make_plan(scores, portraits, setting).plan
    wave = wave_of(plan, portraits, scores, setting.catalogue, pd.Series(28, index=portraits["customer_id"].to_numpy()))
    assert len(WAVES(wave)) == int(((plan["purpose"] != "") & (plan["mechanic"] != "service_recovery")).sum())
    assert (wave.loc[wave["arm"] == "control", "propensity"] > 0).all()


def test_controls_of_a_running_wave_stand_in_no_later_list():
    from serving.sheets import LEFT_ALONE
    from serving.weekly_list import Terms, build_week

    portraits, scores = drawn_shop(4, 250)
    first = setting_of(LIVELY)
    plan = make_plan(scores, portraits, first).plan
    wave = wave_of(plan, portraits, scores, first.catalogue, pd.Series(28, index=portraits["customer_id"].to_numpy()))
    week_on = CUTOFF + timedelta(weeks=1)
    later = [table.assign(cutoff_on=pd.Timestamp(week_on)) for table in (scores, portraits)]
    made = make_plan(*later, setting_of(LIVELY, cutoff=week_on, waves=wave))
    cutoffs = {"scored": week_on.isoformat(), "data_end": week_on.isoformat()}
    week = build_week(*later, made.plan, cutoffs, list_size=250, terms=Terms("EUR", 28, 91))
    held = set(wave.loc[wave["arm"] == "control", "customer_id"])
    assert len(held) > 5
    assert not held & set(week.at_risk["customer_id"])
    arms = week.customers.set_index("customer_id").loc[sorted(held), "arm"]
    assert arms.isin(LEFT_ALONE).all()


def test_what_a_lot_gave_says_so():
    portraits, scores = drawn_shop(3, 250)
    plan = make_plan(scores, portraits, setting_of(LIVELY)).plan
    by_lot = plan[(plan["purpose"] == "exploration") & (plan["offer"] != "none")]
    assert len(by_lot) > 2
    assert by_lot["why"].str.contains("Drawn at random, 1 of ").all()
    assert not by_lot["why"].str.contains("no tier is worse off").any()
