"""The optimiser's benchmark: its own check of plans, the merging of rows, and the page."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.offers.checking import violation
from benchmarks.offers.instances import full, plain
from benchmarks.offers.page import page
from benchmarks.offers.results import merged, rows_of
from offers.optimiser.choice import choose
from offers.optimiser.problem import Row, problem


def test_a_plan_that_passes_a_row_is_found_out():
    row = Row("budget", "the budget", "", least=1.0, most=4.0, per_cost=np.ones((1, 1)))
    made = problem(
        np.arange(4), np.zeros(3, np.int16), np.ones(3), np.zeros(3, np.int32), [row], cost=np.array([1.0, 2.0, 3.0])
    )
    assert violation(made, np.array([0, -1, 2])) == 0.0
    assert violation(made, np.array([0, 1, 2])) == pytest.approx(2 / 4)
    assert violation(made, np.array([-1, -1, -1])) == 1.0
    assert violation(made, np.array([1, -1, -1])) == np.inf


@pytest.mark.parametrize("preset", [plain, full])
def test_random_weeks_are_chosen_within_every_row(preset):
    made = preset(2_000, 5)
    choice = choose(made)
    assert violation(made, choice.picked) <= 1e-9
    assert choice.gap <= 1e-3
    assert (preset(300, 5).profit == preset(300, 5).profit).all()
    assert (preset(300, 5).profit != preset(300, 6).profit).any()


def test_rows_are_merged_by_what_they_measure():
    runs = [{"gap": 3e-7}, {"gap": 1e-7}, {"gap": 2e-7}]
    (row,) = rows_of("regulars", "plain", 10, runs, [7, 8, 9])
    assert (row["value"], row["low"], row["high"], row["seeds"]) == (2e-7, 1e-7, 3e-7, [7, 8, 9])
    other = {**row, "metric": "hit_rate", "value": 0.4}
    newer = {**row, "value": 5e-7}
    assert merged([row, other], [newer]) == [newer, other]


def test_the_page_has_a_section_for_every_other_topic():
    (row,) = rows_of("regulars", "plain", 1_000_000, [{"gap": 2e-7}], [7])
    other = {"metric": "hit_rate", "policy": "regulars", "preset": "grocery", "customers": 50, "value": 0.4, "low": 0.3}
    text = page([row, {**other, "high": 0.5}])
    assert "| plain | 1,000,000 | regulars | 7 | – | 2.0e-07 | – |" in text
    assert "## hit_rate" in text
    assert "| grocery | 50 | regulars | 0.4 | 0.3 | 0.5 |" in text
