"""Weeks that are seldom: nobody to write to, nothing that varies, a shop that never asked who wants no marketing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.tables import SCORES
from offers.audience import Audience
from offers.effects.sentences import points_in_words
from offers.effects.sequence import mixture
from offers.explaining import considered, what_would_change
from offers.guard.findings import guard_report
from offers.guard.inspection import inspect
from offers.guard.slices import variance_between
from offers.off_policy import Logs, preferred
from offers.plan import make_plan
from offers.report.writing import write_report
from tests.offer_shops import CATALOGUE, PLAN, drawn_shop, setting_of

LIMITS = PLAN.model_copy(update={"budget": 60.0, "capacity": 60, "min_cell": 30, "rest_days": 7})
PORTRAITS, SCORE_TABLE = drawn_shop(7, 300)
SETTING = setting_of(LIMITS)
MADE = make_plan(SCORE_TABLE, PORTRAITS, SETTING)
NOBODY = pd.DataFrame({"customer_id": pd.Series(dtype="str")})


def test_a_week_in_which_everybody_is_gone_has_a_page_without_pictures(tmp_path: Path) -> None:
    gone = PORTRAITS.assign(state="gone")
    setting = setting_of(LIMITS.model_copy(update={"budget": 0.0}))
    made = make_plan(SCORES.empty(), gone, setting)
    write_report(tmp_path / "plan", made, setting, portraits=gone, audit=NOBODY, portrait_report={})
    report = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert (report["n_selected"], report["n_treated"], report["expected_profit"]) == (0, 0, 0)
    page = (tmp_path / "plan" / "plan.html").read_text()
    assert "<svg" not in page
    assert "guard passed" in page


def test_where_nobody_was_asked_about_marketing_nobody_has_refused_it() -> None:
    refusing = set(PORTRAITS.loc[PORTRAITS["no_marketing"] & (PORTRAITS["state"] != "gone"), "customer_id"])
    generous = setting_of(PLAN.model_copy(update={"budget": 1e6, "capacity": 10_000, "min_cell": 30}))
    served = {}
    for name, portraits in (("asked", PORTRAITS), ("not asked", PORTRAITS.drop(columns="no_marketing"))):
        made = make_plan(SCORE_TABLE, portraits, generous)
        assert made.guard["passed"]
        served[name] = set(made.plan.loc[made.plan["offer"] != "none", "customer_id"])
    assert not served["asked"] & refusing
    assert served["not asked"] & refusing


def test_an_amount_that_is_the_same_for_all_lies_between_no_groups() -> None:
    assert variance_between(np.full(6, 0.75), np.array([0, 0, 1, 1, 2, 2])) == 0.0
    assert variance_between(np.zeros(0), np.zeros(0, dtype=np.int64)) == 0.0


def test_rows_that_do_not_vary_are_no_evidence() -> None:
    assert mixture(0.0, 0.0, 40) == 1.0


def test_an_effect_without_an_interval_is_told_without_one_and_none_as_unknown() -> None:
    assert points_in_words({"estimate": 0.03, "low": None, "high": None}) == "3.0 points fewer lapses"
    assert points_in_words({"estimate": -0.03, "low": np.nan, "high": np.nan}) == "3.0 points more lapses"
    for nothing in (None, np.nan):
        said = points_in_words({"estimate": nothing, "low": None, "high": None})
        assert said == "nobody can say how many fewer lapses"


def test_a_catalogue_that_has_none_of_the_logged_offers_prefers_none() -> None:
    rows = pd.DataFrame({"wave": "2018-W01", "customer_id": ["a", "b"], "group": "regulars at risk"})
    arms, options = ("none", "an_old_offer"), np.ones((2, 2), dtype=bool)
    found = preferred(Logs(rows, arms, options, np.array([0, 1]), np.arange(2)), CATALOGUE)
    assert found.to_dict("list") == {"wave": ["2018-W01"] * 2, "customer_id": ["a", "b"], "offer": ["none", "none"]}


def test_whoever_rests_is_told_what_bars_an_offer() -> None:
    is_resting = MADE.plan["why_none"].str.startswith("Contacted less") & (MADE.plan["purpose"] != "exploration")
    row = MADE.plan[is_resting].iloc[0]
    said = what_would_change(row, considered(row["customer_id"], MADE.weighed, SETTING), SETTING)
    assert any(one.endswith("is barred: contacted less than 7 days before 2018-01-02.") for one in said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cost": -1.0}, "offer 'five_back' takes something away"),
        ({"redeem": -0.1}, "offer 'five_back' takes something away"),
        (
            {"mechanic": "percentage", "audience": Audience(promotion_sensitivity=("mixed", "promotion-led"))},
            "offer 'five_back' gives a deeper discount to the promotion-led",
        ),
    ],
)
def test_the_guard_reads_the_catalogue_again_whoever_made_it(changes: dict[str, object], said: str) -> None:
    """Such an offer is refused when the file is read; a catalogue that came by another way is found all the same."""
    offers = tuple(one.model_copy(update=changes) if one.id == "five_back" else one for one in CATALOGUE.offers)
    for catalogue, expected in ((CATALOGUE, False), (CATALOGUE.model_copy(update={"offers": offers}), True)):
        setting = setting_of(LIMITS, catalogue)
        report = guard_report(inspect(MADE.plan, PORTRAITS, SCORE_TABLE, setting))
        assert (said in str(report["breaches"])) is expected
