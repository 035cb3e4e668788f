"""Without a model a plan prices nothing by a probability that does not exist, and still keeps every rule."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.tables import SCORES
from offers.guard.findings import refuse
from offers.plan import make_plan
from offers.why_none import NO_MODEL_YET
from tests.offer_shops import CATALOGUE, drawn_shop, setting_of

UNPRICED = {offer.id for offer in CATALOGUE.offers if not offer.needs_score}


@settings(max_examples=10)
@given(seed=st.integers(0, 2**16), n=st.integers(1, 60))
def test_only_offers_that_need_no_score_are_planned_and_the_guard_agrees(seed: int, n: int) -> None:
    portraits, scores = drawn_shop(seed, n)
    blank = dict.fromkeys(("p_lapse", "p_lapse_week_before", "expected_loss"), float("nan"))
    scores = SCORES(scores.assign(**blank, change="new", reasons="9 days since the last purchase, usually 4"))
    made = make_plan(scores, portraits, setting_of(seed=seed))
    refuse(made.guard)
    plan = made.plan
    assert set(plan["offer"]) <= {*UNPRICED, "none"}
    assert plan["effect"].isna().all()
    assert not plan["why"].str.contains("nan|p_lapse", regex=True).any()
    banded = plan["customer_id"].isin(scores["customer_id"])
    unserved = plan[banded & (plan["why_none"] == "No offer in the catalogue fits this customer.")]
    assert unserved.empty
    waiting = plan.loc[plan["why_none"] == NO_MODEL_YET, "customer_id"]
    assert set(waiting) <= set(scores["customer_id"])
