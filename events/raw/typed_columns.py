"""Cells of workbooks and databases, Python objects, as columns that keep their type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pandas as pd

from events.raw.headers import BLANKS


def _letters(cell: object) -> str | None:
    return str(cell).strip(BLANKS) or None


def _as_is(cell: object) -> object:
    return cell


def _decoded(cell: bytes) -> str | None:
    return _letters(bytes(cell).decode(errors="replace"))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a day has no zone


PLAIN: dict[type, Callable[[Any], object]] = {
    **dict.fromkeys((bool, int, float, datetime, type(None)), _as_is),
    Decimal: float,
    date: _midnight,
    time: time.isoformat,
    bytes: _decoded,
    memoryview: _decoded,
}


def _plain(cell: object) -> object:
    """A cell as number, truth value or instant, or else as text; an empty text is missing."""
    return PLAIN.get(type(cell), _letters)(cell)


def _instants(values: list[object]) -> pd.Series:
    given = [value for value in values if isinstance(value, datetime)]
    if any(value.tzinfo is not None for value in given):
        return pd.Series(pd.to_datetime(pd.Series(values, dtype="object"), utc=True)).dt.as_unit("us")
    return pd.Series(values, dtype="datetime64[us]")


def typed_column(cells: Sequence[object]) -> pd.Series:
    """A column of the one type that all its given cells have: `str`, `boolean`, `Int64`, `float64` or `datetime64[us]`.

    Cells of several types (text among numbers) stay objects as they are; integers beyond 64 bits become text.

    >>> typed_column([1, None]).dtype, typed_column(["a", 2]).dtype, typed_column(["a", ""]).isna().tolist()
    (Int64Dtype(), dtype('O'), [False, True])
    """
    values = [_plain(cell) for cell in cells]
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return pd.Series(values, dtype="str")
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int}:
        is_wide = any(isinstance(value, int) and value.bit_length() > 62 for value in values)
        texts = [None if value is None else str(value) for value in values]
        return pd.Series(texts, dtype="str") if is_wide else pd.Series(values, dtype="Int64")
    if kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {datetime}:
        return _instants(values)
    return pd.Series(values, dtype="object")


def typed_frame(rows: Sequence[Sequence[object]], names: Sequence[str]) -> pd.DataFrame:
    """Rows of cells as a frame of typed columns."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pd.DataFrame({name: typed_column(column) for name, column in zip(names, columns, strict=True)})
