"""What the report reads of a store: standing purchases as compact columns, and what was undone or rejected."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts import windows
from events.manifest import read_manifest
from events.store import DESCRIBED, read_lines, read_side

Ints = npt.NDArray[np.int64]
PURCHASE_COLUMNS = (
    "source",
    "source_line",
    "customer_id",
    "order_id",
    "ordered_at",
    "ordered_on",
    "ordered_hour",
    "product_id",
    "store_id",
    "quantity",
    "amount",
    "payer_recognised",
    "known_at",
    "undone_at",
)
CODED = {"customer_id": "customer", "order_id": "order", "product_id": "product", "store_id": "store"}
RETURN_COLUMNS = ("source", "source_line", "kind", "amount")
REJECT_COLUMNS = ("source", "source_line", "rule", "ordered_at", "amount")
LINE_NAMES = {"category": "category", "product_name": "product_type"}
"""Columns of lines that the products table may give as well, under these names."""


@dataclass(frozen=True)
class Look:
    """One look at a store.

    `lines` are the purchases that stand at data end. `customer`, `order`, `product` and `store` are numbers from 0
    (-1: not recorded), an order being a customer's own; `day` counts from 1970-01-01. `ids` are the customers' and
    products' ids by number: a customer's may leave this object only by `suspicious_accounts`.
    """

    facts: dict[str, Any]
    lines: pd.DataFrame
    returns: pd.DataFrame
    rejects: pd.DataFrame
    products: pd.DataFrame
    absent: frozenset[str]
    n_undone_later: int
    ids: dict[str, pd.Index] = field(repr=False)

    @property
    def first_on(self) -> date:
        """Local day of the first sale."""
        return date.fromisoformat(self.facts["first_sale_on"])

    @property
    def last_on(self) -> date:
        """Local day of the last sale."""
        return date.fromisoformat(self.facts["last_sale_on"])

    @property
    def end(self) -> date:
        """The day after the last sale."""
        return date.fromisoformat(self.facts["data_end_on"])

    @property
    def dates(self) -> str:
        """First and last day in words."""
        return f"{self.first_on} to {self.last_on}"

    @property
    def zone(self) -> str:
        """The store's time zone."""
        return str(self.facts["time_zone"])

    @property
    def files(self) -> dict[str, str]:
        """File names by what stands in the lines' column `source`; of equal files the first."""
        return {part["source"]: part["name"] for part in reversed(self.facts["parts"])}

    @property
    def n_customers(self) -> int:
        """Customers with a purchase that stands."""
        return len(self.ids["customer"])

    @cached_property
    def n_open_days(self) -> int:
        """Days with a sale."""
        return int(self.purchase_days["day"].nunique())

    @cached_property
    def purchase_days(self) -> pd.DataFrame:
        """One row a customer and day with a purchase: `customer`, `day`; by customer and day."""
        days = self.column("day")
        first = days.min()
        span = int(days.max() - first) + 1
        keys = np.sort(pd.unique(self.column("customer") * span + (days - first)))
        return pd.DataFrame({"customer": keys // span, "day": keys % span + first})

    def column(self, name: str) -> Ints:
        """A column of numbers of the standing lines."""
        return self.lines[name].to_numpy(dtype=np.int64)


def look_at(root: Path) -> Look:
    """Read what the report needs of the store at `root`."""
    facts = read_manifest(root)
    read = read_lines(root, "purchases", facts, PURCHASE_COLUMNS)
    standing = windows.rows_before(read, date.fromisoformat(facts["data_end_on"]), facts["time_zone"])
    lines, ids = _compact(standing.reset_index(drop=True))
    products = read_side(root, "products", facts)
    return Look(
        facts,
        lines,
        read_lines(root, "returns", facts, RETURN_COLUMNS),
        read_lines(root, "rejects", facts, REJECT_COLUMNS),
        products,
        _absent(facts, products),
        int(read["undone_at"].notna().sum()),
        ids,
    )


def _absent(facts: dict[str, Any], products: pd.DataFrame) -> frozenset[str]:
    """What the shop does not record; what its products table tells is not missed in the lines."""
    described = {name for name in DESCRIBED if products[name].notna().any()}
    told = {ours for ours, given in LINE_NAMES.items() if given in described}
    return frozenset(facts["absent"]) - told


def _compact(lines: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.Index]]:
    """Texts as numbers."""
    ids: dict[str, pd.Index] = {}
    codes: dict[str, Ints] = {}
    for given, ours in CODED.items():
        if given in lines.columns:
            found, ids[ours] = pd.factorize(lines[given])
            codes[ours] = found.astype(np.int64)
        else:
            codes[ours], ids[ours] = np.full(len(lines), -1, dtype=np.int64), pd.Index([])
    codes["order"] = pd.factorize(codes["order"] * len(ids["customer"]) + codes["customer"])[0].astype(np.int64)
    kept = [name for name in lines.columns if name not in (*CODED, "known_at", "undone_at", "ordered_on")]
    return lines[kept].assign(**codes, day=windows.day_numbers(lines["ordered_on"])), {
        name: ids[name] for name in ("customer", "product")
    }


def orders(look: Look) -> pd.DataFrame:
    """One row an order, as its first line says: `customer`, `day`, `ordered_at`."""
    return look.lines.drop_duplicates("order")[["customer", "day", "ordered_at"]]
