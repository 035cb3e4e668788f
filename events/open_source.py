"""The source that `params.yaml` names, where a shop brings it: packaged data, files or a database."""

from __future__ import annotations

import io
import tempfile
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import pandas as pd

from contracts.errors import ParameterError, SourceError
from contracts.event_tables import OPTIONAL_OF_LINES
from contracts.params import Format, Params
from events.complete_journey import complete_journey
from events.raw.headers import DAMAGE, SOURCE_LINE
from events.raw.parsing import canonical
from events.raw.parts import find_parts
from events.side_tables import read_side_tables
from events.sources import LinePart, Source

REQUIRED = {
    "customer_id": ("customer_id",),
    "ordered_at": ("ordered_at", "ordered_on"),
    "amount": ("amount", "unit_price"),
}
NOT_PURCHASES = "ingest.sample_customers works with the packaged data alone; set it to null"


class RawPart(Protocol):
    """Rows with the source's own columns."""

    @property
    def name(self) -> str:
        """What people know it by."""

    @property
    def digest(self) -> str:
        """Hash of the content."""

    @property
    def chunks(self) -> Callable[[], Iterator[pd.DataFrame]]:
        """Reads the rows."""


def open_source(params: Params) -> Source:
    """Open the source, which is no simulated one; of files only names and hashes are read yet.

    Raises:
        ParameterError: the mapping of columns is not enough, or the source's parameters do not fit together.
        SourceError: there is no such file, or one that cannot be opened.
    """
    ingest, zone = params.ingest, params.store.time_zone
    if ingest.source == "complete_journey":
        return complete_journey(zone, ingest.sample_customers)
    if ingest.sample_customers is not None:
        raise ParameterError(NOT_PURCHASES)
    refuse_incomplete(ingest.format)
    forbidden = params.plan.forbidden_attributes
    sides = read_side_tables(ingest.path, ingest.tables, ingest.format, zone, forbidden) if ingest.tables else None
    raw = [_queried(ingest.query)] if ingest.source == "sql" else _files(params)
    is_portable = ingest.source == "files"
    parts = tuple(_line_part(part, ingest.format, zone, is_portable=is_portable) for part in raw)
    named = {"sql": "a database", "files": "files"}[ingest.source]
    return Source(
        named,
        parts,
        frozenset(set(ingest.format.columns) & set(OPTIONAL_OF_LINES)),
        sides.tables if sides else {},
        sides.audit if sides else None,
        names_orders="order_id" in ingest.format.columns,
    )


def _queried(query: str) -> RawPart:
    from events.raw.sql import sql_part, url_from_environment  # noqa: PLC0415  (SQLAlchemy is for databases alone)

    return _spooled(sql_part(url_from_environment(), query))


def refuse_incomplete(how: Format) -> None:
    """Raise `ParameterError` unless customer, instant and amount are mapped."""
    for name, either in REQUIRED.items():
        if not set(either) & set(how.columns):
            raise ParameterError(
                f"ingest.format.columns: expected {' or '.join(either)} to name a column of the source, found none; "
                f"add '{name}: <your column>', or let `regulars init PATH` propose it"
            )
    if "unit_price" in how.columns and "amount" not in how.columns and "quantity" not in how.columns:
        raise ParameterError(
            "ingest.format.columns: unit_price needs quantity beside it; add 'quantity: <your column>'"
        )


def _files(params: Params) -> list[RawPart]:
    """The purchase files: those that `include` names, without those of further tables.

    Raises:
        SourceError: there is none.
    """
    parts = find_parts(params.ingest.path, params.ingest.include)
    others = {
        part.name for pattern in params.ingest.tables.values() for part in find_parts(params.ingest.path, [pattern])
    }
    left: list[RawPart] = [part for part in parts if part.name not in others]
    if not left:
        raise SourceError(
            f"expected purchase files beside those of ingest.tables below {params.ingest.path}, found none; "
            "set ingest.include, or a pattern of ingest.tables"
        )
    return left


def _line_part(part: RawPart, how: Format, time_zone: str, *, is_portable: bool) -> LinePart:
    return LinePart(part.name, part.digest, partial(_canonical_chunks, part, how, time_zone), is_portable)


def _canonical_chunks(part: RawPart, how: Format, time_zone: str) -> Iterator[pd.DataFrame]:
    for chunk in part.chunks():
        try:
            lines = canonical(chunk, how, time_zone)
        except SourceError as error:
            raise SourceError(f"{part.name}: {error}") from None
        yield lines


class _Spool:
    """A database's rows, read once: their hash is known only when they have been read.

    They lie in a file without a name, which the system takes back however the process ends.
    """

    def __init__(self, part: RawPart) -> None:
        self.name = part.name
        self._file = tempfile.TemporaryFile(prefix="regulars-")  # noqa: SIM115 - it is closed with its owner
        weakref.finalize(self, self._file.close)
        self._sizes: list[int] = []
        for chunk in part.chunks():
            packed = chunk.astype({SOURCE_LINE: "int64", DAMAGE: "str"}).to_parquet(None, index=False)
            self._sizes.append(self._file.write(packed or b""))
        self.digest = part.digest

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The rows as they came."""
        at = 0
        for size in self._sizes:
            self._file.seek(at)
            at += size
            yield pd.read_parquet(io.BytesIO(self._file.read(size)))


def _spooled(part: RawPart) -> RawPart:
    return _Spool(part)
