"""What the comparison of prices says: the finding that stands first, and the products behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from contracts.params import Inspect
from events.report.findings import Finding, percent
from events.report.look import Look
from events.report.prices import SMALLEST, Comparison, Gap

WHERE = "purchases.amount"
N_PRODUCTS = 10


def signed(share: float) -> str:
    """A relative difference in words.

    >>> signed(0.1), signed(-0.0023)
    ('+10.0 %', '−0.2 %')
    """
    return f"{100 * share:+.1f} %".replace("-", "−")


def price_finding(look: Look, found: Gap | None, limits: Inspect) -> Finding:
    """The gap of net prices between customers of long and of short standing, or why it cannot be told."""
    if found is None:
        return _not_computed(look, limits)
    where = "product, week and store" if "store_id" not in look.absent else "product and week"
    unit = "net unit price" if "quantity" not in look.absent else "net amount a line (no quantity is recorded)"
    loyal = f"Customers of long standing (first purchase {limits.long_standing_days} days ago or more)"
    size = (
        "as much as"
        if abs(found.gap) <= SMALLEST
        else f"{percent(abs(found.gap), 2)} {'more' if found.gap > 0 else 'less'} than"
    )
    said = (
        f"{loyal} pay {size} newer ones: {unit} for the same {where}, mean of "
        f"{found.n_cells:,} such cells with {found.n_lines:,} lines, {_interval(found)}, {look.dates}."
    )
    share = found.n_lines / max(look.n_lines, 1)
    if found.is_against_the_loyal:
        remedy = (
            "Loyalty is never punished: find which promotions, coupons or newcomers' prices make the gap (products "
            "below), "
            "and let every regular claim them."
        )
        return Finding("error", said, WHERE, found.n_cells, "cells", remedy, share)
    sure = "No gap against the loyal is shown" if np.isfinite(found.low) else "Too few customers for an interval"
    return Finding("note", said, WHERE, found.n_cells, "cells", f"{sure}: nothing to do.", share)


def _interval(found: Gap) -> str:
    if not np.isfinite(found.low):
        return "no interval"
    return f"95 % interval {signed(found.low)} to {signed(found.high)} (closed form, clustered)"


def _not_computed(look: Look, limits: Inspect) -> Finding:
    if "product_id" in look.absent:
        why, remedy = "no products are recorded", "Map the product's column (ingest.format.columns)."
    elif (look.end - look.first_on).days <= limits.long_standing_days:
        n_days = (look.end - look.first_on).days
        why = f"the data covers {n_days} days, and long standing begins at {limits.long_standing_days}"
        remedy = "Bring in a longer history, or lower inspect.long_standing_days."
    else:
        why = "no product was bought in the same week and store by customers of long and of short standing"
        remedy = "Nothing; with more customers it can be told."
    said = f"Whether loyal customers pay more cannot be told: {why}, {look.dates}."
    return Finding("note", said, WHERE, 0, "cells", remedy)


def dearest_products(look: Look, products: pd.DataFrame) -> list[dict[str, Any]]:
    """The products with the largest gap against customers of long standing: `product`, `gap`, interval, `lines`."""
    ordered = products.assign(weight=-products["gap"] * products["n_lines"]).sort_values(["weight", "number"])
    return [_named(row, look) for row in ordered.head(N_PRODUCTS).to_dict("records")]


def _named(row: dict[Any, Any], look: Look) -> dict[str, Any]:
    product = str(look.standing.products.names()[row["number"]])
    told = look.products[look.products["product_id"] == product]
    texts = [
        str(told[name].iloc[0]) for name in ("category", "product_type") if len(told) and told[name].notna().iloc[0]
    ]
    ends = {name: row[name] if np.isfinite(row[name]) else None for name in ("low", "high")}
    return {"product": product, "described": ", ".join(texts), "gap": row["gap"], **ends, "lines": row["n_lines"]}


def price_measures(look: Look, compared: Comparison) -> dict[str, Any]:
    """The comparison in numbers, and the products with the largest gaps."""
    found = compared.gap
    if found is None:
        return {"gap": None, "low": None, "high": None, "cells": 0, "lines": 0, "products": []}
    ends = {name: end if np.isfinite(end) else None for name, end in (("low", found.low), ("high", found.high))}
    products = dearest_products(look, compared.products)
    return {"gap": found.gap, **ends, "cells": found.n_cells, "lines": found.n_lines, "products": products}
