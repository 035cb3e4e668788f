"""Excel workbooks as frames: typed cells, column names found below a preamble, a sheet each or one for all."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import pandas as pd
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from contracts.errors import SourceError
from events.raw.headers import BLANKS, DAMAGE, SOURCE_LINE, column_names, header_at
from events.raw.typed_columns import typed_frame
from events.raw.unpacking import damage_told

CHUNK_ROWS = 50_000
SAMPLE_ROWS = 300
Cells = tuple[object, ...]


@dataclass(frozen=True)
class Sheet:
    """A sheet with a table: its title, its column names, and the sheet row (from 1) that they stand in."""

    title: str
    header: tuple[str, ...]
    header_row: int


@contextlib.contextmanager
def _workbook(path: Path, name: str) -> Iterator[Any]:
    """The workbook, read row by row; openpyxl's remarks on styles and the like are left out."""
    with damage_told(name, ".xlsx"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            book = load_workbook(path, read_only=True, data_only=True)
        except (KeyError, ValueError, TypeError, AttributeError, ParseError, InvalidFileException) as error:
            raise OSError("not a workbook") from error
        try:
            yield book
        except (ParseError, KeyError, ValueError, IndexError) as error:
            raise OSError("a damaged sheet") from error
        finally:
            book.close()


def _rows(sheet: Any) -> Iterator[tuple[int, Cells]]:
    """Sheet row (from 1) and cells of each row with a value. Sizes that workbooks claim are often wrong: not used."""
    sheet.reset_dimensions()
    for row, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        given = max((at for at, cell in enumerate(cells, 1) if _text(cell)), default=0)
        if given:
            yield row, cells[:given]


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip(BLANKS)


def _sheet(sheet: Any) -> Sheet | None:
    sample = list(itertools.islice(_rows(sheet), SAMPLE_ROWS))
    at = header_at([[_text(cell) for cell in cells] for _, cells in sample])
    return None if at is None else Sheet(sheet.title, tuple(map(_text, sample[at][1])), sample[at][0])


def sheets_of(path: Path, name: str) -> tuple[Sheet, ...]:
    """The first visible sheet with a table, and every other one with the same column names (a sheet a year, say).

    Raises:
        SourceError: the workbook is damaged, or no sheet has a line of column names.
    """
    with _workbook(path, name) as book:
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        found = [table for table in map(_sheet, visible) if table]
    if not found:
        raise SourceError(f"{name}: expected a sheet with a line of column names and rows, got none; export it again")
    return tuple(table for table in found if table.header == found[0].header)


def _fitted(cells: Cells, n_cells: int) -> Cells:
    return (*cells[:n_cells], *[None] * (n_cells - len(cells)))


def _damage(cells: Cells, header: tuple[str, ...]) -> str:
    if len(cells) > len(header):
        return "too_many_cells"
    return "repeated_header" if tuple(map(_text, cells)) == header else ""


def _frame(rows: list[tuple[int, Cells]], sheet: Sheet) -> pd.DataFrame:
    fitted = [_fitted(cells, len(sheet.header)) for _, cells in rows]
    frame = typed_frame(fitted, column_names(sheet.header))
    frame[SOURCE_LINE] = np.array([row for row, _ in rows], dtype=np.int64)
    frame[DAMAGE] = pd.Series([_damage(cells, sheet.header) for _, cells in rows], index=frame.index, dtype="str")
    return frame


def read_sheet(path: Path, name: str, sheet: Sheet) -> Iterator[pd.DataFrame]:
    """The rows of a sheet below its column names, in frames; `source_line` is the sheet's row.

    Raises:
        SourceError: the workbook is damaged.
    """
    with _workbook(path, name) as book:
        below = ((row, cells) for row, cells in _rows(book[sheet.title]) if row > sheet.header_row)
        chunk = list(itertools.islice(below, CHUNK_ROWS))
        yield _frame(chunk, sheet)
        while chunk := list(itertools.islice(below, CHUNK_ROWS)):
            yield _frame(chunk, sheet)
