"""The features that the model reads unless `train.features` is `all`: few, stable, none a second of another.

Chosen on inner forward folds of two shops, a grocer's one year and an online wholesaler's two; test cutoffs played no
part. docs/benchmarks/feature_selection.md has the rule and the evidence, `benchmarks/selection.py` makes it again. A
shop that has no data for some of them reads the rest. Counts over more than half a year are left out on purpose:
while a history is short they tell the date, and extrapolate. The count of the same season a year before stays, though
it has that fault too: no set without it kept within .001 AUC of all features on both shops.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

LEAN: tuple[str, ...] = (
    # recency
    "days_since_last_purchase",
    # monetary
    "amount_28d",
    "amount_56d",
    "amount_91d",
    # decay
    "decayed_purchase_days_7d",
    "decayed_purchase_days_28d",
    "decayed_amount_14d",
    # gaps
    "gap_median_days",
    "gap_sd_days",
    "gap_sd_to_gap_mean",
    "gap_p25_days",
    "gap_p75_days",
    "gap_p90_days",
    "gap_last_days",
    "gap_recent_to_gap_mean",
    "silence_to_gap_median",
    # rhythm
    "weeks_active_4w",
    "weeks_active_8w",
    "weeks_active_13w",
    "weeks_active_26w",
    # basket
    "lines_per_order_91d",
    "quantity_91d",
    "order_amount_sd_91d",
    "last_amount_to_usual_amount",
    # variety
    "distinct_products_91d",
    "distinct_categories_28d",
    "top_category_share_91d_less_top_category_share_91d_before_91d",
    "new_product_line_share_91d",
    "top_store_share_91d",
    # promotion
    "discount_share_28d",
    "discount_share_91d",
    "coupon_line_share_91d",
    # returns
    "days_since_last_return",
    "returned_amount_life_to_amount_life",
    # campaigns
    "days_since_last_campaign",
    # season
    "store_purchase_days_28d_to_previous",
    "store_purchase_days_91d_to_previous",
    "purchase_days_91d_before_273d",
    # btyd
    "mbgnbd_p_alive",
    "mbgnbd_p_no_purchase",
)

LONG = (
    "tenure_days",
    "purchase_days_life",
    "purchase_days_182d",
    "purchase_days_364d",
    "purchase_day_rate_life",
    "amount_182d",
    "amount_364d",
    "amount_life",
    "mbgnbd_expected_purchases",
    "gap_mean_days",
    "gap_max_days",
    "silence_percentile",
    "weeks_active_52w",
)
"""What slow shops live by, read beside `LEAN`: where people come a few times a year, windows of 13 weeks are empty.

Inner folds of a third shop (CDNOW, 90 days) asked for them, and those of the others do not mind
(docs/decisions/0008-models.md).
"""

CALENDAR = ("season_sine", "season_cosine")
"""Read by every model, but only where the season of the judged weeks was seen a year before (`has_seen_season`)."""
YEAR_DAYS = 364


def has_seen_season(cutoffs: Sequence[date], label_days: int) -> bool:
    """Whether fitting cutoffs reach back to the season of what is judged next, a year before.

    >>> has_seen_season([date(2017, 1, 2), date(2017, 12, 4)], 28), has_seen_season([date(2017, 3, 6)], 28)
    (True, False)
    """
    judged_next = max(cutoffs) + timedelta(days=label_days)
    return (judged_next - min(cutoffs)).days >= YEAR_DAYS
