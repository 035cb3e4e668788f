"""Purchases before the cutoff: one row a line, and one row a customer and day."""

from __future__ import annotations

import pandas as pd

from contracts import windows
from features.reference.dated import integers

UNKNOWN = "unknown"
DAY = ["customer_id", "day"]
THURSDAY = 3
"""Day 0, 1970-01-01, was a Thursday; Monday is 0."""


def lines_of(cut: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """One row a line: money in hundredths, quantity in thousandths, codes as categories (`product_id` may be missing).

    The customers are the categories of `customer_id`, sorted.
    """
    product_id = _column(cut, "product_id", None)
    described = products.set_index("product_id")
    return pd.DataFrame(
        {
            "customer_id": cut["customer_id"].astype("str").astype("category"),
            "day": windows.day_numbers(cut["ordered_on"]),
            "hour": cut["ordered_hour"],
            "order_id": cut["order_id"].astype("category"),
            "product_id": product_id,
            "amount": integers(cut["amount"], 100),
            "quantity": integers(_column(cut, "quantity", 0.0), 1000),
            "discount": integers(_column(cut, "discount", 0.0), 100),
            "coupon_discount": integers(_column(cut, "coupon_discount", 0.0), 100),
            "products": _codes(product_id),
            "categories": _codes(product_id.map(described["category"])),
            "departments": _codes(product_id.map(described["department"])),
            "stores": _codes(_column(cut, "store_id", None)),
            "channels": _codes(_column(cut, "channel", None)),
            "is_private_label": product_id.map(described["is_private_label"]).eq(True).fillna(False).astype("bool"),
            "promotion_id": _column(cut, "promotion_id", None),
            "payer": _column(cut, "payer", None),
        }
    )


def _column(frame: pd.DataFrame, name: str, otherwise: float | None) -> pd.Series:
    """An optional column, or one that says `otherwise` throughout."""
    if name in frame.columns:
        return frame[name]
    return pd.Series(otherwise, index=frame.index, dtype="str" if otherwise is None else "float64")


def _codes(values: pd.Series) -> pd.Series:
    return values.astype("str").fillna(UNKNOWN).astype("category")


def days_of(lines: pd.DataFrame, ended_benefit_days: pd.DataFrame) -> pd.DataFrame:
    """One row a customer and day with a purchase, sorted: each measure of a day as a column, in integers."""
    days = _marked(lines).groupby(DAY).sum()
    number = days.index.get_level_values("day")
    weekday = (number + THURSDAY) % windows.WEEK_DAYS
    measures = days.assign(
        purchase_days=1,
        orders=lines.drop_duplicates([*DAY, "order_id"]).groupby(DAY).size(),
        list_amount=days["amount"] + days["discount"],
        weekend_days=(weekday >= 5).astype("int64"),
        weekdays=weekday,
        full_price_days=(days["discount"] == 0).astype("int64"),
        promotion_only_days=(days["discounted_lines"] == days["lines"]).astype("int64"),
        new_product_lines=_new_products(lines).reindex(days.index, fill_value=0),
    )
    rows = measures.reset_index().astype({"customer_id": "str"})
    return rows.assign(ended_benefit_days=_is_among(rows[DAY], ended_benefit_days).astype("int64"))


def _marked(lines: pd.DataFrame) -> pd.DataFrame:
    """What a day sums up, a line."""
    marks = {
        "lines": pd.Series(True, index=lines.index),
        "discounted_lines": lines["discount"] > 0,
        "coupon_lines": lines["coupon_discount"] > 0,
        "promotion_lines": lines["promotion_id"].notna(),
        "private_label_lines": lines["is_private_label"],
        "evening_lines": lines["hour"] >= 17,
        "morning_lines": lines["hour"] < 11,
        "employer_lines": lines["payer"].eq("employer").fillna(False),
    }
    counted = {name: mark.astype("int64") for name, mark in marks.items()}
    return lines[[*DAY, "amount", "quantity", "discount"]].assign(**counted)


def _new_products(lines: pd.DataFrame) -> pd.Series:
    """How many products the customer bought for the first time, by the customer and day on which any was."""
    firsts = lines.groupby(["customer_id", "products"])["day"].min().reset_index()
    return firsts.groupby(DAY).size()


def _is_among(days: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    return days.merge(others.assign(is_among=True), on=DAY, how="left")["is_among"].notna()
