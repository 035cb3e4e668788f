"""Differences between arms: by hand, by a second regression, and where there is too little to say."""

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.effects.coverage import Truth, drawn_wave, drawn_weeks
from contracts.errors import ContractError
from offers.effects.difference import difference, of_rows
from offers.effects.rows import rows_of


def wave(lapsed_treated, lapsed_control, *, week=0, n=None, propensity=0.5):
    """A wave with so many lapses among equal customers; `n` customers in each arm."""
    sizes = n or (len(lapsed_treated), len(lapsed_control))
    frame = drawn_wave(np.random.default_rng(0), sum(sizes), Truth(), week=week).outcomes
    treated = np.arange(sum(sizes)) < sizes[0]
    lapsed = np.concatenate([np.asarray(lapsed_treated), np.asarray(lapsed_control)]).astype(bool)
    return frame.assign(
        arm=np.where(treated, "treated", "control"),
        propensity=np.where(treated, propensity, 1 - propensity),
        lapsed=lapsed,
        p_lapse=0.3,
        margin_before=1.0,
    )


def offer_difference(outcomes, offer, outcome):
    return of_rows(rows_of(outcomes).of_offer(offer), outcome)


def share(n, n_lapsed):
    return np.arange(n) < n_lapsed


def test_a_small_wave_by_hand():
    found = difference(wave([1, 0, 0, 0], [1, 1, 0, 0]), "lapsed")
    assert found.estimate == pytest.approx(0.25)
    assert (found.treated_mean, found.control_mean) == (0.25, 0.5)
    assert (found.n_treated, found.n_control) == (4, 4)


def test_without_covariates_it_is_welchs_interval():
    from scipy.stats import ttest_ind

    treated, control = share(60, 12), share(40, 16)
    found = difference(wave(treated, control, propensity=0.6), "lapsed")
    other = ttest_ind(control.astype(float), treated.astype(float), equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=1e-9)


@pytest.mark.parametrize("sizes", [(5, 1), (1, 5), (1, 1)])
def test_one_customer_in_an_arm_has_no_interval(sizes):
    found = difference(wave(share(sizes[0], 1), share(sizes[1], 0)), "lapsed")
    assert not math.isnan(found.estimate)
    assert math.isnan(found.low)
    assert math.isnan(found.se)


def test_an_empty_arm_has_no_estimate():
    outcomes = wave(share(5, 1), share(5, 1))
    assert math.isnan(difference(outcomes[outcomes["arm"] == "treated"], "margin").estimate)


def test_control_shares_that_differ_from_wave_to_wave_do_not_confound():
    risky = wave(share(80, 40), share(20, 10), propensity=0.8)
    safe = wave(share(20, 2), share(80, 8), week=1, propensity=0.2)
    both = pd.concat([risky, safe], ignore_index=True)
    treated = both["arm"] == "treated"
    assert both.loc[treated, "lapsed"].mean() - both.loc[~treated, "lapsed"].mean() == pytest.approx(0.24)
    assert difference(both, "lapsed").estimate == pytest.approx(0.0, abs=1e-12)


def test_regression_and_variance_equal_a_dense_second_way():
    outcomes = drawn_weeks(np.random.default_rng(3), 2, 150, Truth(control_share=0.4))
    found = difference(outcomes, "margin")
    treated = (outcomes["arm"] == "treated").to_numpy(dtype=float)
    before = outcomes["margin_before"].to_numpy()
    covariates = np.column_stack([outcomes["p_lapse"], np.clip(before, *np.quantile(before, [0.01, 0.99]))])
    covariates = covariates - covariates.mean(axis=0)
    second = (outcomes["wave"] == outcomes["wave"].iloc[-1]).to_numpy(dtype=float)
    design = np.column_stack([np.ones(300), second, treated, covariates, treated[:, None] * covariates])
    root = np.sqrt(1 / outcomes["propensity"].to_numpy())
    scaled, y = root[:, None] * design, root * outcomes["margin"].to_numpy()
    coefficients, *_ = np.linalg.lstsq(scaled, y)
    hat = scaled @ np.linalg.pinv(scaled)
    bread = np.linalg.inv(scaled.T @ scaled)
    meat = scaled.T @ np.diag((y - scaled @ coefficients) ** 2 / (1 - np.diag(hat))) @ scaled
    assert found.estimate == pytest.approx(coefficients[2], rel=1e-8)
    assert found.se == pytest.approx(math.sqrt((bread @ meat @ bread)[2, 2]), rel=1e-8)


def test_a_customer_who_occurs_twice_counts_once_for_certainty():
    once = drawn_wave(np.random.default_rng(4), 400, Truth()).outcomes
    again = once.assign(wave="2017-W02", cutoff_on=once["cutoff_on"] + pd.Timedelta(weeks=1))
    strangers = again.assign(customer_id="x" + again["customer_id"])
    same = difference(pd.concat([once, again], ignore_index=True), "lapsed")
    others = difference(pd.concat([once, strangers], ignore_index=True), "lapsed")
    assert same.se / others.se == pytest.approx(math.sqrt(2), rel=0.02)


def test_no_lapse_in_an_arm_is_not_certainty():
    found = difference(wave(share(30, 0), share(30, 0)), "lapsed")
    least = (1 / 32) * (31 / 32) / 30
    assert found.se == pytest.approx(math.sqrt(2 * least))
    assert found.low < 0 < found.high


def explored(options, offer, lapsed, name):
    frame = wave(share(len(lapsed), 0), [], n=(len(lapsed), 0))
    n_options = len(options.split("; "))
    return frame.assign(
        purpose="exploration",
        arm="control" if offer == "none" else "treated",
        offer=offer,
        options=options,
        propensity=1 / n_options,
        lapsed=lapsed,
        customer_id=[f"{name}{k}" for k in range(len(lapsed))],
    )


def test_exploration_compares_with_those_who_could_have_had_the_offer():
    outcomes = pd.concat(
        [
            explored("gift; none", "gift", share(40, 10), "a"),
            explored("gift; none", "none", share(40, 20), "b"),
            explored("call; none", "none", share(40, 40), "c"),
        ],
        ignore_index=True,
    )
    found = offer_difference(outcomes, "gift", "lapsed")
    assert (found.n_treated, found.n_control) == (40, 40)
    assert found.estimate == pytest.approx(0.25)


def test_exploration_weighs_by_its_own_propensities():
    """Among many options each was rarer: those customers count as much, however few drew the offer."""
    outcomes = pd.concat(
        [
            explored("gift; none", "gift", share(60, 30), "a"),
            explored("gift; none", "none", share(60, 30), "b"),
            explored("call; coffee; gift; none", "gift", share(30, 0), "c"),
            explored("call; coffee; gift; none", "none", share(30, 15), "d"),
        ],
        ignore_index=True,
    )
    assert offer_difference(outcomes, "gift", "lapsed").estimate == pytest.approx(0.25)


def test_without_a_record_of_options_exploration_takes_no_part():
    outcomes = pd.concat([explored("gift; none", "gift", share(9, 3), "a"), wave(share(4, 1), share(4, 2))])
    found = offer_difference(outcomes.drop(columns="options").reset_index(drop=True), "gift", "lapsed")
    assert (found.n_treated, found.n_control) == (4, 4)


def test_an_impossible_draw_is_refused():
    outcomes = wave(share(4, 1), share(4, 1)).assign(propensity=0.0)
    with pytest.raises(ContractError, match="propensities above 0"):
        difference(outcomes, "lapsed")
