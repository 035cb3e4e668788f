"""Records, names and choices of features; and the kernel against plain loops over one customer's own purchases."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from contracts.errors import ContractError, ParameterError
from contracts.params import Params
from features.catalogue import BY_NAME, FEATURES, trailing
from features.customer_days import day_book
from features.plan import BASELINE_FAMILIES, choose, closure, recorded
from features.records import Feature
from features.snapshots import snapshots
from features.vocabulary import FAMILIES, MEASURES, SOURCES
from features.writing import refuse_breach
from tests import stores

CUTOFF = stores.FIRST_DAY + timedelta(days=150)
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "features.txt"


def by_loops(rows: list[tuple[str, int, int, int, float, float]], who: str, today: int) -> dict[str, float]:
    """A few features of each family, the slow and obvious way."""
    own = [row for row in rows if row[0] == who and row[1] < today]
    days = sorted({row[1] for row in own})
    gaps = np.diff(days)
    recent = [row for row in own if row[1] >= today - 91]
    per_day: Counter[int] = Counter()
    for _, day, _, _, amount, _ in own:
        per_day[day] += amount
    silence = today - days[-1]
    listed = sum(row[4] + row[5] for row in recent)
    half_year = [row for row in own if row[1] >= today - 182]
    return {
        "days_since_last_purchase": silence,
        "tenure_days": today - days[0],
        "purchase_days_28d": sum(day >= today - 28 for day in days),
        "purchase_days_life": len(days),
        "amount_56d": sum(row[4] for row in own if row[1] >= today - 56),
        "amount_per_purchase_day_life": sum(per_day.values()) / len(days),
        "decayed_purchase_days_14d": sum(2 ** (-(today - day) / 14) for day in days),
        "gap_mean_days": np.mean(gaps) if len(gaps) else np.nan,
        "gap_median_days": np.median(gaps) if len(gaps) else np.nan,
        "gap_p90_days": np.quantile(gaps, 0.9) if len(gaps) else np.nan,
        "gap_last_days": gaps[-1] if len(gaps) else np.nan,
        "gap_mean_last_5_days": np.mean(gaps[-5:]) if len(gaps) else np.nan,
        "gap_sd_days": np.std(gaps, ddof=1) if len(gaps) > 1 else np.nan,
        "silence_percentile": np.mean(gaps <= silence) if len(gaps) else np.nan,
        "weeks_active_8w": len({(today - 1 - day) // 7 for day in days if today - day <= 56}),
        "top_weekday_share_life": max(Counter(day % 7 for day in days).values()) / len(days),
        "purchase_days_91d_to_previous": (sum(day >= today - 91 for day in days) + 1)
        / (sum(today - 182 <= day < today - 91 for day in days) + 1),
        "distinct_products_91d": len({row[3] for row in recent}),
        "new_product_lines_life": len({row[3] for row in own}),
        "top_category_share_91d": max(Counter(row[3] % 3 for row in recent).values()) / len(recent)
        if recent
        else np.nan,
        "discount_share_91d": sum(row[5] for row in recent) / listed if recent else np.nan,
        "discounted_line_share_91d": np.mean([row[5] > 0 for row in recent]) if recent else np.nan,
        "evening_line_share_182d": np.mean([row[2] >= 17 for row in half_year]) if half_year else np.nan,
    }


@given(rows=stores.STORES)
def test_features_equal_plain_loops(rows) -> None:
    today = [row for row in rows if row[1] < 150]
    if not today:
        return
    frame = stores.feature_frame(stores.events(stores.drawn_lines(rows)), CUTOFF, FEATURES)
    for who in frame.index:
        for name, expected in by_loops(rows, who, 150).items():
            assert frame.loc[who, name] == pytest.approx(expected, nan_ok=True, rel=1e-5), name


def test_names_are_these() -> None:
    """The golden list: whoever renames a column renames it in models, lists and notes too."""
    assert [feature.name for feature in FEATURES] == GOLDEN.read_text().split()
    assert len(BY_NAME) == len(FEATURES)


def test_every_record_says_what_it_is() -> None:
    for feature in closure(FEATURES):
        assert feature.unit, feature.name
        assert "{" not in feature.name + feature.meaning
        assert feature.source in SOURCES
        assert feature.measure in MEASURES
    for feature in FEATURES:
        assert feature.meaning == feature.meaning.strip()
        assert len(feature.meaning) > 8


def test_a_name_follows_from_its_record() -> None:
    assert trailing("amount", 63).name == "amount_63d"
    assert trailing("amount", 28, skip=336).name == "amount_28d_before_336d"
    assert Feature("gaps", "gaps", "gap", "quantile", parameter=0.75).name == "gap_p75_days"
    assert Feature("decay", "days", "quantity", "decayed_sum", parameter=10).name == "decayed_quantity_10d"
    assert Feature("variety", "lines", "categories", "entropy", 28).name == "category_entropy_28d"
    assert trailing("views", 14, source="views").meaning == "products looked at in the last 14 days"


def test_features_and_families_are_chosen_by_name() -> None:
    assert choose([]) == FEATURES
    chosen = choose(["basket"])
    assert {feature.family for feature in chosen} == {"basket", *BASELINE_FAMILIES}
    single = choose([], ["weeks_active_4w"])
    assert {feature.family for feature in single} - set(BASELINE_FAMILIES) == {"rhythm"}
    assert [feature.name for feature in single if feature.family == "rhythm"] == ["weeks_active_4w"]
    with pytest.raises(ParameterError, match="did you mean 'rhythm'"):
        choose(["rythm"])
    with pytest.raises(ParameterError, match=r"featurize\.features: unknown feature 'weeks_active_5w'"):
        choose([], ["weeks_active_5w"])
    assert set(BASELINE_FAMILIES) <= set(FAMILIES)


def test_what_the_shop_does_not_record_is_left_out() -> None:
    kept = {feature.name for feature in recorded(FEATURES, frozenset({"discount", "promotion_id", "contacts"}))}
    assert not {"discount_share_91d", "promotion_line_share_91d", "campaigns_received_28d"} & kept
    assert "ended_benefit_day_share_91d" not in kept  # neither campaigns nor promotions
    assert "ended_benefit_day_share_91d" in {one.name for one in recorded(FEATURES, frozenset({"contacts"}))}
    opened = frozenset({"responses:opened"})
    assert "messages_opened_91d" not in {one.name for one in recorded(FEATURES, opened)}
    assert "answers_per_campaign_91d" in {one.name for one in recorded(FEATURES, opened)}


def test_a_value_outside_its_bounds_is_refused() -> None:
    share, days = BY_NAME["discount_share_91d"], BY_NAME["purchase_days_7d"]
    refuse_breach(np.array([[0.5, 3.0], [np.nan, 0.0]], dtype=np.float32), [share, days])
    with pytest.raises(ContractError, match=r"expected discount_share_91d from 0 to 1, got 1\.5 to 1\.5"):
        refuse_breach(np.array([[1.5, 3.0]], dtype=np.float32), [share, days])
    with pytest.raises(ContractError, match="purchase_days_7d"):
        refuse_breach(np.array([[0.5, -1.0]], dtype=np.float32), [share, days])


def test_snapshots_by_hand(params: Params) -> None:
    from contracts.windows import Calendar

    lines = stores.purchases(
        [("ann", f"2017-01-{day:02} 10:00", 1, 5.0, 0.0) for day in (2, 9, 16, 24)]
        + [("bob", f"2017-01-{day:02} 10:00", 1, 7.0, 0.0) for day in (2, 3, 4)]
        + [("cy", "2017-01-20 10:00", 1, 9.0, 0.0)]
    )
    task = params.task.model_copy(update={"horizon_days": 7, "value_horizon_days": 14, "active_days": 20})
    first, second, third = date(2017, 1, 23), date(2017, 1, 30), date(2017, 2, 6)
    plan = Calendar(fit=(first,), release=(first,), test=(second,), previous=second, scored=third)
    table = snapshots(day_book(lines, stores.ZONE), plan, date(2017, 2, 6), task)
    rows = {(row.customer_id, row.cutoff_on.date()): row for row in table.itertuples()}
    assert rows["ann", first].lapsed is False or not rows["ann", first].lapsed
    assert rows["bob", first].lapsed
    assert ("cy", first) not in rows  # one purchase day only
    assert ("bob", second) not in rows  # silent for more than 20 days
    assert rows["ann", second].lapsed
    assert rows["ann", first].amount_in_value_horizon == 5.0
    assert np.isnan(rows["ann", second].amount_in_value_horizon)
    scored = table[table["is_scored"]].set_index("customer_id")
    assert scored["is_eligible"].to_dict() == {"ann": True, "bob": False, "cy": False}
    assert scored["lapsed"].isna().all()


def test_a_table_has_the_snapshot_s_rows_and_no_other() -> None:
    from features.engine import feature_table

    rows = [("ann", day, 9, 1, 5.0, 0.0) for day in (0, 5, 9)] + [("bob", 3, 9, 2, 4.0, 0.0)]
    known = stores.events(stores.drawn_lines(rows))
    days = [pd.Timestamp(stores.FIRST_DAY + timedelta(days=day)) for day in (20, 10)]
    asked = pd.DataFrame({"customer_id": ["bob", "ann"], "cutoff_on": days})
    for engine in ("kernel", "reference"):
        table = feature_table(stores.Shelf(known), asked, (BY_NAME["purchase_days_14d"],), 28, engine)
        assert table["customer_id"].tolist() == ["ann", "bob"]
        assert table["purchase_days_14d"].tolist() == [3.0, 0.0]


@pytest.mark.parametrize("engine", ["kernel", "reference"])
def test_rows_of_customers_whom_the_store_does_not_know_are_refused(engine) -> None:
    from features.engine import feature_table

    known = stores.events(stores.drawn_lines([("ann", 0, 9, 1, 5.0, 0.0)]))
    day = pd.Timestamp(stores.FIRST_DAY + timedelta(days=20))
    asked = pd.DataFrame({"customer_id": ["ann", "zoe"], "cutoff_on": day})
    with pytest.raises(ContractError, match="expected 2 rows of the snapshot, got 1"):
        feature_table(stores.Shelf(known), asked, FEATURES, 28, engine)
