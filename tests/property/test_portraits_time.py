"""Portraits see nothing at or after the cutoff, do not hang on row order, and never take a tier away."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_kinds import INTERACTION_KINDS, RESPONSE_KINDS
from contracts.event_tables import CONTACTS, CUSTOMERS, INTERACTIONS, PRODUCTS, PURCHASES, RESPONSES
from contracts.params import Portray, Store
from contracts.portrait_rules import load_portrait_rules
from contracts.tables import SCORES, TIERS
from contracts.words import Words
from portraits.headroom import headroom
from portraits.history import due_interval, earned_tier, purchase_days, rhythm
from portraits.portrait import Known, facts_of, portray
from portraits.report import concentration

ROOT = Path(__file__).parents[2]
RULES = load_portrait_rules(ROOT / "portraits.yaml")
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
                "channel": rng.choice(["counter", "web"], n),
                "payer": rng.choice(["self", "employer", "gift"], n),
                "invoice_requested": rng.random(n) < 0.5,
                "quantity": rng.integers(1, 4, n).astype("float64"),
                "amount": rng.integers(1, 500, n) / 100,
                "discount": rng.integers(0, 100, n) / 100,
                "coupon_discount": 0.0,
                "is_cancellation": False,
                "repair": "",
                "undone_at": pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]"),
            }
        )
    )


def instants(rng: np.random.Generator, n: int) -> pd.Series:
    """Instants in the days around the cutoff and in the months before it."""
    hours_back = np.where(rng.random(n) < 0.4, rng.integers(-72, 72, n), rng.integers(-72, 24 * 300, n))
    at = pd.Series(pd.Timestamp(CUTOFF, tz=ZONE) - pd.to_timedelta(hours_back, unit="h"))
    return at.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def known_later(rng: np.random.Generator, at: pd.Series) -> pd.Series:
    """When each row became known: half of them at once, half up to ten days later."""
    late = at + pd.to_timedelta(rng.integers(0, 240, len(at)), unit="h")
    return late.where(pd.Series(rng.random(len(at)) < 0.5)).astype("datetime64[us, UTC]")


def everything(seed: int, n: int) -> Known:
    """Purchases, and as many messages, answers, events; five members."""
    rng = np.random.default_rng(seed + 1)
    who, at = pd.Series(rng.integers(0, 5, n).astype(str)), instants(rng, n)
    day = at.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    table = pd.DataFrame({"customer_id": who, "campaign_id": [f"c{k % 7}" for k in range(n)]})
    sent = table.assign(sent_at=at, sent_on=day, channel=rng.choice(["sms", "email"], n), known_at=known_later(rng, at))
    said = table.assign(
        kind=rng.choice(list(RESPONSE_KINDS), n), responded_at=at, responded_on=day, coupon_id="", n=1,
        known_at=known_later(rng, at),
    )  # fmt: skip
    met = pd.DataFrame({"customer_id": who, "kind": rng.choice(list(INTERACTION_KINDS), n), "happened_at": at}).assign(
        happened_on=day, product_id=None, value=None, with_customer_id=None, known_at=known_later(rng, at)
    )
    member = pd.DataFrame({"customer_id": list("01234"), "joined_at": instants(rng, 5), "preferred_channel": "sms"})
    return Known(
        purchases(seed, n),
        PRODUCT_TABLE,
        CONTACTS(sent.drop_duplicates(["customer_id", "campaign_id", "sent_at"])),
        RESPONSES(said.drop_duplicates(["customer_id", "campaign_id", "coupon_id", "kind", "responded_at"])),
        customers=CUSTOMERS(member.assign(known_at=known_later(rng, member["joined_at"]))),
        interactions=INTERACTIONS(met.drop_duplicates(["customer_id", "kind", "happened_at"])),
    )


HOW = {
    "cutoff": CUTOFF,
    "store": Store(time_zone=ZONE, currency="EUR", margin_rate=0.3),
    "active_days": 90,
    "limits": LIMITS,
    "words": Words({"C0": "zero", "T1": "one", "T4": "one"}),
}
INSTANTS = {
    "purchases": "ordered_at", "contacts": "sent_at", "responses": "responded_at", "interactions": "happened_at",
    "customers": "joined_at",
}  # fmt: skip


def portrait(shop: Known) -> pd.DataFrame:
    return portray(shop, SCORES.empty(), rules=RULES, **HOW)


def known(rows: pd.DataFrame, instant: str = "ordered_at") -> pd.Series:
    """Which rows had happened and were known before the cutoff."""
    end = pd.Timestamp(CUTOFF, tz=ZONE)
    return (rows[instant] < end) & ~(rows.get("known_at", rows[instant]) >= end)


def before_cutoff(shop: Known) -> Known:
    """The shop as it stood at the cutoff."""
    frames = {name: getattr(shop, name) for name in INSTANTS}
    return replace(shop, **{name: frame[known(frame, INSTANTS[name])] for name, frame in frames.items()})


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 80))
def test_nothing_at_or_after_the_cutoff_and_no_order_of_rows_matters(seed, n):
    shop = everything(seed, n)
    table = portrait(shop)
    lines = shop.purchases
    assert set(table["customer_id"]) == set(lines.loc[known(lines), "customer_id"])
    pd.testing.assert_frame_equal(table, portrait(before_cutoff(shop)))
    shuffled = {name: getattr(shop, name).sample(frac=1, random_state=seed) for name in INSTANTS}
    pd.testing.assert_frame_equal(table, portrait(replace(shop, **shuffled)))


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(5, 80))
def test_no_fact_sees_what_came_later(seed, n):
    shop = everything(seed, n)
    pd.testing.assert_frame_equal(facts_of(shop, **HOW), facts_of(before_cutoff(shop), **HOW))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
def test_headroom_equals_the_plainest_route(seed, n):
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 2, (n, 3)) * rng.integers(1, 50, (n, 3)).astype("float64")
    names = [f"{k}" for k in range(n)]
    cells = pd.DataFrame({"tier": rng.choice(["new", "regular"], n), "value_tier": "top"}, index=names)
    spent = pd.DataFrame(own, index=names, columns=["A", "B", "C"]).stack().rename_axis(["customer_id", "category"])
    spent = spent[spent > 0].rename("amount").reset_index()
    found = headroom(spent, cells.assign(spend=own.sum(axis=1)))
    for k, name in enumerate(names):
        peers = [j for j in range(n) if j != k and cells["tier"].iloc[j] == cells["tier"].iloc[k] and own[j].sum() > 0]
        mean = own[peers].mean(axis=0) if peers else np.zeros(3)
        assert abs(found[name] - np.maximum(0, mean - own[k]).sum()) <= 0.005 + 1e-9


@settings(max_examples=40, deadline=None)
@given(gaps=st.lists(st.integers(1, 60), min_size=3, max_size=20))
def test_the_due_interval_runs_between_the_quartiles(gaps):
    on = [pd.Timestamp("2016-01-01") + pd.Timedelta(days=int(d)) for d in np.cumsum([0, *gaps])]
    days = purchase_days(pd.DataFrame({"customer_id": "a", "ordered_on": on}))
    found = due_interval(days, rhythm(days, CUTOFF)).loc["a"]
    assert [(day - on[-1]).days for day in found] == [
        np.floor(np.quantile(gaps, 0.25)), np.ceil(np.quantile(gaps, 0.75)),
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(spend=st.lists(st.integers(1, 10_000), min_size=1, max_size=60))
def test_concentration_equals_the_mean_difference(spend):
    paid = pd.Series(spend, dtype="float64")
    found = concentration(paid)
    pairs = np.abs(paid.to_numpy()[:, None] - paid.to_numpy()[None, :]).mean()
    assert abs(found["gini"] - pairs / (2 * paid.mean())) < 1e-9  # half the relative mean difference
    of_spend = [point["of_spend"] for point in found["curve"]]
    assert of_spend == sorted(of_spend)
    assert (of_spend[0], round(of_spend[-1], 9)) == (0.0, 1.0)


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
