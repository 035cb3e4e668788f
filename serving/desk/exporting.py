"""Exports of a week's list: what may still be sent, streamed, with a stable contract of columns and safe cells.

Every export drops whom recent activity or a suppression bars and who was contacted already, and is refused where too
little is known. Rows are read and written in parts, so that memory does not grow with the list.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from contracts.errors import ContractError, ParameterError, UnknownNameError, nearest
from contracts.files import atomic_path
from contracts.table import COUNT, FLAG, NUMBER
from contracts.tables import AT_RISK, FULL_WEEK
from serving.desk import audit, sending
from serving.desk.actors import Actor
from serving.desk.filters import Filters
from serving.desk.paging import every_row
from serving.desk.sending import PART, in_parts
from serving.desk.weeks import Week
from serving.spreadsheets import DATE_FORMAT, disarmed, fill_cell

CONTRACT = "desk-export/1"
"""Named in every export: the columns of a version never change their name, meaning or order."""
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "ndjson": "application/x-ndjson",
}
PRESETS = Path(__file__).parent / "presets"
_TYPES = {NUMBER: pa.float64(), COUNT: pa.int64(), "Int64": pa.int64(), FLAG: pa.bool_()}
Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of an export: its name there, and the published field that it holds."""

    name: str
    field: str

    @property
    def type(self) -> pa.DataType:
        """The field's type, as its contract has it; text for whatever is none of numbers, days and flags."""
        kind = str(FULL_WEEK.columns[self.field].dtype)
        return pa.date32() if kind.startswith("datetime64") else _TYPES.get(kind, pa.string())


@dataclass(frozen=True)
class Export:
    """What to export: which rows of which week, as of a day, in which columns."""

    week: Week
    filters: Filters
    on: date
    columns: tuple[Column, ...]


def presets() -> dict[str, dict[str, Any]]:
    """The mapping files, by name: which columns a gateway or CRM expects."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PRESETS.glob("*.json"))]
    return {preset["name"]: preset for preset in found}


def columns_of(preset: str) -> tuple[Column, ...]:
    """A preset's columns; those of the published list where it names none.

    Raises:
        UnknownNameError: there is no such preset.
        ContractError: it names a field that is not published.
    """
    known = presets()
    if preset not in known:
        raise UnknownNameError(f"no preset '{preset[:40]}'{nearest(preset, known) or '; there is ' + ', '.join(known)}")
    pairs = known[preset]["columns"] or [(name, name) for name in AT_RISK.columns]
    for _, field in pairs:
        if field not in FULL_WEEK.columns:
            raise ContractError(f"preset {preset}: no published field '{field}'{nearest(field, FULL_WEEK.columns)}")
    return tuple(Column(name, field) for name, field in pairs)


def prepare(
    connection: sa.Connection, actor: Actor, week: Week, filters: Filters, on: date, *, preset: str = "plain"
) -> Export:
    """Check who exports what, and whether enough is known; note it in the audit log (the caller's transaction).

    Agents export only what they claimed.

    Raises:
        ForbiddenError: the role may not export this.
        StaleError: too little is known of recent activity.
    """
    actor.needs("agent", "export")
    if not actor.may("manager") and filters.claimed_by != actor.name:
        actor.needs("manager", f"export other rows than those claimed (claimed_by={actor.name})")
    if filters.change == "left":
        raise ParameterError("change: expected rows to work on, got those who left the list, whom nobody is to contact")
    filters.refuse_unknown()  # now: once rows are on their way nothing can be refused any more
    found = Export(week, filters, on, columns_of(preset))
    sending.refuse_stale(connection, week, on)
    told = {"week": week.week, "revision": week.revision, "preset": preset, "filters": filters.said(), "on": str(on)}
    audit.append(connection, actor.told, "exported", detail=told)
    return found


def rows(connection: sa.Connection, export: Export) -> Iterator[Row]:
    """The published rows that may still be sent as of the day."""
    for part in in_parts(every_row(connection, export.week, export.filters, PART), PART):
        yield from _fit(connection, export, part)


def _fit(connection: sa.Connection, export: Export, part: list[Row]) -> Iterator[Row]:
    ids = [row["customer_id"] for row in part]
    against = sending.contacted(connection, export.week, ids) | sending.dropped(
        connection, export.week, part, export.on
    )
    yield from (row for row in part if row["customer_id"] not in against)


def _values(row: Row, columns: Sequence[Column]) -> list[Any]:
    return [row[column.field] for column in columns]


def csv_parts(found: Iterator[Row], columns: Sequence[Column]) -> Iterator[bytes]:
    """UTF-8 CSV with LF line ends; no cell of text can become a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for number, row in enumerate(found, start=1):
        writer.writerow([disarmed(value) if isinstance(value, str) else value for value in _values(row, columns)])
        if number % PART == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def ndjson_parts(found: Iterator[Row], columns: Sequence[Column]) -> Iterator[bytes]:
    """One JSON object a line."""
    names = [column.name for column in columns]
    for row in found:
        yield json.dumps(dict(zip(names, _values(row, columns), strict=True)), ensure_ascii=False).encode() + b"\n"


def write_parquet(found: Iterator[Row], columns: Sequence[Column], path: Path) -> None:
    """Parquet with the published types; the contract's version stands in the file's metadata."""
    schema = pa.schema([(column.name, column.type) for column in columns], metadata={"contract": CONTRACT})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in in_parts(found, 10 * PART):
            arrays = [_array([row[column.field] for row in part], column.type) for column in columns]
            writer.write_table(pa.table(arrays, schema=schema))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.date32():
        return pa.array([date.fromisoformat(value) if value else None for value in values], kind)
    return pa.array(values, kind)


def write_xlsx(found: Iterator[Row], columns: Sequence[Column], path: Path) -> None:
    """A workbook of one sheet, written row by row: real dates and numbers, text as text, a frozen header."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("list")
    sheet.freeze_panes = "A2"
    book.properties.creator, book.properties.description = "regulars", CONTRACT
    sheet.append([_head(sheet, column.name) for column in columns])
    for row in found:
        sheet.append([_cell(sheet, row[column.field], column.type) for column in columns])
    book.save(path)


def _head(sheet: Any, name: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, value=name)
    cell.font = Font(bold=True)
    return cell


def _cell(sheet: Any, value: Any, kind: pa.DataType) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet)
    if value is None:
        return cell
    if kind == pa.date32():
        cell.value, cell.number_format = date.fromisoformat(value), DATE_FORMAT
    else:
        fill_cell(cell, value, is_text_column=isinstance(value, str))
    return cell


STREAMED = {"csv": csv_parts, "ndjson": ndjson_parts}
WRITTEN = {"xlsx": write_xlsx, "parquet": write_parquet}


def format_of(path: Path) -> str:
    """The format that a file's ending names."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise ParameterError(
            f"expected a file that ends in {', '.join(FORMATS)}, got '{path.name}'{nearest(kind, FORMATS)}"
        )
    return kind


def write_file(connection: sa.Connection, export: Export, kind: str, path: Path) -> int:
    """Write an export into a file, whole or not at all; return how many rows it has."""
    n_rows = 0

    def counted() -> Iterator[Row]:
        nonlocal n_rows
        for row in rows(connection, export):
            n_rows += 1
            yield row

    with atomic_path(path) as draft:
        if kind in WRITTEN:
            WRITTEN[kind](counted(), export.columns, draft)
        else:
            with draft.open("wb") as file:
                file.writelines(STREAMED[kind](counted(), export.columns))
    return n_rows
