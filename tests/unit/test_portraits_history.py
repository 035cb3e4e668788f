"""Tiers, states and due days, with expected values written out by hand."""

from datetime import date

import pandas as pd
import pytest

from contracts.params import Portray
from portraits.facts import last_tie_on
from portraits.history import due_interval, earned_tier, next_due, purchase_days, rhythm, state
from portraits.spend import promotion_sensitivity, value_tier

LIMITS = Portray(
    returning_days=3,
    regular_days=5,
    devoted_days=8,
    steady_gap_cv=0.5,
    lapsing_gap_multiple=3.0,
    lapsing_min_days=14,
    value_tier_shares=[0.2, 0.5],
    promotion_shares=[0.1, 0.2],
    unnamed_categories=[],
    unnamed_product_types=[],
)
CUTOFF = date(2018, 1, 1)


def state_of(facts: pd.DataFrame) -> pd.Series:
    """The state where purchases are the only tie."""
    return state(facts, facts["silence_days"], 90, LIMITS)


def days_of(*days: str | int, customer: str = "a") -> pd.DataFrame:
    """Purchase days; a number is days after 2017-01-01."""
    on = [pd.Timestamp("2017-01-01") + pd.Timedelta(days=d) if isinstance(d, int) else pd.Timestamp(d) for d in days]
    return purchase_days(pd.DataFrame({"customer_id": customer, "ordered_on": on}))


def tier_of(*days: int) -> str:
    return str(earned_tier(days_of(*days), LIMITS).loc["a"])


@pytest.mark.parametrize(
    ("days", "tier"),
    [
        ((0,), "new"),
        ((0, 7), "new"),
        ((0, 7, 14), "returning"),
        ((0, 7, 14, 21), "returning"),
        ((0, 7, 14, 21, 28), "regular"),
        ((0, 7, 14, 21, 28, 35, 42), "regular"),
        ((0, 7, 14, 21, 28, 35, 42, 49), "devoted"),
        ((0, 1, 2, 3, 100), "returning"),  # many days, no rhythm: gaps 1, 1, 1, 97
    ],
)
def test_tier_by_days_and_rhythm(days, tier):
    assert tier_of(*days) == tier


def test_a_tier_once_earned_is_kept_when_the_rhythm_is_lost():
    # After five weekly visits the customer is regular; the gap of 200 days that follows breaks the rhythm for good.
    assert tier_of(0, 7, 14, 21, 28, 228) == "regular"
    assert tier_of(0, 7, 14, 21, 28, 35, 42, 49, 249) == "devoted"


def test_the_present_silence_moves_the_state_and_not_the_tier():
    days = days_of(0, 7, 14, 21, 28)
    assert earned_tier(days, LIMITS).loc["a"] == "regular"
    assert state_of(rhythm(days, CUTOFF)).loc["a"] == "gone"
    assert state_of(rhythm(days, date(2017, 3, 1))).loc["a"] == "lapsing"


def test_steadiness_at_the_very_threshold_counts():
    # Gaps 4, 8, 4, 8: mean 6, sample variance 16 / 3, so the coefficient of variation is exactly sqrt(4 / 27).
    limits = LIMITS.model_copy(update={"steady_gap_cv": (4 / 27) ** 0.5 + 1e-12})
    tighter = LIMITS.model_copy(update={"steady_gap_cv": 0.38})
    assert earned_tier(days_of(0, 4, 12, 16, 24), limits).loc["a"] == "regular"
    assert earned_tier(days_of(0, 4, 12, 16, 24), tighter).loc["a"] == "returning"


def test_two_purchases_on_one_day_are_one_day():
    assert tier_of(0, 0, 0, 7) == "new"


@pytest.mark.parametrize(
    ("last_on", "expected"),
    [
        ("2017-12-11", "active"),  # silence 21 = 3 × 7
        ("2017-12-10", "lapsing"),  # 22
        ("2017-10-03", "lapsing"),  # 90
        ("2017-10-02", "gone"),  # 91
    ],
)
def test_state_at_the_boundaries_of_a_weekly_customer(last_on, expected):
    last = pd.Timestamp(last_on)
    days = days_of(*[(last - pd.Timedelta(days=7 * k)).strftime("%Y-%m-%d") for k in range(6)])
    assert state_of(rhythm(days, CUTOFF)).loc["a"] == expected


@pytest.mark.parametrize(("last_on", "expected"), [("2017-12-18", "active"), ("2017-12-17", "lapsing")])
def test_a_daily_customer_is_given_the_least_days(last_on, expected):
    last = pd.Timestamp(last_on)
    days = days_of(*[(last - pd.Timedelta(days=k)).strftime("%Y-%m-%d") for k in range(6)])
    assert state_of(rhythm(days, CUTOFF)).loc["a"] == expected


def test_one_day_buyers_are_measured_by_the_shops_median_gap():
    weekly = days_of("2017-12-11", "2017-12-18", "2017-12-25", customer="w")
    once = days_of("2017-12-11", customer="once"), days_of("2017-12-10", customer="late")
    facts = rhythm(pd.concat([weekly, *once]), CUTOFF)
    assert state_of(facts).to_dict() == {"late": "lapsing", "once": "active", "w": "active"}
    alone = rhythm(once[0], CUTOFF)
    assert state_of(alone).loc["once"] == "lapsing"  # no gap in the whole shop: 21 days against the least, 14


def test_rhythm_and_next_due_day():
    facts = rhythm(days_of("2017-12-01", "2017-12-05", "2017-12-14"), CUTOFF).loc["a"]
    assert (facts["n_purchase_days"], facts["silence_days"], facts["usual_gap_days"]) == (3, 18, 6.5)
    assert facts["gap_cv"] == pytest.approx(12.5**0.5 / 6.5)
    both = [days_of("2017-12-01", "2017-12-05", "2017-12-14"), days_of("2017-12-01", customer="b")]
    assert next_due(rhythm(pd.concat(both), CUTOFF)).to_dict() == {"a": pd.Timestamp("2017-12-21"), "b": pd.NaT}


def test_the_next_purchase_is_due_between_the_quartiles_of_the_own_gaps():
    # Gaps 2, 4, 7, 20: quartiles (by straight lines between ranks) 2 + 0.75 × 2 = 3.5 and 7 + 0.25 × 13 = 10.25.
    facts = rhythm(days := days_of(0, 2, 6, 13, 33), CUTOFF)
    found = due_interval(days, facts).loc["a"]
    assert found.tolist() == [pd.Timestamp("2017-02-03") + pd.Timedelta(days=n) for n in (3, 11)]


def test_two_gaps_are_no_interval():
    both = pd.concat([days_of(0, 2, 6), days_of(0, 7, 14, 21, customer="b"), days_of(5, customer="c")])
    found = due_interval(both, rhythm(both, CUTOFF))
    assert found["due_from_on"].isna().to_dict() == {"a": True, "b": False, "c": True}
    assert found.loc["b"].tolist() == [pd.Timestamp("2017-01-29")] * 2


def test_value_tiers_by_rank_with_ties_alike():
    spent = pd.Series([100.0, 90, 80, 80, 80, 50, 40, 30, 20, 0])
    assert value_tier(spent, LIMITS).tolist() == ["top"] * 2 + ["middle"] * 3 + ["base"] * 5


def test_promotion_sensitivity_at_its_thresholds():
    found = promotion_sensitivity(pd.Series([0.0999, 0.1, 0.1999, 0.2]), LIMITS)
    assert found.tolist() == ["full-price", "mixed", "mixed", "promotion-led"]


def test_any_declared_tie_keeps_a_customer_from_being_gone():
    days = pd.concat([days_of("2017-01-02", customer=name) for name in ("a", "b")], ignore_index=True)
    facts = rhythm(days, CUTOFF)
    ties = pd.Series(pd.to_datetime(["2017-12-01"]).astype("datetime64[us]"), index=["a"])
    last = last_tie_on(facts, ties)
    assert last.dt.strftime("%Y-%m-%d").to_dict() == {"a": "2017-12-01", "b": "2017-01-02"}
    silence = (pd.Timestamp(CUTOFF) - last).dt.days.astype("float64")
    assert state(facts, silence, 90, LIMITS).to_dict() == {"a": "lapsing", "b": "gone"}
