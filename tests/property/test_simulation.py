"""Whatever the world: its first customers are those of a larger one, and the truth bounds every line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import windows
from simulation.draws import renewals
from simulation.purchases import receipts
from simulation.shop import products_at
from simulation.store import Chunk, simulate
from simulation.world import World
from tests.stores import EXAMPLES

WORLDS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "n_weeks": st.integers(1, 30),
        "n_products": st.integers(1, 60),
        "n_categories": st.just(1) | st.integers(1, 24),
        "n_stores": st.integers(1, 5),
        "time_zone": st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
        "mean_gap_days": st.sampled_from([2.0, 9.0, 60.0]),
        "one_time_share": st.sampled_from([0.0, 0.25, 0.9]),
        "returned_share": st.sampled_from([0.0, 0.02, 0.5]),
        "cancelled_share": st.sampled_from([0.0, 0.3]),
        "late_share": st.sampled_from([0.0, 0.3]),
    }
)


def made(drawn: dict[str, Any], n_customers: int) -> Chunk:
    fitting = drawn | {"n_categories": min(drawn["n_categories"], drawn["n_products"])}
    parts = list(simulate(World(n_customers=n_customers, **fitting), blocks_at_once=1))
    names = Chunk.__dataclass_fields__
    return Chunk(**{name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in names})


@settings(max_examples=EXAMPLES)
@given(WORLDS, st.integers(1, 300), st.integers(1, 300))
def test_the_first_customers_of_a_larger_world_are_the_same(drawn: dict[str, Any], few: int, more: int) -> None:
    small, large = made(drawn, few), made(drawn, few + more)
    for name in ("lines", "customers", "consents", "truth", "pauses", "undone"):
        one, other = getattr(small, name), getattr(large, name)
        pd.testing.assert_frame_equal(one, other.iloc[: len(one)])
    assert len(small.truth) == few
    later = set(large.truth["customer_id"].iloc[few:]) | set(large.truth["second_id"].iloc[few:].dropna())
    assert set(large.lines["customer_id"].iloc[len(small.lines) :].dropna()) <= later


@settings(max_examples=EXAMPLES)
@given(WORLDS, st.integers(1, 120))
def test_the_truth_bounds_every_line(drawn: dict[str, Any], n_customers: int) -> None:
    chunk, zone = made(drawn, n_customers), drawn["time_zone"]
    lines, truth = chunk.lines, chunk.truth
    on = windows.local_dates(lines["ordered_at"], zone)
    first = pd.Timestamp(2022, 1, 3)
    assert ((on >= first) & (on < first + pd.Timedelta(weeks=drawn["n_weeks"]))).all()
    second = truth.dropna(subset="second_id").set_index("second_id")["customer_id"].astype("str")
    person = lines["customer_id"].map(second).astype("str").fillna(lines["customer_id"])
    known = truth.set_index("customer_id").reindex(person)
    is_bought = (lines["quantity"] > 0).to_numpy()
    assert not (known["joined_on"].to_numpy() > on.to_numpy()).any()
    assert not ((known["left_on"].to_numpy() <= on.to_numpy()) & is_bought).any()
    assert ((lines["amount"] > 0) == is_bought).all()
    assert (lines["discount"] >= lines["coupon_discount"]).all()
    assert not (lines["known_at"] <= lines["ordered_at"]).any()
    assert lines.loc[is_bought, ["order_id", "product_id"]].duplicated().sum() == 0
    assert (truth["left_on"].isna() == (truth["left_reason"] == "")).all()


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.5, 20), st.floats(0.5, 8), st.floats(0, 200)), max_size=20),
    st.integers(0, 99),
)
def test_renewals_begin_where_they_are_told_and_end_in_their_span(rows: list[Any], seed: int) -> None:
    first, mean, shape, span = (np.array([row[k] for row in rows], dtype=float) for k in range(4))
    if not rows:
        return
    owner, at = renewals(np.random.default_rng(seed), first, mean, shape, span)
    for who in range(len(rows)):
        own = at[owner == who]
        assert (own < span[who]).all()
        assert (np.diff(own) >= 0).all()
        assert (len(own) > 0) == (first[who] < span[who])
        assert len(own) == 0 or own[0] == first[who]


@given(st.integers(0, 2**20), st.integers(1, 64))
def test_no_two_receipts_have_one_number(first: int, n: int) -> None:
    number, nth = np.divmod(np.arange(first * 16, first * 16 + 16 * n, dtype=np.int64), 16)
    assert len(np.unique(receipts(number, nth))) == 16 * n


@given(st.integers(1, 200), st.data())
def test_products_are_of_the_category_that_is_asked_for(n_products: int, data: st.DataObject) -> None:
    n_categories = data.draw(st.integers(1, n_products))
    world = World(n_products=n_products, n_categories=n_categories)
    category, tier = (a.ravel() for a in np.meshgrid(np.arange(n_categories), np.arange(3)))
    for uniform in (0.0, 0.5, 0.999999):
        product = products_at(world, category, tier, np.full(len(category), uniform))
        assert ((product >= 0) & (product < n_products)).all()
        assert (product % n_categories == category).all()
