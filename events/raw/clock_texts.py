"""Dates and times as shops write them, as clocks. The order of day and month is declared, never guessed.

A *clock* is what a cell says: a wall time, and its distance from UTC if the cell names one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events.raw.parsing_numbers import Flags, Floats, is_missing

Ints = npt.NDArray[np.int64]
Instants = npt.NDArray[np.datetime64]

SECOND = 1_000_000
MINUTE = 60 * SECOND
NO_TIME = np.datetime64("NaT", "us")
EARLIEST_YEAR, LATEST_YEAR = 1900, 2199
SERIALS = (20_000, 80_000)
SERIAL_ZERO = np.datetime64("1899-12-30", "us")
# Numbers that count from 1970-01-01 UTC (years 1980 to 2100), with the microseconds of one.
EPOCHS = ((3.15e8, 4.1e9, SECOND), (3.15e11, 4.1e12, 1_000), (3.15e14, 4.1e15, 1))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
ZONE = r"(?:\s?(?P<zone>[Zz]|UTC|GMT|[-+]\d{2}(?::?\d{2})?))?"
REST = rf"(?:(?:[Tt]|,?\s+){CLOCK}{ZONE})?$"
YEAR_FIRST = r"^(?P<year>\d{4})[-/. ](?P<month>\d{1,2})[-/. ](?P<day>\d{1,2})\.?" + REST
COMPACT = (
    r"^(?P<year>(?:19|20|21)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[Tt ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?" + ZONE + ")?$"
)
BY_ORDER = {
    "dmy": r"^(?P<day>\d{1,2})[-/. ](?P<month>\d{1,2})[-/. ](?P<year>\d{4}|\d{2})" + REST,
    "mdy": r"^(?P<month>\d{1,2})[-/. ](?P<day>\d{1,2})[-/. ](?P<year>\d{4}|\d{2})" + REST,
    "ymd": r"^(?P<year>\d{2})[-/. ](?P<month>\d{1,2})[-/. ](?P<day>\d{1,2})" + REST,
}
MONTH = r"(?P<month>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))[A-Za-z]*\.?"
NAMED = (
    rf"^(?P<day>\d{{1,2}})[-/. ]\s?{MONTH}[-/., ]\s?(?P<year>\d{{4}}|\d{{2}})" + REST,
    rf"^{MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})" + REST,
)


@dataclass(frozen=True)
class Clocks:
    """One entry a cell: wall time (`NaT` if none), offset from UTC in microseconds (NaN if none), and its oddities."""

    wall: Instants
    offset: Floats
    is_serial: Flags
    is_unreadable: Flags

    @staticmethod
    def none(n_cells: int) -> Clocks:
        """Clocks of cells that say nothing."""
        return Clocks(
            np.full(n_cells, NO_TIME),
            np.full(n_cells, np.nan),
            np.zeros(n_cells, dtype=bool),
            np.zeros(n_cells, dtype=bool),
        )

    def put(self, where: Flags, other: Clocks) -> None:
        """Take over another's entries at the marked places."""
        for mine, theirs in zip(
            (self.wall, self.offset, self.is_serial, self.is_unreadable),
            (other.wall, other.offset, other.is_serial, other.is_unreadable),
            strict=True,
        ):
            mine[where] = theirs

    def take(self, positions: Ints) -> Clocks:
        """The entries at these positions."""
        return Clocks(
            self.wall[positions], self.offset[positions], self.is_serial[positions], self.is_unreadable[positions]
        )


def _group(groups: pa.StructArray, name: str, if_empty: int) -> Ints:
    """A group of digits as integers."""
    if name not in [field.name for field in groups.type]:
        return np.full(len(groups), if_empty, dtype=np.int64)
    texts = pc.fill_null(groups.field(name), "")
    digits = pc.if_else(pc.equal(texts, ""), str(if_empty), texts)
    return np.asarray(digits.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _texts(groups: pa.StructArray, name: str) -> list[str]:
    if name not in [field.name for field in groups.type]:
        return [""] * len(groups)
    found: list[str] = pc.fill_null(groups.field(name), "").to_pylist()
    return found


def _month(groups: pa.StructArray) -> Ints:
    names = pc.utf8_lower(groups.field("month"))
    place = pc.index_in(names, value_set=pa.array(MONTHS, names.type))
    digits = pc.if_else(pc.match_substring_regex(names, r"^\d+$"), names, "0").cast(pa.int64())
    return np.asarray(pc.coalesce(pc.add(place, 1).cast(pa.int64()), digits).to_numpy(zero_copy_only=False))


def _years(groups: pa.StructArray) -> Ints:
    """Years of two digits: 70 to 99 belong to the 1900s, the others to the 2000s."""
    years = _group(groups, "year", 0)
    is_short = np.asarray(pc.utf8_length(groups.field("year")).to_numpy(zero_copy_only=False)) == 2
    return np.where(is_short, years + np.where(years >= 70, 1900, 2000), years)


def _days(groups: pa.StructArray) -> Instants:
    """Midnights; `NaT` for a day that no calendar has (31/02)."""
    year, month, day = _years(groups), _month(groups), _group(groups, "day", 0)
    is_month = (month >= 1) & (month <= 12) & (year >= EARLIEST_YEAR) & (year <= LATEST_YEAR)
    first = ((np.where(is_month, year, 1970) - 1970) * 12 + np.where(is_month, month, 1) - 1).astype("datetime64[M]")
    n_days = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64)
    midnight = (first.astype("datetime64[D]") + (day - 1)).astype("datetime64[us]")
    return np.where(is_month & (day >= 1) & (day <= n_days), midnight, NO_TIME)


def since_midnight(groups: pa.StructArray) -> tuple[Ints, Flags]:
    """Microseconds since midnight, and whether there is such a time of day (13 pm and 24:00 are none)."""
    hour, minute, second = (_group(groups, name, 0) for name in ("hour", "minute", "second"))
    half = np.array([text.lower() for text in _texts(groups, "half")], dtype="object")
    is_half = half != ""
    valid = (minute < 60) & (second < 60) & np.where(is_half, (hour >= 1) & (hour <= 12), hour < 24)
    hour = np.where(is_half, hour % 12 + 12 * (half == "p"), hour)
    micros = np.array([int(text[:6].ljust(6, "0")) for text in _texts(groups, "fraction")], dtype=np.int64)
    return (hour * 60 + minute) * MINUTE + second * SECOND + micros, valid.astype(bool)


def _offset(zone: str) -> float:
    """Microseconds from UTC that a zone's text means; NaN for none.

    >>> _offset("+02:00") / MINUTE, _offset("-0530") / MINUTE, _offset("Z")
    (120.0, -330.0, 0.0)
    """
    if not zone:
        return float("nan")
    if zone[0] not in "+-":
        return 0.0
    minutes = int(zone[1:3]) * 60 + int(zone[3:].replace(":", "") or "0")
    return float(minutes * MINUTE * (-1 if zone[0] == "-" else 1))


def _matched(texts: pa.Array, pattern: str) -> tuple[Flags, Clocks]:
    """Which texts have this form, and the clocks of those."""
    groups = pc.extract_regex(texts, pattern)
    fits = np.asarray(groups.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    groups = groups.filter(pa.array(fits))
    micros, is_time = since_midnight(groups)
    wall = np.where(is_time, _days(groups) + micros.astype("timedelta64[us]"), NO_TIME)
    zones, codes = np.unique(np.array(_texts(groups, "zone"), dtype="str"), return_inverse=True)
    offset = np.array([_offset(str(zone)) for zone in zones], dtype=np.float64)[codes]
    return fits, Clocks(wall, offset, np.zeros(len(wall), dtype=bool), np.isnat(wall))


def from_numbers(values: Floats) -> Clocks:
    """Instants counted from 1970, days of the year 20240131, and Excel's serial numbers, told apart by size."""
    clocks = Clocks.none(len(values))
    clocks.is_unreadable[:] = ~np.isnan(values)
    for lowest, highest, unit in EPOCHS:
        found = (values >= lowest) & (values < highest)
        micros = np.round(values[found] * unit).astype(np.int64)
        n = len(micros)
        clocks.put(found, Clocks(micros.astype("datetime64[us]"), np.zeros(n), *np.zeros((2, n), dtype=bool)))
    serial = (values >= SERIALS[0]) & (values <= SERIALS[1])
    # a serial's fraction of a day is good to the second
    seconds = np.round(values[serial] * 86_400).astype(np.int64)
    wall = SERIAL_ZERO + (seconds * SECOND).astype("timedelta64[us]")
    n = len(wall)
    clocks.put(serial, Clocks(wall, np.full(n, np.nan), np.ones(n, dtype=bool), np.zeros(n, dtype=bool)))
    return clocks


def _from_distinct(texts: pa.Array, order: str) -> Clocks:
    clocks = Clocks.none(len(texts))
    open_ = ~is_missing(texts)
    clocks.is_unreadable[:] = open_
    for pattern in (YEAR_FIRST, BY_ORDER[order], COMPACT, *NAMED):
        places = np.flatnonzero(open_)
        if not len(places):
            return clocks
        fits, found = _matched(texts.take(pa.array(places)), pattern)
        chosen = np.zeros(len(texts), dtype=bool)
        chosen[places[fits]] = True
        clocks.put(chosen, found)
        open_ &= ~chosen
    digits = pc.match_substring_regex(texts, r"^\d{5,16}(?:[.,]\d+)?$")
    is_number = open_ & np.asarray(pc.fill_null(digits, False).to_numpy(zero_copy_only=False), dtype=bool)
    plain = pc.replace_substring(texts.filter(pa.array(is_number)), pattern=",", replacement=".")
    clocks.put(is_number, from_numbers(np.asarray(plain.cast(pa.float64()).to_numpy(zero_copy_only=False))))
    return clocks


def from_text(column: pd.Series, order: str) -> Clocks:
    """Clocks of texts, by way of the distinct ones; `order` is that of day, month and year in digits."""
    codes, distinct = pd.factorize(column.astype("str"))
    texts = pa.array([*distinct.to_numpy(dtype="object"), ""], pa.string())
    trimmed = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"[\x{00a0}\x{202f}]", " "))
    # code -1 (a missing cell) takes the last place, the empty text
    return _from_distinct(trimmed, order).take(codes.astype(np.int64))
