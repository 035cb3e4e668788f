"""Measures of a line that hang on what other customers paid for its product."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from features.records import Feature
from features.reference.known import Known, in_window

NEW_DAYS = 91
"""So many days from the first purchase on, a customer is a newcomer."""


def unit_prices(lines: pd.DataFrame) -> pd.Series:
    """Hundredths paid for a thousandth, by product, over the lines that tell product and quantity."""
    telling = lines[lines["product_id"].notna() & (lines["quantity"] > 0)]
    sums = telling.groupby("product_id")[["amount", "quantity"]].sum()
    return sums["amount"] / sums["quantity"]


def price_rank(known: Known, _: Feature, rows: pd.DataFrame) -> pd.Series:
    """Rank of each line's product by unit price among the priced products of its category, from 0 to 1."""
    price = unit_prices(known.lines)
    category = known.lines.dropna(subset=["product_id"]).drop_duplicates("product_id").set_index("product_id")
    of_category = price.groupby(category["categories"].reindex(price.index))
    return _of_product(rows, (of_category.rank() - 0.5) / of_category.transform("size"))


def priced_amount(known: Known, feature: Feature, rows: pd.DataFrame) -> pd.Series:
    """Amount of each line whose product newcomers bought too."""
    return rows["amount"].where(_newcomers_price(known, feature, rows).notna())


def newcomers_amount(known: Known, feature: Feature, rows: pd.DataFrame) -> pd.Series:
    """What newcomers would have paid for each line whose product they bought too."""
    return rows["quantity"] * _newcomers_price(known, feature, rows)


def _newcomers_price(known: Known, feature: Feature, rows: pd.DataFrame) -> pd.Series:
    """Newcomers' unit price of each line's product; missing without a quantity above 0."""
    lines = known.lines[in_window(known, known.lines["day"], feature.window_days, feature.skip_days)]
    first = known.lines.groupby("customer_id")["day"].min()
    age_days = lines["day"] - lines["customer_id"].map(first).astype("int64")
    price = _of_product(rows, unit_prices(lines[age_days < NEW_DAYS]))
    return price.where(rows["quantity"] > 0)


def _of_product(rows: pd.DataFrame, values: pd.Series) -> pd.Series:
    """Values by product, once a line."""
    return rows["product_id"].map(values).astype("float64")


MEASURES: dict[str, Callable[[Known, Feature, pd.DataFrame], pd.Series]] = {
    "price_rank": price_rank,
    "priced_amount": priced_amount,
    "newcomers_price": newcomers_amount,
}
"""One value a line of `rows`, money in hundredths; missing where it is unknown."""
