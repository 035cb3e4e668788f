"""Rows of a table before the cutoff, and the sources that are made of them: returns and signals."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from contracts import windows
from events.store import Events
from features.vocabulary import SOURCES

INSTANTS = {
    "purchases": "ordered_at",
    "returns": "ordered_at",
    "contacts": "sent_at",
    "responses": "responded_at",
    "interactions": "happened_at",
}
"""The tables of dated rows, each with its instant."""
DAYS = {"returns": "ordered_on", "contacts": "sent_on", "responses": "responded_on", "interactions": "happened_on"}


def before(events: Events, table: str, cutoff: date) -> pd.DataFrame:
    """A table's rows that lay before the cutoff and were known then."""
    frame: pd.DataFrame = getattr(events, table)
    return windows.rows_before(frame, cutoff, events.time_zone, INSTANTS[table]).reset_index(drop=True)


def integers(values: pd.Series, per_unit: int) -> pd.Series:
    """Numbers as integer parts of a unit; missing ones count as 0.

    >>> integers(pd.Series([1.005, 2.5, None]), 100).tolist()
    [100, 250, 0]
    """
    parts = np.rint(values.fillna(0.0).to_numpy(dtype="float64") * per_unit)
    return pd.Series(parts.astype("int64"), index=values.index)


def return_rows(events: Events, cutoff: date) -> pd.DataFrame:
    """One row a line given back: `returned_amount` in hundredths."""
    rows = before(events, "returns", cutoff)
    return pd.DataFrame(
        {
            "customer_id": rows["customer_id"].astype("str"),
            "day": windows.day_numbers(rows["ordered_on"]),
            "return_lines": 1,
            "returned_amount": -integers(rows["amount"], 100),
        }
    )


def signal_rows(events: Events, cutoff: date, source: str) -> pd.DataFrame:
    """One row a signal of any of the source's kinds: its number `n`, and its `rating_points` in hundredths."""
    kinds = SOURCES[source].kinds or (SOURCES[source].table,)
    return pd.concat([_of_kind(events, cutoff, *kind.split(":")) for kind in kinds], ignore_index=True)


def _of_kind(events: Events, cutoff: date, table: str, kind: str = "") -> pd.DataFrame:
    rows = before(events, table, cutoff)
    chosen = rows[rows["kind"] == kind] if kind else rows
    if kind == "rating" and "value" in chosen.columns:
        chosen = chosen.dropna(subset="value")
    return pd.DataFrame(
        {
            "customer_id": chosen["customer_id"].astype("str"),
            "day": windows.day_numbers(chosen[DAYS[table]]),
            "n": chosen["n"] if table == "responses" else 1,
            "rating_points": integers(chosen["value"], 100) if "value" in chosen else 0,
        }
    )
