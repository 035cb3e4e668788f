"""The choice against brute force; minimums that cannot hold, prices in words, ties, and weeks of nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ContractError, ParameterError
from offers.optimiser import curve
from offers.optimiser.choice import Choice, choose
from offers.optimiser.curve import budget_curve
from offers.optimiser.dominance import undominated
from offers.optimiser.problem import Problem, Row, problem
from offers.optimiser.solving import Effort
from offers.optimiser.words import in_words, price_sentence

ONE = np.ones((1, 1))


def week(profit, *rows: Row, n_customers=None, pair=None, cost=None, kind=None) -> Problem:
    """One candidate a customer unless `n_customers` share them evenly."""
    n = n_customers or len(profit)
    start = np.arange(n + 1) * (len(profit) // max(n, 1))
    return problem(
        start,
        np.zeros(len(profit), dtype=np.int16) if pair is None else np.asarray(pair, dtype=np.int16),
        np.asarray(profit, dtype=float),
        np.zeros(n, dtype=np.int32) if kind is None else np.asarray(kind, dtype=np.int32),
        rows,
        cost=None if cost is None else np.asarray(cost, dtype=float),
    )


def contacts(most=np.inf, least=-np.inf, table=ONE, name="capacity") -> Row:
    return Row(name, "the number of contacts", "one more contact", least, most, per_contact=np.asarray(table, float))


def budget(most, table=ONE) -> Row:
    return Row("budget", "the budget", "one more unit of budget", most=most, per_cost=table, per_budget=1.0)


def worth(made: Problem, pick: Sequence[int]) -> float:
    """What a plan brings (a candidate a customer, −1 for none), or −infinity if it passes a limit."""
    taken = [(made.kind[i], made.pair[j], j) for i, j in enumerate(pick) if j >= 0]
    used = [
        sum(
            (0 if row.per_contact is None else row.per_contact[k, m])
            + (0 if row.per_cost is None else row.per_cost[k, m] * made.cost[j])
            for k, m, j in taken
        )
        for row in made.rows
    ]
    is_kept = all(row.least - 1e-9 <= u <= row.most + 1e-9 for row, u in zip(made.rows, used, strict=True))
    return float(sum(made.profit[j] for _, _, j in taken)) if is_kept else -np.inf


def brute_force(made: Problem) -> float:
    """The best of all plans, tried one by one."""
    plans = product(*[[-1, *range(made.start[i], made.start[i + 1])] for i in range(made.n_customers)])
    return max(worth(made, pick) for pick in plans)


def drawn_week(seed: int) -> Problem:
    """Five customers with three candidates each, within a budget, contacts and a parity, and a minimum."""
    rng = np.random.default_rng(seed)
    every = np.ones((2, 3))
    return week(
        rng.normal(1, 2, 15).round(2),
        budget(4.0, every),
        contacts(3, table=every),
        contacts(0.1, table=rng.normal(0, 1, (2, 3)).round(2), name="parity"),
        contacts(least=1, table=[[1, 1, 1], [0, 0, 0]], name="group"),
        n_customers=5,
        pair=np.tile(np.arange(3), 5),
        cost=rng.uniform(0, 3, 15).round(2),
        kind=[0, 1, 0, 1, 1],
    )


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("whole_size", [5_000, 0])
def test_the_choice_equals_brute_force(seed, whole_size):
    made = drawn_week(seed)
    truth = brute_force(made)
    if np.isinf(truth):
        with pytest.raises(ParameterError, match="group"):
            choose(made, whole_size=whole_size)
        return
    choice = choose(made, whole_size=whole_size)
    assert choice.value == pytest.approx(truth, abs=1e-6)
    assert choice.bound >= truth - 1e-9


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("core_sizes", [(1,), (1, 2, 3)])
def test_however_few_are_decided_at_once_no_limit_is_passed_and_the_bound_holds(seed, core_sizes):
    made = drawn_week(seed)
    choice = choose(made, whole_size=0, effort=Effort(core_sizes=core_sizes, enough=1e-9))
    assert worth(made, choice.picked.tolist()) == pytest.approx(choice.value)
    assert choice.value - 1e-9 <= brute_force(made) <= choice.bound + 1e-9


def test_prices_slack_and_binding_rows_of_a_week_worked_out_by_hand():
    # Profits 5, 4, 3, 2 with two contacts: 5 and 4 are taken; one contact more would bring 3.
    choice = choose(week([5, 4, 3, 2], contacts(2), contacts(3, name="wide")))
    assert (choice.value, choice.bound, choice.picked.tolist()) == (9.0, 9.0, [0, 1, -1, -1])
    assert 3 <= choice.prices["capacity"] <= 4
    assert (choice.prices["wide"], choice.slack, choice.binding) == (0.0, {"capacity": 0.0, "wide": 1.0}, ("capacity",))
    assert (choice.method, choice.gap) == ("whole", 0.0)


def test_a_minimum_is_held_at_a_loss_and_its_price_is_below_zero():
    choice = choose(week([-1.0, -2.0, -4.0], contacts(least=2)))
    assert (choice.value, choice.picked.tolist()) == (-3.0, [0, 1, -1])
    assert -4 <= choice.prices["capacity"] <= -2


def test_a_price_of_the_budget_is_the_profit_of_its_last_unit():
    # Profit a unit of cost: 6, 5, 4 ...; the budget ends within the third, of which a unit brings 4.
    choice = choose(week([6, 10, 12, 3], budget(4.5), cost=[1, 2, 3, 3]), whole_size=0)
    assert choice.prices["budget"] == pytest.approx(4.0)
    assert choice.value == 18.0  # the first and the third: 4 of 4.5


@pytest.mark.parametrize("whole_size", [5_000, 0])
def test_of_equal_customers_the_first_are_taken(whole_size):
    choice = choose(week([0.2] * 40, contacts(5)), whole_size=whole_size)
    assert np.flatnonzero(choice.chosen).tolist() == [0, 1, 2, 3, 4]
    assert choice.gap <= 1e-9


def test_a_hundred_thousand_equal_customers_are_one_variable():
    choice = choose(week(np.full(100_000, 0.2), contacts(777)))
    assert np.flatnonzero(choice.chosen).tolist() == list(range(777))
    assert choice.value == pytest.approx(777 * 0.2)
    assert choice.gap <= 1e-9


def test_two_channels_alike_fill_up_one_after_the_other():
    # Both pairs bring the same; 30 contacts by the first, 20 by the second: 50 customers of 1000 are served.
    made = week(
        np.repeat(np.linspace(1, 2, 1000), 2),
        contacts(30, table=[[1, 0]], name="first"),
        contacts(20, table=[[0, 1]], name="second"),
        n_customers=1000,
        pair=np.tile([0, 1], 1000),
    )
    for whole_size in (5_000, 0):
        choice = choose(made, whole_size=whole_size)
        assert np.bincount(made.pair[choice.chosen]).tolist() == [30, 20]
        assert choice.value == pytest.approx(np.linspace(1, 2, 1000)[-50:].sum())


@pytest.mark.parametrize("whole_size", [5_000, 0])
@pytest.mark.parametrize(
    ("made", "value"),
    [
        (week([], contacts(1)), 0.0),
        (week([3.0], contacts(1)), 3.0),
        (week([3.0], contacts(0)), 0.0),
        (week([3.0, 2.0], budget(0.0), cost=[1.0, 0.0]), 2.0),
        (week([-3.0, -2.0], contacts(5)), 0.0),
        (week([-3.0, -2.0], contacts(5, least=1)), -2.0),
        (week([0.0, 0.0], contacts(5)), 0.0),
        (week([1.0, 2.0]), 3.0),
    ],
)
def test_weeks_of_nothing_and_of_one(made, value, whole_size):
    choice = choose(made, whole_size=whole_size)
    assert (choice.value, choice.gap) == (value, 0.0)


@pytest.mark.parametrize("n", [20, 100_000])
def test_a_minimum_beyond_a_limit_names_the_rule_and_what_is_possible(n):
    group = np.array([[1.0], [0.0]])
    kind = (np.arange(n) >= 12).astype(np.int32)  # twelve customers in the group
    top = contacts(least=15, table=group, name="group 'top'")
    made = week(np.linspace(0.1, 1, n), contacts(18, table=np.ones((2, 1))), top, kind=kind)
    with pytest.raises(ParameterError, match=r"group 'top' at least 15: at most 12 can be given an offer"):
        choose(made)


@pytest.mark.parametrize("n", [20, 100_000])
def test_minimums_that_cannot_hold_together_are_named_with_the_limit_between_them(n):
    kind = (np.arange(n) % 2).astype(np.int32)
    groups = [contacts(least=6, table=[[1.0 - g], [float(g)]], name=f"group {g}") for g in (0, 1)]
    made = week(np.linspace(0.1, 1, n), contacts(10, table=np.ones((2, 1))), *groups, kind=kind)
    message = r"within capacity: group (\d) at least 6: at most 4 beside group (?!\1)\d at least 6"
    with pytest.raises(ParameterError, match=message):
        choose(made)


def test_a_limit_below_zero_cannot_hold():
    with pytest.raises(ParameterError, match="capacity"):
        choose(week([1.0, 2.0], contacts(-1)))


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ContractError, match="finite"):
        week([np.nan], contacts(1))
    with pytest.raises(ContractError, match="tables of kinds"):
        problem(np.array([0, 1]), np.zeros(1, np.int16), np.ones(1), np.zeros(1, np.int32), [
            contacts(1), contacts(1, table=np.ones((2, 3)))
        ])  # fmt: skip


def test_the_curve_of_a_week_worked_out_by_hand():
    # Profits 5, 4, 3 at a cost of 1 each: 0, 5, 9 and 12, and never more.
    made = week([5, 4, 3], budget(2.0), cost=[1, 1, 1])
    points = budget_curve(made, [0.0, 1.0, 2.0, 3.0, 9.0])
    assert [(p.value, p.cost) for p in points] == [(0, 0), (5, 1), (9, 2), (12, 3), (12, 3)]


def test_a_curve_of_many_candidates_is_less_work_and_tells_its_bound(monkeypatch):
    draw = np.random.default_rng(3)
    made = week(draw.uniform(0, 5, 400), budget(40.0), n_customers=200, cost=draw.uniform(0.5, 2.0, 400))
    budgets = [5.0, 20.0, 40.0]
    whole = budget_curve(made, budgets)
    monkeypatch.setattr(curve, "MANY", 0)
    for best, point in zip(whole, budget_curve(made, budgets), strict=True):
        assert point.value <= best.bound + 1e-9
        assert point.value >= 0.97 * best.value
        assert point.bound >= best.value - 1e-9
        assert point.cost <= point.budget + 1e-9


def test_a_budget_that_cannot_pay_the_minimum_has_no_point():
    made = week([5, 4], budget(2.0), contacts(least=2), cost=[1, 1])
    first, second = budget_curve(made, [1.0, 2.0])
    assert first is None
    assert second is not None
    assert second.value == 9.0


def test_prices_in_words():
    rows = [
        Row("capacity of call", "the number of calls", "one more call", most=2, per_contact=ONE),
        budget(9.0),
        contacts(9, name="wide"),
        Row("group", "what the group 'a' is given", "one more of it", least=1, per_contact=ONE),
        Row("parity", "fairness between tiers (x)", "", most=0.0, per_contact=ONE, is_fairness=True),
    ]
    prices = {"capacity of call": 3.1, "budget": 1.4, "wide": 0.0, "group": -0.5, "parity": 200.0}
    choice = Choice(np.zeros(0, np.int64), 0, 0.0, 0.0, prices, {}, (), 0, "none")
    assert in_words(choice, rows, "USD") == [
        "the number of calls: one more call is worth 3.10 USD",
        "fairness between tiers (x): 0.01 USD of mean benefit more tolerance is worth 2.00 USD",
        "the budget: one more unit of budget brings 1.40 USD",
        "what the group 'a' is given: the minimum costs 0.50 USD for the last of it",
        "the number of contacts: room left",
    ]
    assert price_sentence(rows[4], 0.1, "USD").endswith("room left")


def test_a_dearer_and_poorer_candidate_is_no_candidate():
    table = pd.DataFrame(
        {
            "customer": [0, 0, 0, 1, 0],
            "channel": "letter",
            "capped": ["", "", "", "", "d"],
            "benefit": 0.75,
            "offer": ["a", "b", "c", "b", "d"],
            "expected_profit": [2.0, 1.0, 1.5, 1.0, 0.5],
            "offer_cost": [1.0, 1.0, 0.5, 1.0, 2.0],
        }
    )
    # b brings less than a at the same cost; c brings less but is cheaper; d is compared with itself alone.
    assert undominated(table)[["customer", "offer"]].to_numpy().tolist() == [[0, "a"], [0, "c"], [1, "b"], [0, "d"]]


@pytest.mark.parametrize("whole_size", [5_000, 0])
def test_whole_numbers_that_no_plan_can_make_up_are_refused_with_the_rules(whole_size):
    """Each candidate weighs 2: one and a half of them would weigh exactly 3, and no plan does."""
    exactly = Row("parity", "fairness", "", least=3.0, most=3.0, per_contact=2 * ONE)
    with pytest.raises(ParameterError, match="parity"):
        choose(week([1.0, 1.0, 1.0, 1.0], exactly), whole_size=whole_size)


@pytest.mark.parametrize("whole_size", [5_000, 0])
def test_a_minimum_missed_by_a_hair_is_refused_with_the_rules_at_hand(whole_size):
    """One contact is short of 1.0000005 by less than the solver tells from nothing: no plan, and no figure to name."""
    hair = Row("share", "fairness", "", least=1.0000005, per_contact=ONE)
    with pytest.raises(ParameterError, match=r"^no plan found that keeps every rule exactly; relax one of: share$"):
        choose(week([1.0], hair), whole_size=whole_size)


@pytest.mark.parametrize("whole_size", [5_000, 0])
def test_a_minimum_of_what_is_spent_says_how_much_can_be(whole_size):
    spent = Row("spend", "what is spent", "", least=5.0, per_cost=ONE, per_contact=0.5 * ONE)
    with pytest.raises(ParameterError, match=r"spend at least 5: at most 4 "):  # 1 + 2, and a half for either contact
        choose(week([1.0, 2.0], spent, cost=[1.0, 2.0]), whole_size=whole_size)
