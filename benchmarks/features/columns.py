"""The 60 features that every engine computes: those of the catalogue that need purchase lines alone."""

from __future__ import annotations

KEYS = ("customer", "cutoff")
"""What one row of a result is: a customer with a purchase before the cutoff (a day number)."""

LINE_COLUMNS = (
    "customer",
    "day",
    "hour",
    "order",
    "product",
    "category",
    "store",
    "amount",
    "discount",
    "quantity",
)
"""The columns of the simulated lines; amounts in cents."""

N_FEATURES = 60
NAMES = (
    "days_since_last_purchase",
    "tenure_days",
    "purchase_days_7d",
    "purchase_days_14d",
    "purchase_days_28d",
    "purchase_days_56d",
    "purchase_days_91d",
    "purchase_days_182d",
    "purchase_days_364d",
    "purchase_days_life",
    "purchase_day_rate_life",
    "orders_91d",
    "amount_28d",
    "amount_56d",
    "amount_91d",
    "amount_182d",
    "amount_364d",
    "amount_life",
    "amount_per_purchase_day_91d",
    "amount_per_purchase_day_life",
    "decayed_purchase_days_7d",
    "decayed_purchase_days_14d",
    "decayed_purchase_days_28d",
    "decayed_purchase_days_56d",
    "decayed_amount_14d",
    "decayed_amount_28d",
    "decayed_amount_56d",
    "gap_mean_days",
    "gap_median_days",
    "gap_sd_days",
    "gap_sd_to_gap_mean",
    "gap_p90_days",
    "gap_max_days",
    "gap_last_days",
    "silence_to_gap_mean",
    "silence_to_gap_median",
    "silence_percentile",
    "weeks_active_4w",
    "weeks_active_8w",
    "weeks_active_13w",
    "top_weekday_share_life",
    "weekend_day_share_life",
    "evening_line_share_182d",
    "morning_line_share_182d",
    "purchase_days_28d_to_previous",
    "amount_28d_to_previous",
    "purchase_days_91d_to_previous",
    "amount_91d_to_previous",
    "lines_per_order_91d",
    "quantity_91d",
    "amount_per_order_91d",
    "distinct_products_91d",
    "distinct_categories_91d",
    "category_entropy_91d",
    "top_category_share_91d",
    "distinct_stores_91d",
    "discount_share_91d",
    "discounted_line_share_91d",
    "full_price_day_share_91d",
    "purchase_days_28d_to_store_mean",
)
"""In the catalogue's order; what each means is said in `features.vocabulary.AGGREGATIONS`."""

COUNT_WINDOWS_DAYS = (7, 14, 28, 56, 91, 182, 364)
AMOUNT_WINDOWS_DAYS = (28, 56, 91, 182, 364)
DAY_HALF_LIVES_DAYS = (7, 14, 28, 56)
AMOUNT_HALF_LIVES_DAYS = (14, 28, 56)
GROWTH_WINDOWS_DAYS = (28, 91)
WEEKS_ACTIVE = (4, 8, 13)
LINE_WINDOW_DAYS = 91
HOUR_WINDOW_DAYS = 182
EVENING_HOUR, NOON_HOUR = 17, 11
CENTS = 100.0
DAY_PRIOR, AMOUNT_PRIOR = 1.0, 10.0
"""What growth adds on both sides: purchase days, currency."""


def check() -> None:
    """Compare the list with the catalogue.

    Raises:
        ValueError: the list does not hold 60 distinct names, or holds one that the catalogue lacks.
    """
    from features.catalogue import BY_NAME  # noqa: PLC0415  (an engine's process does not pay for this import)

    unknown = [name for name in NAMES if name not in BY_NAME]
    if unknown or len(set(NAMES)) != N_FEATURES:
        raise ValueError(f"expected {N_FEATURES} names of the catalogue, got {len(set(NAMES))}; not in it: {unknown}")
