"""What customers like: the favourite category, and one product to name because it is due."""

from __future__ import annotations

from datetime import date

import pandas as pd

from contracts.params import Portray
from contracts.windows import WEEK_DAYS, day_numbers, days_until

UNNAMED = "unknown"
LEAST_REPEATS = 3  # purchase days of one product type before its own rhythm is believed


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


def product_rhythms(recent: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """One row per customer and product type: `category`, `n_days`, `usual_gap_days`, `silence_days`, `is_due`.

    Due: bought on at least three days, and the usual gap ends before the coming week does.
    """
    keys = ["customer_id", "category", "product_type"]
    days = recent[[*keys, "ordered_on"]].drop_duplicates().sort_values([*keys, "ordered_on"], ignore_index=True)
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
    due_in_days = table["usual_gap_days"] - table["silence_days"]
    table["is_due"] = (table["n_days"] >= LEAST_REPEATS) & (due_in_days < WEEK_DAYS)
    return table.reset_index()


def matched_product(rhythms: pd.DataFrame, favourite: pd.Series) -> pd.Series:
    """The product type to name: due in the favourite category, else due at all, else the most bought; ties by name.

    Among those the one with most purchase days comes first.
    """
    liked = favourite.reindex(rhythms["customer_id"]).to_numpy(dtype=object)
    is_favourite = rhythms["category"].to_numpy(dtype=object) == liked
    order = rhythms.assign(in_favourite=rhythms["is_due"] & is_favourite, at_home=is_favourite)
    ranked = order.sort_values(
        ["customer_id", "in_favourite", "is_due", "at_home", "n_days", "product_type"],
        ascending=[True, False, False, False, False, True],
    )
    return ranked.drop_duplicates("customer_id").set_index("customer_id")["product_type"].astype("str")
