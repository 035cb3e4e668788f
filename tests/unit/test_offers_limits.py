"""The week's limits as rows, each against its plain definition; parity cells; who was passed over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ContractError
from contracts.portrait_rules import GroupRule
from offers.limits import Limits, limits_of, problem_of
from offers.optimiser.choice import choose
from offers.parity_cells import parity_cells
from offers.passed_over import ELSEWHERE, passed_over
from tests.offer_shops import CATALOGUE, PLAN

PRICED = [offer.id for offer in CATALOGUE.offers if offer.gives_price]
PAIRS = [(offer.id, channel) for offer in CATALOGUE.offers for channel in offer.channels]


def group(name: str, **bounds: int) -> GroupRule:
    promise = "We look after you as well as we can."
    return GroupRule(name=name, treatment="something", promise=promise, **bounds)  # type: ignore[arg-type]


GROUPS = [group("first", at_least=2), group("second", at_most=3), group("third")]


def customers(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "customer_id": [f"c{k}" for k in range(n)],
            "tier": rng.choice(["new", "returning", "regular", "devoted"], n),
            "state": rng.choice(["active", "lapsing"], n),
            "risk_band": rng.choice(["low", "medium", "high", "unscored"], n),
            "preferred_channel": rng.choice(["email", "sms"], n),
            "group": rng.choice(["first", "second", "third"], n),
        }
    )


def candidates(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = [(i, *PAIRS[k]) for i in rng.permutation(n) for k in sorted(rng.choice(len(PAIRS), 3, replace=False))]
    table = pd.DataFrame(rows, columns=["customer", "offer", "channel"])
    worth = {offer.id: 0.1 * (1 + k) for k, offer in enumerate(CATALOGUE.offers)}
    return table.assign(
        expected_profit=rng.normal(1, 1, len(table)),
        offer_cost=rng.uniform(0.1, 2, len(table)),
        benefit=table["offer"].map(worth).astype(float),
        price_benefit=table["offer"].map(worth).astype(float) * table["offer"].isin(PRICED),
    )


def weights(limits: Limits, priced: pd.DataFrame, name: str) -> np.ndarray:
    row = next(row for row in limits.rows if row.name == name)
    kind, pair = limits.kind[priced["customer"]], limits.pair_of(priced)
    contact = 0.0 if row.per_contact is None else row.per_contact[kind, pair]
    cost = 0.0 if row.per_cost is None else row.per_cost[kind, pair] * priced["offer_cost"].to_numpy()
    return contact + cost + np.zeros(len(priced))


def counted(priced: pd.DataFrame) -> np.ndarray:
    """1, but 0 for what puts things right: budget, contacts, groups and fairness do not withhold it."""
    return 1.0 * (priced["offer"] != "put_right").to_numpy()


def bounds(limits: Limits, name: str) -> tuple[float, float]:
    row = next(row for row in limits.rows if row.name == name)
    return row.least, row.most


PLANNED = PLAN.model_copy(update={"budget": 30.0, "capacity": 25, "regulars_share": 0.2, "min_cell": 5})


def test_money_and_contacts_weigh_what_they_say():
    offer = CATALOGUE.offers[0]
    capped = offer.model_copy(update={"capacity": 4, "budget": 5.0})
    catalogue = CATALOGUE.model_copy(update={"offers": (capped, *CATALOGUE.offers[1:])})
    priced = candidates()
    limits = limits_of(priced, customers(), catalogue, GROUPS, PLANNED)
    cost, own = priced["offer_cost"].to_numpy(), (priced["offer"] == offer.id).to_numpy()
    channel = catalogue.channels[0]
    expected = {
        "budget": (cost * counted(priced), 30.0),
        "capacity": (0.8 * counted(priced), 23.75),  # 25 − 1 − .2 × .05 × 25, where controls take no slot
        f"budget of {offer.id}": (cost * own, 5.0),
        f"capacity of {offer.id}": (1.0 * own, 4),
        f"capacity of {channel.id}": (1.0 * (priced["channel"] == channel.id).to_numpy(), channel.capacity),
    }
    for name, (weight, most) in expected.items():
        assert bounds(limits, name) == (-np.inf, most)
        np.testing.assert_allclose(weights(limits, priced, name), weight)


def test_the_reserve_counts_all_but_regulars_who_are_not_at_risk():
    priced, table = candidates(), customers()
    limits = limits_of(priced, table, CATALOGUE, GROUPS, PLANNED)
    regular = table["tier"].isin(["regular", "devoted"])
    reserved = regular & (table["state"] != "lapsing") & (table["risk_band"] != "high")
    others = (~reserved).to_numpy()[priced["customer"]] * counted(priced)
    np.testing.assert_allclose(
        weights(limits, priced, "regulars' share of the budget"), others * priced["offer_cost"].to_numpy()
    )
    np.testing.assert_allclose(weights(limits, priced, "regulars' share of the capacity"), 0.8 * others)
    assert bounds(limits, "regulars' share of the budget")[1] == pytest.approx(24.0)
    assert bounds(limits, "regulars' share of the capacity")[1] == pytest.approx(19.0)  # 80 % of 23.75
    without = limits_of(priced, table, CATALOGUE, GROUPS, PLANNED.model_copy(update={"regulars_share": 0.0}))
    assert not any("share" in row.name for row in without.rows)


def test_a_follow_up_takes_a_whole_slot_for_no_draw_holds_it_back():
    priced, table = candidates(), customers()
    table = table.assign(is_followed=np.arange(len(table)) % 2 == 0)
    limits = limits_of(priced, table, CATALOGUE, GROUPS, PLANNED)
    weight = np.where(table["is_followed"], 1.0, 0.8)[priced["customer"]]
    np.testing.assert_allclose(weights(limits, priced, "capacity"), weight * counted(priced))


def test_groups_with_a_bound_have_a_row():
    priced, table = candidates(), customers()
    limits = limits_of(priced, table, CATALOGUE, GROUPS, PLANNED)
    assert bounds(limits, "group 'first'") == (2, np.inf)
    assert bounds(limits, "group 'second'") == (-np.inf, 3)
    assert not any("third" in row.name for row in limits.rows)
    inside = (table["group"] == "second").to_numpy()[priced["customer"]]
    np.testing.assert_allclose(weights(limits, priced, "group 'second'"), inside * counted(priced))


@pytest.mark.parametrize(
    ("cell", "column"), [("parity over all", "benefit"), ("parity", "benefit"), ("price parity", "price_benefit")]
)
def test_parity_rows_are_differences_of_mean_benefit(cell, column):
    priced, table = candidates(), customers()
    limits = limits_of(priced, table, CATALOGUE, GROUPS, PLANNED)
    cells = parity_cells(table, PLANNED.min_cell)
    places = {"parity over all": np.full(len(table), True)} if cell == "parity over all" else {
        f"{cell} in {name}": cells == name for name in set(cells) - {""}
    }  # fmt: skip
    found = 0
    for name, inside in places.items():
        for row in (row for row in limits.rows if row.name.startswith(f"{name}: ")):
            low, high = row.name.removeprefix(f"{name}: ").split(" against ")
            expected = np.zeros(len(priced))
            for sign, tier in ((1, low), (-1, high)):
                members = inside & (table["tier"] == tier).to_numpy()
                expected += sign * members[priced["customer"]] * priced[column].to_numpy() / members.sum()
            np.testing.assert_allclose(weights(limits, priced, row.name), expected * counted(priced))
            assert row.most == (0.0 if name == "parity over all" else PLANNED.parity_tolerance)
            found += 1
    assert found >= 3


def test_a_choice_in_any_order_of_customers_belongs_to_the_rows_given():
    priced = candidates()
    limits = limits_of(priced, customers(), CATALOGUE, GROUPS, PLANNED)
    made = problem_of(priced, limits)
    chosen = priced[choose(made).chosen]
    assert chosen["customer"].is_unique
    assert (chosen["offer_cost"] * counted(chosen)).sum() <= 30.0 + 1e-9
    in_order = priced.sort_values("customer", kind="stable", ignore_index=True)
    other = choose(problem_of(in_order, limits))
    assert other.value == pytest.approx(chosen["expected_profit"].sum())
    with pytest.raises(ContractError, match="adjacent rows"):
        problem_of(priced.sort_values("offer", ignore_index=True), limits)


def test_no_candidates_are_a_plan_of_none():
    priced = candidates().iloc[:0]
    made = problem_of(priced, limits_of(priced, customers(), CATALOGUE, GROUPS[1:], PLANNED))
    assert choose(made).value == 0.0


def test_who_was_passed_over_hears_which_limits_stood_in_the_way():
    priced, table = candidates(), customers()
    plan = PLANNED.model_copy(update={"budget": 1e6, "capacity": 5, "regulars_share": 0.0, "parity_tolerance": 9.0})
    limits = limits_of(priced, table, CATALOGUE, [], plan)
    choice = choose(problem_of(priced, limits))
    assert "capacity" in choice.binding
    said = passed_over(priced, len(table), limits, choice, CATALOGUE)
    best = priced.groupby("customer")["expected_profit"].max().reindex(range(len(table)))
    assert said[best > 0].str.contains("the number of contacts").all()
    assert (said[~(best > 0)] == ELSEWHERE).all()


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
