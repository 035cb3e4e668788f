"""The interval for every look, the correction for many offers, and each verdict's rule."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import false_discovery_control, norm

from benchmarks.effects.coverage import Truth, drawn_weeks
from contracts.false_discovery import q_values
from contracts.params.acting import Collect
from offers.effects import sequence as module
from offers.effects.rows import rows_of
from offers.effects.sequence import ALPHA, RHO_SQUARED, TUNED_FOR, Sequence, boundary, last_look, mixture, residuals
from offers.effects.verdicts import offer_looks, proposed_for_stopping, verdict, verdicts

COLLECT = Collect()


def look(low, high, n_treated=500, n_control=500):
    return Sequence((low + high) / 2, low, high, 1.0, 1.0, n_treated, n_control)


def sequence(outcomes, outcome):
    rows = rows_of(outcomes)
    return last_look(rows, residuals(rows)[outcome], outcome)


def verdict_by_offer(outcomes):
    return verdicts(offer_looks(rows_of(outcomes)), COLLECT)


def test_the_e_value_is_the_normal_mixture():
    n, sigma, total = 700, 0.4, 25.0
    tau = math.sqrt(RHO_SQUARED) / sigma

    def integrand(rate):
        return math.exp(rate * total - rate**2 * n * sigma**2 / 2) * norm.pdf(rate, scale=tau)

    assert mixture(total, n * sigma**2, n) == pytest.approx(quad(integrand, -1, 1, limit=200)[0], rel=1e-6)


@pytest.mark.parametrize("n", [40, 2_000, 90_000])
def test_the_boundary_is_where_the_e_value_says_one_in_twenty(n):
    variance = 3.7
    assert mixture(boundary(n) * math.sqrt(variance), variance, n) == pytest.approx(1 / ALPHA)


def test_it_is_narrowest_where_it_is_tuned_for(monkeypatch):
    at_best = boundary(TUNED_FOR)
    for scale in (0.5, 2.0):
        monkeypatch.setattr(module, "RHO_SQUARED", RHO_SQUARED * scale)
        assert boundary(TUNED_FOR) > at_best


def test_predictions_know_the_past_alone():
    outcomes = drawn_weeks(np.random.default_rng(1), 3, 80, Truth())
    last = outcomes["wave"] == outcomes["wave"].max()
    changed = outcomes.assign(lapsed=outcomes["lapsed"] ^ last, margin=outcomes["margin"] + 5.0 * last)
    before, after = residuals(rows_of(outcomes)), residuals(rows_of(changed))
    for name in ("lapsed", "margin"):
        moved = changed[name].astype(float) - outcomes[name].astype(float)
        assert after[name] - before[name] == pytest.approx(moved.to_numpy())


def test_waves_count_in_the_order_in_which_they_mature():
    outcomes = drawn_weeks(np.random.default_rng(1), 2, 20, Truth())
    first = outcomes["wave"] == "2017-W01"
    assert rows_of(outcomes).waves == ("2017-W01", "2017-W02")
    assert rows_of(outcomes.assign(horizon_days=np.where(first, 60, 28))).waves == ("2017-W02", "2017-W01")


def test_the_sequence_is_unbiased_and_wider_than_one_look():
    from offers.effects.difference import difference

    outcomes = drawn_weeks(np.random.default_rng(2), 20, 300, Truth(save=0.4, harm=0.0))
    always, once = sequence(outcomes, "lapsed"), difference(outcomes, "lapsed")
    assert always.estimate == pytest.approx(once.estimate, abs=0.5 * once.se)
    assert always.high - always.low > 1.2 * (once.high - once.low)


def test_few_customers_have_no_interval():
    found = sequence(drawn_weeks(np.random.default_rng(2), 1, 40, Truth(control_share=0.3)), "margin")
    assert math.isnan(found.low)
    assert (found.n_treated, found.n_control) == (28, 12)


def test_benjamini_and_hochberg_by_hand():
    """Sorted .01, .02, .03, .8 times 4/1, 4/2, 4/3, 4/4, then the least from the right."""
    found = q_values(np.array([0.03, 0.01, math.nan, 0.8, 0.02]))
    assert found[[0, 1, 3, 4]] == pytest.approx([0.04, 0.04, 0.8, 0.04])
    assert math.isnan(found[2])


def test_nothing_to_test_is_no_finding():
    assert np.isnan(q_values(np.array([math.nan, math.nan]))).all()


@pytest.mark.parametrize(
    ("retention", "margin", "q_retention", "q_margin", "expected"),
    [
        (look(0.01, 0.05), look(-1, 1), 0.01, 0.9, "works"),
        (look(-0.01, 0.05), look(0.5, 1), 0.9, 0.01, "works"),
        (look(0.01, 0.05), look(-2, -1), 0.01, 0.01, "harms"),
        (look(-0.05, -0.01), look(-1, 1), 0.01, 0.9, "harms"),
        (look(-0.05, -0.01), look(1, 2), 0.01, 0.01, "harms"),
        (look(-0.01, 0.01), look(-2, -1), 0.9, 0.01, "harms"),
        (look(-0.01, 0.01), look(-1, 1), 0.9, 0.9, "does nothing"),
        (look(-0.01, 0.01), look(0.1, 1), 0.9, 0.2, "too early"),
        (look(-0.01, 0.03), look(-1, 1), 0.9, 0.9, "too early"),
        (look(-0.03, 0.01), look(-1, 1), 0.9, 0.9, "too early"),
        (look(0.01, 0.05), look(-1, 1), 0.06, 0.9, "too early"),
        (look(0.01, 0.05, n_control=49), look(1, 2), 0.001, 0.001, "too early"),
        (look(0.01, 0.05, n_treated=49), look(1, 2), 0.001, 0.001, "too early"),
    ],
)
def test_each_rule(retention, margin, q_retention, q_margin, expected):
    assert verdict(retention, margin, q_retention, q_margin, COLLECT) == expected


def test_without_an_interval_it_is_too_early():
    nothing = replace(look(0, 0), low=math.nan, high=math.nan, n_treated=30, n_control=30)
    lenient = COLLECT.model_copy(update={"min_arm": 1})
    assert verdict(nothing, nothing, math.nan, math.nan, lenient) == "too early"


def test_what_does_nothing_or_harms_is_proposed_for_stopping():
    said = {"a": "works", "b": "does nothing", "c": "too early", "d": "harms"}
    assert proposed_for_stopping(said, {"a", "b", "d"}) == ["b", "d"]
    assert proposed_for_stopping(said, {"a", "b"}) == ["b"]


def test_strong_offers_are_told_apart():
    rng = np.random.default_rng(5)
    parts = []
    for offer, truth in (("gift", Truth(save=0.7, harm=0.0)), ("nuisance", Truth(save=0.0, harm=0.2))):
        parts.append(drawn_weeks(rng, 12, 200, truth).assign(offer=offer))
        parts[-1]["customer_id"] = offer + parts[-1]["customer_id"]
    outcomes = pd.concat(parts, ignore_index=True)
    assert verdict_by_offer(outcomes) == {"gift": "works", "nuisance": "harms"}


def test_an_offer_shown_to_be_small_does_nothing():
    """So many customers that the interval lies within two points."""
    one = drawn_weeks(np.random.default_rng(6), 4, 12_000, Truth(save=0.0, harm=0.0, cost=0.0, control_share=0.5))
    assert verdict_by_offer(one) == {"gift": "does nothing"}


def test_redemptions_move_no_verdict():
    outcomes = drawn_weeks(np.random.default_rng(7), 6, 200, Truth())
    changed = outcomes.assign(is_redeemed=~outcomes["is_redeemed"])
    assert verdict_by_offer(outcomes) == verdict_by_offer(changed)


def test_q_values_are_scipy_s_to_the_last_bit() -> None:
    generator = np.random.default_rng(0)
    for n in (1, 2, 7, 50):
        p_values = generator.random(n).round(2)  # ties among them
        assert (q_values(p_values) == false_discovery_control(p_values)).all()
