"""Reading the event store: the canonical tables, as the manifest names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts import files, windows
from contracts.errors import StateError
from contracts.event_kinds import INTERACTION_KINDS, RESPONSE_KINDS
from contracts.event_tables import (
    CAMPAIGNS,
    INTERACTIONS,
    LINE_TABLES,
    PROMOTIONS,
    RETURNS,
    SIDE_TABLES,
)
from contracts.table import Table
from events.lines import bucket_of
from events.manifest import read_manifest
from events.people import flagged, same_as_map


@dataclass(frozen=True)
class Events:
    """What a shop knows: one frame a canonical table (contracts/event_tables.py says what one row is).

    `absent` are the optional columns and tables that the shop does not record; 'hour' where it gives days alone.
    """

    purchases: pd.DataFrame
    products: pd.DataFrame
    contacts: pd.DataFrame
    responses: pd.DataFrame
    first_sale_on: date
    data_end_on: date
    time_zone: str
    absent: frozenset[str] = field(default_factory=frozenset)
    returns: pd.DataFrame = field(default_factory=lambda: _none(RETURNS))
    interactions: pd.DataFrame = field(default_factory=lambda: _none(INTERACTIONS))
    campaigns: pd.DataFrame = field(default_factory=lambda: _none(CAMPAIGNS))
    promotions: pd.DataFrame = field(default_factory=lambda: _none(PROMOTIONS))


def _none(table: Table) -> pd.DataFrame:
    return table.empty().drop(columns=list(table.optional))


@dataclass(frozen=True)
class People:
    """What customers are and have agreed to, by bucket: `customers` (by the person that an id counts as), `consents`.

    `no_marketing` and `same_as` are of all: ids of who wants none, and which id each further id counts as.
    """

    customers: list[pd.DataFrame]
    consents: list[pd.DataFrame]
    no_marketing: frozenset[str]
    same_as: dict[str, str]


@dataclass(frozen=True)
class Shelf:
    """An event store, open for reading: as a whole, or bucket by bucket, each with whole customers.

    Customers who refuse to be profiled are left out: no stage after this one sees them. `side` are the further tables.
    """

    root: Path
    facts: dict[str, Any] = field(repr=False)
    side: dict[str, pd.DataFrame] = field(repr=False)
    refused: frozenset[str] = field(repr=False)
    absent: frozenset[str]

    def whole(self) -> Events:
        """Every customer's events, checked against the contracts, in time order."""
        lines = {name: in_time_order(read_lines(self.root, name, self.facts)) for name in LINES}
        return self._events({name: self._profiled(frame) for name, frame in lines.items()})

    @property
    def n_buckets(self) -> int:
        """How many buckets the store has."""
        return len(self.facts["buckets"])

    def beside(self, purchases: pd.DataFrame) -> Events:
        """Every customer's further tables, with the given purchases and no returns."""
        return self._events({"purchases": purchases, "returns": _none(RETURNS)})

    def bucket(self, *numbers: int) -> Events:
        """The events of the customers of a bucket, or of some; lines as the store has them: by customer and instant.

        Further tables hold these customers alone, as far as they are about customers.
        """
        files = [self.facts["buckets"][number]["files"] for number in numbers]
        lines = {name: self._profiled(_unchecked([self.root / one[name] for one in files])) for name in LINES}
        return self._events(lines, {name: some(parts, numbers) for name, parts in self._side_by_bucket.items()})

    def parts(self, most_lines: int) -> list[tuple[int, ...]]:
        """The buckets' numbers, in groups of neighbours with at most so many lines: a bucket at least."""
        return parts_of(self.facts, most_lines)

    def purchases(self, number: int, columns: Iterable[str], customers: Iterable[str] | None = None) -> pd.DataFrame:
        """Some columns of a bucket's purchases (those that the shop records), by customer and instant.

        `customers`: those of these ids alone.
        """
        path = self.root / self.facts["buckets"][number]["files"]["purchases"]
        lines = files.arrow_table(path, [name for name in columns if name in pq.read_schema(path).names])
        if customers is not None:
            ids = lines["customer_id"]
            lines = lines.filter(pc.is_in(ids, pa.array(customers, ids.type)))
        return self._profiled(lines.to_pandas(date_as_object=False))

    @cached_property
    def _side_by_bucket(self) -> dict[str, list[pd.DataFrame]]:
        return {name: by_bucket(frame, self.n_buckets) for name, frame in self.side.items()}

    @cached_property
    def people(self) -> People:
        """The customers' own table and consents, bucket by bucket."""
        customers, consents = (read_side(self.root, name, self.facts) for name in ("customers", "consents"))
        same_as = same_as_map(customers)
        person = customers["customer_id"].map(lambda name: same_as.get(name, name)) if same_as else None
        return People(
            by_bucket(customers, self.n_buckets, person),
            by_bucket(consents, self.n_buckets),
            frozenset(flagged(customers, "no_marketing")),
            same_as,
        )

    def __reduce__(self) -> tuple[Callable[[Path, str], Shelf], tuple[Path, str]]:
        """Another process is told the folder and opens it itself: once, however many buckets it is given."""
        return _same_store, (self.root.absolute(), digest_of(self.facts))

    def product_ids(self) -> pd.Index:
        """Every product that a purchase names."""
        paths = [self.root / bucket["files"]["purchases"] for bucket in self.facts["buckets"]]
        if "product_id" in self.absent:
            return pd.Index([], dtype="str")
        named = [files.arrow_table(path, ["product_id"])["product_id"].unique() for path in paths]
        found: pd.Index = pd.Index(pa.chunked_array(named).unique().to_pylist(), dtype="str").dropna()
        return found

    def _profiled(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~frame["customer_id"].isin(self.refused)].reset_index(drop=True) if self.refused else frame

    def _events(self, lines: dict[str, pd.DataFrame], side: dict[str, pd.DataFrame] | None = None) -> Events:
        return Events(
            **(side or self.side),
            **lines,
            first_sale_on=date.fromisoformat(self.facts["first_sale_on"]),
            data_end_on=date.fromisoformat(self.facts["data_end_on"]),
            time_zone=self.facts["time_zone"],
            absent=self.absent,
        )


def open_store(folder: str | Path) -> Shelf:
    """Read the manifest and the further tables; lines are read when they are asked for."""
    root = Path(folder)
    facts = read_manifest(root)
    refused = frozenset(flagged(read_side(root, "customers", facts), "no_profiling"))
    side = {name: read_side(root, name, facts) for name in READ}
    kept = {
        name: frame[~frame["customer_id"].isin(refused)].reset_index(drop=True) if "customer_id" in frame else frame
        for name, frame in side.items()
    }
    return Shelf(root, facts, kept, refused, absent_of(facts, kept))


def parts_of(facts: Mapping[str, Any], most_lines: int) -> list[tuple[int, ...]]:
    """The numbers of a manifest's buckets, in groups of neighbours with at most so many lines: a bucket at least."""
    ends = np.cumsum([bucket["lines"] for bucket in facts["buckets"]])
    found: list[tuple[int, ...]] = []
    begin, before = 0, 0
    while begin < len(ends):
        end = max(begin + 1, int(np.searchsorted(ends, before + most_lines, side="right")))
        found.append(tuple(range(begin, end)))
        begin, before = end, int(ends[end - 1])
    return found


@lru_cache(maxsize=2)
def _same_store(root: Path, digest: str) -> Shelf:
    shelf = open_store(root)
    if digest_of(shelf.facts) != digest:
        raise StateError(
            f"{root}: expected the event store that the stage began with, got another; let one stage run at a time"
        )
    return shelf


def digest_of(facts: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's content."""
    return files.digest(json.dumps(facts, sort_keys=True))


def read_store(folder: str | Path) -> Events:
    """All of a store at once."""
    return open_store(folder).whole()


def by_bucket(frame: pd.DataFrame, n_buckets: int, customer: pd.Series | None = None) -> list[pd.DataFrame]:
    """A table's rows by the bucket of their customer; the whole table for each, if it is not about customers.

    `customer` gives the ids that decide, where they are not those of the table.
    """
    if "customer_id" not in frame.columns:
        return [frame] * n_buckets
    codes, distinct = pd.factorize(frame["customer_id"] if customer is None else customer)
    bucket = np.array([bucket_of(str(name), n_buckets) for name in distinct], dtype=np.int64)[codes]
    order = np.argsort(bucket, kind="stable")
    ends = np.searchsorted(bucket[order], np.arange(n_buckets + 1))
    return [frame.iloc[order[ends[k] : ends[k + 1]]].reset_index(drop=True) for k in range(n_buckets)]


def some(parts: list[pd.DataFrame], numbers: Iterable[int]) -> pd.DataFrame:
    """The rows of some buckets, by `by_bucket`; a table that is not about customers as it is."""
    chosen = [parts[number] for number in numbers]
    is_one = len(chosen) == 1 or "customer_id" not in chosen[0].columns
    return chosen[0] if is_one else pd.concat(chosen, ignore_index=True)


def _unchecked(paths: list[Path]) -> pd.DataFrame:
    """Lines as they were checked when they were written, without what tells only where a line came from."""
    wanted = [name for name in pq.read_schema(paths[0]).names if name not in ORIGIN]
    tables = [files.arrow_table(path, wanted) for path in paths]
    lines: pd.DataFrame = pa.concat_tables(tables).to_pandas(date_as_object=False)
    return lines


LINES = ("purchases", "returns")
ORIGIN = ("source", "source_line", "repair", "is_cancellation")
READ = ("products", "contacts", "responses", "interactions", "campaigns", "promotions")
DESCRIBED = ("department", "category", "product_type", "is_private_label")


def absent_of(facts: Mapping[str, Any], frames: dict[str, pd.DataFrame]) -> frozenset[str]:
    """What the shop does not record: as the manifest says, and what its tables never hold.

    Of products, columns that describe none; of responses and interactions, kinds that never occur, as
    'responses:opened'; of interactions, a `value` that is never given.
    """
    described = {name for name in DESCRIBED if frames["products"][name].notna().any()}
    kinds = {f"responses:{kind}" for kind in set(RESPONSE_KINDS) - set(frames["responses"]["kind"])}
    kinds |= {f"interactions:{kind}" for kind in set(INTERACTION_KINDS) - set(frames["interactions"]["kind"])}
    values = frames["interactions"].get("value")
    unrated = {"value"} if values is None or values.isna().all() else set()
    nothing_back = set() if sum(bucket["returns"] for bucket in facts["buckets"]) else {"returns"}
    return ((frozenset(facts["absent"]) | frozenset(DESCRIBED)) - described) | kinds | unrated | nothing_back


def read_lines(
    root: Path, name: str, facts: dict[str, Any] | None = None, columns: Iterable[str] | None = None
) -> pd.DataFrame:
    """`purchases`, `returns` or `rejects`, bucket by bucket; checked, unless only some columns are asked for."""
    facts = facts or read_manifest(root)
    paths = [root / bucket["files"][name] for bucket in facts["buckets"]]
    wanted = None if columns is None else [column for column in columns if column in pq.read_schema(paths[0]).names]
    tables = [files.arrow_table(path, wanted) for path in paths]
    frame = pa.concat_tables(tables).to_pandas(date_as_object=False)
    return LINE_TABLES[name](frame) if wanted is None else frame


def in_time_order(lines: pd.DataFrame) -> pd.DataFrame:
    """Lines by instant, then customer, then as the store has them: the same for any number of buckets."""
    codes, distinct = pd.factorize(lines["customer_id"])
    rank = np.argsort(np.argsort(np.asarray(distinct, dtype=object)))
    order = np.lexsort((rank[codes], lines["ordered_at"].to_numpy(dtype="datetime64[us]")))
    return lines.iloc[order].reset_index(drop=True)


def read_side(root: Path, name: str, facts: dict[str, Any] | None = None) -> pd.DataFrame:
    """A further table; without rows, and without its optional columns, where the shop has none."""
    facts = facts or read_manifest(root)
    table = SIDE_TABLES[name]
    if name not in facts["tables"]:
        return table.empty().drop(columns=list(table.optional))
    return files.read_table(root / facts["tables"][name], table)


SENT_AND_ANSWERED = {"contacts": "sent_at", "responses": "responded_at"}


def read_before(root: Path, name: str, cutoff: date, time_zone: str) -> pd.DataFrame:
    """`contacts` or `responses`, as far as they happened and were known before the cutoff."""
    return windows.rows_before(read_side(root, name), cutoff, time_zone, SENT_AND_ANSWERED[name])
