"""The working list as CSV and XLSX, safe to open: no cell of text can become a formula.

Both are made so that equal rows give equal bytes; types, dates and number formats are kept in XLSX.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four: full width
DATE_FORMAT = "yyyy-mm-dd"
MIN_WIDTH, MAX_WIDTH = 8, 60
WRAPPED = Alignment(wrap_text=True, vertical="top")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_UNSEEN = re.compile(r"^[\s\x00-\x20\x7f-\xa0\u00ad\u180e\u200b-\u200f\u2028-\u202f\u2060-\u2064\u3000\ufeff]+")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def is_text(column: pd.Series) -> bool:
    """Whether a column holds text, as against numbers, dates and flags."""
    return bool(pd.api.types.is_string_dtype(column.dtype) or column.dtype == object)


def disarmed(text: str) -> str:
    """Text that a spreadsheet will not run: an apostrophe before whatever could open a formula.

    >>> disarmed("=1+1"), disarmed("bread - fresh")
    ("'=1+1", 'bread - fresh')
    """
    return f"'{text}" if _UNSEEN.sub("", text).startswith(FORMULA_STARTS) or text.startswith(FORMULA_STARTS) else text


def csv_bytes(frame: pd.DataFrame, *, has_header: bool = True) -> bytes:
    """The table as UTF-8 CSV with LF line ends, ISO dates, empty cells for what is missing, and disarmed text.

    An id such as `+49` is disarmed too; join on the Parquet file's `customer_id` where ids look like that.
    """
    safe = frame.assign(**{name: _disarmed_column(frame[name]) for name in frame.columns if is_text(frame[name])})
    text: str = safe.to_csv(index=False, header=has_header, lineterminator="\n", date_format="%Y-%m-%d")
    return text.encode("utf-8")


def write_csv(path: Path, pieces: Iterable[pd.DataFrame]) -> None:
    """Write pieces, one at least, as `csv_bytes` of all of them."""
    with path.open("wb") as out:
        for number, piece in enumerate(pieces):
            out.write(csv_bytes(piece, has_header=number == 0))


def _disarmed_column(column: pd.Series) -> pd.Series:
    return column.map(disarmed, na_action="ignore")


def xlsx_bytes(frame: pd.DataFrame, title: str) -> bytes:
    """The table as a workbook of one sheet: real dates and numbers, text as text, a frozen header, fitted widths."""
    book = Workbook()
    sheet = book.active
    sheet.title = title[:31]
    _write_header(sheet, list(frame.columns))
    for position, name in enumerate(frame.columns, start=1):
        _write_column(sheet, position, frame[name])
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    book.properties.creator = "regulars"
    draft = io.BytesIO()
    book.save(draft)
    return _repacked(draft.getvalue())


def _write_header(sheet: Any, names: list[str]) -> None:
    for position, name in enumerate(names, start=1):
        cell = sheet.cell(row=1, column=position, value=name)
        cell.font = Font(bold=True)


def _write_column(sheet: Any, position: int, column: pd.Series) -> None:
    number_format = _number_format(column)
    texts = is_text(column)
    longest = len(str(column.name))
    for row, value in enumerate(column, start=2):
        if pd.isna(value):
            continue
        cell = sheet.cell(row=row, column=position)
        fill_cell(cell, value, texts)
        cell.number_format = number_format
        longest = max(longest, len(str(value)) if texts else MIN_WIDTH)
    sheet.column_dimensions[get_column_letter(position)].width = min(MAX_WIDTH, max(MIN_WIDTH, longest + 2))


def fill_cell(cell: Any, value: Any, is_text_column: bool) -> None:
    """Put a value into a cell of a workbook: text stays text, whatever it begins with."""
    if not is_text_column:
        cell.value = value.to_pydatetime() if isinstance(value, pd.Timestamp) else _plain(value)
        return
    if not value:
        return
    cell.value = _CONTROL_CHARACTERS.sub(" ", str(value))
    cell.data_type = "s"  # openpyxl takes a leading '=' for a formula
    cell.quotePrefix = value.startswith(FORMULA_STARTS)
    if len(value) > MAX_WIDTH:
        cell.alignment = WRAPPED


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _number_format(column: pd.Series) -> str:
    if is_text(column):
        return "@"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return DATE_FORMAT
    if pd.api.types.is_integer_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return "0"
    return "0.0000" if str(column.name).startswith("p_") else "#,##0.00"


def _repacked(raw: bytes) -> bytes:
    """The same workbook without the clock in it, so that equal rows are equal bytes."""
    out = io.BytesIO()
    stamp = b"1980-01-01T00:00:00Z"
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = _STAMP.sub(rb"\g<1>" + stamp, content)
            member = zipfile.ZipInfo(name, date_time=_EPOCH)
            new.writestr(member, content, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()
