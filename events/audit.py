"""Forbidden attributes: kept apart for the guard and the fairness slices, if the operator asks; else dropped."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from contracts.files import write_table
from contracts.table import TEXT, Table, column
from events.lines import Door, keyed_hash, translated

ATTRIBUTES = Table(
    "attributes",
    "one customer's forbidden attributes, as the shop gave them",
    ("customer_id",),
    {"customer_id": column(TEXT, "the customer's id, as in the event store")},
    more_columns=True,
)


def write_audit(path: Path, attributes: pd.DataFrame | None, door: Door) -> None:
    """Write the audit table, without erased customers; a valid table without rows for None."""
    frame = ATTRIBUTES.empty() if attributes is None else attributes

    def stored(name: str) -> str | None:
        known = keyed_hash(door.key, name) if door.key else name
        return None if door.forgotten(known) else known

    ids = translated(frame["customer_id"], stored)
    kept = frame.assign(customer_id=ids)[ids.notna()].sort_values("customer_id", ignore_index=True)
    write_table(path, kept, ATTRIBUTES)
