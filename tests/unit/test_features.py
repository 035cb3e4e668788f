"""Features against a second route: plain loops over one customer's own purchases."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given

from contracts.errors import ParameterError
from contracts.params import Params
from features.catalogue import BASELINE_FAMILIES, FAMILIES, FEATURES, choose_families
from features.engine import features_at
from features.history import history
from features.snapshots import snapshots
from features.time_families import Gaps
from tests import stores

CUTOFF = stores.FIRST_DAY + timedelta(days=150)


def by_loops(rows: list[tuple[str, int, int, int, float, float]], who: str, today: int) -> dict[str, float]:
    """A few features of each family, the slow and obvious way."""
    own = [row for row in rows if row[0] == who and row[1] < today]
    days = sorted({row[1] for row in own})
    gaps = np.diff(days)
    recent = [row for row in own if row[1] >= today - 91]
    per_day = Counter()
    for _, day, _, _, amount, _ in own:
        per_day[day] += amount
    silence = today - days[-1]
    listed = sum(row[4] + row[5] for row in recent)
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
        "distinct_products_life": len({row[3] for row in own}),
        "top_category_share_91d": max(Counter(row[3] % 3 for row in recent).values()) / len(recent)
        if recent
        else np.nan,
        "discount_share_91d": sum(row[5] for row in recent) / listed if recent else np.nan,
        "discounted_line_share_91d": np.mean([row[5] > 0 for row in recent]) if recent else np.nan,
        "evening_share_182d": np.mean([row[2] >= 17 for row in own if row[1] >= today - 182])
        if any(row[1] >= today - 182 for row in own)
        else np.nan,
        "order_amount_sd_91d": np.nan,
    }


@given(rows=stores.STORES)
def test_features_equal_plain_loops(rows) -> None:
    known = history(stores.events(stores.drawn_lines(rows)))
    columns = features_at(known.cut(CUTOFF), FAMILIES, 28)
    for code, who in enumerate(known.customers):
        if not any(row[0] == who and row[1] < 150 for row in rows):
            continue
        for name, expected in by_loops(rows, who, 150).items():
            if name != "order_amount_sd_91d":
                assert columns[name][code] == pytest.approx(expected, nan_ok=True, rel=1e-6), name


def test_the_engine_computes_the_catalogue_and_nothing_else() -> None:
    known = history(stores.events(stores.drawn_lines([("ann", 1, 9, 1, 5.0, 0.0)])))
    assert list(features_at(known.cut(CUTOFF), FAMILIES, 28)) == [feature.name for feature in FEATURES]
    assert len(FEATURES) >= 60
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)


def test_families_are_chosen_by_name() -> None:
    assert choose_families([]) == FAMILIES
    assert set(choose_families(["basket"])) == {"basket", *BASELINE_FAMILIES}
    with pytest.raises(ParameterError, match="did you mean 'rhythm'"):
        choose_families(["rythm"])


def test_recent_gaps_are_the_last_ones() -> None:
    rows = [("ann", day, 9, 1, 5.0, 0.0) for day in (0, 1, 3, 6, 10, 15, 21)]
    known = history(stores.events(stores.drawn_lines([*rows, ("bob", 2, 9, 1, 5.0, 0.0)])))
    found = Gaps(known.cut(CUTOFF))
    assert found.length.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.rank_back.tolist() == [6, 5, 4, 3, 2, 1]
    assert found.mean(found.rank_back <= 5)[0] == 4.0


def test_snapshots_by_hand(params: Params) -> None:
    from contracts.windows import Calendar
    from features.customer_days import day_book

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
