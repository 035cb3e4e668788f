"""The further tables of a shop's files: customers, consents, contacts and the like, by their canonical column names.

A column is found by its name, whatever its case and blanks. Rows that cannot be read stop the ingest with one line:
these tables are small, and a consent or a refusal must never be lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from contracts import windows
from contracts.errors import ParameterError, SourceError, nearest
from contracts.event_tables import SIDE_TABLES
from contracts.params import Format
from contracts.table import Table
from events.raw.headers import DAMAGE, SOURCE_LINE
from events.raw.parsing import flag_column, text_column
from events.raw.parsing_numbers import numbers
from events.raw.parsing_times import clocks, instants
from events.raw.parts import find_parts

DAYS = {"sent_on": "sent_at", "responded_on": "responded_at", "happened_on": "happened_at"}
DEFAULTS: dict[str, dict[str, str | int]] = {
    "responses": {"coupon_id": "", "campaign_id": "", "n": 1},
    "contacts": {"campaign_id": ""},
}


@dataclass(frozen=True)
class Sides:
    """Canonical frames by table name, and forbidden attributes that came with the customers (or None)."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    audit: pd.DataFrame | None = None


def read_side_tables(
    path: str | Path, wanted: Mapping[str, str], how: Format, time_zone: str, forbidden: Sequence[str]
) -> Sides:
    """Read the tables that `ingest.tables` names.

    Raises:
        ParameterError: a name that is no table.
        SourceError: a column is missing, a cell cannot be read, or rows repeat their key.
    """
    tables, audit = {}, None
    for name, pattern in wanted.items():
        if name not in SIDE_TABLES:
            raise ParameterError(f"ingest.tables: unknown table '{name}'{nearest(name, SIDE_TABLES)}")
        raw = _read(path, pattern)
        frame = _canonical(raw, name, how, time_zone)
        tables[name] = frame
        if name == "customers":
            audit = _audit(raw, forbidden)
    return Sides(tables, audit)


def _read(path: str | Path, pattern: str) -> pd.DataFrame:
    chunks = [chunk for part in find_parts(path, [pattern]) for chunk in part.chunks()]
    raw = pd.concat(chunks, ignore_index=True)
    if (raw[DAMAGE] != "").any():
        first = raw.loc[raw[DAMAGE] != "", SOURCE_LINE].iloc[0]
        raise SourceError(f"{pattern}: line {first} cannot be split into its cells; mend it and run again")
    return raw.drop(columns=[SOURCE_LINE, DAMAGE])


def plain_name(title: str) -> str:
    """A column's name as we write names: small letters, one underscore for anything else.

    >>> plain_name(" Customer ID ")
    'customer_id'
    """
    return re.sub(r"\W+", "_", title.strip().lower()).strip("_")


def _canonical(raw: pd.DataFrame, name: str, how: Format, time_zone: str) -> pd.DataFrame:
    table = SIDE_TABLES[name]
    given = {plain_name(str(title)): raw[title] for title in raw.columns}
    reading = _Reading(name, how, time_zone)
    found = {
        column: reading.cells(given[column], column, str(kind.dtype))
        for column, kind in table.columns.items()
        if column in given
    }
    frame = _with_days(pd.DataFrame(found, index=raw.index), table, time_zone)
    for column, value in DEFAULTS.get(name, {}).items():
        if column not in frame.columns:
            frame[column] = value
    for column, kind in table.columns.items():
        if column not in frame.columns and kind.nullable and column not in table.optional:
            frame[column] = table.empty()[column].reindex(frame.index)
    _refuse_missing(frame, table, given)
    ordered = [column for column in table.columns if column in frame.columns]
    return table(frame[ordered].drop_duplicates().sort_values(list(table.key), ignore_index=True))


def _with_days(frame: pd.DataFrame, table: Table, time_zone: str) -> pd.DataFrame:
    """An instant's local day, and the instant of what is known by its day alone."""
    for day, instant in DAYS.items():
        if not {day, instant}.issubset(table.columns):
            continue
        if day not in frame.columns and instant in frame.columns:
            frame[day] = windows.local_dates(frame[instant], time_zone)
        elif day in frame.columns and instant not in frame.columns:
            at = windows.day_ends if table.name == "responses" else windows.day_begins
            frame[instant] = at(frame[day], time_zone)
    return frame


def _refuse_missing(frame: pd.DataFrame, table: Table, given: Mapping[str, pd.Series]) -> None:
    for column in table.columns:
        if column not in frame.columns and column not in table.optional:
            raise SourceError(
                f"table {table.name}: expected the column '{column}', found none{nearest(column, given)}; "
                "see docs/DATA.md"
            )


@dataclass(frozen=True)
class _Reading:
    """How one table's cells are read. A cell that cannot be is one clear line, with its row and without its text."""

    table: str
    how: Format
    time_zone: str

    def cells(self, column: pd.Series, name: str, dtype: str) -> pd.Series:
        """One column as its declared kind."""
        if dtype.startswith("datetime64"):
            read = clocks(column, self.how.date_order)
            found, _, _ = instants(read, self.time_zone)
            found.index = column.index
            found = found if "UTC" in dtype else windows.local_dates(found, self.time_zone)
            unreadable = read.is_unreadable
        elif dtype == "boolean":
            found = flag_column(column, column.index)
            unreadable = (found.isna() & text_column(column, column.index).notna()).to_numpy(dtype=bool)
        elif dtype in {"float64", "int64"}:
            values, unreadable = numbers(column, self.how)
            found = pd.Series(values, index=column.index)
        else:
            return text_column(column, column.index, is_id=name.endswith("_id") or name == "same_as")
        if unreadable.any():
            row = int(unreadable.argmax()) + 1
            raise SourceError(
                f"table {self.table}: column '{name}', row {row}: expected {_kind(dtype)}, got another text; mend it"
            )
        return found


def _kind(dtype: str) -> str:
    return "a date" if dtype.startswith("datetime64") else "yes or no" if dtype == "boolean" else "a number"


def _audit(raw: pd.DataFrame, forbidden: Sequence[str]) -> pd.DataFrame | None:
    """The customers' columns that may reach nothing but the audit table; other unknown ones are dropped."""
    titles = {plain_name(str(title)): title for title in raw.columns}
    named = {name: raw[titles[name]].astype("str") for name in forbidden if name in titles}
    if not named:
        return None
    id_title = titles["customer_id"]
    frame = pd.DataFrame({"customer_id": text_column(raw[id_title], raw.index, is_id=True), **named})
    return frame.drop_duplicates("customer_id", ignore_index=True)
