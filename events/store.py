"""Reading the event store: the canonical tables, as the manifest names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts import files
from contracts.event_tables import LINE_TABLES, SIDE_TABLES
from events.manifest import read_manifest
from events.people import flagged


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


def read_store(folder: str | Path) -> Events:
    """What stages need, without the customers who refuse to be profiled: no stage after this one sees them."""
    root = Path(folder)
    facts = read_manifest(root)
    refused = flagged(read_side(root, "customers", facts), "no_profiling")
    frames = {
        "purchases": in_time_order(read_lines(root, "purchases", facts)),
        **{name: read_side(root, name, facts) for name in ("products", "contacts", "responses")},
    }
    if refused:
        for name in ("purchases", "contacts", "responses"):
            frames[name] = frames[name][~frames[name]["customer_id"].isin(refused)].reset_index(drop=True)
    return Events(
        frames["purchases"],
        frames["products"],
        frames["contacts"],
        frames["responses"],
        date.fromisoformat(facts["first_sale_on"]),
        date.fromisoformat(facts["data_end_on"]),
        facts["time_zone"],
        absent=_absent(facts["absent"], frames["products"]),
    )


DESCRIBED = ("department", "category", "product_type", "is_private_label")


def _absent(said: list[str], products: pd.DataFrame) -> frozenset[str]:
    """What the shop does not record: as the manifest says, and what its products table tells of products."""
    described = {name for name in DESCRIBED if products[name].notna().any()}
    return (frozenset(said) | frozenset(DESCRIBED)) - described


def read_lines(
    root: Path, name: str, facts: dict[str, Any] | None = None, columns: Iterable[str] | None = None
) -> pd.DataFrame:
    """`purchases`, `returns` or `rejects`, bucket by bucket; checked, unless only some columns are asked for."""
    facts = facts or read_manifest(root)
    paths = [root / bucket["files"][name] for bucket in facts["buckets"]]
    wanted = None if columns is None else [column for column in columns if column in pq.read_schema(paths[0]).names]
    tables = [pq.read_table(path, columns=wanted) for path in paths]
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
