"""What customers like: the favourite category, and one product to name because it is due."""

from __future__ import annotations

from datetime import date

import pandas as pd

from contracts.params import Portray
from contracts.windows import day_numbers, days_until
from contracts.words import Words

UNNAMED = "unknown"
LEAST_REPEATS = 3  # purchase days of one product before its own rhythm is believed


def nameable(lines: pd.DataFrame, limits: Portray) -> pd.DataFrame:
    """The lines whose category and product type may be named in a message."""
    silent = [UNNAMED, *limits.unnamed_categories]
    return lines[
        ~lines["category"].isin(silent) & ~lines["product_type"].isin([UNNAMED, *limits.unnamed_product_types])
    ]


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


def product_rhythms(named: pd.DataFrame, cutoff: date, words: Words) -> pd.DataFrame:
    """One row per customer and `product` of `spoken`: `category`, `n_days`, `usual_gap_days`, `silence_days`, `is_due`.

    Due: bought on at least three days, and nothing of the same words bought for at least the usual gap.
    """
    keys = ["customer_id", "category", "product"]
    days = named[[*keys, "ordered_on"]].drop_duplicates().sort_values([*keys, "ordered_on"], ignore_index=True)
    number = pd.Series(day_numbers(days["ordered_on"]), index=days.index)
    days["gap_days"] = number.groupby([days[key] for key in keys], observed=True).diff()
    groups = days.groupby(keys, observed=True)
    table = pd.DataFrame(
        {
            "n_days": groups.size(),
            "usual_gap_days": groups["gap_days"].median(),
            "silence_days": days_until(groups["ordered_on"].max(), cutoff),
        }
    )
    table = table.reset_index()
    word = words.column(table["product"])
    unsaid = table.groupby([table["customer_id"], word], observed=True)["silence_days"].transform("min")
    table["is_due"] = (table["n_days"] >= LEAST_REPEATS) & (unsaid >= table["usual_gap_days"])
    return table


def matched_product(rhythms: pd.DataFrame, favourite: pd.Series) -> pd.DataFrame:
    """`matched_product`: due in the favourite category, else due at all, else the most bought; ties by name.

    Among those the one with most purchase days comes first. `due_product` is the same if it is due, else empty.
    """
    liked = favourite.reindex(rhythms["customer_id"]).to_numpy(dtype=object)
    is_favourite = rhythms["category"].to_numpy(dtype=object) == liked
    order = rhythms.assign(in_favourite=rhythms["is_due"] & is_favourite, at_home=is_favourite)
    ranked = order.sort_values(
        ["customer_id", "in_favourite", "is_due", "at_home", "n_days", "product"],
        ascending=[True, False, False, False, False, True],
    )
    best = ranked.drop_duplicates("customer_id").set_index("customer_id")
    product = best["product"].astype("str")
    return pd.DataFrame({"matched_product": product, "due_product": product.where(best["is_due"], "")})
