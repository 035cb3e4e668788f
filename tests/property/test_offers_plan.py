"""Whatever the shop, a plan keeps every limit, passes the guard, and does not hang on the order of rows."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import GuardError
from contracts.lots import is_universal
from contracts.params import Plan
from contracts.params.acting import Cap
from contracts.tables import TIERS
from offers.guard.findings import refuse
from offers.plan import make_plan
from offers.report.numbers import summary
from tests.offer_shops import CATALOGUE, CUTOFF, PLAN, drawn_contacts, drawn_shop, setting_of


def changed_limits(**changes: object) -> Plan:
    return PLAN.model_copy(update=changes)


limits = st.builds(
    changed_limits,
    budget=st.sampled_from([0.0, 3.0, 25.0, 600.0]),
    capacity=st.integers(0, 40),
    regulars_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    rest_days=st.integers(0, 30),
    caps=st.sampled_from([(), (Cap(contacts=1, days=60),), (Cap(contacts=2, days=28), Cap(contacts=3, days=182))]),
    control_share=st.sampled_from([0.0, 0.2, 0.5, 0.95]),
    parity_tolerance=st.sampled_from([0.0, 0.01, 0.2]),
    min_cell=st.integers(1, 40),
    send_within_days=st.integers(0, 6),
    max_price_benefits_in_a_row=st.integers(1, 3),
)


def plan_for(portraits, scores, plan, seed=1):
    sent = drawn_contacts(seed, portraits["customer_id"], len(portraits) // 2)
    return make_plan(scores, portraits, setting_of(plan, sent=sent))


def assert_no_tier_is_worse_off(table, portraits):
    """Counted are what was chosen, not what lots drew or what is owed, and customers whom no experiment keeps out."""
    counts = (table["mechanic"] != "service_recovery") & (table["purpose"] != "exploration")
    table = table.assign(benefit=table["benefit"].where(counts, 0.0))
    in_play = ~is_universal(table["customer_id"], CUTOFF, seed=1, share=PLAN.universal_share)
    table = table[in_play]
    tier = table["customer_id"].map(portraits.set_index("customer_id")["tier"])
    means = table["benefit"].groupby(tier).mean().reindex(TIERS).dropna().to_list()
    assert all(low <= high + 1e-6 for low, high in pairwise(means))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 70), plan=limits)
def test_every_plan_passes_the_guard_and_keeps_its_limits(seed, n, plan):
    check_honest(seed, n, plan)


@pytest.mark.prove
def test_a_thousand_honest_plans_pass():
    draw = np.random.default_rng(20180101)
    for seed in range(1000):
        plan = changed_limits(
            budget=float(draw.choice([0.0, 5.0, 30.0, 200.0])),
            capacity=int(draw.integers(0, 60)),
            regulars_share=float(draw.choice([0.0, 0.1, 0.4])),
            rest_days=int(draw.integers(0, 30)),
            control_share=float(draw.choice([0.0, 0.2, 0.5])),
            min_cell=int(draw.integers(1, 40)),
        )
        check_honest(seed, int(draw.integers(1, 120)), plan)


def check_honest(seed, n, plan):
    portraits, scores = drawn_shop(seed, n)
    made = plan_for(portraits, scores, plan, seed)
    refuse(made.guard)
    table, choice = made.plan, made.weighed.choice
    offered = table[table["offer"] != "none"]
    counted = offered[offered["mechanic"] != "service_recovery"]
    assert len(table) == (portraits["state"] != "gone").sum()
    assert counted["offer_cost"].sum() <= plan.budget + 1e-6
    assert (counted["arm"] == "treated").sum() <= plan.capacity
    for channel in CATALOGUE.channels:
        assert (offered["channel"] == channel.id).sum() <= channel.capacity
    planned = table["purpose"] == "plan"
    withheld = planned & (table["mechanic"] != "service_recovery")
    assert abs((table.loc[planned, "arm"] == "control").sum() - plan.control_share * withheld.sum()) < 1
    assert choice.value == pytest.approx(table.loc[planned, "expected_profit"].sum())
    assert (table["purpose"] == "exploration")[counted.index].sum() <= plan.exploration_share * plan.capacity
    assert choice.value >= -1e-9
    assert choice.gap <= 1e-6
    assert not offered["offer_text"].str.contains("OAT MLK").any()
    assert_no_tier_is_worse_off(table, portraits)
    refusing = set(portraits.loc[portraits["no_marketing"], "customer_id"])
    assert not refusing & set(offered["customer_id"])
    complaining = set(portraits.loc[portraits["has_open_complaint"], "customer_id"])
    assert set(offered.loc[offered["customer_id"].isin(complaining), "mechanic"]) <= {"service_recovery"}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60), plan=limits)
def test_the_order_of_rows_changes_nothing(seed, n, plan):
    portraits, scores = drawn_shop(seed, n)
    sent = drawn_contacts(seed, portraits["customer_id"], n)
    setting = setting_of(plan, sent=sent)
    mixed_setting = setting_of(plan, sent=sent.sample(frac=1, random_state=seed))
    made = make_plan(scores, portraits, setting)
    mixed = make_plan(
        scores.sample(frac=1, random_state=seed), portraits.sample(frac=1, random_state=seed), mixed_setting
    )
    pd.testing.assert_frame_equal(made.plan, mixed.plan)
    assert summary(made, setting) == summary(mixed, mixed_setting)


@settings(max_examples=8, deadline=None)
@given(name=st.sampled_from(PLAN.forbidden_attributes), upper=st.booleans(), in_scores=st.booleans())
def test_a_forbidden_attribute_in_any_input_is_refused(name, upper, in_scores):
    portraits, scores = drawn_shop(1, 8)
    column = {name.upper() if upper else name: 1}
    tables = (portraits, scores.assign(**column)) if in_scores else (portraits.assign(**column), scores)
    with pytest.raises(GuardError, match="blind"):
        plan_for(*tables, PLAN)
