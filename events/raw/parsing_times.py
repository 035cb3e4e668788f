"""Columns of dates and times, typed or not, as instants in the store's time zone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events.raw.clock_texts import (
    CLOCK,
    NO_TIME,
    SECOND,
    Clocks,
    Instants,
    Ints,
    from_numbers,
    from_text,
    since_midnight,
)
from events.raw.parsing_numbers import Flags, Floats, is_missing

TIME_OF_DAY = f"^{CLOCK}$"


def _from_typed(column: pd.Series) -> Clocks:
    clocks = Clocks.none(len(column))
    if getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        clocks.offset[:] = 0.0
    clocks.wall[:] = column.to_numpy(dtype="datetime64[us]")
    return clocks


def _from_compact_or_numbers(values: Floats, order: str) -> Clocks:
    clocks = from_numbers(values)
    is_compact = clocks.is_unreadable & (values >= 1e7)
    texts = pd.Series([f"{value:.0f}" for value in values[is_compact]], dtype="str")
    clocks.put(is_compact, from_text(texts, order))
    return clocks


def _from_objects(column: pd.Series, order: str) -> Clocks:
    """Text, numbers and typed instants in one column: each by its own kind."""
    clocks = Clocks.none(len(column))
    kinds = column.map(lambda cell: "" if pd.isna(cell) else _kind(cell)).to_numpy(dtype="object")
    clocks.is_unreadable[:] = kinds == "other"
    clocks.put(kinds == "text", from_text(column[kinds == "text"].astype("str"), order))
    clocks.put(kinds == "number", _from_compact_or_numbers(column[kinds == "number"].to_numpy(dtype=np.float64), order))
    for kind in ("naive", "aware"):
        if (kinds == kind).any():
            typed = pd.to_datetime(column[kinds == kind], utc=kind == "aware")
            clocks.put(kinds == kind, _from_typed(typed))
    return clocks


def _kind(cell: object) -> str:
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return "number"
    return "other" if not hasattr(cell, "tzinfo") else "naive" if cell.tzinfo is None else "aware"


def clocks(column: pd.Series, order: str) -> Clocks:
    """What the cells of a column of dates (and times) say."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return _from_typed(column)
    if pd.api.types.is_bool_dtype(column):
        nothing = Clocks.none(len(column))
        nothing.is_unreadable[:] = column.notna().to_numpy(dtype=bool)
        return nothing
    if pd.api.types.is_numeric_dtype(column):
        return _from_compact_or_numbers(column.to_numpy(dtype=np.float64, na_value=np.nan), order)
    return _from_objects(column, order) if column.dtype == "object" else from_text(column, order)


def _times_of_day(column: pd.Series) -> tuple[Ints, Flags]:
    """Microseconds since midnight (0 for a cell without), and cells that hold something else than a time of day."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return (column - column.dt.normalize()).fillna(pd.Timedelta(0)).dt.as_unit("us").astype("int64").to_numpy(), (
            np.zeros(len(column), dtype=bool)
        )
    texts = pa.array([str(cell).strip() if pd.notna(cell) else "" for cell in column], pa.string())
    groups = pc.extract_regex(texts, TIME_OF_DAY)
    fits = np.asarray(groups.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    micros = np.zeros(len(column), dtype=np.int64)
    found, valid = since_midnight(groups.filter(pa.array(fits)))
    micros[fits] = np.where(valid, found, 0)
    # a spreadsheet's time of day is a fraction of a day
    fraction = pd.to_numeric(pd.Series(texts.to_pylist(), dtype="object"), errors="coerce").to_numpy(dtype=np.float64)
    is_fraction = ~fits & (fraction >= 0) & (fraction < 1)
    micros[is_fraction] = np.round(fraction[is_fraction] * 86_400).astype(np.int64) * SECOND
    is_right = is_fraction | is_missing(texts)
    is_right[fits] = valid
    return micros, ~is_right


def with_time_of_day(days: Clocks, column: pd.Series) -> Clocks:
    """Clocks of a column of days and another of times of day."""
    micros, is_wrong = _times_of_day(column)
    midnight = days.wall.astype("datetime64[D]").astype("datetime64[us]")
    wall = np.where(is_wrong, NO_TIME, midnight + micros.astype("timedelta64[us]"))
    return Clocks(wall, days.offset, days.is_serial, days.is_unreadable | is_wrong)


def instants(clocks: Clocks, time_zone: str) -> tuple[pd.Series, Flags, Flags]:
    """The instants (UTC), where the local clock skipped the time (next one), and where it had it twice (first).

    A clock without an offset is local time in `time_zone`.
    """
    zone = ZoneInfo(time_zone)
    is_local = np.isnan(clocks.offset)
    shift = np.where(is_local, 0, clocks.offset).astype(np.int64).astype("timedelta64[us]")
    utc = clocks.wall - shift
    wall = pd.Series(clocks.wall[is_local], dtype="datetime64[us]")
    utc[is_local] = _utc(wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT"))
    odd = is_local & np.isnat(utc) & ~np.isnat(clocks.wall)
    wall = pd.Series(clocks.wall[odd], dtype="datetime64[us]")
    is_first = np.ones(len(wall), dtype=bool)
    mended = wall.dt.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
    utc[odd] = _utc(mended)
    is_gap = odd.copy()
    is_gap[odd] = (mended.dt.tz_localize(None) != wall).to_numpy(dtype=bool)
    return pd.Series(utc, dtype="datetime64[us]").dt.tz_localize("UTC"), is_gap, odd & ~is_gap


def _utc(local: pd.Series) -> Instants:
    return np.asarray(local.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[us]")
