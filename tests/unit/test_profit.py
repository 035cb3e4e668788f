from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.evaluation import profit
from models.evaluation.profit import Economics

PUBLISHED = Economics(customer_value=200, incentive_cost=10, contact_cost=1, alpha=6, beta=14)


def brute_force(p: np.ndarray, lapsed: np.ndarray, terms: Economics, n: int = 4001) -> tuple[float, float]:
    """For each acceptance rate on a grid, the best cut over every threshold; then the mean under the density.

    And the share of customers that the best cut contacts, in the mean.
    """
    cuts = [p >= threshold for threshold in [*np.unique(p), np.inf]]
    gone = np.array([(cut & lapsed).sum() for cut in cuts]) / len(p)
    kept = np.array([(cut & ~lapsed).sum() for cut in cuts]) / len(p)
    rates = np.linspace(0, 1, n)
    value, incentive, contact = terms.customer_value, terms.incentive_cost, terms.contact_cost
    won = np.outer(rates * (value - incentive) - contact, gone)
    profits = won - kept * (incentive + contact)
    density = stats.beta.pdf(rates, terms.alpha, terms.beta)
    contacted = (gone + kept)[profits.argmax(axis=1)]
    return tuple(float(np.trapezoid(values * density, rates)) for values in (profits.max(axis=1), contacted))


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=3, max_size=60))
def test_expected_maximum_profit_equals_brute_force(rows: list[tuple[int, bool]]) -> None:
    p = np.array([row[0] / 13 for row in rows])
    lapsed = np.array([row[1] for row in rows])
    if lapsed.all() or not lapsed.any():
        assert profit.best_cuts(p, lapsed, PUBLISHED) == (0.0, 0.0)
        return
    expected, fraction = brute_force(p, lapsed, PUBLISHED)
    assert profit.best_cuts(p, lapsed, PUBLISHED)[0] == pytest.approx(expected, abs=0.02)
    assert profit.best_cuts(p, lapsed, PUBLISHED)[1] == pytest.approx(fraction, abs=0.002)


def test_a_better_ranking_is_worth_more(scores_and_labels: pd.DataFrame) -> None:
    p, lapsed = (scores_and_labels[name].to_numpy() for name in ("p", "lapsed"))
    none = np.full(len(p), 0.5)
    perfect = lapsed.astype(float)
    values = [profit.best_cuts(q, lapsed, PUBLISHED)[0] for q in (none, p, perfect)]
    assert values == sorted(values)
    # A perfect ranking contacts just the churners: value · rate − costs, from the closed form of the Beta's mean.
    assert values[2] == pytest.approx(lapsed.mean() * (0.3 * 190 - 1), rel=1e-3)


@given(st.floats(0.5, 9), st.floats(0.5, 9), st.floats(0, 30), st.floats(0.1, 5))
def test_emp_under_other_terms_equals_brute_force(alpha: float, beta: float, incentive: float, contact: float) -> None:
    """Densities without bound at an end are out of the grid's reach: 1 + alpha and 1 + beta."""
    terms = Economics(100.0, incentive, contact, 1 + alpha, 1 + beta)
    p = np.array([0.9, 0.8, 0.8, 0.6, 0.5, 0.4, 0.3, 0.1])
    lapsed = np.array([1, 1, 0, 1, 0, 0, 1, 0], dtype=bool)
    expected, fraction = brute_force(p, lapsed, terms)
    assert profit.best_cuts(p, lapsed, terms)[0] == pytest.approx(expected, abs=0.02)
    assert profit.best_cuts(p, lapsed, terms)[1] == pytest.approx(fraction, abs=0.005)


@given(st.floats(0, 30), st.floats(0, 10), st.floats(31, 500), st.floats(0.01, 0.99))
def test_the_threshold_is_where_a_contact_breaks_even(incentive: float, contact: float, value: float, p: float) -> None:
    terms = Economics(value, incentive, contact, 6, 14)
    accepted = 0.3  # Beta(6, 14)'s mean
    gain = p * (accepted * (value - incentive) - contact) - (1 - p) * (incentive + contact)
    if abs(gain) > 1e-6:
        assert (p > terms.threshold) == (gain > 0)


def test_the_list_of_optimal_length_by_hand() -> None:
    """Threshold 11 / 67 = .164: of five rows at two cutoffs three are listed; won 56 for the lapsed, lost 11 else."""
    assert PUBLISHED.threshold == pytest.approx(11 / 67)
    p = np.array([0.9, 0.17, 0.16, 0.5, 0.05])
    lapsed = np.array([True, False, True, False, True])
    found = profit.list_figures(p, lapsed, np.array([0, 1, 2, 0, 1]), 2, PUBLISHED)
    assert found["optimal_list_length"] == 1.5
    assert found["profit_at_optimal_length"] == pytest.approx((56 - 11 - 11) / 2)


def test_maximum_profit_without_costs_or_without_gain() -> None:
    p, lapsed = np.array([0.9, 0.4, 0.1]), np.array([True, False, False])
    free = Economics(customer_value=100, incentive_cost=0, contact_cost=0, alpha=6, beta=14)
    assert profit.best_cuts(p, lapsed, free)[0] == pytest.approx(0.3 * 100 / 3)
    dear = Economics(customer_value=10, incentive_cost=10, contact_cost=0, alpha=6, beta=14)
    assert profit.best_cuts(p, lapsed, dear) == (0.0, 0.0)


def test_costs_above_all_gains_leave_nobody_to_contact() -> None:
    terms = Economics(customer_value=10, incentive_cost=10, contact_cost=1, alpha=6, beta=14)
    found = profit.list_figures(np.array([0.99, 1.0]), np.array([True, True]), np.array([0, 1]), 1, terms)
    assert terms.threshold == pytest.approx(1.1)
    assert (found["optimal_list_length"], found["profit_at_optimal_length"]) == (0.0, 0.0)


def test_the_interval_of_a_total_is_that_of_a_bootstrap(rng: np.random.Generator) -> None:
    customer = rng.integers(0, 150, 500)
    values = rng.normal(1.0, 3.0, 500) + customer % 3
    total, low, high = profit.total_with_interval(values, customer, 4)
    sums = np.bincount(customer, values, minlength=150) / 4
    drawn = rng.multinomial(150, np.full(150, 1 / 150), size=20_000) @ sums
    assert total == pytest.approx(values.sum() / 4)
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.04 * (high - low))


def test_profit_at_capacity_by_hand() -> None:
    p = np.array([0.9, 0.8, 0.1])
    lapsed = np.array([True, False, False])
    assert profit.profit_at_capacity(p, lapsed, 1, PUBLISHED) == pytest.approx(0.3 * 190 - 1)
    assert profit.profit_at_capacity(p, lapsed, 2, PUBLISHED) == pytest.approx(0.3 * 190 - 1 - 11)
    assert profit.profit_at_capacity(p, lapsed, 9, PUBLISHED) == pytest.approx(0.3 * 190 - 1 - 22)
