"""The form of a text table, found in its first lines: delimiter, quote, and where the column names stand."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import SourceError
from events.raw.encodings import EMPTY, Encoding, encoding_of
from events.raw.headers import BLANKS, column_names, has_width, header_at
from events.raw.unpacking import MAX_LINE_BYTES, damage_told, guarded

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 300
SAMPLE_LETTERS = 1 << 22
MAX_ROW_LINES = 100
MOST_COLUMNS = 2_000
NO_HEADER = "expected a line of column names above the rows, got none; add it as first line"
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class TextForm:
    """How a text table is written. `first_line` is the number of the physical line after its column names."""

    encoding: Encoding
    delimiter: str
    quote: str
    header: tuple[str, ...]
    columns: tuple[str, ...]
    first_line: int


@dataclass(frozen=True)
class Record:
    """Cells of one row, the physical lines that it takes up, and a damage code or an empty string."""

    cells: list[str]
    n_lines: int
    damage: str


def opened(path: Path, name: str, encoding: Encoding) -> io.TextIOWrapper:
    """The file's text; line ends stay as they are (LF, CRLF and CR all end a line)."""
    return io.TextIOWrapper(guarded(path, name), encoding=encoding.name, errors="replace", newline="")


def allow_long_cells() -> None:
    """The csv module refuses cells above 131,072 letters unless told otherwise; lines are bounded elsewhere."""
    csv.field_size_limit(max(csv.field_size_limit(), 2 * MAX_LINE_BYTES))


def record(lines: Sequence[str], at: int, delimiter: str, quote: str, n_cells: int | None = None) -> Record:
    """The row that begins at `lines[at]`.

    A row goes on over several lines only if its quotes are right throughout and it then has as many cells as there are
    columns. Otherwise a quote was left open: that one line is marked, and reading goes on at the very next one.
    """
    ahead = map(lines.__getitem__, range(at, min(len(lines), at + MAX_ROW_LINES)))
    strict = csv.reader(ahead, delimiter=delimiter, quotechar=quote, strict=True)
    try:
        cells = next(strict, [])
        if strict.line_num == 1 or n_cells is None or has_width(cells, n_cells):
            return Record(cells, strict.line_num, "")
    except csv.Error:
        pass
    lenient = csv.reader([lines[at], ""], delimiter=delimiter, quotechar=quote)
    cells = next(lenient, [])
    return Record(cells, 1, "unclosed_quote" if lenient.line_num > 1 else "bad_quotes")


def _records(lines: Sequence[str], delimiter: str, quote: str) -> list[tuple[int, int, list[str]]]:
    """Position, lines taken up and cells of each row in a sample that is not blank."""
    found, at = [], 0
    while at < len(lines):
        row = record(lines, at, delimiter, quote)
        if any(cell.strip(BLANKS) for cell in row.cells):
            found.append((at, row.n_lines, row.cells))
        at += row.n_lines
    return found


def _quote(lines: Sequence[str]) -> str:
    """A single quote where cells, the column names among them, are wrapped in it and no double quote is in sight."""
    given = [line.strip(BLANKS) for line in lines if line.strip(BLANKS)]
    wrapped = [len(re.findall(r"(?:^|[,;\t|])'[^']*'(?=$|[,;\t|])", line)) for line in given]
    if '"' in "".join(lines) or not wrapped or wrapped[0] < 2:
        return '"'
    return "'" if sum(wrapped) >= len(given) else '"'


def _score(lines: Sequence[str], delimiter: str, quote: str) -> float:
    """How well a delimiter cuts the lines into a table: columns, times (steeply) the share of rows that have as many.

    Names in the very first row speak for it: with a wrong one, a row further down is often taken for them.
    """
    rows = [cells for _, _, cells in _records(lines, delimiter, quote)]
    position = header_at(rows)
    if position is None:
        return 0.0
    width = len(rows[position])
    share = sum(len(row) == width for row in rows) / len(rows)
    return share**4 * (width - 1) * (2.0 if position == 0 else 1.0)


def _delimiter(lines: Sequence[str], quote: str, name: str) -> str:
    best = max(DELIMITERS, key=lambda delimiter: _score(lines, delimiter, quote))
    if _score(lines, best, quote) > 0:
        return best
    if any(len(cells) > 1 for mark in DELIMITERS for _, _, cells in _records(lines, mark, quote)):
        raise SourceError(f"{name}: {NO_HEADER}")
    raise SourceError(
        f"{name}: expected columns between commas, semicolons, tabs or |, got one column; export it again as CSV"
    )


def _sample(path: Path, name: str, encoding: Encoding) -> list[str]:
    lines, n_letters = [], 0
    with damage_told(name, "text"), opened(path, name, encoding) as stream:
        for line in itertools.islice(stream, SAMPLE_LINES):
            lines.append(line)
            n_letters += len(line)
            if n_letters > SAMPLE_LETTERS:
                break
    return lines


def text_form(path: Path, name: str) -> TextForm:
    """Find out how a text file is written.

    Raises:
        SourceError: it is empty, binary or damaged, has one column only, or no line of column names.
    """
    allow_long_cells()
    encoding = encoding_of(path, name)
    lines = _sample(path, name, encoding)
    if not any(line.strip(BLANKS) for line in lines):
        raise SourceError(f"{name}: {EMPTY}")
    first = [line for line in lines if line.strip(BLANKS)][:3]
    widest = max(min(line.count(mark) for line in first) for mark in DELIMITERS) + 1
    if widest > MOST_COLUMNS:
        raise SourceError(f"{name}: expected at most {MOST_COLUMNS:,} columns, got {widest:,}; export fewer")
    told = SEPARATOR_LINE.fullmatch(lines[0].strip(BLANKS)) or SEPARATOR_LINE.fullmatch(lines[0].strip("\r\n\ufeff"))
    skipped = 1 if told else 0
    quote = _quote(lines[skipped:])
    delimiter = told[1] if told else _delimiter(lines, quote, name)
    rows = _records(lines[skipped:], delimiter, quote)
    position = header_at([cells for _, _, cells in rows])
    if position is None:
        raise SourceError(f"{name}: {NO_HEADER}")
    at, n_lines, header = rows[position]
    # physical line numbers begin at 1
    first_line = skipped + at + n_lines + 1
    trimmed = tuple(cell.strip(BLANKS) for cell in header)
    return TextForm(encoding, delimiter, quote, trimmed, column_names(header), first_line)
