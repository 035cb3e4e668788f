"""Goods worth naming: by hand, by brute force, and on a law that is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from contracts.windows import day_number
from contracts.words import Words
from portraits.common_goods import spoken_of, together
from portraits.matching import Goods, bought_after, fit_repeats, is_given_up, met, ranked, repeats
from portraits.naming import named_products

CUTOFF = date(2018, 1, 1)
TODAY = day_number(CUTOFF)


def goods(*rows: tuple[int, int, int]) -> Goods:
    """Rows of (customer, good, days before the cutoff)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    n_goods = int(table[:, 1].max(initial=0)) + 1
    customers = pd.Index([f"c{k}" for k in range(int(table[:, 0].max(initial=0)) + 1)])
    return Goods(table[:, 0], table[:, 1], TODAY - table[:, 2], customers, tuple(f"g{k}" for k in range(n_goods)))


def test_a_customers_repeats():
    found = repeats(goods((0, 0, 70), (0, 0, 40), (0, 0, 20), (0, 1, 5), (1, 0, 200), (0, 1, 183)), CUTOFF)
    first, second = found.to_dict("records")
    assert (first["n_days"], first["n_days_91"], first["n_days_28"], first["silence_days"]) == (3, 3, 1, 20)
    assert (first["usual_gap_days"], first["is_due"]) == (25.0, False)  # gaps of 30 and 20 days
    assert (second["n_days"], second["shopping_days_91"]) == (1, 4)  # the half-year has 182 days
    assert len(found) == 2


@pytest.mark.parametrize(("silence", "due"), [(24, False), (25, True), (75, True), (76, False)])
def test_due_from_the_usual_gap_on_until_it_is_given_up(silence, due):
    days = [(0, 0, silence + 50), (0, 0, silence + 25), (0, 0, silence)]
    assert repeats(goods(*days), CUTOFF)["is_due"].tolist() == [due]


def test_given_up_needs_eight_weeks_as_well():
    assert is_given_up(pd.Series([56, 57, 90, 91]), pd.Series([7.0, 7.0, 30.0, 30.0])).tolist() == [
        False, True, False, True,
    ]  # fmt: skip


def test_similarity_is_the_cosine_of_shared_days():
    rows = [(k, 0, 10) for k in range(40)] + [(k, 1, 10) for k in range(30)] + [(k, 2, 10) for k in range(10)]
    found = met(goods(*rows), CUTOFF).alike
    # 30 shared of 40 and 30; 10 shared days are too few to say anything
    assert found[0, 1] == pytest.approx(30 / np.sqrt(40 * 30))
    assert found[0, 2] == 0.0
    assert (found.diagonal() == 0).all()
    assert np.allclose(found, found.T)


def drawn(seed: int = 1, n_customers: int = 300, n_goods: int = 12) -> Goods:
    """Each customer buys each good at a rate of their own, over a year."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 0.04, (n_customers, n_goods))
    bought = rng.random((n_customers, n_goods, 365)) < rate[:, :, None]
    customer, good, day = np.nonzero(bought)
    return goods(*zip(customer, good, 365 - day, strict=True))


def test_nothing_after_the_cutoff_moves_the_order_of_goods():
    whole, earlier = drawn(), CUTOFF - timedelta(days=60)
    cut = whole.before(day_number(earlier))
    pd.testing.assert_frame_equal(ranked(whole, earlier), ranked(cut, earlier))


def test_the_likelihood_is_calibrated_where_its_law_is_smooth():
    whole, earlier = drawn(n_customers=1500), CUTOFF - timedelta(days=28)
    table = ranked(whole.before(day_number(earlier)), earlier)
    happened = bought_after(whole, table, earlier)
    # about 9,000 rows: the standard error of the mean is below .006, of a fifth's mean below .012
    assert abs(happened.mean() - table["p_buy"].mean()) < 0.02
    fifth = pd.qcut(table["p_buy"], 5, labels=False)
    gaps = table["p_buy"].groupby(fifth).mean() - pd.Series(happened).groupby(fifth.to_numpy()).mean()
    assert gaps.abs().max() < 0.05


def test_too_little_to_learn_from_ranks_by_shopping_days():
    few = goods((0, 0, 20), (0, 1, 60), (0, 1, 50), (0, 1, 40))
    assert fit_repeats(few, CUTOFF) is None
    assert ranked(few, CUTOFF)["good"].tolist() == [1, 0]


def spoken_lines(*rows: tuple[str, str, str, int, float]) -> pd.DataFrame:
    """Rows of (customer, category, product, days before the cutoff, unit price)."""
    table = pd.DataFrame(rows, columns=["customer_id", "category", "product", "days", "amount"])
    day = pd.Timestamp(CUTOFF) - pd.to_timedelta(table["days"], unit="D")
    return table.assign(ordered_on=day.astype("datetime64[us]"), quantity=1.0).astype({"customer_id": "category"})


WORDS = Words({"MILK": "milk", "OATS": "oats", "SOY": "soy drink", "CREAM": "cream"})


def shop() -> pd.DataFrame:
    """Twelve buyers of each drink at 1 (soy), 2 (milk) and 3 (cream); all buy oats with milk; `a` once bought soy."""
    rows = []
    for k in range(25):
        rows += [(f"b{k}", "DRINKS", "MILK", day, 2.0) for day in (100, 60, 20)]
        rows += [(f"b{k}", "CEREAL", "OATS", day, 4.0) for day in (100, 60, 20)]
    for k in range(12):
        rows += [(f"s{k}", "DRINKS", "SOY", 15, 1.0), (f"t{k}", "DRINKS", "CREAM", 15, 3.0)]
    rows += [("a", "DRINKS", "MILK", day, 2.0) for day in (60, 40, 20)]
    rows += [("a", "DRINKS", "SOY", day, 1.0) for day in (300, 280, 260)]
    return spoken_lines(*rows)


def named(lines: pd.DataFrame) -> pd.DataFrame:
    recent = (lines["days"] <= 182).to_numpy()
    return named_products(lines, recent, CUTOFF, WORDS, together(spoken_of(lines, recent, CUTOFF, WORDS), WORDS))


def test_what_a_message_may_name():
    row = named(shop()).loc["a"]
    # milk every 20 days, 20 days ago; oats are bought with it; soy costs less than the 2 that they usually pay
    assert row.tolist() == ["MILK", "MILK", "OATS", "SOY", "SOY"]


def test_never_only_dearer_goods():
    found = named(shop())
    assert not found["within_price_product"].isin(["CREAM"]).any()
    assert found.loc["s0", "within_price_product"] == ""  # nothing in the category costs as little
    assert found.loc["t0", "within_price_product"] == "MILK"  # more bought than soy, and below 3


def test_what_is_bought_anyway_goes_with_nothing():
    assert named(shop()).loc["b3", "goes_with_product"] == ""  # oats and milk were both bought 20 days ago


def test_without_quantities_no_price_is_compared():
    assert (named(shop().drop(columns="quantity"))["within_price_product"] == "").all()
