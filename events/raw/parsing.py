"""A source's rows as canonical lines: its columns under our names, its texts as instants, numbers and ids.

Nothing is dropped here and nothing guessed: a cell that cannot be read makes its line a `problem`, a time that had to
be moved a `repair`; cleaning decides what becomes of them.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import ParameterError, SourceError, nearest
from contracts.params import Format
from events.raw.headers import BLANKS, DAMAGE, SOURCE_LINE
from events.raw.parsing_numbers import Flags, is_missing, numbers
from events.raw.parsing_times import clocks, instants, with_time_of_day

TEXTS = ("customer_id", "order_id", "product_id", "category", "product_name", "store_id", "channel", "promotion_id")
NUMBERS = ("discount", "coupon_discount", "units")
MONEY = ("amount", "discount", "coupon_discount", "unit_price")
FLAGS = ("invoice_requested", "payer_recognised")
PAYERS = ("self", "employer", "gift")
YES = ("true", "t", "yes", "y", "1", "ja", "j", "oui", "si", "sí")
NO = ("false", "f", "no", "n", "0", "nein", "non")
COLUMNS = (
    SOURCE_LINE,
    *("customer_id", "order_id", "ordered_at", "product_id", "category", "product_name", "store_id", "channel"),
    *("quantity", "amount", "discount", "coupon_discount", "payer", "invoice_requested", "payer_recognised"),
    *("units", "promotion_id", "known_at", "currency", "is_cancellation", "problem", "repair"),
)
STAND_INS = ("unit_price", "ordered_on", "ordered_time")
MAPPABLE = tuple(
    name for name in (*COLUMNS, *STAND_INS) if name not in {SOURCE_LINE, "is_cancellation", "problem", "repair"}
)


class _Given:
    """A chunk's columns by canonical name, where the source has them."""

    def __init__(self, chunk: pd.DataFrame, columns: dict[str, str]) -> None:
        self.chunk = chunk
        self.titles = {name: _title(chunk, name, wanted) for name, wanted in columns.items()}

    def get(self, name: str) -> pd.Series | None:
        title = self.titles.get(name)
        return None if title is None else self.chunk[title]


def _title(chunk: pd.DataFrame, name: str, wanted: str) -> str:
    """The chunk's column that is meant; `x.1` means the first of several columns `x`."""
    if name not in MAPPABLE:
        raise ParameterError(f"ingest.format.columns: unknown name '{name}'{nearest(name, MAPPABLE)}")
    titles = [str(title) for title in chunk.columns if title not in {SOURCE_LINE, DAMAGE}]
    if wanted in titles and f"{wanted}.2" in titles:
        raise SourceError(
            f"expected one column '{wanted}' for {name}, got several of that name; "
            f"map '{wanted}.1' for the first or '{wanted}.2' for the second in ingest.format.columns"
        )
    first = wanted.removesuffix(".1")
    if wanted in titles or first in titles:
        return wanted if wanted in titles else first
    raise SourceError(
        f"expected the column '{wanted}' for {name}, found none{nearest(wanted, titles)}; set ingest.format.columns"
    )


def _number_as_text(column: pd.Series) -> pd.Series:
    """Typed numbers as ids: 12346.0 is 12346."""
    whole = column.map(lambda value: str(int(value)) if float(value).is_integer() else str(value), na_action="ignore")
    return whole.astype("str")


def _cell_as_text(cell: object) -> object:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _as_text(column: pd.Series) -> pd.Series:
    if column.dtype == "str":
        return column
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column.map(str, na_action="ignore").astype("str")
    if pd.api.types.is_integer_dtype(column):
        return column.astype("str")
    if pd.api.types.is_numeric_dtype(column):
        return _number_as_text(column.astype("float64"))
    return column.map(_cell_as_text, na_action="ignore").astype("str")


def _without_point_zero(texts: pa.Array) -> pa.Array:
    """Ids that a table program wrote as numbers: `12346.0` is 12346, cell by cell, whatever stands beside it."""
    return pc.replace_substring_regex(texts, pattern=r"^(\d+)\.0$", replacement=r"\1")


def text_column(column: pd.Series | None, index: pd.Index, is_id: bool = False) -> pd.Series:
    """Text without blanks around; what is empty or says `nan`, `null` or `none` is missing."""
    if column is None:
        return pd.Series(pd.NA, index=index, dtype="str")
    codes, distinct = pd.factorize(_as_text(column))
    texts = pc.utf8_trim(pa.array(distinct.to_numpy(dtype="object"), pa.large_string()), characters=BLANKS)
    texts = pc.if_else(pa.array(is_missing(texts)), pa.scalar(None, texts.type), texts)
    texts = _without_point_zero(texts) if is_id else texts
    # code -1 (a missing cell) takes the last place
    places = np.where(codes < 0, len(texts), codes)
    names = pd.array([*texts.to_pylist(), None], dtype="str")
    return pd.Series(names.take(places), index=index)


def flag_column(column: pd.Series | None, index: pd.Index) -> pd.Series:
    """Yes or no in the words that files use; missing for anything else."""
    lower = text_column(column, index).str.lower().str.removesuffix(".0")
    values = pd.Series(pd.NA, index=index, dtype="boolean")
    values[lower.isin(YES)] = True
    values[lower.isin(NO)] = False
    return values


def _number(given: _Given, name: str, how: Format) -> tuple[pd.Series, Flags]:
    """A column of numbers in units of the currency, and the cells that hold something else."""
    index, column = given.chunk.index, given.get(name)
    if column is None:
        return pd.Series(np.nan, index=index), np.zeros(len(index), dtype=bool)
    values, unreadable = numbers(column, how)
    if how.amounts_in == "cents" and name in MONEY:
        values = np.round(values) / 100 if name != "unit_price" else values / 100
    return pd.Series(values, index=index), unreadable


def _amount(given: _Given, how: Format, quantity: pd.Series) -> tuple[pd.Series, Flags]:
    """What was paid for the line; quantity times price, rounded to cents, where only a price is recorded."""
    if given.get("amount") is None and given.get("unit_price") is not None:
        price, _ = _number(given, "unit_price", how)
        amount = (quantity * price).round(2)
    else:
        amount, _ = _number(given, "amount", how)
    return amount, amount.isna().to_numpy(dtype=bool)


def _ordered_at(given: _Given, how: Format, time_zone: str) -> tuple[pd.Series, pd.Series]:
    """The instants of the lines, and what was repaired in them."""
    index, order = given.chunk.index, how.date_order
    at, on, time = given.get("ordered_at"), given.get("ordered_on"), given.get("ordered_time")
    day = at if at is not None else on
    if day is None:
        return _no_instants(index), pd.Series("", index=index, dtype="str")
    told = clocks(day, order)
    if at is None and time is not None:
        told = with_time_of_day(told, time)
    instant, is_gap, is_fold = instants(told, time_zone)
    repair = _codes(index, {"excel_date": told.is_serial, "clock_gap": is_gap, "clock_fold": is_fold})
    return instant.set_axis(index), repair


def _no_instants(index: pd.Index) -> pd.Series:
    return pd.Series(pd.NaT, index=index, dtype="datetime64[us, UTC]")


def _known_at(given: _Given, how: Format, time_zone: str) -> tuple[pd.Series, Flags]:
    """When the source learned of the lines, and cells that hold something else: such a line could be seen too early."""
    column, index = given.get("known_at"), given.chunk.index
    if column is None:
        return _no_instants(index), np.zeros(len(index), dtype=bool)
    told = clocks(column, how.date_order)
    return instants(told, time_zone)[0].set_axis(index), told.is_unreadable


def _codes(index: pd.Index, flags: dict[str, Flags]) -> pd.Series:
    """The codes that hold for each line, joined by commas."""
    joined = pd.Series("", index=index, dtype="str")
    for code, holds in flags.items():
        joined[holds] = (joined[holds] + f",{code}").str.removeprefix(",")
    return joined


def _problem(chunk: pd.DataFrame, flags: dict[str, Flags]) -> pd.Series:
    """The first thing wrong with each line: `damaged_line:` and its code, or the first flag that holds."""
    problem = pd.Series("", index=chunk.index, dtype="str")
    for code, holds in reversed(flags.items()):
        problem[holds] = code
    damage = chunk[DAMAGE]
    return problem.mask(damage != "", "damaged_line:" + damage)


def _is_cancellation(order_id: pd.Series, prefix: str) -> pd.Series:
    if not prefix:
        return pd.Series(False, index=order_id.index)
    return order_id.str.match(re.escape(prefix)).fillna(False).astype(bool)


def _is_filtered(chunk: pd.DataFrame, how: Format) -> Flags:
    """Rows that `keep_rows` leaves out."""
    left_out = np.zeros(len(chunk), dtype=bool)
    for wanted, values in how.keep_rows.items():
        titles = [str(title) for title in chunk.columns]
        if wanted not in titles:
            raise SourceError(
                f"ingest.format.keep_rows: expected the column '{wanted}', found none{nearest(wanted, titles)}"
            )
        left_out |= ~text_column(chunk[wanted], chunk.index).isin(values).to_numpy(dtype=bool)
    return left_out


def canonical(chunk: pd.DataFrame, how: Format, time_zone: str) -> pd.DataFrame:
    """A chunk of source rows as canonical lines, one for one and in the same order; columns are `COLUMNS`, always all.

    `problem` is empty, `filtered` (by `keep_rows`), `damaged_line:` and the reader's code, `no_instant` (missing,
    unreadable or impossible; also a `known_at` that cannot be read), `bad_amount` (missing or unreadable), or
    `bad_quantity` (given, unreadable).
    `repair` joins the codes `excel_date` (a serial number was read as a day), `clock_gap` (a local time that does not
    exist was moved to the next that does) and `clock_fold` (a local time that came twice; the first is taken).

    Raises:
        ParameterError: `how.columns` names a column that we have not.
        SourceError: the chunk lacks a column that `how.columns` names, or has it several times.
    """
    given, index = _Given(chunk, how.columns), chunk.index
    parsed: dict[str, pd.Series] = {SOURCE_LINE: chunk[SOURCE_LINE].astype("int64")}
    parsed |= {name: text_column(given.get(name), index, is_id=name.endswith("_id")) for name in TEXTS}
    parsed |= {name: flag_column(given.get(name), index) for name in FLAGS}
    parsed |= {name: _number(given, name, how)[0] for name in NUMBERS}
    payer = text_column(given.get("payer"), index).str.lower()
    parsed["payer"] = payer.where(payer.isin(PAYERS))
    parsed["currency"] = text_column(given.get("currency"), index).str.upper()
    parsed["is_cancellation"] = _is_cancellation(parsed["order_id"], how.cancelled_order_prefix)
    parsed["quantity"], is_bad_quantity = _number(given, "quantity", how)
    parsed["amount"], is_bad_amount = _amount(given, how, parsed["quantity"])
    parsed["ordered_at"], parsed["repair"] = _ordered_at(given, how, time_zone)
    parsed["known_at"], is_never_known = _known_at(given, how, time_zone)
    is_no_instant = parsed["ordered_at"].isna().to_numpy(dtype=bool) | is_never_known
    parsed["problem"] = _problem(
        chunk,
        {
            "filtered": _is_filtered(chunk, how),
            "no_instant": is_no_instant,
            "bad_amount": is_bad_amount,
            "bad_quantity": is_bad_quantity,
        },
    )
    return pd.DataFrame({name: parsed[name] for name in COLUMNS})
