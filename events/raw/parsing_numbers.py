"""Numbers as shops write them, in one declared format; what contradicts the format is unreadable, never guessed."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contracts.params import Format

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

MISSING = ("", "nan", "null", "none", "<na>", "n/a", "#n/a", "nat")
CODE = r"(?:[A-Z]{3}|US\$|R\$|kr\.?|zł|Kč|Ft|lei|\p{Sc})"
# Each step: what is replaced, and by what. Signs end up in front: 12.50- and (12.50) are -12.50.
STEPS = (
    (r"[\x{00a0}\x{2007}\x{2009}\x{202f}]", " "),
    (r"[\x{2212}\x{2013}]", "-"),
    (r"\x{2019}", "'"),
    (r"^\s+|\s+$", ""),
    (rf"^([-+(]*)\s*{CODE}\s*", r"\1"),
    (rf"\s*{CODE}([-)]*)$", r"\1"),
    (r"^\(\s*([0-9][^()]*?)\s*\)$", r"-\1"),
    (r"^([0-9][^-]*?)\s*-$", r"-\1"),
    (r"^([-+])\s+", r"\1"),
)


def _pattern(decimal: str, thousands: str) -> str:
    point, group = re.escape(decimal), re.escape(thousands)
    plain = rf"\d+(?:{point}\d*)?(?:[eE][-+]?\d{{1,2}})?|{point}\d+"
    grouped = rf"|\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d*)?" if thousands else ""
    return rf"^[-+]?(?:{plain}{grouped})$"


def _read(texts: pa.Array, decimal: str, thousands: str) -> Floats:
    """Distinct texts as numbers; NaN where the form is not the declared one."""
    for found, instead in STEPS:
        texts = pc.replace_substring_regex(texts, pattern=found, replacement=instead)
    fits = pc.match_substring_regex(texts, pattern=_pattern(decimal, thousands))
    if thousands:
        texts = pc.replace_substring(texts, pattern=thousands, replacement="")
    texts = pc.replace_substring(texts, pattern=decimal, replacement=".")
    texts = pc.replace_substring_regex(texts, pattern=r"^\+|\.$", replacement="")
    texts = pc.replace_substring_regex(texts, pattern=r"\.([eE])", replacement=r"\1")
    numbers = pc.if_else(fits, texts, pa.scalar(None, texts.type)).cast(pa.float64())
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def is_missing(texts: pa.Array) -> Flags:
    """Cells that are empty or say in words that they are."""
    lower = pc.utf8_lower(pc.fill_null(texts, ""))
    return np.asarray(
        pc.is_in(lower, value_set=pa.array(MISSING, lower.type)).to_numpy(zero_copy_only=False), dtype=bool
    )


def _from_text(column: pd.Series, decimal: str, thousands: str) -> tuple[Floats, Flags]:
    codes, distinct = pd.factorize(column.astype("str"))
    texts = pa.array(distinct.to_numpy(dtype="object"), pa.string())
    # code -1 (a missing cell) takes the last place
    values = np.append(_read(texts, decimal, thousands), np.nan)
    unreadable = np.append(np.isnan(values[:-1]) & ~is_missing(texts), False)
    return values[codes], unreadable[codes]


def _from_objects(column: pd.Series, decimal: str, thousands: str) -> tuple[Floats, Flags]:
    """Text among typed numbers: each by its own kind; an instant or truth value is no number."""
    is_text = column.map(lambda cell: isinstance(cell, str)).to_numpy(dtype=bool)
    is_number = column.map(lambda cell: isinstance(cell, int | float) and not isinstance(cell, bool)).to_numpy(
        dtype=bool
    )
    values, unreadable = np.full(len(column), np.nan), ~is_text & ~is_number & column.notna().to_numpy(dtype=bool)
    values[is_number] = column[is_number].astype("float64").to_numpy()
    values[is_text], unreadable[is_text] = _from_text(column[is_text].astype("str"), decimal, thousands)
    return values, unreadable


def numbers(column: pd.Series, how: Format) -> tuple[Floats, Flags]:
    """The column's numbers (NaN where there is none), and the cells that hold something else than a number."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return np.full(len(column), np.nan), column.notna().to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan), np.isinf(values)
    if column.dtype == "object":
        return _from_objects(column, how.decimal, how.thousands)
    return _from_text(column, how.decimal, how.thousands)
