"""The two sheets beside the weekly list, made by rules: whom to win back, and whom to welcome.

Neither is a risk list: the gone have no score, and newcomers are helped, not kept. The controls of the week stand in
neither.
"""

from __future__ import annotations

import pandas as pd

LEFT_ALONE = ("control", "universal", "awaited")
WIN_BACK_COLUMNS = (
    "week", "data_through", "customer_id", "spend_ever", "currency", "tier", "n_purchase_days", "first_purchase_on",
    "last_purchase_on", "usual_gap_days", "favourite_category", "lapsed_product", "last_contact_on", "last_offer",
    "last_outcome", "consented_channels", "has_open_complaint", "promise",
)  # fmt: skip
WELCOME_COLUMNS = (
    "week", "data_through", "customer_id", "first_purchase_on", "expected_by_on", "spend", "currency",
    "matched_product", "favourite_category", "offer", "codes", "offer_text", "channel", "send_on", "act_by",
    "valid_until", "consented_channels",
    "has_open_complaint", "promise",
)  # fmt: skip


def win_back(customers: pd.DataFrame) -> pd.DataFrame:
    """The gone by past value: one row a customer of the full table who is gone and did not refuse marketing.

    Amounts in `currency`; the customer who spent most so far comes first, ties by id.
    """
    gone = customers[(customers["state"] == "gone") & ~customers["no_marketing"] & ~customers["arm"].isin(LEFT_ALONE)]
    ordered = gone.sort_values(["spend_ever", "customer_id"], ascending=[False, True], ignore_index=True)
    return ordered[list(WIN_BACK_COLUMNS)]


def welcome(customers: pd.DataFrame) -> pd.DataFrame:
    """Newcomers awaiting a second purchase: one row a customer with one purchase day who is not gone, latest first.

    `expected_by_on` is the first purchase and the shop's usual gap (the median of its customers' own) after it.
    """
    waiting = (customers["n_purchase_days"] == 1) & (customers["state"] != "gone")
    rows = customers[waiting & ~customers["arm"].isin(LEFT_ALONE) & ~customers["no_marketing"]]
    usual_gap = pd.to_timedelta(customers["usual_gap_days"].median(), unit="D")
    expected = (rows["last_purchase_on"] + usual_gap).dt.ceil("D").astype("datetime64[us]")
    ordered = rows.assign(expected_by_on=expected).sort_values(
        ["first_purchase_on", "customer_id"], ascending=[False, True], ignore_index=True
    )
    return ordered[list(WELCOME_COLUMNS)]
