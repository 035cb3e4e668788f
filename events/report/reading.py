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
CODED = {"customer_id": "customer", "product_id": "product", "store_id": "store"}
NOT_KEPT = ("order_id", "ordered_on", "known_at", "undone_at")
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
    compact = _Compact()
    parts = [compact.part(_bucket(root, facts, bucket), facts) for bucket in facts["buckets"]]
    lines = pd.concat(parts, ignore_index=True)
    products = read_side(root, "products", facts)
    return Look(
        facts,
        lines,
        read_lines(root, "returns", facts, RETURN_COLUMNS),
        read_lines(root, "rejects", facts, REJECT_COLUMNS),
        products,
        _absent(facts, products),
        compact.n_undone_later,
        compact.ids(),
    )


def _absent(facts: dict[str, Any], products: pd.DataFrame) -> frozenset[str]:
    """What the shop does not record; what its products table tells is not missed in the lines."""
    described = {name for name in DESCRIBED if products[name].notna().any()}
    told = {ours for ours, given in LINE_NAMES.items() if given in described}
    return frozenset(facts["absent"]) - told


def _bucket(root: Path, facts: dict[str, Any], bucket: dict[str, Any]) -> pd.DataFrame:
    return read_lines(root, "purchases", {**facts, "buckets": [bucket]}, PURCHASE_COLUMNS)


class _Compact:
    """Texts as numbers, bucket by bucket, so that the texts of one bucket alone are in memory."""

    def __init__(self) -> None:
        self.n_undone_later = 0
        self._n_orders = 0
        self._numbers: dict[str, dict[str, int]] = {ours: {} for ours in CODED.values()}

    def part(self, lines: pd.DataFrame, facts: dict[str, Any]) -> pd.DataFrame:
        """One bucket's standing lines."""
        self.n_undone_later += int(lines["undone_at"].notna().sum())
        lines = windows.rows_before(lines, date.fromisoformat(facts["data_end_on"]), facts["time_zone"])
        codes = {ours: self._coded(lines, given, ours) for given, ours in CODED.items()}
        order, n_orders = _orders(lines["order_id"], codes["customer"])
        codes["order"], self._n_orders = order + self._n_orders, self._n_orders + n_orders
        codes["day"] = windows.day_numbers(lines["ordered_on"])
        kept = [name for name in lines.columns if name not in (*CODED, *NOT_KEPT, "source")]
        sources = pd.CategoricalDtype(pd.Index(sorted({part["source"] for part in facts["parts"]}), dtype="str"))
        narrow = {ours: column.astype(np.int32) for ours, column in codes.items()}
        return lines[kept].assign(source=lines["source"].astype(sources), **narrow)

    def _coded(self, lines: pd.DataFrame, given: str, ours: str) -> Ints:
        if given not in lines.columns:
            return np.full(len(lines), -1, dtype=np.int64)
        numbers = self._numbers[ours]
        codes, distinct = pd.factorize(lines[given])
        mapped = [numbers.setdefault(str(name), len(numbers)) for name in distinct]
        return np.array([*mapped, -1], dtype=np.int64)[codes]

    def ids(self) -> dict[str, pd.Index]:
        """Ids by number."""
        return {name: pd.Index(list(self._numbers[name]), dtype="str") for name in ("customer", "product")}


def _orders(order_id: pd.Series, customer: Ints) -> tuple[Ints, int]:
    """Each customer's own orders numbered, and how many: a customer's lines are all in one bucket."""
    codes, distinct = pd.factorize(order_id)
    numbers, found = pd.factorize(customer * (len(distinct) + 1) + codes)
    return numbers.astype(np.int64), len(found)


def orders(look: Look) -> pd.DataFrame:
    """One row an order, as its first line says: `customer`, `day`, `ordered_at`."""
    return look.lines.loc[~look.lines["order"].duplicated(), ["customer", "day", "ordered_at"]]
