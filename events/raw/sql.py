"""A database's table or one SELECT as a part: read in a transaction that cannot write, streamed, types kept.

The address comes from the environment alone, and no message shows it: it holds a password.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DataError, NoSuchModuleError, SQLAlchemyError

from contracts.errors import ParameterError, SourceError
from events.raw.headers import DAMAGE, SOURCE_LINE, column_names
from events.raw.typed_columns import typed_frame

VARIABLE = "REGULARS_DATABASE_URL"
CHUNK_ROWS = 100_000
LONGEST_REASON = 200
TABLE_NAME = re.compile(r"[^\W\d][\w$]*(\.[^\W\d][\w$]*){0,2}")
# What holds no SQL words: comments, texts, quoted names, PostgreSQL's $tag$ texts.
NO_WORDS = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(\w*)\$.*?\$\1\$""",
    re.DOTALL,
)
WRITING = re.compile(
    r"\b(insert|update|delete|merge|into|drop|alter|truncate|create|grant|revoke|call|exec|execute|pragma|attach)\b"
)
ONE_SELECT = "ingest.query: expected a table's name or a single SELECT"


def url_from_environment() -> str:
    """The database's address, from `REGULARS_DATABASE_URL`.

    Raises:
        ParameterError: the variable is not set.
    """
    url = os.environ.get(VARIABLE, "").strip()
    if not url:
        raise ParameterError(
            f"expected the database's address in the environment variable {VARIABLE}, found none; "
            "set it, as postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    return url


def refuse_silent() -> None:
    """Raise a `ParameterError` or `SourceError` unless the database that the environment names answers."""
    url = _url(url_from_environment())
    try:
        with _engine(url).connect():
            pass
    except SQLAlchemyError as error:
        place = url.host or url.database
        raise SourceError(
            f"the database at {place} does not answer: {_reason(error, url)}; start it, or mend {VARIABLE}"
        ) from None


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ParameterError(
            f"{VARIABLE}: expected an address as postgresql://USER:PASSWORD@HOST/DATABASE, got another text; "
            "write special letters of a password as %40 and the like"
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url


def refuse_all_but_select(query: str) -> None:
    """Raise `ParameterError` unless the text is one SELECT (or WITH ... SELECT) without a word that writes.

    >>> refuse_all_but_select("SELECT * FROM sales WHERE note <> 'delete; me'")
    """
    if "/*!" in query:
        raise ParameterError(f"{ONE_SELECT}, got one with a comment that some databases execute (/*!); take it out")
    words = NO_WORDS.sub(" '' ", query).strip().lower().removesuffix(";")
    if not re.match(r"(select|with)\b", words):
        raise ParameterError(f"{ONE_SELECT}, got something else; start it with SELECT or WITH")
    if ";" in words:
        raise ParameterError(f"{ONE_SELECT}, got several statements; keep one")
    if found := WRITING.search(words):
        raise ParameterError(
            f"{ONE_SELECT}, got one with the word {found[1].upper()}; put quotes around a name like it"
        )


def _statement(query: str) -> tuple[str, sa.Executable]:
    """A name for people, and the statement to send. A query goes as it is: its colons are no parameters."""
    wanted = query.strip()
    if TABLE_NAME.fullmatch(wanted):
        *schema, table = wanted.split(".")
        source = sa.table(table, schema=".".join(schema) or None)
        return wanted, sa.select(sa.text("*")).select_from(source)
    refuse_all_but_select(wanted)
    return "query", sa.text(re.sub(r":", r"\\:", wanted.rstrip().removesuffix(";")))


def _engine(url: URL) -> sa.Engine:
    try:
        return sa.create_engine(url, poolclass=sa.NullPool)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise ParameterError(
            f"{VARIABLE}: expected an installed driver for '{url.drivername}', found none; "
            "install it, as `pip install psycopg[binary]` for PostgreSQL"
        ) from None


def _reason(error: SQLAlchemyError, url: URL) -> str:
    """The first line of what the database said, without the password; nothing if it may quote a row's contents."""
    if isinstance(error, DataError):
        return "a value does not fit its type"
    said = str(getattr(error, "orig", None) or type(error).__name__).strip()
    password = str(url.password or "")
    for secret in {url.render_as_string(hide_password=False), password, quote(password), quote_plus(password)} - {""}:
        said = said.replace(secret, "***")
    return " ".join(said.splitlines()[0].split())[:LONGEST_REASON] if said else type(error).__name__


def _begin_reading(connection: Connection) -> Connection:
    """A connection that streams, in a transaction that cannot write where the database knows such."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    elif dialect in {"mysql", "mariadb"}:
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.rollback()
    elif dialect == "postgresql":
        connection = connection.execution_options(postgresql_readonly=True)
    return connection


def _frame(rows: Sequence[Sequence[Any]], names: Sequence[str], first_line: int) -> pd.DataFrame:
    frame = typed_frame(rows, names)
    frame[SOURCE_LINE] = np.arange(first_line, first_line + len(rows), dtype=np.int64)
    frame[DAMAGE] = pd.Series("", index=frame.index, dtype="str")
    return frame


@dataclass
class SqlPart:
    """Rows of a database, read like a file's (see `events.raw.parts.Part`); `source_line` is the row's number.

    `digest` is a hash of the rows as they came the first time; asking for it before reading reads them all.
    """

    name: str
    url: URL = field(repr=False)
    statement: sa.Executable = field(repr=False)
    chunk_rows: int
    _digest: str | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of column names and rows."""
        if self._digest is None:
            for _ in self.chunks():
                pass
        return str(self._digest)

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The rows in frames of at most `chunk_rows`; without rows, one empty frame."""
        try:
            yield from self._chunks()
        except SQLAlchemyError as error:
            raise SourceError(
                f"database: expected rows of {self.name}, got an error ({_reason(error, self.url)}); "
                f"check {VARIABLE} and ingest.query"
            ) from None

    def _chunks(self) -> Iterator[pd.DataFrame]:
        with contextlib.closing(self._partitions()) as partitions:
            names = column_names([str(name) for name in next(partitions)])
            seen, line, rows = hashlib.sha256(repr(names).encode()), 1, next(partitions, [])
            yield _frame(_hashed(rows, seen), names, line)
            for more in partitions if rows else ():
                line += len(rows)
                rows = more
                yield _frame(_hashed(rows, seen), names, line)
        self._digest = self._digest or seen.hexdigest()

    def _partitions(self) -> Generator[Sequence[Any], None, None]:
        """The column names, then the rows by `chunk_rows`."""
        with _engine(self.url).connect() as connection:
            reading = _begin_reading(connection).execution_options(yield_per=self.chunk_rows)
            with reading.execute(self.statement) as result:
                yield list(result.keys())
                yield from result.partitions()


def _hashed(rows: Sequence[Any], seen: Any) -> Sequence[Any]:
    for row in rows:
        seen.update(repr(tuple(row)).encode())
    return rows


def sql_part(url: str, query: str, chunk_rows: int = CHUNK_ROWS) -> SqlPart:
    """A table (`sales`, `shop.sales`) or the rows of one SELECT as a part. Nothing is asked of the database yet.

    Raises:
        ParameterError: the address or the query is none, or the address' driver is not installed.
    """
    name, statement = _statement(query)
    address = _url(url)
    _engine(address).dispose()
    return SqlPart(name, address, statement, chunk_rows)
