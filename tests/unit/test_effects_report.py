"""The report and its page, what stands beside the effects, and the power of a wave."""

import json
import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.effects.coverage import Truth, drawn_weeks
from contracts.files import write_json
from contracts.params.acting import Collect
from contracts.wave_tables import WAVE_OUTCOMES, WAVES
from offers.effects.awaited import running
from offers.effects.breaches import contacts_to_controls
from offers.effects.difference import difference
from offers.effects.moves import cannibalised, full_price, moves, reasons
from offers.effects.pooling import learn
from offers.effects.power import curve, detectable, power
from offers.effects.programme import programme
from offers.effects.report import effects_report, write_effects
from pipeline.cli import app
from tests.offer_shops import CATALOGUE

OFFERS = [offer.id for offer in CATALOGUE.offers if offer.needs_score][:2]
GROUPS = ("regulars",)
CUTOFF = date(2017, 4, 3)


def drawn(n_weeks=12, n=120):
    parts = []
    for k, name in enumerate(OFFERS):
        part = drawn_weeks(np.random.default_rng(k), n_weeks, n, Truth(save=0.5 * k))
        parts.append(part.assign(offer=name, customer_id=name + "-" + part["customer_id"]))
    return WAVE_OUTCOMES(pd.concat(parts, ignore_index=True))


def reported(outcomes, waves, cutoff=CUTOFF, catalogue=CATALOGUE, **more):
    held = learn(catalogue, GROUPS, outcomes, Collect(), cutoff)
    return effects_report(
        outcomes,
        WAVES(waves[[name for name in WAVES.columns if name in waves.columns]]),
        held,
        catalogue,
        Collect(),
        cutoff,
        "EUR",
        **more,
    )


def written(folder, report):
    write_effects(folder / "effects", report)
    return (folder / "effects" / "effects.html").read_text()


@pytest.fixture(scope="module")
def whole():
    outcomes = drawn()
    matured = outcomes[outcomes["wave"] <= "2017-W09"].reset_index(drop=True)
    return matured, reported(matured, outcomes)


def test_the_numbers_are_those_of_the_estimators(whole):
    outcomes, report = whole
    own = difference(outcomes[outcomes["offer"] == OFFERS[1]], "lapsed")
    record = next(one for one in report["offers"] if one["name"] == OFFERS[1])
    assert record["retention"]["estimate"] == pytest.approx(own.estimate, abs=1e-6)
    assert record["retention"]["low"] == pytest.approx(own.low, abs=1e-6)
    assert record["margin_total"]["high"] == pytest.approx(record["margin"]["high"] * record["n_treated"], rel=1e-5)
    assert report["overall"]["n_treated"] == sum(one["n_treated"] for one in report["offers"])
    assert [one["name"] for one in report["slices"]["channel"]] == ["email"]
    assert len(report["weekly"]) == report["n_matured_waves"] == 9


def test_waves_still_running_are_awaited(whole):
    _, report = whole
    assert [(wave["wave"], wave["matures_on"], wave["days_left"]) for wave in report["running"]] == [
        ("2017-W10", "2017-04-03", 0),
        ("2017-W11", "2017-04-10", 7),
        ("2017-W12", "2017-04-17", 14),
    ]
    assert report["running"][0]["n_treated"] == 168


def test_follow_ups_have_no_outcome_of_their_own_to_wait_for(whole):
    outcomes, _ = whole
    waves = outcomes.assign(purpose="follow_up", wave="2016-W01")
    assert running(waves, outcomes, date(2017, 4, 3)) == []
    assert running(waves.assign(purpose="plan"), outcomes, date(2017, 4, 3))


def test_the_page_and_the_numbers_name_nobody(whole, tmp_path):
    outcomes, report = whole
    write_effects(tmp_path / "effects", report)
    numbers = json.loads((tmp_path / "effects" / "effects.json").read_text())
    page = (tmp_path / "effects" / "effects.html").read_text()
    assert numbers == report
    for name in outcomes["customer_id"]:
        assert name not in page
    assert "<svg" in page
    assert 'name="holds"' not in page
    for one in report["offers"]:
        assert one["sentence"] in page


def test_equal_reports_are_equal_bytes(whole, tmp_path):
    _, report = whole
    for name in ("one", "two"):
        write_effects(tmp_path / name, report)
    assert (tmp_path / "one" / "effects.html").read_bytes() == (tmp_path / "two" / "effects.html").read_bytes()


def test_before_the_first_wave_matures_it_says_what_is_awaited(tmp_path):
    waves = drawn(n_weeks=1)
    report = reported(WAVE_OUTCOMES.empty(), waves, date(2017, 1, 9))
    write_effects(tmp_path / "effects", report)
    page = (tmp_path / "effects" / "effects.html").read_text()
    assert "No wave has matured yet" in page
    assert "2017-01-30" in page
    assert report["overall"]["verdict"] == "too early"
    assert report["learning"]["offers"][0]["offer"] == "all offers"


def test_before_the_first_wave_there_is_a_page(tmp_path):
    report = reported(WAVE_OUTCOMES.empty(), WAVES.empty(), date(2017, 1, 9))
    write_effects(tmp_path / "effects", report)
    assert report["learning"] is None
    assert report["running"] == []


def test_a_slice_that_cannot_be_judged_is_shown_without_an_interval():
    outcomes = drawn(n_weeks=3)
    lonely = outcomes.assign(tier=np.where(np.arange(len(outcomes)) == 0, "devoted", outcomes["tier"]))
    record = next(one for one in reported(lonely, lonely)["slices"]["tier"] if one["name"] == "devoted")
    assert record["retention"]["low"] is None
    assert record["sentence"].startswith("Nothing can be said of devoted yet")


def four(**columns):
    """Four treated and four controls, alike but for what is given."""
    base = drawn_weeks(np.random.default_rng(0), 1, 8, Truth())
    arm = ["treated"] * 4 + ["control"] * 4
    return base.assign(arm=arm, propensity=0.5, lapsed=False, **columns)


def test_moves_by_hand():
    outcomes = four(interaction="forced", interaction_after=["sticky"] * 3 + ["forced"] * 4 + ["sticky"])
    found = {(move["was"], move["becomes"]): move for move in moves(outcomes)}
    assert set(found) == {("forced", "induced"), ("forced", "sticky")}
    sticky = found["forced", "sticky"]
    assert (sticky["treated_mean"], sticky["control_mean"], sticky["estimate"]) == pytest.approx((0.75, 0.25, 0.5))
    assert sticky["low"] < 0.5 < sticky["high"]


def test_full_price_by_hand():
    outcomes = four(full_price_share=[0.5, 0.7, np.nan, 0.6, 0.9, 0.9, 0.9, 0.9], full_price_share_before=0.8)
    found = full_price(outcomes)
    assert (found["treated"]["n"], found["treated"]["mean"]) == (3, pytest.approx(-0.2))
    assert found["control"]["mean"] == pytest.approx(0.1)
    assert found["estimate"] == pytest.approx(-0.3)
    half = 1.959964 * math.sqrt(0.02) / 3
    assert found["treated"]["high"] == pytest.approx(-0.2 + half, rel=1e-5)


def test_cannibalised_cost_by_hand():
    """Two redeemed for 3; of four controls three bought, Wilson's interval .301 to .954."""
    outcomes = four(is_redeemed=[True, True, False, False] + [False] * 4, benefit_cost=[1.0, 2.0] + [0.0] * 6)
    outcomes = outcomes.assign(lapsed=[False] * 7 + [True], p_lapse=[0.1, 0.4] + [0.5] * 6)
    found = cannibalised(outcomes)
    assert (found["redeemed_cost"], found["estimate"]) == pytest.approx((3.0, 2.25))
    assert (found["low"], found["high"]) == pytest.approx((3 * 0.300642, 3 * 0.954413), rel=1e-4)
    assert found["by_score"] == pytest.approx(1.0 * 0.9 + 2.0 * 0.6)


def test_contacts_to_controls_are_counted():
    outcomes = four(is_contacted=[True] * 4 + [True, True, False, False])
    assert contacts_to_controls(outcomes) == [{"wave": "2017-W01", "offer": "gift", "n": 2, "n_control": 4}]
    assert contacts_to_controls(four(is_contacted=False)) == []


def test_reasons_are_counted_by_offer():
    outcomes = four(reason=["price", "price", "stock", ""] + [""] * 4)
    assert reasons(outcomes) == [
        {"offer": "gift", "reason": "price", "n": 2},
        {"offer": "gift", "reason": "stock", "n": 1},
    ]


def test_power_by_the_textbook():
    """(1.960 + 0.842) · √(.2·.8·(1/145 + 1/36)) = .2087; pooled over k weeks it falls with √k."""
    one, sixteen = detectable(145, 36, np.full(9, 0.2), np.array([1.0, 16.0]))
    assert one == pytest.approx(0.2087, abs=1e-4)
    assert sixteen == pytest.approx(one / 4)


def test_power_in_words():
    selected = pd.DataFrame({"offer": "gift", "p_lapse": 0.2, "expected_profit": [2.0] * 100 + [np.nan] * 81})
    found = power(selected, 36 / 181, 0.05).iloc[0]
    assert found["weeks"] == math.ceil((0.2087 / 0.05) ** 2)
    assert found["forgone"] == pytest.approx(200 * 36 / 181)
    assert found["sentence"] == (
        "with 36 controls and 145 treated a week, as in the latest wave, a fall of 5.0 points in lapses would be seen "
        "after 18 weeks (one week alone: 20.9 points)"
    )
    assert "not be seen within two years" in power(selected, 36 / 181, 0.001).iloc[0]["sentence"]
    assert "nothing to compare" in power(selected, 0.0, 0.05).iloc[0]["sentence"]
    assert len(curve(selected, 0.0)) == 0


def test_power_by_simulation():
    """The smallest effect that 500 and 250 show: found in about 80 of 100 experiments."""
    rng, n, n_control = np.random.default_rng(3), 750, 250
    fall = float(detectable(n - n_control, n_control, np.full(n, 0.4)))
    outcomes = drawn_weeks(rng, 1, n, Truth(control_share=1 / 3)).assign(p_lapse=0.4, margin_before=1.0)
    risk = 0.4 + np.where(outcomes["arm"] == "treated", -fall / 2, fall / 2)  # around .4, where variance was taken
    shown = [difference(outcomes.assign(lapsed=rng.random(n) < risk), "lapsed").low > 0 for _ in range(400)]
    assert np.mean(shown) == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 400))


def test_a_page_without_controls_compares_nothing(tmp_path):
    alone = drawn(n_weeks=2).query("arm == 'treated'").reset_index(drop=True)
    page = written(tmp_path, reported(alone, alone))
    assert "No controls: nothing can be compared; set plan.control_share." in page
    assert "points fewer" not in page
    assert "nan" not in page


def test_the_terminal_says_so_too_and_what_the_programme_brought(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    alone = drawn(n_weeks=2).query("arm == 'treated'").reset_index(drop=True)
    report = reported(alone, alone, programme={"sentence": "The programme brought 3.00 EUR a customer."})
    write_json(tmp_path / "reports" / "effects" / "effects.json", report)
    said = CliRunner().invoke(app, ["effects"]).output
    assert "No controls: nothing can be compared; set plan.control_share." in said
    assert said.endswith("The programme brought 3.00 EUR a customer.\n")
    assert "nan" not in said


def test_the_cards_name_the_direction_and_the_interval_behind_the_verdict(tmp_path):
    harmed = drawn(n_weeks=9)
    left = (harmed["arm"] == "treated") & (np.random.default_rng(1).random(len(harmed)) < 0.3)
    report = reported(harmed.assign(lapsed=harmed["lapsed"] | left), harmed)
    retention = report["overall"]["retention"]
    page = written(tmp_path, report)
    assert f"{-100 * retention['estimate']:.1f} (" in page
    assert "points more lapses</b>" in page
    shown = [f"{-100 * retention[f'anytime_{end}']:.1f}" for end in ("estimate", "high", "low")]
    assert "at any look: {} ({} to {}) points more lapses".format(*shown) in page


def test_what_left_the_catalogue_is_no_longer_offered(tmp_path):
    """The same harm by both offers; one is proposed for stopping, the other is gone already."""
    harmed = drawn(n_weeks=9)
    left = (harmed["arm"] == "treated") & (np.random.default_rng(1).random(len(harmed)) < 0.4)
    harmed = harmed.assign(lapsed=harmed["lapsed"] | left)
    now = CATALOGUE.model_copy(update={"offers": tuple(one for one in CATALOGUE.offers if one.id != OFFERS[0])})
    report = reported(harmed, harmed, catalogue=now)
    assert {one["name"]: (one["verdict"], one["is_offered"]) for one in report["offers"]} == {
        OFFERS[0]: ("harms", False),
        OFFERS[1]: ("harms", True),
    }
    assert report["proposed_for_stopping"] == [OFFERS[1]]
    assert written(tmp_path, report).count("no longer offered") == 1


def test_breaches_are_told_as_far_as_recorded(tmp_path):
    outcomes = drawn(n_weeks=2).assign(is_contacted=True)
    assert "as far as recorded" not in written(tmp_path / "whole", reported(outcomes, outcomes))
    untold = reported(outcomes, outcomes, contacts_name_offers=False)
    assert "as far as recorded" in written(tmp_path / "untold", untold)


def test_all_marketing_has_its_section(tmp_path):
    from tests.unit.test_effects_programme import told

    found = programme(told(np.random.default_rng(6), 2000, 0.08), "EUR")
    outcomes = drawn(n_weeks=2)
    page = written(tmp_path / "known", reported(outcomes, outcomes, programme=found))
    assert found["sentence"] in page
    assert "(2018-01-01 to 2018-03-26)" in page
    awaited = programme(told(np.random.default_rng(6), 2000, 0.08).iloc[:0], "EUR", "Awaited: the first week.")
    assert "Awaited: the first week." in written(tmp_path / "awaited", reported(outcomes, outcomes, programme=awaited))


def test_moves_start_from_the_days_before_where_they_are_known():
    outcomes = four(interaction="forced", interaction_after=["sticky"] * 8, interaction_before=["induced"] * 8)
    assert {move["was"] for move in moves(outcomes)} == {"induced"}
