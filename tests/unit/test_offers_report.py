"""The plan for people: its numbers against sums made here, its page, one customer's why, and two plans side by side."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.tables import TIERS
from offers.difference import difference
from offers.explaining import considered, what_would_change
from offers.guard.slices import proxies, slices, variance_between
from offers.plan import make_plan
from offers.report.examples import examples
from offers.report.numbers import total_interval
from offers.report.writing import write_report
from tests.offer_shops import PLAN, drawn_shop, setting_of

LIMITS = PLAN.model_copy(update={"budget": 60.0, "capacity": 60, "min_cell": 30, "rest_days": 7})
PORTRAITS, SCORES = drawn_shop(7, 300)
SETTING = setting_of(LIMITS)
MADE = make_plan(SCORES, PORTRAITS, SETTING)
WHO = {"concentration": {"curve": [{"of_customers": 0.0, "of_spend": 0.0}, {"of_customers": 1.0, "of_spend": 1.0}]}}
NOBODY = pd.DataFrame({"customer_id": pd.Series(dtype="str")})


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "plan"
    write_report(folder, MADE, SETTING, portraits=PORTRAITS, audit=NOBODY, portrait_report=WHO)
    return folder


def test_the_numbers_are_sums_over_the_plan(written):
    report, plan = json.loads((written / "plan.json").read_text()), MADE.plan
    offered = plan[plan["offer"] != "none"]
    assert len(offered) > 20
    assert report["n_selected"] == len(offered) == report["n_treated"] + report["n_control"]
    assert report["expected_profit"] == pytest.approx(offered["expected_profit"].sum(), abs=1e-5)
    owed = offered["mechanic"] == "service_recovery"
    assert owed.any()
    assert report["expected_cost"] == pytest.approx(offered.loc[~owed, "offer_cost"].sum(), abs=1e-5)
    assert report["expected_cost_owed"] == pytest.approx(offered.loc[owed, "offer_cost"].sum(), abs=1e-5)
    assert sum(group["n_customers"] for group in report["groups"]) == len(plan)
    treated = plan[plan["arm"] == "treated"]  # what was held back from a control is told nowhere
    assert sum(group["expected_profit"] for group in report["groups"]) == pytest.approx(
        treated["expected_profit"].sum(), abs=1e-4
    )
    by_offer = pd.DataFrame([group["n_by_offer"] for group in report["groups"]]).sum()
    assert by_offer.to_dict() == treated["offer"].value_counts().to_dict()
    assert sum(report["n_by_why_none"].values()) == len(plan) - len(offered)
    tiers = PORTRAITS.set_index("customer_id")["tier"]
    for row in report["slices"]:
        if row["slice"] == "tier":
            own = plan[plan["customer_id"].map(tiers) == row["value"]]
            counted = own["benefit"].where(own["mechanic"] != "service_recovery", 0.0)  # what is owed is no favour
            assert row["benefit"] == pytest.approx(counted.mean(), abs=1e-5)
            assert row["benefit_low"] <= row["benefit"] <= row["benefit_high"]
    assert [row["value"] for row in report["slices"] if row["slice"] == "tier"] == list(TIERS)


def test_the_curve_rises_and_meets_the_plan(written):
    report = json.loads((written / "plan.json").read_text())
    points = report["budget_curve"]
    profits = [point["expected_profit"] for point in points]
    assert all(low <= high + 1e-2 * max(profits) for low, high in pairwise(profits))
    at_budget = next(point for point in points if point["budget"] == report["budget"])
    assert at_budget["expected_profit"] == pytest.approx(report["expected_profit"], rel=0.02)
    assert all(point["expected_cost"] <= point["budget"] + 1e-6 for point in points)


def test_an_offer_given_to_two_has_twice_the_spread_two_offers_have_the_root_of_two():
    ends = {"expected_profit": 1.0, "expected_profit_low": 0.0, "expected_profit_high": 2.0}
    same = pd.DataFrame([{"offer": "a", **ends}, {"offer": "a", **ends}])
    assert total_interval(same) == pytest.approx((0.0, 4.0))
    other = pd.DataFrame([{"offer": "a", **ends}, {"offer": "b", **ends}])
    assert total_interval(other) == pytest.approx((2 - 2**0.5, 2 + 2**0.5))


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert all(name not in ("src", "onclick") for name, _ in attrs), (tag, attrs)


def test_the_page_holds_pictures_and_fetches_nothing(written):
    text = (written / "plan.html").read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.tags.count("svg") >= 4
    assert "script" not in reader.tags
    assert "guard passed" in text
    for group in json.loads((written / "plan.json").read_text())["groups"]:
        assert group["promise"] in text


def test_no_control_and_no_markup_of_a_customer_stands_on_the_page(tmp_path):
    evil = PORTRAITS.assign(evidence="<script>alert(1)</script>")
    write_report(tmp_path / "plan", MADE, SETTING, portraits=evil, audit=NOBODY, portrait_report=WHO)
    assert "<script>" not in (tmp_path / "plan" / "plan.html").read_text()
    held = set(MADE.plan.loc[MADE.plan["arm"] == "control", "customer_id"])
    assert held
    assert not held & {one["customer_id"] for one in examples(MADE.plan, PORTRAITS)}


def test_why_this_offer_is_the_one_worth_most_to_the_plan():
    """At the limits' prices few had something open that was worth more than what they got."""
    plan = MADE.plan.set_index("customer_id")
    off = 0
    for name, row in plan[plan["offer"] != "none"].iterrows():
        table = considered(str(name), MADE.weighed, SETTING)
        open_to = table[table["obstacle"] == ""]
        mine = open_to[(open_to["offer"] == row["offer"]) & (open_to["channel"] == row["channel"])]
        assert mine["expected_profit"].item() == pytest.approx(row["expected_profit"])
        terms = mine[["benefit_cost", "contact_cost", "taught_cost", "permission_cost"]].sum(axis=1).item()
        assert mine["gain"].item() + mine["extra"].item() - terms == pytest.approx(row["expected_profit"])
        off += mine["worth_to_plan"].item() < open_to["worth_to_plan"].max() - 1e-6
        assert what_would_change(row, table, SETTING)
    assert off <= len(MADE.weighed.bounds.rows)


def test_why_none_says_what_is_missing():
    plan = MADE.plan
    passed = plan[plan["why_none"].str.startswith("Others had more")]
    said = 0
    for _, row in passed.head(20).iterrows():
        table = considered(row["customer_id"], MADE.weighed, SETTING)
        sentences = what_would_change(row, table, SETTING)
        said += any("would have been chosen" in one or "consent" in one for one in sentences)
    assert said
    resting = plan[plan["why_none"].str.startswith("Contacted less")].iloc[0]
    table = considered(resting["customer_id"], MADE.weighed, SETTING)
    others = table[table["offer"] != "put_right"]
    assert set(others["obstacle"]) == {"contacted less than 7 days before 2018-01-02"}


def test_two_plans_side_by_side():
    smaller = make_plan(SCORES, PORTRAITS, setting_of(LIMITS.model_copy(update={"budget": 20.0})))
    found = difference(MADE.plan, smaller.plan)
    before, after = MADE.plan.set_index("customer_id"), smaller.plan.set_index("customer_id")
    now = after.loc[before.index]
    held_before, held_now = before["arm"] == "control", now["arm"] == "control"
    moved = ((before["offer"] != now["offer"]) | (before["channel"] != now["channel"])) & ~held_before & ~held_now
    moved |= held_before != held_now
    assert found.moves["n_customers"].sum() == moved.sum() > 0
    assert found.n_same == (~moved).sum()
    totals = found.totals.set_index("figure")
    assert totals.loc["offer cost", "after"] == pytest.approx(now.loc[~held_now, "offer_cost"].sum())
    assert found.moves["gain"].sum() == pytest.approx(totals.loc["expected profit", "change"])
    named = found.moves[(found.moves["was"] != "control") & (found.moves["is"] != "control")]
    shown = {name for names in named["examples"] for name in names.split(", ")}
    assert not shown & {*before.index[held_before], *now.index[held_now]}
    assert found.offers["before"].sum() == (before["arm"] == "treated").sum()
    nothing = difference(MADE.plan, MADE.plan)
    assert nothing.n_same == len(MADE.plan)
    assert not len(nothing.moves)


def test_slices_and_proxies_of_audit_attributes():
    ids = MADE.plan["customer_id"]
    has_offer = (MADE.plan["offer"] != "none").to_numpy()
    audit = pd.DataFrame(
        {
            "customer_id": ids,
            "leaky": np.where(has_offer, "yes", "no"),
            "idle": np.where(np.arange(len(ids)) % 2, "odd", "even"),
            "years": np.arange(len(ids)),
        }
    )
    rows = [row for row in slices(MADE.plan, PORTRAITS, audit, SETTING) if row["slice"] == "leaky"]
    assert {row["value"]: row["benefit"] for row in rows}["no"] == 0.0
    assert len([row for row in slices(MADE.plan, PORTRAITS, audit, SETTING) if row["slice"] == "years"]) == 4
    by_name = {record["attribute"]: record for record in proxies(MADE.plan, audit, 1) if record["of"] == "benefit"}
    assert by_name["leaky"]["is_predictable"]
    assert by_name["leaky"]["share_of_variance"] > 0.9  # all benefits but those of put_right are 0.75
    assert by_name["idle"]["share_of_variance"] < 0.05
    # 10 of 40 in one value, all with 1; the others 0: every bit of the variance lies between
    codes = np.repeat([0, 1], [10, 30])
    assert variance_between(np.repeat([1.0, 0.0], [10, 30]), codes) == pytest.approx(1.0)


def test_slices_never_show_fewer_than_ten():
    audit = pd.DataFrame({"customer_id": MADE.plan["customer_id"], "home": "flat"})
    audit.loc[:3, "home"] = "castle"
    values = {row["value"] for row in slices(MADE.plan, PORTRAITS, audit, SETTING) if row["slice"] == "home"}
    assert "castle" not in values
