"""What customers spend and how much of it comes with a discount: value tier and promotion sensitivity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from contracts.params import Portray
from portraits.known import aligned


def spend(lines: pd.DataFrame, recent: pd.DataFrame) -> pd.DataFrame:
    """One row per customer of `lines`; `recent` are their lines of the last half-year.

    `spend_ever`; of the half-year `spend`, `list_price`, `discount`, `coupon_days`, and of its lines `own_brand_share`
    and `reduced_share` (with something off); `discount_share` of the list price (of the whole history for those
    without a purchase in the half-year).
    """
    ever = lines.groupby("customer_id", observed=True)[["amount", "discount"]].sum().round(2)
    groups = recent.groupby("customer_id", observed=True)
    late = aligned(groups[["amount", "discount"]].sum().round(2), ever.index)  # cents do not hang on the lines' order
    basis = late.fillna(ever)
    # days without a coupon become missing, which nunique passes over
    coupon_on = recent["ordered_on"].where(recent["coupon_discount"] > 0)
    with_coupon = coupon_on.groupby(recent["customer_id"], observed=True).nunique()
    reduced = recent["discount"] > 0
    return pd.DataFrame(
        {
            "spend": late["amount"].fillna(0.0),
            "list_price": (late["amount"] + late["discount"]).fillna(0.0),
            "discount": late["discount"].fillna(0.0),
            "discount_share": basis["discount"] / (basis["amount"] + basis["discount"]),
            "coupon_days": aligned(with_coupon, ever.index).fillna(0).astype("int64"),
            "own_brand_share": aligned(groups["is_private_label"].mean(), ever.index),
            "reduced_share": aligned(reduced.groupby(recent["customer_id"], observed=True).mean(), ever.index),
            "spend_ever": ever["amount"],
        }
    )


def value_edges(spent: pd.Series, limits: Portray) -> tuple[float, float]:
    """From which spend on a customer is of the top tier, and from which of the middle; `spent` is the whole shop's."""
    amounts, n = np.unique(spent.to_numpy(dtype=np.float64), return_counts=True)
    share_above = (len(spent) - np.cumsum(n)) / max(len(spent), 1)
    top, middle = (float(amounts[share_above < share].min(initial=np.inf)) for share in limits.value_tier_shares)
    return top, middle


def value_tier(spent: pd.Series, limits: Portray, edges: tuple[float, float] | None = None) -> pd.Series:
    """Top, middle or base by rank of spend; equal spend ranks alike, no spend is base.

    Without `edges` (`value_edges`), the rows are the whole shop.
    """
    top, middle = value_edges(spent, limits) if edges is None else edges
    named = np.select([spent <= 0, spent >= top, spent >= middle], ["base", "top", "middle"], "base")
    return pd.Series(named, index=spent.index, dtype="str")


def promotion_sensitivity(discount_share: pd.Series, limits: Portray) -> pd.Series:
    """Full-price, mixed or promotion-led by the share of the list price that was given off."""
    mixed, led = limits.promotion_shares
    named = np.select([discount_share >= led, discount_share >= mixed], ["promotion-led", "mixed"], "full-price")
    return pd.Series(named, index=discount_share.index, dtype="str")


def full_price_days(recent: pd.DataFrame) -> pd.Series:
    """On how many days of the half-year each customer bought and nothing was given off."""
    off = recent.groupby(["customer_id", "ordered_on"], observed=True)["discount"].sum()
    return (off <= 0).groupby("customer_id", observed=True).sum()
