"""Whatever the shop, a plan keeps every limit, passes the guard, and does not hang on the order of rows."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import GuardError
from contracts.params import Plan, load_params
from contracts.tables import PORTRAITS, SCORES, STATES, TIERS
from contracts.words import Words
from offers.catalogue_file import load_catalogue
from offers.findings import refuse
from offers.plan import make_plan

ROOT = Path(__file__).parents[2]
CUTOFF = date(2018, 1, 1)
PLAN = load_params(ROOT / "params.yaml").plan
CATALOGUE = load_catalogue(ROOT / "offers.yaml")
WORDS = Words({"DAIRY": "milk and cheese", "MILK": "milk"})
GROUPS = ["regulars at risk", "trusted regulars", "wavering regulars"]


def changed_limits(**changes: object) -> Plan:
    return PLAN.model_copy(update=changes)


limits = st.builds(
    changed_limits,
    budget=st.sampled_from([0.0, 3.0, 25.0, 600.0]),
    capacity=st.integers(0, 40),
    rest_days=st.integers(0, 30),
    control_share=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    parity_tolerance=st.sampled_from([0.0, 0.01, 0.2]),
    min_cell=st.integers(1, 40),
)


def shop(seed: int, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Portraits and scores drawn at random, far from any real shop's shape."""
    rng = np.random.default_rng(seed)
    contact = pd.Timestamp(CUTOFF) - pd.to_timedelta(rng.integers(1, 60, n), unit="D")
    portraits = pd.DataFrame(
        {
            "customer_id": [f"c{k}" for k in rng.permutation(n)],
            "cutoff_on": pd.Timestamp(CUTOFF),
            "tier": rng.choice(TIERS, n),
            "state": rng.choice(STATES, n, p=[0.6, 0.3, 0.1]),
            "value_tier": rng.choice(["top", "middle", "base"], n),
            "group": rng.choice(GROUPS, n),
            "promise": "We look after you.",
            "labels": "",
            "evidence": "",
            "promotion_sensitivity": rng.choice(["full-price", "mixed", "promotion-led"], n),
            "favourite_category": rng.choice(["DAIRY", ""], n),
            "matched_product": rng.choice(["MILK", "OAT MLK", ""], n),
            "due_product": rng.choice(["MILK", "OAT MLK", ""], n),
            "n_purchase_days": 5,
            "last_purchase_on": pd.Timestamp("2017-12-20"),
            "usual_gap_days": 7.0,
            "next_due_on": pd.Timestamp("2017-12-27"),
            "last_contact_on": pd.Series(contact).where(rng.random(n) < 0.4),
            "last_offer": "",
            "last_outcome": "",
            "consented_channels": rng.choice(["", "email", "email,sms,call"], n),
        }
    )
    p_lapse = rng.random(n)
    stake = rng.gamma(2, 40, n)
    scores = pd.DataFrame(
        {
            "customer_id": portraits["customer_id"],
            "cutoff_on": pd.Timestamp(CUTOFF),
            "p_lapse": p_lapse,
            "p_lapse_week_before": np.nan,
            "change": "new",
            "risk_band": np.select([p_lapse >= 0.6, p_lapse >= 0.3], ["high", "medium"], "low"),
            "value_at_stake": stake,
            "value_at_stake_low": stake / 2,
            "value_at_stake_high": stake * 2,
            "expected_loss": p_lapse * stake,
            "reasons": rng.choice(["Away for long.", ""], n, p=[0.8, 0.2]),
            "model_version": "0" * 12,
            "model_grade": "model",
        }
    )
    has_score = (portraits["state"] != "gone") & (rng.random(n) < 0.8)
    return PORTRAITS(portraits), SCORES(scores[has_score])


def plan_for(portraits, scores, plan):
    return make_plan(scores, portraits, CATALOGUE, CUTOFF, limits=plan, currency="EUR", seed=1, words=WORDS)


def assert_no_tier_is_worse_off(table, portraits):
    tier = table["customer_id"].map(portraits.set_index("customer_id")["tier"])
    means = table["benefit"].groupby(tier).mean().reindex(TIERS).dropna().to_list()
    assert all(low <= high + 1e-6 for low, high in pairwise(means))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 70), plan=limits)
def test_every_plan_passes_the_guard_and_keeps_its_limits(seed, n, plan):
    portraits, scores = shop(seed, n)
    table, report = plan_for(portraits, scores, plan)
    refuse(report["guard"])
    offered = table[table["offer"] != "none"]
    assert len(table) == (portraits["state"] != "gone").sum()
    assert offered["offer_cost"].sum() <= plan.budget + 1e-6
    assert len(offered) <= plan.capacity
    for channel in CATALOGUE.channels:
        assert (offered["channel"] == channel.id).sum() <= channel.capacity
    assert abs((table["arm"] == "control").sum() - plan.control_share * len(offered)) < 1
    assert report["expected_profit"] == pytest.approx(table["expected_profit"].sum())
    assert report["expected_profit"] >= -1e-9
    assert report["relative_gap"] <= 1e-6
    assert not offered["offer_text"].str.contains("OAT MLK").any()
    assert_no_tier_is_worse_off(table, portraits)
    tier = offered["customer_id"].map(portraits.set_index("customer_id")["tier"])
    if not (portraits["tier"].isin(["regular", "devoted"]) & (portraits["state"] != "gone")).any():
        assert not tier.isin(["regular", "devoted"]).any()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), plan=limits)
def test_the_order_of_rows_changes_nothing(seed, n, plan):
    portraits, scores = shop(seed, n)
    table, report = plan_for(portraits, scores, plan)
    mixed = plan_for(portraits.sample(frac=1, random_state=seed), scores.sample(frac=1, random_state=seed), plan)
    pd.testing.assert_frame_equal(table, mixed[0])
    assert report == mixed[1]


@settings(max_examples=8, deadline=None)
@given(name=st.sampled_from(PLAN.forbidden_attributes), upper=st.booleans(), in_scores=st.booleans())
def test_a_forbidden_attribute_in_any_input_is_refused(name, upper, in_scores):
    portraits, scores = shop(1, 8)
    column = {name.upper() if upper else name: 1}
    given_tables = (portraits, scores.assign(**column)) if in_scores else (portraits.assign(**column), scores)
    with pytest.raises(GuardError, match="blind"):
        plan_for(*given_tables, PLAN)
