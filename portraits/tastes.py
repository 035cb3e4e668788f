"""What customers like, and what may be spoken of."""

from __future__ import annotations

import pandas as pd

from contracts.params import Portray
from contracts.words import Words

UNNAMED = "unknown"


def nameable(lines: pd.DataFrame, limits: Portray) -> pd.DataFrame:
    """The lines whose category may be named in a message, and whose product type, where there is one, as well."""
    silent = [UNNAMED, *limits.unnamed_categories]
    return lines[~lines["category"].isin(silent) & ~lines["product_type"].isin(limits.unnamed_product_types)]


def favourite_category(recent: pd.DataFrame) -> pd.DataFrame:
    """One row per customer: `favourite_category` (most purchase days, then spend, then name), `category_days`."""
    days = recent[["customer_id", "category", "ordered_on"]].drop_duplicates()
    table = days.groupby(["customer_id", "category"], observed=True).size().rename("category_days").to_frame()
    table["amount"] = recent.groupby(["customer_id", "category"], observed=True)["amount"].sum().round(2)
    ranked = table.reset_index().sort_values(
        ["customer_id", "category_days", "amount", "category"], ascending=[True, False, False, True]
    )
    best = ranked.drop_duplicates("customer_id").set_index("customer_id")
    return best[["category", "category_days"]].rename(columns={"category": "favourite_category"})


def spoken(lines: pd.DataFrame, words: Words) -> pd.DataFrame:
    """The lines that can be spoken of, each with `product`: its type, else its category, whichever has words first."""
    by_type = lines["product_type"].astype("str")
    by_category = lines["category"].astype("str")
    product = by_type.where(by_type.isin(words.names), by_category.where(by_category.isin(words.names), ""))
    return lines.assign(product=product)[product != ""]
