"""What was planned for a control stays in data/plan.parquet: it is in no published table, file or view."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.tables import ARMS, AT_RISK, FULL_WEEK
from serving.spreadsheets import csv_bytes, xlsx_bytes
from serving.terminal import customer_lines
from serving.weekly_list import UNPUBLISHED, WITHHELD, Terms, Week, build_week

MONDAY = pd.Timestamp("2018-01-01")
CUTOFFS = {"scored": "2018-01-01", "data_end": "2018-01-01"}
MARK = "withheldfromview"
MARKED_MONEY = 7654.25
MARKED_DAY = pd.Timestamp("2031-03-03")
MANIFEST: dict[str, Any] = {
    "params": {"task": {"horizon_days": 28, "value_horizon_days": 91}, "store": {"currency": "EUR"}},
}
TEXTS = ("offer", "mechanic", "offer_text", "channel", "codes", "why")
MONEY = ("offer_cost", "price_benefit", "benefit", "expected_profit", "expected_profit_low", "expected_profit_high")
DAYS = ("send_on", "act_by", "valid_until", "notice_on", "follow_up_on")


@st.composite
def weeks(draw: st.DrawFn) -> tuple[Week, set[str], int]:
    """A week in which every withheld field of a control's plan is marked; controls' ids; the list's size."""
    arms = draw(st.lists(st.sampled_from((*ARMS, None)), min_size=1, max_size=8))
    scored = draw(st.lists(st.booleans(), min_size=len(arms), max_size=len(arms)))
    size = draw(st.integers(1, 9))
    ids = [f"C{n}" for n in range(len(arms))]
    plan = pd.DataFrame(
        [_planned(name, arm) for name, arm in zip(ids, arms, strict=True) if arm], columns=_PLAN_COLUMNS
    )
    scores = pd.DataFrame(
        [_score(name) for name, is_scored in zip(ids, scored, strict=True) if is_scored], columns=_SCORE_COLUMNS
    )
    portraits = pd.DataFrame([_portrait(name) for name in ids])
    week = build_week(scores, portraits, _typed(plan), CUTOFFS, list_size=size, terms=Terms("USD", 28, 91, "a gift"))
    return week, {name for name, arm in zip(ids, arms, strict=True) if arm == "control"}, size


_PLAN_COLUMNS = ["customer_id", "cutoff_on", *TEXTS, *MONEY, *DAYS, "effect", "why_none", "arm"]
_SCORE_COLUMNS = [
    *("customer_id", "cutoff_on", "p_lapse", "p_lapse_week_before", "change", "risk_band", "value_at_stake"),
    *("value_at_stake_low", "value_at_stake_high", "expected_loss", "reasons", "model_version", "model_grade"),
]


def _typed(plan: pd.DataFrame) -> pd.DataFrame:
    return plan.astype(
        dict.fromkeys((*DAYS, "cutoff_on"), "datetime64[us]") | dict.fromkeys((*MONEY, "effect"), "float64")
    )


def _planned(name: str, arm: str) -> dict[str, Any]:
    is_control = arm == "control"
    return {
        "customer_id": name,
        "cutoff_on": MONDAY,
        **dict.fromkeys(TEXTS, MARK if is_control else "kept bread"),
        **dict.fromkeys(MONEY, MARKED_MONEY if is_control else 2.0),
        **dict.fromkeys(DAYS, MARKED_DAY if is_control else MONDAY),
        "effect": MARKED_MONEY if is_control else 0.1,
        "why_none": MARK if is_control else "nothing pays" if arm == "none" else "",
        "arm": arm,
    }


def _score(name: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("value_at_stake", "value_at_stake_low", "value_at_stake_high", "expected_loss"), 3.0)
    texts = {"change": "new", "risk_band": "high", "reasons": "silent", "model_version": "abc", "model_grade": "rule"}
    return {"customer_id": name, "cutoff_on": MONDAY, "p_lapse": 0.5, "p_lapse_week_before": None, **numbers, **texts}


def _portrait(name: str) -> dict[str, Any]:
    texts = (
        "group",
        "treatment",
        "promise",
        "labels",
        "evidence",
        "favourite_category",
        "matched_product",
        "due_product",
    )
    products = ("goes_with_product", "within_price_product", "lapsed_product")
    empty = ("last_offer", "last_outcome", "consented_channels", "asked_channel", "answered_channel", *products)
    return {
        "customer_id": name,
        "cutoff_on": MONDAY,
        "tier": "regular",
        "state": "active",
        "value_tier": "top",
        "promotion_sensitivity": "mixed",
        "n_purchase_days": 4,
        "last_purchase_on": MONDAY,
        "usual_gap_days": 7.0,
        "next_due_on": MONDAY,
        "last_contact_on": pd.NaT,
        "interaction": "unknown",
        "payer": "unknown",
        **dict.fromkeys(("spend", "spend_ever", "headroom"), 10.0),
        "first_purchase_on": MONDAY,
        **dict.fromkeys(("joined_on", "due_from_on", "due_until_on"), pd.NaT),
        "has_open_complaint": False,
        "no_marketing": False,
        **dict.fromkeys(texts, "x"),
        **dict.fromkeys(empty, ""),
    }


@given(weeks())
@settings(max_examples=12)
def test_nothing_planned_for_a_control_is_published(drawn: tuple[Week, set[str], int]) -> None:
    week, controls, _ = drawn
    assert not controls & set(week.at_risk["customer_id"])
    rows = [{str(name): row[name] for name in row.index} for _, row in week.customers.iterrows()]
    shown = "\n".join(text for row in rows for _, text in customer_lines(row, MANIFEST))
    texts = (
        week.customers.to_csv(),
        week.at_risk.to_csv(),
        csv_bytes(week.customers).decode(),
        shown,
        _sheet(week.customers),
    )
    for text in texts:
        assert MARK not in text
        assert "7654" not in text
        assert "7,654" not in text
        assert "2031" not in text


def _sheet(frame: pd.DataFrame) -> str:
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(frame, "week"))) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


@given(weeks())
@settings(max_examples=12)
def test_the_list_is_all_treated_then_losses_without_gap_or_repeat(drawn: tuple[Week, set[str], int]) -> None:
    week, controls, size = drawn
    listed, full = week.at_risk, week.customers
    n_treated = int((full["arm"] == "treated").sum())
    assert len(listed) <= max(size, n_treated)
    assert list(listed["rank"]) == list(range(1, len(listed) + 1))
    assert set(listed["arm"].head(n_treated)) <= {"treated"}
    assert int((listed["arm"] == "treated").sum()) == n_treated
    ranked = full.dropna(subset="rank").sort_values("rank")
    assert list(ranked["customer_id"]) == list(listed["customer_id"])
    assert set(full.loc[full["arm"] == "control", "customer_id"]) == controls


def test_every_column_of_a_plan_is_either_withheld_or_known_to_be_harmless() -> None:
    from contracts.tables import PLAN

    assert set(PLAN.columns) - set(WITHHELD) - set(UNPUBLISHED) == {"customer_id", "cutoff_on", "arm"}
    assert not set(UNPUBLISHED) & (set(AT_RISK.columns) | set(FULL_WEEK.columns))
