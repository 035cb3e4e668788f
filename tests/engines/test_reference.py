"""The plain engine against values worked out by hand, on small stores. Days are told by how far before the cutoff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from events.store import Events
from features import mbgnbd
from features.catalogue import FEATURES
from features.records import Feature
from features.reference.engine import columns_at
from features.reference.kinds import KINDS
from features.vocabulary import AGGREGATIONS
from tests.stores import ZONE, events, purchases

CUTOFF = date(2017, 4, 3)
"""A Monday: 1 day before is a Sunday."""
NAN = float("nan")
ROOT_HALF = 0.7071067811865476

Line = tuple[str, int, int, float, float]


def local(days_before: int, hour: int = 12) -> str:
    return f"{CUTOFF - timedelta(days=days_before)} {hour:02d}:00:00"


def bought(*lines: Line, hour: int = 12) -> pd.DataFrame:
    """Lines from (customer, days before the cutoff, product, amount, discount)."""
    return purchases(
        (who, local(before, hour), product, amount, discount) for who, before, product, amount, discount in lines
    )


def on_days(who: str, *days_before: int) -> list[Line]:
    return [(who, before, 1, 10.0, 0.0) for before in days_before]


def dated(rows: Iterable[tuple[str, int]], at: str, on: str, **columns: object) -> pd.DataFrame:
    """Rows of another table from (customer, days before the cutoff)."""
    listed = list(rows)
    days = pd.Series(pd.to_datetime([local(before)[:10] for _, before in listed])).astype("datetime64[us]")
    instants = windows.day_begins(days, ZONE) + pd.Timedelta(hours=12)
    who = pd.Series([name for name, _ in listed], dtype="str")
    return pd.DataFrame({"customer_id": who, at: instants, on: days, **columns})


def contacts(*rows: tuple[str, int], campaign_id: object = "c") -> pd.DataFrame:
    return dated(rows, "sent_at", "sent_on", campaign_id=campaign_id)


def responses(kind: str, *rows: tuple[str, int], n: object = 1) -> pd.DataFrame:
    more = {"campaign_id": "c", "coupon_id": "", "kind": kind, "n": n}
    return dated(rows, "responded_at", "responded_on", **more)


def interactions(kind: object, *rows: tuple[str, int], **columns: object) -> pd.DataFrame:
    return dated(rows, "happened_at", "happened_on", kind=kind, **columns)


def benefits(key: str, **ends: int) -> pd.DataFrame:
    """Campaigns or promotions from the days before the cutoff on which they end."""
    ends_on = pd.to_datetime([local(before)[:10] for before in ends.values()]).astype("datetime64[us]")
    return pd.DataFrame({key: list(ends), "starts_on": ends_on - pd.Timedelta(days=60), "ends_on": ends_on})


def of(source: str, measure: str, aggregation: str, window: int | None = None, **more: object) -> Feature:
    return Feature("basket", source, measure, aggregation, window, **more)  # type: ignore[arg-type]


def total(measure: str, window: int | None = None, skip: int = 0, source: str = "days") -> Feature:
    return of(source, measure, "sum", window, skip_days=skip)


def holds(known: Events | pd.DataFrame, feature: Feature, **expected: float) -> None:
    """The feature's column is just this, customer by customer."""
    store = known if isinstance(known, Events) else events(known)
    column = columns_at(store, CUTOFF, [feature], 28)[feature.name]
    pd.testing.assert_series_equal(column, pd.Series(expected), check_names=False, check_index_type=False, rtol=1e-12)


SHOP = bought(*on_days("ann", 1, 8, 10, 17), *on_days("bob", 5, 7, 17, 20), *on_days("cy", 3), *on_days("dee", 60, 90))
"""Gaps in time order: ann 7, 2, 7; bob 3, 10, 2; cy none; dee 30. Silences 1, 5, 3, 60."""


def test_every_aggregation_of_the_records_is_a_kind() -> None:
    assert set(KINDS) == set(AGGREGATIONS)


def test_columns_come_in_the_given_order_by_sorted_customer() -> None:
    table = columns_at(events(SHOP), CUTOFF, FEATURES, 28)
    assert list(table.columns) == [feature.name for feature in FEATURES]
    assert list(table.index) == ["ann", "bob", "cy", "dee"]
    assert table.index.name == "customer_id"
    assert set(table.dtypes) == {np.dtype("float64")}


def test_no_customer_before_the_first_sale() -> None:
    table = columns_at(events(SHOP), date(2016, 1, 1), FEATURES, 28)
    assert table.shape == (0, len(FEATURES))


# days


def test_sums_over_windows_with_and_without_skipped_days() -> None:
    lines = bought(
        ("ann", 1, 1, 10.0, 0.0), ("ann", 28, 1, 5.25, 1.0), ("ann", 29, 1, 2.5, 0.0), ("bob", 57, 1, 1.0, 0.0)
    )
    holds(lines, total("amount", 28), ann=15.25, bob=0.0)
    holds(lines, total("amount", 28, skip=28), ann=2.5, bob=0.0)
    holds(lines, total("amount"), ann=17.75, bob=1.0)
    holds(lines, total("list_amount", 28), ann=16.25, bob=0.0)
    holds(lines, total("purchase_days", 28), ann=2.0, bob=0.0)


def test_measures_of_a_day() -> None:
    sunday = bought(("ann", 1, 0, 3.0, 1.0), ("ann", 1, 1, 4.0, 0.5), ("ann", 1, 5, 1.0, 0.0), hour=17)
    monday = bought(("ann", 7, 4, 2.0, 0.0), hour=10)
    late = bought(("ann", 1, 2, 2.0, 0.0), hour=11)
    lines = pd.concat([sunday, monday, late], ignore_index=True)
    lines = lines.assign(quantity=[2.0, 0.125, np.nan, 1.0, 1.0], payer=["self", "employer", None, "employer", "gift"])
    counted = {"purchase_days": 2, "orders": 3, "lines": 5, "quantity": 4.125, "discount": 1.5, "weekend_days": 1}
    counted |= {
        "promotion_only_days": 0,
        "full_price_days": 1,
        "discounted_lines": 2,
        "coupon_lines": 1,
        "private_label_lines": 2,
    }
    counted |= {"evening_lines": 3, "morning_lines": 1, "employer_lines": 2, "promotion_lines": 0}
    for measure, expected in counted.items():
        holds(lines, total(measure), ann=float(expected))
    holds(bought(("ann", 1, 0, 3.0, 1.0)), total("promotion_only_days"), ann=1.0)


def test_new_products_count_once_each_and_unknown_is_a_product() -> None:
    lines = bought(
        *(("ann", before, product, 1.0, 0.0) for before, product in [(20, 1), (20, 1), (20, 2), (10, 2), (10, 3)])
    )
    more = bought(("ann", 5, 1, 1.0, 0.0), ("ann", 4, 6, 1.0, 0.0), ("ann", 3, 6, 1.0, 0.0), ("bob", 4, 1, 1.0, 0.0))
    known = pd.concat([lines, more], ignore_index=True)
    nameless = known.assign(product_id=known["product_id"].where(known["product_id"] != "6"))
    holds(nameless, total("new_product_lines"), ann=4.0, bob=1.0)
    holds(nameless, total("new_product_lines", 14), ann=2.0, bob=1.0)
    holds(known.drop(columns="product_id"), total("new_product_lines"), ann=1.0, bob=1.0)


def test_decayed_sum_halves_with_each_half_life() -> None:
    lines = bought(("ann", 7, 1, 8.0, 0.0), ("ann", 14, 1, 4.0, 0.0))
    holds(lines, of("days", "purchase_days", "decayed_sum", parameter=7), ann=0.75)
    holds(lines, of("days", "amount", "decayed_sum", parameter=7), ann=5.0)


def test_first_and_last_days() -> None:
    holds(SHOP, of("days", "", "days_since_last"), ann=1.0, bob=5.0, cy=3.0, dee=60.0)
    holds(SHOP, of("days", "", "days_since_first"), ann=17.0, bob=20.0, cy=3.0, dee=90.0)


def test_last_day_in_all_its_lines() -> None:
    lines = bought(("ann", 2, 1, 3.0, 0.0), ("ann", 2, 2, 4.5, 0.0), ("ann", 3, 1, 90.0, 0.0))
    holds(lines, of("days", "amount", "last"), ann=7.5)


def test_weeks() -> None:
    """Weeks 0 to 3 back: ann 1, 2, 1, 0; bob 2 (5 and 7), 0, 2 (17 and 20), 0; cy 1, 0, 0, 0."""
    holds(SHOP, of("days", "purchase_days", "active_weeks", 28), ann=3.0, bob=2.0, cy=1.0, dee=0.0)
    holds(SHOP, of("days", "purchase_days", "weekly_slope", 28), ann=0.4, bob=0.4, cy=0.3, dee=0.0)
    holds(SHOP, of("days", "amount", "weekly_slope", 28), ann=4.0, bob=4.0, cy=3.0, dee=0.0)


def test_best_month_and_how_far_back_it_lies() -> None:
    known = [("ann", 1, 1, 10.0, 0.0), ("ann", 28, 1, 5.0, 0.0), ("ann", 29, 1, 15.0, 0.0), ("bob", 57, 1, 7.0, 0.0)]
    lines = bought(*known, ("bob", 1, 1, 6.99, 0.0))
    holds(lines, of("days", "amount", "best_period", parameter=3), ann=15.0, bob=7.0)
    holds(lines, of("days", "amount", "periods_since_best", parameter=3), ann=0.0, bob=2.0)
    holds(bought(*known), of("days", "amount", "best_period", parameter=2), ann=15.0, bob=0.0)
    holds(bought(*known), of("days", "amount", "periods_since_best", parameter=2), ann=0.0, bob=NAN)


def test_favourite_weekday() -> None:
    """Ann: two Sundays, two Fridays; bob: Wednesday, Monday, Friday, Tuesday; dee: Thursday, Tuesday."""
    holds(SHOP, of("days", "weekdays", "top_share"), ann=0.5, bob=0.25, cy=1.0, dee=0.5)


# benefits that have ended


def campaign_store(lines: pd.DataFrame, sent: pd.DataFrame, **ends: int) -> Events:
    return replace(events(lines, contacts=sent), campaigns=benefits("campaign_id", **ends))


ENDED = total("ended_benefit_days")
DISCOUNTED = bought(
    ("ann", 10, 1, 5.0, 1.0), ("ann", 10, 2, 5.0, 1.0), ("ann", 3, 1, 5.0, 1.0), ("ann", 12, 1, 5.0, 0.0)
)
BOB_TOO = pd.concat([DISCOUNTED, bought(("bob", 10, 1, 5.0, 1.0))], ignore_index=True)


def test_discounts_between_message_and_end_of_campaign() -> None:
    holds(campaign_store(BOB_TOO, contacts(("ann", 30)), c=5), ENDED, ann=1.0, bob=0.0)
    holds(campaign_store(BOB_TOO, contacts(("ann", 10)), c=10), ENDED, ann=1.0, bob=0.0)
    holds(campaign_store(BOB_TOO, contacts(("ann", 9)), c=1), ENDED, ann=1.0, bob=0.0)
    holds(campaign_store(BOB_TOO, contacts(("ann", 30)), c=11), ENDED, ann=0.0, bob=0.0)
    holds(campaign_store(BOB_TOO, contacts(("ann", 30)), other=5), ENDED, ann=0.0, bob=0.0)


def test_a_campaign_that_ends_on_the_cutoff_has_not_ended() -> None:
    holds(campaign_store(BOB_TOO, contacts(("ann", 30), ("bob", 30)), c=0), ENDED, ann=0.0, bob=0.0)
    holds(campaign_store(BOB_TOO, contacts(("ann", 30), ("bob", 30)), c=1), ENDED, ann=2.0, bob=1.0)


def test_a_message_known_only_later_gives_no_benefit() -> None:
    sent = contacts(("ann", 30), ("bob", 30))
    known_at = pd.Series([windows.midnight(CUTOFF, ZONE), pd.NaT], dtype="datetime64[us, UTC]")
    holds(campaign_store(BOB_TOO, sent.assign(known_at=known_at), c=5), ENDED, ann=0.0, bob=1.0)


def test_any_purchase_is_under_a_campaign_where_no_discounts_are_recorded() -> None:
    silent = BOB_TOO.drop(columns=["discount", "coupon_discount"])
    holds(campaign_store(silent, contacts(("ann", 30)), c=5), ENDED, ann=2.0, bob=0.0)


def test_ended_promotions() -> None:
    """Lines by time: ann's undiscounted one of 12 days before, two of 10, bob's, and ann's of 3 days before."""
    lines = BOB_TOO.sort_values("ordered_at", kind="stable").assign(promotion_id=["p", None, None, "r", "q"])
    shop = replace(events(lines), promotions=benefits("promotion_id", p=1, q=0, r=1))
    holds(shop, ENDED, ann=1.0, bob=1.0)
    known_at = pd.Series([pd.NaT, pd.NaT, windows.midnight(CUTOFF, ZONE)], dtype="datetime64[us, UTC]")
    holds(replace(shop, promotions=shop.promotions.assign(known_at=known_at)), ENDED, ann=1.0, bob=0.0)
    holds(shop, total("promotion_lines"), ann=2.0, bob=1.0)


def test_a_day_under_two_benefits_counts_once() -> None:
    store = campaign_store(DISCOUNTED.assign(promotion_id="p"), contacts(("ann", 30), ("ann", 29)), c=1)
    holds(replace(store, promotions=benefits("promotion_id", p=1)), ENDED, ann=3.0)


# gaps


def test_statistics_of_gaps() -> None:
    third = 1 / 3
    holds(SHOP, of("gaps", "gap", "mean"), ann=16 * third, bob=5.0, cy=NAN, dee=30.0)
    holds(SHOP, of("gaps", "gap", "sd"), ann=(25 * third) ** 0.5, bob=19**0.5, cy=NAN, dee=NAN)
    holds(SHOP, of("gaps", "gap", "quantile", parameter=0.5), ann=7.0, bob=3.0, cy=NAN, dee=30.0)
    holds(SHOP, of("gaps", "gap", "quantile", parameter=0.25), ann=4.5, bob=2.5, cy=NAN, dee=30.0)
    holds(SHOP, of("gaps", "gap", "quantile", parameter=1.0), ann=7.0, bob=10.0, cy=NAN, dee=30.0)
    holds(SHOP, of("gaps", "gap", "mean_of_last", parameter=1), ann=7.0, bob=2.0, cy=NAN, dee=30.0)
    holds(SHOP, of("gaps", "gap", "mean_of_last", parameter=2), ann=4.5, bob=6.0, cy=NAN, dee=30.0)


def test_silence_and_regularity() -> None:
    """Within a day of the median, or a fifth of it: ann 7, 7 of 7 ± 1.4; bob 3, 2 of 3 ± 1."""
    holds(SHOP, of("gaps", "gap", "silence_percentile"), ann=0.0, bob=2 / 3, cy=NAN, dee=1.0)
    holds(SHOP, of("gaps", "gap", "regular_share", parameter=0.2), ann=2 / 3, bob=2 / 3, cy=NAN, dee=1.0)


def test_two_purchases_on_one_day_make_no_gap() -> None:
    lines = pd.concat([bought(*on_days("ann", 9, 2)), bought(*on_days("ann", 9), hour=20)], ignore_index=True)
    holds(lines, of("gaps", "gap", "mean"), ann=7.0)


def test_a_shop_of_customers_who_came_once_has_no_gaps() -> None:
    lines = bought(*on_days("ann", 9), *on_days("bob", 2)).drop(columns="quantity")
    holds(lines, of("gaps", "gap", "silence_percentile"), ann=NAN, bob=NAN)
    holds(lines, of("gaps", "gap", "regular_share", parameter=0.2), ann=NAN, bob=NAN)
    assert columns_at(events(lines), CUTOFF, FEATURES, 28).shape == (2, len(FEATURES))


# orders and lines


def test_spread_of_orders() -> None:
    lines = bought(("ann", 5, 1, 4.0, 0.0), ("ann", 5, 2, 6.0, 0.0), ("bob", 5, 1, 4.0, 0.0), ("cy", 99, 1, 4.0, 0.0))
    known = pd.concat([lines, bought(("ann", 5, 1, 16.0, 0.0), hour=18)], ignore_index=True)
    holds(known, of("orders", "amount", "order_sd", 91), ann=6 * ROOT_HALF, bob=NAN, cy=NAN)


def test_codes_of_lines() -> None:
    """Products 0 and 3 are bread, 1 is cheese; odd ones are of store 1 and the department grocery."""
    lines = bought(*(("ann", 5, product, 1.0, 0.0) for product in (0, 0, 3, 1)), ("bob", 40, 2, 1.0, 0.0))
    holds(lines, of("lines", "products", "distinct", 28), ann=3.0, bob=0.0)
    holds(lines, of("lines", "categories", "distinct", 28), ann=2.0, bob=0.0)
    holds(lines, of("lines", "departments", "distinct"), ann=2.0, bob=1.0)
    holds(lines, of("lines", "categories", "top_share", 28), ann=0.75, bob=NAN)
    holds(lines, of("lines", "categories", "top_share", 28, skip_days=28), ann=NAN, bob=1.0)
    holds(lines, of("lines", "stores", "top_share"), ann=0.5, bob=1.0)
    entropy = 0.75 * np.log(4 / 3) + 0.25 * np.log(4)
    holds(lines, of("lines", "categories", "entropy"), ann=entropy, bob=0.0)


def test_missing_and_unheard_of_codes_are_one_code() -> None:
    lines = bought(("ann", 5, 1, 1.0, 0.0), ("ann", 5, 2, 1.0, 0.0), ("ann", 5, 99, 1.0, 0.0))
    missing = lines.assign(product_id=lines["product_id"].where(lines["product_id"] != "2"), store_id=None)
    holds(missing, of("lines", "products", "distinct"), ann=3.0)
    holds(missing, of("lines", "categories", "distinct"), ann=2.0)
    holds(missing, of("lines", "stores", "distinct"), ann=1.0)
    holds(missing, of("lines", "channels", "distinct"), ann=1.0)
    nothing = lines.drop(columns=["product_id", "store_id"])
    holds(nothing, of("lines", "categories", "top_share"), ann=1.0)


def test_price_rank_within_the_category() -> None:
    """Bread: product 0 at 1.00, 3 and 6 at 2.00: ranks 1, 2.5, 2.5 of 3; cheese: 1 alone; 99 is of no category."""
    lines = bought(
        ("ann", 5, 0, 1.0, 0.0),
        ("ann", 6, 3, 2.0, 0.0),
        ("bob", 5, 1, 9.0, 0.0),
        ("bob", 100, 6, 2.0, 0.0),
        ("cy", 5, 99, 3.0, 0.0),
        ("dee", 5, 7, 3.0, 0.0),
    )
    unweighed = lines.assign(quantity=lines["quantity"].where(lines["product_id"] != "7", 0.0))
    feature = of("lines", "price_rank", "line_mean", 91)
    holds(unweighed, feature, ann=(1 / 6 + 2 / 3) / 2, bob=0.5, cy=0.5, dee=NAN)
    halved = unweighed.assign(quantity=unweighed["quantity"].where(unweighed["product_id"] != "0", 0.5))
    holds(halved, feature, ann=0.5, bob=0.5, cy=0.5, dee=NAN)
    nameless = halved.assign(product_id=halved["product_id"].where(halved["product_id"] != "99"))
    holds(nameless, feature, ann=0.5, bob=0.5, cy=NAN, dee=NAN)


def test_newcomers_prices() -> None:
    """Ann, new, pays 2.00 and 3.00 for product 1; bob, 91 days after his first purchase, is no newcomer any more.

    After 90 days he still is one: product 1 costs newcomers (2 + 3 + 4) / 4, product 2 costs 5 / 2.
    """
    lines = bought(
        ("ann", 10, 1, 2.0, 0.0),
        ("ann", 9, 1, 3.0, 0.0),
        ("bob", 101, 1, 50.0, 0.0),
        ("bob", 10, 1, 4.0, 0.0),
        ("bob", 10, 2, 5.0, 0.0),
        ("cy", 200, 3, 1.0, 0.0),
    )
    doubled = lines.assign(quantity=lines["quantity"].where(lines["customer_id"] != "bob", 2.0))
    holds(doubled, of("lines", "priced_amount", "line_sum", 91), ann=5.0, bob=4.0, cy=0.0)
    holds(doubled, of("lines", "newcomers_price", "line_sum", 91), ann=5.0, bob=5.0, cy=0.0)
    a_day_younger = pd.concat([bought(("bob", 100, 1, 50.0, 0.0)), doubled[doubled["amount"] < 50]], ignore_index=True)
    holds(a_day_younger, of("lines", "newcomers_price", "line_sum", 91), ann=4.5, bob=9.5, cy=0.0)


# returns and signals


def test_returns() -> None:
    back = dated([("ann", 5), ("ann", 100), ("zoe", 5)], "ordered_at", "ordered_on", amount=[-2.5, -4.0, -1.0])
    store = replace(events(SHOP), returns=back)
    holds(store, total("return_lines", 91, source="returns"), ann=1.0, bob=0.0, cy=0.0, dee=0.0)
    holds(store, total("returned_amount", source="returns"), ann=6.5, bob=0.0, cy=0.0, dee=0.0)
    holds(store, of("returns", "", "days_since_last"), ann=5.0, bob=NAN, cy=NAN, dee=NAN)
    late = back.assign(known_at=windows.midnight(CUTOFF, ZONE))
    holds(replace(store, returns=late), total("return_lines", source="returns"), ann=0.0, bob=0.0, cy=0.0, dee=0.0)


def test_complaints_of_both_tables() -> None:
    said = responses("complained", ("ann", 5), ("bob", 200), n=[2, 1])
    met = interactions(["complaint", "complaint_closed"], ("ann", 4), ("ann", 1))
    store = replace(events(SHOP, responses=said), interactions=met)
    holds(store, total("complaints", 182, source="complaints"), ann=3.0, bob=0.0, cy=0.0, dee=0.0)
    holds(store, of("complaints", "", "days_since_last"), ann=4.0, bob=200.0, cy=NAN, dee=NAN)
    closed = total("complaints_closed", source="complaint_closings")
    still_open = of("features", "", "difference", operands=(total("complaints", source="complaints"), closed))
    holds(store, still_open, ann=2.0, bob=1.0, cy=0.0, dee=0.0)


def test_answers_are_of_three_kinds() -> None:
    kinds = ["opened", "clicked", "redeemed", "unsubscribed"]
    said = responses("", *(("bob", before) for before in (1, 2, 3, 4))).assign(kind=kinds, n=[1, 1, 3, 1])
    store = events(SHOP, responses=said, contacts=contacts(("bob", 28), ("bob", 29)))
    holds(store, total("answers", 28, source="answers"), ann=0.0, bob=5.0, cy=0.0, dee=0.0)
    holds(store, total("coupons_redeemed", source="redemptions"), ann=0.0, bob=3.0, cy=0.0, dee=0.0)
    holds(store, total("campaigns_received", 28, source="contacts"), ann=0.0, bob=1.0, cy=0.0, dee=0.0)


def test_ratings() -> None:
    given = interactions("rating", ("ann", 5), ("ann", 6), ("bob", 7), value=[4.5, 2.0, None])
    store = replace(events(SHOP), interactions=given)
    points, n = (total(measure, 364, source="ratings") for measure in ("rating_points", "ratings"))
    holds(store, points, ann=6.5, bob=0.0, cy=0.0, dee=0.0)
    holds(store, of("features", "rating_points", "per", operands=(points, n)), ann=3.25, bob=NAN, cy=NAN, dee=NAN)


def test_a_signal_counts_once_it_is_known() -> None:
    asked = interactions("search", ("ann", 5), ("bob", 5), ("cy", 0))
    known_at = [windows.midnight(CUTOFF, ZONE), windows.midnight(CUTOFF - timedelta(days=1), ZONE), pd.NaT]
    late = asked.assign(known_at=pd.Series(known_at, dtype="datetime64[us, UTC]"))
    store = replace(events(SHOP), interactions=late)
    holds(store, total("searches", 28, source="searches"), ann=0.0, bob=1.0, cy=0.0, dee=0.0)


# the store, the model, and features of features


def test_store_totals() -> None:
    """The first sale lies 90 days before the cutoff."""
    inside, outside = total("purchase_days", 28), total("purchase_days", 91)
    everyone = {"ann": 9.0, "bob": 9.0, "cy": 9.0, "dee": 9.0}
    holds(SHOP, of("store", "purchase_days", "store_total", 28, operands=(inside,)), **everyone)
    holds(SHOP, of("store", "purchase_days", "store_total", 91, operands=(outside,)), **dict.fromkeys(everyone, NAN))
    exact = total("purchase_days", 30, skip=60)
    told = of("store", "purchase_days", "store_total", 30, skip_days=60, operands=(exact,))
    holds(SHOP, told, **dict.fromkeys(everyone, 1.0))
    active = of("store", "purchase_days", "store_active", 28, operands=(inside,))
    holds(SHOP, active, **dict.fromkeys(everyone, 3.0))


def test_the_model_is_fitted_to_all_and_looks_ahead_as_far_as_each_horizon() -> None:
    features = [of("mbgnbd", measure, "mbgnbd") for measure in ("p_alive", "p_no_purchase", "expected_purchases")]
    horizons = pd.Series({"dee": 28, "cy": 182, "bob": 28, "zoe": 1})
    table = columns_at(events(SHOP), CUTOFF, features, horizons)
    history = (np.array([3.0, 3, 0, 1]), np.array([16.0, 15, 0, 30]), np.array([17.0, 20, 3, 90]))
    model, ahead = mbgnbd.fit(*history), np.array([28.0, 28, 182, 28])
    np.testing.assert_allclose(table["mbgnbd_p_alive"], mbgnbd.p_alive(model, *history))
    np.testing.assert_allclose(table["mbgnbd_p_no_purchase"], mbgnbd.p_no_purchase(model, *history, ahead))
    np.testing.assert_allclose(table["mbgnbd_expected_purchases"], mbgnbd.expected_purchases(model, *history, ahead))


@pytest.mark.parametrize("aggregation", ["per", "share", "rate", "ratio"])
def test_quotients(aggregation: str) -> None:
    """Purchase days of the last week and of the week before: ann 1 and 2, bob 2 and 0, cy 1 and 0, dee none."""
    operands = (total("purchase_days", 7), total("purchase_days", 7, skip=7))
    holds(SHOP, of("features", "purchase_days", aggregation, operands=operands), ann=0.5, bob=NAN, cy=NAN, dee=NAN)


def test_growth_and_difference() -> None:
    operands = (total("purchase_days", 7), total("purchase_days", 7, skip=7))
    holds(SHOP, of("features", "", "growth", parameter=1.0, operands=operands), ann=2 / 3, bob=3.0, cy=2.0, dee=1.0)
    holds(SHOP, of("features", "", "difference", operands=operands), ann=-1.0, bob=2.0, cy=1.0, dee=0.0)


# time


def test_a_purchase_at_the_cutoff_itself_changes_nothing() -> None:
    at_cutoff = bought(("ann", 0, 5, 99.0, 9.0), ("eve", 0, 1, 9.0, 0.0), hour=0)
    both = pd.concat([SHOP, at_cutoff], ignore_index=True)
    pd.testing.assert_frame_equal(
        columns_at(events(both), CUTOFF, FEATURES, 28), columns_at(events(SHOP), CUTOFF, FEATURES, 28)
    )


def test_the_last_second_before_the_cutoff_counts() -> None:
    lines = purchases([("ann", f"{CUTOFF - timedelta(days=1)} 23:59:59", 1, 3.0, 0.0)])
    holds(lines, of("days", "", "days_since_last"), ann=1.0)


@pytest.mark.parametrize("column", ["known_at", "undone_at"])
def test_lines_not_yet_known_or_already_undone_change_nothing(column: str) -> None:
    late, undone = windows.midnight(CUTOFF, ZONE), windows.midnight(CUTOFF, ZONE) - pd.Timedelta(microseconds=1)
    more = bought(("ann", 2, 5, 99.0, 9.0), ("eve", 2, 1, 9.0, 0.0))
    marked = more.assign(**{column: late if column == "known_at" else undone})
    never = pd.Series(pd.NaT, index=SHOP.index, dtype="datetime64[us, UTC]")
    both = pd.concat([SHOP.assign(**{column: never}), marked], ignore_index=True)
    pd.testing.assert_frame_equal(
        columns_at(events(both), CUTOFF, FEATURES, 28), columns_at(events(SHOP), CUTOFF, FEATURES, 28)
    )


def test_lines_known_in_time_and_undone_only_later_count() -> None:
    midnight = windows.midnight(CUTOFF, ZONE)
    lines = bought(*on_days("ann", 5)).assign(known_at=midnight - pd.Timedelta(microseconds=1), undone_at=midnight)
    holds(lines, total("purchase_days"), ann=1.0)
