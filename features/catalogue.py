"""The list of features: name, family, unit and meaning of each. The engine computes these and no others."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import ParameterError, nearest

COUNT_WINDOWS_DAYS = (7, 14, 28, 56, 91, 182)
AMOUNT_WINDOWS_DAYS = (28, 56, 91, 182)
HALF_LIVES_DAYS = (7, 14, 28, 56)
WEEKS_ACTIVE = (4, 8, 13, 26)


@dataclass(frozen=True)
class Feature:
    """One column of the feature table."""

    name: str
    family: str
    unit: str
    meaning: str


def _f(family: str, *rows: tuple[str, str, str]) -> tuple[Feature, ...]:
    return tuple(Feature(name, family, unit, meaning) for name, unit, meaning in rows)


FEATURES: tuple[Feature, ...] = (
    *_f(
        "recency",
        ("days_since_last_purchase", "days", "days from the last purchase day to the cutoff"),
        ("tenure_days", "days", "days from the first purchase day to the cutoff"),
    ),
    *_f(
        "frequency",
        *((f"purchase_days_{d}d", "days", f"purchase days in the last {d} days") for d in COUNT_WINDOWS_DAYS),
        ("purchase_days_life", "days", "purchase days so far"),
        ("purchase_day_rate_life", "share", "share of the tenure's days with a purchase"),
        ("orders_91d", "orders", "orders in the last 91 days"),
    ),
    *_f(
        "monetary",
        *((f"amount_{d}d", "currency", f"amount paid in the last {d} days") for d in AMOUNT_WINDOWS_DAYS),
        ("amount_life", "currency", "amount paid so far"),
        ("amount_per_purchase_day_91d", "currency", "mean amount of a purchase day in the last 91 days"),
        ("amount_per_purchase_day_life", "currency", "mean amount of a purchase day so far"),
    ),
    *_f(
        "decay",
        *(
            (f"decayed_purchase_days_{d}d", "days", f"purchase days, each weighing half as much every {d} days")
            for d in HALF_LIVES_DAYS
        ),
        *(
            (f"decayed_amount_{d}d", "currency", f"amounts paid, each weighing half as much every {d} days")
            for d in HALF_LIVES_DAYS
            if d >= 14
        ),
    ),
    *_f(
        "gaps",
        ("gap_mean_days", "days", "mean days between purchase days"),
        ("gap_median_days", "days", "median days between purchase days"),
        ("gap_sd_days", "days", "standard deviation of the days between purchase days"),
        ("gap_cv", "ratio", "standard deviation of the gaps by their mean"),
        ("gap_p90_days", "days", "the gap that nine in ten of the customer's gaps do not exceed"),
        ("gap_max_days", "days", "longest gap so far"),
        ("gap_last_days", "days", "gap before the last purchase day"),
        ("gap_mean_last_5_days", "days", "mean of the last five gaps"),
        ("gap_recent_to_mean", "ratio", "mean of the last five gaps by the mean of all"),
        ("silence_to_gap_mean", "ratio", "present silence by the mean gap"),
        ("silence_to_gap_median", "ratio", "present silence by the median gap"),
        ("silence_percentile", "share", "share of the customer's own gaps that the present silence reaches"),
    ),
    *_f(
        "rhythm",
        *((f"weeks_active_{w}w", "weeks", f"of the last {w} weeks, those with a purchase") for w in WEEKS_ACTIVE),
        ("top_weekday_share_life", "share", "share of purchase days that fall on the favourite weekday"),
        ("weekend_share_life", "share", "share of purchase days on Saturday or Sunday"),
        ("evening_share_182d", "share", "share of lines bought from 17:00 on, last 182 days"),
        ("morning_share_182d", "share", "share of lines bought before 11:00, last 182 days"),
    ),
    *_f(
        "trend",
        ("purchase_days_28d_to_previous", "ratio", "purchase days of 28 days by those of the 28 before, pulled to 1"),
        ("amount_28d_to_previous", "ratio", "amount of 28 days by that of the 28 before, pulled to 1"),
        ("purchase_days_91d_to_previous", "ratio", "purchase days of 91 days by those of the 91 before, pulled to 1"),
        ("amount_91d_to_previous", "ratio", "amount of 91 days by that of the 91 before, pulled to 1"),
        ("weekly_slope_13w", "days a week", "slope of weekly purchase days over 13 weeks"),
        ("months_since_best_month_6m", "28 days", "28-day months since the best of the last six by amount"),
        ("amount_28d_to_best_month_6m", "ratio", "amount of the last 28 days by that of the best of six months"),
    ),
    *_f(
        "basket",
        ("lines_per_order_91d", "lines", "mean lines of an order, last 91 days"),
        ("quantity_91d", "units", "units bought in the last 91 days"),
        ("amount_per_order_91d", "currency", "mean amount of an order, last 91 days"),
        ("order_amount_sd_91d", "currency", "standard deviation of the amounts of orders, last 91 days"),
        ("last_purchase_day_amount_to_usual", "ratio", "amount of the last purchase day by the mean of all"),
    ),
    *_f(
        "variety",
        ("distinct_products_91d", "products", "different products in the last 91 days"),
        ("distinct_categories_28d", "categories", "different categories in the last 28 days"),
        ("distinct_categories_91d", "categories", "different categories in the last 91 days"),
        ("distinct_departments_91d", "departments", "different departments in the last 91 days"),
        ("distinct_products_life", "products", "different products so far"),
        ("category_entropy_91d", "nats", "entropy of the categories of lines, last 91 days"),
        ("top_category_share_91d", "share", "share of lines in the favourite category, last 91 days"),
        ("new_product_share_91d", "share", "share of lines with a product never bought before, last 91 days"),
        ("top_store_share_91d", "share", "share of lines bought in the usual store, last 91 days"),
        ("distinct_stores_91d", "stores", "different stores in the last 91 days"),
        ("private_label_share_91d", "share", "share of lines of the shop's own brand, last 91 days"),
    ),
    *_f(
        "promotion",
        ("discount_share_28d", "share", "share of the list price given off, last 28 days"),
        ("discount_share_91d", "share", "share of the list price given off, last 91 days"),
        ("discounted_line_share_91d", "share", "share of lines with a discount, last 91 days"),
        ("coupon_line_share_91d", "share", "share of lines with a coupon, last 91 days"),
        ("full_price_day_share_91d", "share", "share of purchase days without any discount, last 91 days"),
    ),
    *_f(
        "campaigns",
        ("campaigns_received_life", "campaigns", "campaigns received so far"),
        ("campaigns_received_91d", "campaigns", "campaigns received in the last 91 days"),
        ("days_since_last_campaign", "days", "days since the last campaign began"),
        ("coupons_redeemed_life", "coupons", "coupons redeemed so far"),
        ("coupons_redeemed_91d", "coupons", "coupons redeemed in the last 91 days"),
        ("days_since_last_redemption", "days", "days since the last redemption"),
    ),
    *_f(
        "season",
        ("purchase_days_28d_to_store_mean", "ratio", "purchase days of 28 days by the mean of active customers"),
        ("purchase_days_growth_28d_to_store", "ratio", "growth of purchase days over 28 days by the store's growth"),
    ),
    *_f(
        "btyd",
        ("mbgnbd_p_alive", "probability", "MBG/NBD: probability that the customer has not left"),
        ("mbgnbd_p_no_purchase", "probability", "MBG/NBD: probability of no purchase in the horizon"),
        ("mbgnbd_expected_purchases", "purchases", "MBG/NBD: expected purchase days in the horizon"),
    ),
)

BY_NAME = {feature.name: feature for feature in FEATURES}
FAMILIES = tuple(dict.fromkeys(feature.family for feature in FEATURES))


NEEDS = {
    "quantity_91d": "quantity",
    "distinct_products_91d": "product_id",
    "distinct_products_life": "product_id",
    "new_product_share_91d": "product_id",
    "distinct_categories_28d": "category",
    "distinct_categories_91d": "category",
    "category_entropy_91d": "category",
    "top_category_share_91d": "category",
    "distinct_departments_91d": "department",
    "top_store_share_91d": "store_id",
    "distinct_stores_91d": "store_id",
    "private_label_share_91d": "is_private_label",
    "evening_share_182d": "hour",
    "morning_share_182d": "hour",
    "discount_share_28d": "discount",
    "discount_share_91d": "discount",
    "discounted_line_share_91d": "discount",
    "full_price_day_share_91d": "discount",
    "coupon_line_share_91d": "coupon_discount",
    "campaigns_received_life": "contacts",
    "campaigns_received_91d": "contacts",
    "days_since_last_campaign": "contacts",
    "coupons_redeemed_life": "responses",
    "coupons_redeemed_91d": "responses",
    "days_since_last_redemption": "responses",
}
"""What a feature cannot be computed without; where the shop does not record it, the feature is left out."""


BASELINE_FAMILIES = ("recency", "frequency", "monetary", "gaps", "btyd")
"""Always computed: the mandatory baselines read them, and so do reasons and value at stake."""


def choose_families(names: list[str]) -> tuple[str, ...]:
    """The families to compute, in the catalogue's order: the named ones and the baselines'; an empty list means all.

    Raises:
        ParameterError: a name that is no family, with the nearest that is.
    """
    for name in names:
        if name not in FAMILIES:
            raise ParameterError(f"featurize.families: unknown family '{name}'{nearest(name, FAMILIES)}")
    return tuple(name for name in FAMILIES if not names or name in (*names, *BASELINE_FAMILIES))
