"""Features from purchase lines: baskets, variety, stores, price and promotion.

Every function takes a cut and gives one array a feature, with one entry a customer code.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.history import Cut, Lines
from features.time_families import Columns, first_and_last_day, ratio

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WINDOW_DAYS = 91


def n_distinct(cut: Cut, customer: Ints, code: Ints) -> Floats:
    """Number of distinct codes a customer."""
    width = int(code.max(initial=0)) + 1
    return cut.per_customer(pd.unique(customer * width + code) // width)


def shares_of(cut: Cut, customer: Ints, code: Ints) -> tuple[Ints, Floats]:
    """For each distinct (customer, code): the customer, and the code's share of the customer's entries."""
    width = int(code.max(initial=0)) + 1
    entry, pairs = pd.factorize(customer * width + code)
    owner, n = np.asarray(pairs) // width, np.bincount(entry).astype(np.float64)
    return owner, n / cut.per_customer(owner, n)[owner]


def top_share(cut: Cut, customer: Ints, code: Ints) -> Floats:
    """Share of the most frequent code a customer; NaN without entries."""
    owner, shares = shares_of(cut, customer, code)
    best = np.zeros(cut.n_customers)
    np.maximum.at(best, owner, shares)
    return np.where(best > 0, best, np.nan)


def entropy(cut: Cut, customer: Ints, code: Ints) -> Floats:
    """Shannon entropy (nats) of a customer's codes; NaN without entries."""
    owner, shares = shares_of(cut, customer, code)
    total = cut.per_customer(owner, -shares * np.log(shares))
    return np.where(cut.per_customer(owner) > 0, total, np.nan)


def _order_amounts(lines: Lines) -> tuple[Ints, Floats]:
    """Owner and amount of each order in the lines."""
    entry, _ = pd.factorize(lines.order)
    _, first = np.unique(entry, return_index=True)
    return lines.customer[first], np.bincount(entry, lines.amount, minlength=len(first)).astype(np.float64)


def basket(cut: Cut) -> Columns:
    """Size and worth of the customer's orders."""
    recent = cut.recent_lines(WINDOW_DAYS)
    owner, amounts = _order_amounts(recent)
    n_orders = cut.per_customer(owner)
    mean = ratio(cut.per_customer(owner, amounts), n_orders)
    spread = cut.per_customer(owner, (amounts - mean[owner]) ** 2)
    _, last = first_and_last_day(cut)
    on_last_day = cut.days.day == last[cut.days.customer]
    last_amount = cut.per_customer(cut.days.customer[on_last_day], cut.days.amount[on_last_day])
    usual = ratio(cut.per_customer(cut.days.customer, cut.days.amount), cut.per_customer(cut.days.customer))
    return {
        "lines_per_order_91d": ratio(cut.per_customer(recent.customer), n_orders),
        "quantity_91d": cut.per_customer(recent.customer, recent.quantity),
        "amount_per_order_91d": mean,
        "order_amount_sd_91d": np.sqrt(ratio(spread, np.maximum(n_orders - 1, 0))),
        "last_purchase_day_amount_to_usual": ratio(last_amount, usual),
    }


def variety(cut: Cut) -> Columns:
    """How many different things the customer buys, how new they are, and how loyal to a store."""
    recent = cut.recent_lines(WINDOW_DAYS)
    n_lines = cut.per_customer(recent.customer)
    month = cut.recent_lines(28)
    return {
        "distinct_products_91d": n_distinct(cut, recent.customer, recent.product),
        "distinct_categories_28d": n_distinct(cut, month.customer, month.category),
        "distinct_categories_91d": n_distinct(cut, recent.customer, recent.category),
        "distinct_departments_91d": n_distinct(cut, recent.customer, recent.department),
        "distinct_products_life": cut.per_customer(cut.lines.customer, cut.lines.is_first_of_product),
        "category_entropy_91d": entropy(cut, recent.customer, recent.category),
        "top_category_share_91d": top_share(cut, recent.customer, recent.category),
        "new_product_share_91d": ratio(cut.per_customer(recent.customer, recent.is_first_of_product), n_lines),
        "top_store_share_91d": top_share(cut, recent.customer, recent.store),
        "distinct_stores_91d": n_distinct(cut, recent.customer, recent.store),
        "private_label_share_91d": ratio(cut.per_customer(recent.customer, recent.is_private_label), n_lines),
    }


def _discount_share(cut: Cut, lines: Lines) -> Floats:
    """Share of the list price that was given off."""
    given = cut.per_customer(lines.customer, lines.discount)
    return ratio(given, given + cut.per_customer(lines.customer, lines.amount))


def promotion(cut: Cut) -> Columns:
    """How much of what the customer buys is on promotion."""
    recent = cut.recent_lines(WINDOW_DAYS)
    n_lines = cut.per_customer(recent.customer)
    in_window = cut.in_window(cut.days.day, WINDOW_DAYS)
    full_price = in_window & (cut.days.discount == 0)
    return {
        "discount_share_28d": _discount_share(cut, cut.recent_lines(28)),
        "discount_share_91d": _discount_share(cut, recent),
        "discounted_line_share_91d": ratio(cut.per_customer(recent.customer, recent.discount > 0), n_lines),
        "coupon_line_share_91d": ratio(cut.per_customer(recent.customer, recent.coupon_discount > 0), n_lines),
        "full_price_day_share_91d": ratio(
            cut.per_customer(cut.days.customer[full_price]), cut.per_customer(cut.days.customer[in_window])
        ),
    }
