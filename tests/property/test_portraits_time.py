"""Portraits see nothing at or after the cutoff, do not hang on row order, and never take a tier away."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_tables import CONTACTS, PRODUCTS, PURCHASES, RESPONSES
from contracts.params import Portray, Store
from contracts.tables import SCORES, TIERS
from contracts.words import Words
from portraits.history import earned_tier, purchase_days
from portraits.portrait import Known, portray

ZONE = "America/New_York"
CUTOFF = date(2018, 1, 1)
LIMITS = Portray(
    returning_days=3,
    regular_days=4,
    devoted_days=6,
    steady_gap_cv=0.8,
    lapsing_gap_multiple=2.0,
    lapsing_min_days=5,
    value_tier_shares=[0.2, 0.5],
    habit_share=0.5,
    promotion_shares=[0.1, 0.2],
    unnamed_categories=["C2"],
    unnamed_product_types=[],
)
PRODUCT_TABLE = PRODUCTS(
    pd.DataFrame(
        {
            "product_id": [str(k) for k in range(6)],
            "department": "all",
            "category": [f"C{k % 3}" for k in range(6)],
            "product_type": [f"T{k}" for k in range(6)],
            "is_private_label": [k % 2 == 0 for k in range(6)],
        }
    )
)


def purchases(seed: int, n: int) -> pd.DataFrame:
    """Lines of a few customers in the hours around the cutoff and the year before it."""
    rng = np.random.default_rng(seed)
    hours_back = np.where(rng.random(n) < 0.2, rng.integers(-72, 72, n), rng.integers(-72, 24 * 300, n))
    at = pd.Timestamp(CUTOFF, tz=ZONE) - pd.to_timedelta(hours_back, unit="h")
    table = pd.DataFrame({"at": at, "customer_id": rng.integers(0, 5, n).astype(str)})
    local = table["at"].dt.tz_localize(None).astype("datetime64[us]")
    return PURCHASES(
        pd.DataFrame(
            {
                "source": "0" * 12,
                "source_line": range(1, n + 1),
                "customer_id": table["customer_id"],
                "order_id": table["customer_id"] + local.astype("str"),
                "ordered_at": table["at"].dt.tz_convert("UTC"),
                "ordered_on": local.dt.normalize(),
                "ordered_hour": local.dt.hour.astype("int8"),
                "product_id": rng.integers(0, 6, n).astype(str),
                "store_id": rng.choice(["s1", "s2"], n),
                "quantity": 1.0,
                "amount": rng.integers(1, 500, n) / 100,
                "discount": rng.integers(0, 100, n) / 100,
                "coupon_discount": 0.0,
                "is_cancellation": False,
                "repair": "",
                "undone_at": pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]"),
            }
        )
    )


def portrait(lines: pd.DataFrame) -> pd.DataFrame:
    return portray(
        Known(lines, PRODUCT_TABLE, CONTACTS.empty(), RESPONSES.empty()),
        SCORES.empty(),
        cutoff=CUTOFF,
        store=Store(time_zone=ZONE, currency="EUR", margin_rate=0.3),
        active_days=90,
        limits=LIMITS,
        words=Words({"C0": "zero", "T1": "one", "T4": "one"}),
    )


def known(lines: pd.DataFrame) -> pd.Series:
    return lines["ordered_at"] < pd.Timestamp(CUTOFF, tz=ZONE)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 80))
def test_nothing_at_or_after_the_cutoff_and_no_order_of_rows_matters(seed, n):
    lines = purchases(seed, n)
    table = portrait(lines)
    assert set(table["customer_id"]) == set(lines.loc[known(lines), "customer_id"])
    pd.testing.assert_frame_equal(table, portrait(lines[known(lines)]))
    pd.testing.assert_frame_equal(table, portrait(lines.sample(frac=1, random_state=seed)))


def slow_tier(days: list[int]) -> str:
    """The tier by the plainest route: every prefix by itself."""
    best = 0
    for m in range(1, len(days) + 1):
        gaps = np.diff(days[:m])
        steady = len(gaps) >= 2 and gaps.std(ddof=1) <= LIMITS.steady_gap_cv * gaps.mean() + 1e-12
        rank = 1 if m >= LIMITS.returning_days else 0
        rank = 2 if steady and m >= LIMITS.regular_days else rank
        rank = 3 if steady and m >= LIMITS.devoted_days else rank
        best = max(best, rank)
    return TIERS[best]


@settings(max_examples=100, deadline=None)
@given(days=st.lists(st.integers(0, 300), min_size=1, max_size=25, unique=True).map(sorted), cut=st.integers(0, 24))
def test_the_tier_equals_the_plainest_route_and_never_falls(days, cut):
    on = [pd.Timestamp(date(2017, 1, 1) + timedelta(days=d)) for d in days]
    table = purchase_days(pd.DataFrame({"customer_id": "a", "ordered_on": on}))
    tier = str(earned_tier(table, LIMITS).loc["a"])
    assert tier == slow_tier(days)
    earlier = str(earned_tier(table.iloc[: cut + 1], LIMITS).loc["a"])
    assert TIERS.index(earlier) <= TIERS.index(tier)
