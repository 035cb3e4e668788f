"""One look at a store: what the report tells of its lines, counted some buckets after the other."""

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
from contracts.errors import SourceError
from events.manifest import part_names, read_manifest
from events.report.beside import Beside, beside
from events.report.findings import first_of, first_rows
from events.report.money import units
from events.report.reading import Ints, Standing, order_numbers
from events.report.visits import Visits, packed
from events.store import DESCRIBED, read_side

COLUMNS = ("source", "source_line", "order_id", "ordered_hour", "quantity", "amount", "payer_recognised")
LINE_NAMES = {"category": "category", "product_name": "product_type"}
"""Columns of lines that the products table may give as well, under these names."""
N_SLOTS = 1_000_003
SECOND_US = 1_000_000
MOST_COUNTS = 2_000_000


@dataclass(frozen=True)
class Look:
    """What was counted of the purchases that stand at data end.

    Arrays by day begin at the first sale's: `lines_on`, `orders_on`, `units_on` (amounts in units of `money`). By
    customer, in the order of `standing`: `visits`, `lines_of`, `amount_of`. `customers` are their ids, which may leave
    this object only by `suspicious_accounts`. `quantities` counts lines by `product` and `quantity`; `slots` orders by
    the slot of their instant (`slot_of`). `midnights` stand at the very beginning of a day.
    """

    facts: dict[str, Any]
    standing: Standing
    products: pd.DataFrame
    absent: frozenset[str]
    beside: Beside
    lines_on: Ints
    orders_on: Ints
    units_on: Ints
    visits: Visits
    lines_of: Ints
    amount_of: npt.NDArray[np.float64]
    quantities: pd.DataFrame | None
    slots: Ints
    n_payers: tuple[int, int]
    n_midnights: int
    first_midnights: pd.DataFrame
    sources: frozenset[str]
    n_undone_later: int
    customers: pd.Index = field(repr=False)

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
        """`part_names` of the store's files."""
        return part_names(self.facts["parts"])

    @property
    def n_customers(self) -> int:
        """Customers with a purchase that stands."""
        return len(self.customers)

    @property
    def n_lines(self) -> int:
        """Purchases that stand."""
        return int(self.lines_on.sum())

    @property
    def n_orders(self) -> int:
        """Their orders."""
        return int(self.orders_on.sum())

    @cached_property
    def days(self) -> Ints:
        """The day numbers of the arrays by day."""
        return windows.day_number(self.first_on) + np.arange(len(self.lines_on))

    @property
    def n_open_days(self) -> int:
        """Days with a sale."""
        return int((self.lines_on > 0).sum())


def slot_of(instants: pd.Series) -> Ints:
    """A number below `N_SLOTS` for each instant: equal instants have equal ones, seldom others."""
    return instants.to_numpy(dtype="datetime64[us]").astype(np.int64) // SECOND_US % N_SLOTS


def look_at(root: Path) -> Look:
    """Count what the report needs of the store at `root`.

    Raises:
        SourceError: no purchase stands, or none was known by data end.
    """
    facts = read_manifest(root)
    standing, products = Standing(root, facts), read_side(root, "products", facts)
    tally = _Tally(facts)
    for lines, ids, n_undone in standing.parts(COLUMNS):
        tally.add(lines, ids, n_undone)
    if not tally.n_customers:
        raise SourceError(
            f"{root}: expected purchases that stand and were known by data end, {facts['data_end_on']}, found none; "
            "look at the column that ingest.format.columns maps to known_at"
        )
    return tally.look(standing, products, _absent(facts, products), beside(root, facts))


def _absent(facts: dict[str, Any], products: pd.DataFrame) -> frozenset[str]:
    """What the shop does not record; what its products table tells is not missed in the lines."""
    described = {name for name in DESCRIBED if products[name].notna().any()}
    told = {ours for ours, given in LINE_NAMES.items() if given in described}
    return frozenset(facts["absent"]) - told


class _Tally:
    """Counts of the parts so far."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts, self.files = facts, part_names(facts["parts"])
        first, last = (date.fromisoformat(facts[name]) for name in ("first_sale_on", "last_sale_on"))
        self.first_day = windows.day_number(first)
        self.n_days = windows.day_number(last) - self.first_day + 1
        self.on = {name: np.zeros(self.n_days, dtype=np.int64) for name in ("lines", "orders", "units")}
        self.slots = np.zeros(N_SLOTS, dtype=np.int64)
        self.by_customer: list[tuple[Ints, npt.NDArray[np.float64]]] = []
        self.visits: list[tuple[Ints, npt.NDArray[np.unsignedinteger]]] = []
        self.ids: list[pd.Index] = []
        self.counted: list[pd.DataFrame] = []
        self.midnights: list[pd.DataFrame] = []
        self.sources: set[str] = set()
        self.n_told = self.n_recognised = self.n_midnights = self.n_undone = self.n_customers = 0

    def add(self, lines: pd.DataFrame, ids: pd.Index, n_undone: int) -> None:
        """One part's lines."""
        day, customer = lines["day"].to_numpy(), lines["customer"].to_numpy() - self.n_customers
        amount = lines["amount"].to_numpy(dtype=np.float64)
        is_first = ~pd.Series(order_numbers(lines["order_id"], customer)).duplicated().to_numpy()
        of_days = {"lines": (day, None), "orders": (day[is_first], None), "units": (day, units(amount))}
        for name, (days, weights) in of_days.items():
            self.on[name] += np.bincount(days - self.first_day, weights, self.n_days).astype(np.int64)
        self.slots += np.bincount(slot_of(lines["ordered_at"][is_first]), minlength=N_SLOTS)
        n = len(ids)
        amount_of = np.asarray(np.bincount(customer, amount, n), dtype=np.float64)
        self.by_customer.append((np.bincount(customer, minlength=n), amount_of))
        self.visits.append(packed(customer, day, n, self.first_day, self.n_days))
        self.ids.append(ids)
        self.sources |= set(lines["source"].unique())
        self.n_undone, self.n_customers = self.n_undone + n_undone, self.n_customers + n
        self._count_payers(lines)
        self._count_quantities(lines)
        self._count_midnights(lines)

    def _count_payers(self, lines: pd.DataFrame) -> None:
        if "payer_recognised" in lines.columns:
            told = lines["payer_recognised"].dropna()
            self.n_told += len(told)
            self.n_recognised += int(told.astype(bool).sum())

    def _count_quantities(self, lines: pd.DataFrame) -> None:
        if "quantity" in lines.columns:
            each = lines[["product"]].assign(quantity=lines["quantity"].fillna(0.0))
            self.counted.append(each.groupby(["product", "quantity"]).size().rename("n").reset_index())
            if sum(map(len, self.counted)) > MOST_COUNTS:
                self.counted = [_summed(self.counted)]

    def _count_midnights(self, lines: pd.DataFrame) -> None:
        early = lines[lines["ordered_hour"] == 0]
        days = pd.Series(early["day"].to_numpy().astype("datetime64[D]"))
        begins = windows.day_begins(days, self.facts["time_zone"])
        rows = early[early["ordered_at"].to_numpy() == begins.to_numpy()]
        self.n_midnights += len(rows)
        self.midnights.append(first_rows(rows, self.files))

    def look(self, standing: Standing, products: pd.DataFrame, absent: frozenset[str], more: Beside) -> Look:
        """The look, after the last part."""
        lines_of, amount_of = (np.concatenate(columns) for columns in zip(*self.by_customer, strict=True))
        return Look(
            self.facts,
            standing,
            products,
            absent,
            more,
            self.on["lines"],
            self.on["orders"],
            self.on["units"],
            Visits.of(self.first_day, self.visits),
            lines_of,
            amount_of,
            _summed(self.counted) if self.counted else None,
            self.slots,
            (self.n_told, self.n_recognised),
            self.n_midnights,
            first_of(self.midnights),
            frozenset(self.sources),
            self.n_undone,
            self.ids[0].append(self.ids[1:]),
        )


def _summed(counts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(counts).groupby(["product", "quantity"])["n"].sum().reset_index()
