"""A marketer's change: a new label, a new offer for whoever has it, a smaller budget; and what it did to whom."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.errors import ParameterError
from contracts.params import Params
from contracts.portrait_rules import load_portrait_rules
from offers.catalogue_file import load_sound_catalogue
from offers.difference import Difference, difference
from offers.guard.findings import refuse
from simulation.cases.case import Case
from simulation.cases.hotel import hotel
from tests.example_shops import EXAMPLES, Example, Planned, brought_in, planned, silence_scores

LABEL = "stays in style"
NEW_LABEL = """
  - name: stays in style
    about: ability
    when: {n_visits: at least 2, spend_per_visit: at least 1.3 times shop_spend_per_visit}
    says: "You spent {spend_per_visit:.2f} {currency} a stay since {since}; half of our guests spend less than {shop_spend_per_visit:.2f} {currency}."
"""  # noqa: E501 – a line of YAML
NEW_OFFER = """
  - id: table_for_two
    code: TABLE2
    mechanic: free_service
    text: "until {valid_until} a table for two on the terrace is yours on an evening of your stay, on the house."
    channels: [email, letter]
    audience: {labels: [stays in style]}
    price_worth: 0.0
    other_worth: 30.0
    cost: 12.0
    redeem: 0.3
    save: {mean: 0.0, strength: 20}
    harm: {mean: 0.0, strength: 20}
    taught: 0.0
    needs_score: false
    assumed_gain: {mean: 16.0, low: 2.0, high: 30.0}
    valid_days: 60
"""
SMALLER = 0.6


def edited(folder: Path, label: str = NEW_LABEL, offer: str = NEW_OFFER) -> Path:
    """The hotel's files with a label before the groups and an offer at the end, as an editor would leave them."""
    shutil.copytree(EXAMPLES / "hotel", folder)
    labels, groups = (folder / "portraits.yaml").read_text(encoding="utf-8").split("\ngroups:")
    (folder / "portraits.yaml").write_text(f"{labels}{label}\ngroups:{groups}", encoding="utf-8")
    with (folder / "offers.yaml").open("a", encoding="utf-8") as offers:
        offers.write(offer)
    return folder


@pytest.fixture(scope="module")
def case() -> Case:
    return hotel()


@pytest.fixture(scope="module")
def shop(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Example:
    return brought_in("hotel", case, tmp_path_factory.mktemp("hotel"))


@pytest.fixture(scope="module")
def weeks(shop: Example, tmp_path_factory: pytest.TempPathFactory) -> tuple[Planned, Planned, float]:
    """The week before and after the change, and the smaller budget."""
    scores = silence_scores(shop)
    before = planned(shop, scores)
    budget = SMALLER * float(before.made.plan["offer_cost"].sum())
    after = shop.with_files(edited(tmp_path_factory.mktemp("change") / "files"))
    return before, planned(after, scores, budget=budget), budget


@pytest.fixture(scope="module")
def found(weeks: tuple[Planned, Planned, float]) -> Difference:
    return difference(weeks[0].made.plan, weeks[1].made.plan)


def stylish(case: Case, shop: Example) -> set[str]:
    """Who has the label, from the purchases as the hotel wrote them: spend a stay in the 182 days before the week."""
    since = (shop.cutoff - timedelta(days=182)).isoformat()
    lines = case.purchases[case.purchases["ordered_at"].between(since, shop.cutoff.isoformat())]
    stays = lines.groupby("customer_id").agg(paid=("amount", "sum"), n=("order_id", "nunique"))
    a_stay = stays["paid"] / stays["n"]
    return set(stays.index[(stays["n"] >= 2) & (a_stay >= 1.3 * a_stay.median())])


def test_the_label_is_given_to_whom_the_words_fit(case: Case, shop: Example, weeks) -> None:
    labels = weeks[1].portraits.set_index("customer_id")["labels"]
    labelled = set(labels.index[[LABEL in said.split("; ") for said in labels]])
    assert labelled == stylish(case, shop)
    assert len(labelled) > 10
    assert not weeks[0].portraits["labels"].str.contains(LABEL).any()


def test_the_difference_shows_the_new_offer_and_only_to_whom_it_is_for(
    case: Case, shop: Example, weeks, found: Difference
) -> None:
    plan = weeks[1].made.plan
    given = set(plan.loc[(plan["offer"] == "table_for_two") & (plan["arm"] == "treated"), "customer_id"])
    counts = found.offers.set_index("offer").loc["table_for_two"]
    assert (counts["before"], counts["after"]) == (0, len(given))
    assert given
    assert given <= stylish(case, shop)
    moved = found.moves[found.moves["is"].str.startswith("table_for_two by ")]
    assert moved["n_customers"].sum() == len(given)
    shown = {name for examples in moved["examples"] for name in examples.split(", ") if name}
    assert shown
    assert shown <= given


def test_the_smaller_budget_binds_and_the_guard_passes(weeks, found: Difference) -> None:
    before, after, budget = weeks
    refuse(after.made.guard)
    costs = found.totals.set_index("figure").loc["offer cost"]
    for week, told in ((before, costs["before"]), (after, costs["after"])):
        treated = week.made.plan[week.made.plan["arm"] == "treated"]
        assert told == pytest.approx(treated["offer_cost"].sum())
    counted = [week.made.plan[week.made.plan["mechanic"] != "service_recovery"] for week in (before, after)]
    assert counted[0]["offer_cost"].sum() > budget  # putting right is beside the budget
    assert 0.8 * budget < counted[1]["offer_cost"].sum() <= budget + 1e-6
    assert costs["change"] == pytest.approx(costs["after"] - costs["before"])


def test_the_same_files_planned_twice_differ_in_nothing(shop: Example, weeks) -> None:
    again = difference(weeks[0].made.plan, planned(shop, weeks[0].scores).made.plan)
    assert again.n_same == len(weeks[0].made.plan)
    assert again.moves.empty
    assert (again.totals["change"] == 0).all()


def refusal(shop: Example, files: Path, params: Params) -> str:
    rules = load_portrait_rules(files / "portraits.yaml", params.plan.forbidden_attributes)
    with pytest.raises(ParameterError) as refused:
        load_sound_catalogue(files / "offers.yaml", params, rules, shop.words)
    return str(refused.value)


def test_a_misspelt_label_is_refused_in_one_line_with_the_nearest(shop: Example, tmp_path: Path) -> None:
    files = edited(tmp_path / "files", offer=NEW_OFFER.replace("stays in style", "stays in stile"))
    said = refusal(shop, files, shop.params)
    assert (
        said
        == f"{files / 'offers.yaml'}: offer 'table_for_two': unknown label 'stays in stile'; did you mean '{LABEL}'?"
    )
    assert "\n" not in said


def test_an_offer_for_a_label_that_was_forgotten_is_refused(shop: Example, tmp_path: Path) -> None:
    said = refusal(shop, edited(tmp_path / "files", label=""), shop.params)
    assert "unknown label 'stays in style'; there are new here, " in said
    assert "\n" not in said


def test_a_misspelt_fact_in_the_label_is_refused_with_the_nearest(tmp_path: Path) -> None:
    files = edited(tmp_path / "files", label=NEW_LABEL.replace("{n_visits:", "{n_visit:"))
    with pytest.raises(ParameterError, match=r"label 'stays in style'.*'n_visit'; did you mean 'n_visits'\?$"):
        load_portrait_rules(files / "portraits.yaml")
