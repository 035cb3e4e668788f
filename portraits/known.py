"""What a shop knows, and as much of it as was known before a cutoff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

import pandas as pd

from contracts.portrait_facts import UNKNOWN
from contracts.windows import rows_before

DESCRIBED = ("category", "product_type", "is_private_label")
REDUCTIONS = ("discount", "coupon_discount")
READ = (
    "customer_id", "order_id", "ordered_on", "ordered_hour", "product_id", "store_id", "channel", "amount", "quantity",
    *REDUCTIONS, "payer", "invoice_requested",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What a shop knows, as far as portraits read it; `absent` names what it does not record.

    `same_as` gives the id as which a further id of one person counts; purchases, contacts and the like bear it already.
    """

    purchases: pd.DataFrame
    products: pd.DataFrame
    contacts: pd.DataFrame
    responses: pd.DataFrame
    no_marketing: frozenset[str] = frozenset()
    consents: pd.DataFrame | None = None
    absent: frozenset[str] = frozenset()
    customers: pd.DataFrame | None = None
    interactions: pd.DataFrame | None = None
    same_as: Mapping[str, str] = field(default_factory=dict)


def known_lines(known: Known, cutoff: date, time_zone: str) -> pd.DataFrame:
    """The purchase lines before the cutoff, with their product's names; texts as categories.

    What the shop does not record is 'unknown' (names), 0 (reductions) or missing; no label is made of it.
    """
    lines = rows_before(known.purchases, cutoff, time_zone)
    lines = lines[[name for name in READ if name in lines.columns]]
    lines = lines.assign(**{name: _texts(lines, name) for name in ("store_id", "channel")})
    for name in REDUCTIONS:
        lines[name] = lines[name].fillna(0.0) if name in lines.columns else 0.0
    if "quantity" not in lines.columns:
        lines["quantity"] = float("nan")
    lines["product_id"] = lines["product_id"].fillna(UNKNOWN) if "product_id" in lines.columns else UNKNOWN
    lines = lines.merge(_described(known.products), on="product_id", how="left")
    lines = lines.fillna({"category": UNKNOWN, "product_type": UNKNOWN, "is_private_label": 0.0})
    return lines.astype({"customer_id": "category", "order_id": "category"}).reset_index(drop=True)


def _texts(lines: pd.DataFrame, name: str) -> pd.Series:
    said = lines[name].fillna(UNKNOWN) if name in lines.columns else pd.Series(UNKNOWN, index=lines.index)
    return said.astype("category")


def _described(products: pd.DataFrame) -> pd.DataFrame:
    """What each product is called: categories in order of name, so that lines carry numbers and not texts."""
    table = products[["product_id", *DESCRIBED]].copy()
    for name in ("category", "product_type"):
        known = pd.Index([*table[name].dropna().unique(), UNKNOWN], dtype="str").unique().sort_values()
        table[name] = table[name].fillna(UNKNOWN).astype(pd.CategoricalDtype(known))
    table["is_private_label"] = table["is_private_label"].astype("boolean").fillna(False).astype("float64")
    return table


Found = TypeVar("Found", pd.DataFrame, pd.Series)


def aligned(found: Found, customers: pd.Index) -> Found:
    """The rows of `found`, by customer, in the order of `customers`; missing for those without.

    By names, whatever kind of index holds them: pandas cannot look anything up in an empty index of categories.
    """
    named = found.set_axis(found.index.astype("str"))
    return named.reindex(customers.astype("str")).set_axis(customers)


def by_customer(values: pd.Series, customers: pd.Index, missing: object) -> pd.Series:
    """A value for each customer, `missing` for those without."""
    found = aligned(values, customers).astype("object")
    return found.where(found.notna(), missing)


def counted(ids: pd.Series, customers: pd.Index) -> pd.Series:
    """How often each customer's id occurs."""
    return by_customer(ids.value_counts(), customers, 0).astype("int64")
