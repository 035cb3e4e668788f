"""Portraits in brief say what the whole portraits say, of a living store that was written to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from contracts.tables import SCORES
from pipeline.living.desk import desk_of
from pipeline.living.policies import POLICIES
from pipeline.living.replay import _Run, burnt_in
from portraits.brief import brief_portraits
from portraits.portrait import portray
from simulation.living.presets import PRESETS
from tests.portrait_shop import CUTOFF, LIMITS, STORE, WORDS, Shop, ago, buy, interactions, rules

ROOT = Path(__file__).parents[2]
READ_BY_OFFERS = [
    "customer_id", "tier", "state", "value_tier", "group", "promise", "promotion_sensitivity", "n_purchase_days",
    "first_purchase_on", "last_purchase_on", "usual_gap_days", "next_due_on", "due_from_on", "due_until_on", "spend",
    "last_contact_on", "consented_channels", "no_marketing", "interaction", "has_open_complaint", "answered_channel",
]  # fmt: skip


@pytest.mark.parametrize("preset", ["grocery", "doors"])
def test_brief_and_whole_portraits_agree(preset):
    shop = PRESETS[preset]
    nature = dataclasses.replace(shop.nature, customers=300, burn_in_weeks=40)
    desk = desk_of(dataclasses.replace(shop, nature=nature), 3, ROOT / "params.yaml")
    run = _Run(desk, burnt_in(desk, 3), POLICIES["everybody"])
    for week in range(3):
        run.week(week)
    events, monday, params = run.view.events(), run.view.store.today, desk.params
    known = run.view.known(events)
    scores = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "risk_band": pd.Series(dtype="str")})
    terms = {"cutoff": monday, "store": params.store, "active_days": params.task.active_days, "limits": params.portray}
    brief = brief_portraits(known, scores, rules=desk.rules, **terms)
    whole = portray(known, scores, rules=desk.rules, words=desk.words, **terms)
    assert len(events.contacts) > 0
    assert len(brief) > 50
    pd.testing.assert_frame_equal(_read(brief), _read(whole), check_dtype=False)


def _read(portraits: pd.DataFrame) -> pd.DataFrame:
    """What offers read, by customer; days in one unit."""
    days = {name: "datetime64[us]" for name in READ_BY_OFFERS if name.endswith("_on")}
    return portraits[READ_BY_OFFERS].astype(days).sort_values("customer_id", ignore_index=True)


def test_without_consents_brief_portraits_permit_no_channel_that_needs_one_as_whole_ones_do():
    met = interactions(("1", "complaint", "2017-12-01 10:00"))
    known = Shop([*buy("1", ago(3, 10, 17, 24)), *buy("2", ago(5, 12))], interactions=met).known
    assert known.consents is None
    terms = {"cutoff": CUTOFF, "store": STORE, "active_days": 90, "limits": LIMITS, "rules": rules()}
    brief = brief_portraits(known, SCORES.empty(), **terms)
    whole = portray(known, SCORES.empty(), words=WORDS, **terms)
    assert brief["consented_channels"].tolist() == ["", ""]
    assert brief["has_open_complaint"].tolist() == [True, False]
    pd.testing.assert_frame_equal(_read(brief), _read(whole), check_dtype=False)
