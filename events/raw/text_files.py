"""Text tables (CSV, TSV) as frames: streamed, every row with its line number, rows that cannot be split marked."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events.raw.headers import BLANKS, DAMAGE, SOURCE_LINE, has_width
from events.raw.sniffing import MAX_ROW_LINES, TextForm, opened, record, text_form
from events.raw.unpacking import damage_told

CHUNK_ROWS = 250_000
BLOCK_LINES = 20_000
WINDOW_LINES = 200
REPLACED = "\ufffd"


@dataclass
class _Rows:
    """Rows under construction: their cells one after the other, and a line number and damage code each."""

    n_cells: int
    cells: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)

    def add(self, row: list[str], line: int, damage: str) -> None:
        """Add a row, cut or padded to the table's width; one without a single value is no row."""
        missing = self.n_cells - len(row)
        if missing and not any(cell.strip(BLANKS) for cell in row):
            return
        if missing < 0 and any(cell.strip(BLANKS) for cell in row[self.n_cells :]):
            damage = damage or "too_many_cells"
        elif missing > 0:
            damage = damage or "too_few_cells"
        self.cells += row[: self.n_cells] if missing <= 0 else [*row, *[""] * missing]
        self.lines.append(line)
        self.damages.append(damage)

    def batch(self) -> pa.RecordBatch:
        """The rows as Arrow columns: the table's cells, then line number and damage."""
        columns = [pa.array(self.cells[at :: self.n_cells], pa.large_string()) for at in range(self.n_cells)]
        columns += [pa.array(self.lines, pa.int64()), pa.array(self.damages, pa.large_string())]
        return pa.RecordBatch.from_arrays(columns, names=[str(at) for at in range(self.n_cells + 2)])


def _plain(lines: list[str], first_line: int, form: TextForm) -> _Rows | None:
    """The rows of lines that need no csv parser (no quotes, no damage, the right number of cells), else None."""
    text, n_cells = "".join(lines), len(form.columns)
    if form.quote in text or "\0" in text or (form.encoding.has_bad_bytes and REPLACED in text):
        return None
    n_marks = n_cells - 1
    if any(line.count(form.delimiter) != n_marks for line in lines):
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    cells = text.removesuffix("\n").replace("\n", form.delimiter).split(form.delimiter)
    return _Rows(n_cells, cells, list(range(first_line, first_line + len(lines))), [""] * len(lines))


def _damage(cells: list[str], form: TextForm, damage: str) -> str:
    text = "".join(cells)
    if form.encoding.has_bad_bytes and REPLACED in text:
        return "bad_bytes"
    return "nul_byte" if "\0" in text else damage


def _window(lines: list[str], at: int, stop: int, form: TextForm) -> Iterator[tuple[list[str], int]]:
    """Rows from `lines[at]` on with the lines they take up, as long as nothing about them is odd."""
    ahead = map(lines.__getitem__, range(at, min(stop, at + WINDOW_LINES)))
    reader = csv.reader(ahead, delimiter=form.delimiter, quotechar=form.quote, strict=True)
    n_read = 0
    try:
        for cells in reader:
            n_lines, n_read = reader.line_num - n_read, reader.line_num
            if n_lines > 1 and (n_lines > MAX_ROW_LINES or not has_width(cells, len(form.columns))):
                return
            yield cells, n_lines
    except csv.Error:
        return


def _careful(lines: list[str], stop: int, first_line: int, form: TextForm) -> tuple[_Rows, int]:
    """The rows that begin before `lines[stop]`, and how many lines they take up."""
    rows, at = _Rows(len(form.columns)), 0
    while at < stop:
        for cells, n_lines in _window(lines, at, stop, form):
            rows.add(cells, first_line + at, _damage(cells, form, ""))
            at += n_lines
        if at < stop:
            row = record(lines, at, form.delimiter, form.quote, len(form.columns))
            rows.add(row.cells, first_line + at, _damage(row.cells, form, row.damage))
            at += row.n_lines
    return rows, at


def _batches(path: Path, name: str, form: TextForm) -> Iterator[pa.RecordBatch]:
    """The table's rows in batches. Some lines are kept back for the next one: a row may go on beyond a block."""
    line, kept = form.first_line, list[str]()
    with opened(path, name, form.encoding) as stream:
        next(itertools.islice(stream, line - 1, line - 1), None)
        while True:
            fresh = list(itertools.islice(stream, BLOCK_LINES))
            block = kept + fresh
            rows = _plain(block, line, form) if block else None
            n_used = len(block)
            if rows is None:
                stop = len(block) - MAX_ROW_LINES if fresh else len(block)
                rows, n_used = _careful(block, max(0, stop), line, form)
            line, kept = line + n_used, block[n_used:]
            if rows.lines:
                yield rows.batch()
            if not fresh:
                return


def _stripped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells without blanks around; an empty one is missing."""
    trimmed = pc.utf8_trim(column, characters=BLANKS)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), trimmed)


def _mark_repeated_headers(frame: pd.DataFrame, header: Sequence[str]) -> None:
    repeated = pd.Series(True, index=frame.index)
    for at, title in enumerate(header):
        if not repeated.any():
            return
        column = frame.iloc[:, at]
        repeated &= column.eq(title).fillna(False) if title else column.isna()
    frame.loc[repeated, DAMAGE] = "repeated_header"


def finished(frame: pd.DataFrame, header: Sequence[str]) -> pd.DataFrame:
    """Without rows that hold no value at all; rows that say the column names again are marked."""
    _mark_repeated_headers(frame, header)
    is_blank = frame.iloc[:, 0].isna()
    for at in range(1, len(header)):
        if not is_blank.any():
            return frame
        is_blank &= frame.iloc[:, at].isna()
    return frame[~is_blank].reset_index(drop=True)


def _frame(batches: list[pa.RecordBatch], form: TextForm) -> pd.DataFrame:
    table = pa.Table.from_batches(batches or [_Rows(len(form.columns)).batch()])
    *cells, lines, damages = table.columns
    columns = dict(zip(form.columns, map(_stripped, cells), strict=True))
    frame = pa.table({**columns, SOURCE_LINE: lines, DAMAGE: damages}).to_pandas()
    return finished(frame, form.header)


def read_text(path: Path, name: str) -> Iterator[pd.DataFrame]:
    """The rows of a text table, in frames of at most about `CHUNK_ROWS` rows; a table without rows is one empty frame.

    Text cells are stripped, empty ones missing; `source_line` is the physical line on which a row begins, `damage` is
    empty or says why a row cannot be trusted. A line without a single value is no row.

    Raises:
        SourceError: the file as a whole cannot be read.
    """
    form = text_form(path, name)
    with damage_told(name, "text"):
        gathered: list[pa.RecordBatch] = []
        n_rows, is_first = 0, True
        for batch in _batches(path, name, form):
            gathered.append(batch)
            n_rows += batch.num_rows
            if n_rows + BLOCK_LINES > CHUNK_ROWS:
                yield _frame(gathered, form)
                gathered, n_rows, is_first = [], 0, False
        if gathered or is_first:
            yield _frame(gathered, form)
