from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models import profit
from models.profit import Economics

PUBLISHED = Economics(customer_value=200, incentive_cost=10, contact_cost=1, alpha=6, beta=14)


def brute_force(p: np.ndarray, lapsed: np.ndarray, terms: Economics, n: int = 4001) -> float:
    """For each acceptance rate on a grid, the best cut over every threshold; then the mean under the density."""
    cuts = [p >= threshold for threshold in [*np.unique(p), np.inf]]
    gone = np.array([(cut & lapsed).sum() for cut in cuts]) / len(p)
    kept = np.array([(cut & ~lapsed).sum() for cut in cuts]) / len(p)
    rates = np.linspace(0, 1, n)
    value, incentive, contact = terms.customer_value, terms.incentive_cost, terms.contact_cost
    won = np.outer(rates * (value - incentive) - contact, gone)
    best = (won - kept * (incentive + contact)).max(axis=1)
    return float(np.trapezoid(best * stats.beta.pdf(rates, terms.alpha, terms.beta), rates))


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=3, max_size=60))
def test_expected_maximum_profit_equals_brute_force(rows: list[tuple[int, bool]]) -> None:
    p = np.array([row[0] / 13 for row in rows])
    lapsed = np.array([row[1] for row in rows])
    if lapsed.all() or not lapsed.any():
        assert profit.expected_maximum_profit(p, lapsed, PUBLISHED) == 0.0
        return
    expected = brute_force(p, lapsed, PUBLISHED)
    assert profit.expected_maximum_profit(p, lapsed, PUBLISHED) == pytest.approx(expected, abs=0.02)


def test_a_better_ranking_is_worth_more(scores_and_labels: pd.DataFrame) -> None:
    p, lapsed = (scores_and_labels[name].to_numpy() for name in ("p", "lapsed"))
    none = np.full(len(p), 0.5)
    perfect = lapsed.astype(float)
    values = [profit.expected_maximum_profit(q, lapsed, PUBLISHED) for q in (none, p, perfect)]
    assert values == sorted(values)
    # A perfect ranking contacts just the churners: value · rate − costs, from the closed form of the Beta's mean.
    assert values[2] == pytest.approx(lapsed.mean() * (0.3 * 190 - 1), rel=1e-3)


def test_profit_at_capacity_by_hand() -> None:
    p = np.array([0.9, 0.8, 0.1])
    lapsed = np.array([True, False, False])
    assert profit.profit_at_capacity(p, lapsed, 1, PUBLISHED) == pytest.approx(0.3 * 190 - 1)
    assert profit.profit_at_capacity(p, lapsed, 2, PUBLISHED) == pytest.approx(0.3 * 190 - 1 - 11)
    assert profit.profit_at_capacity(p, lapsed, 9, PUBLISHED) == pytest.approx(0.3 * 190 - 1 - 22)
