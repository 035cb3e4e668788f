"""Opening the desk's database: a file of the project (SQLite, write-ahead log), or PostgreSQL by its address.

`REGULARS_DESK_DATABASE` names another database than `desk/desk.sqlite`. Readers never wait for a writer. A writer
takes its lock at once, so that two of them queue instead of failing half way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.exc import ArgumentError, IntegrityError, InterfaceError, OperationalError

from contracts.errors import ParameterError, RegularsError, StateError
from serving.desk.migrating import is_current, migrate
from serving.desk.schema import audit_head

VARIABLE = "REGULARS_DESK_DATABASE"
FILE = Path("desk") / "desk.sqlite"
BUSY_SECONDS = 30.0
LOADING = ("synchronous=NORMAL", "cache_size=-262144")
"""SQLite during a load: 256 MB of indexes in memory, since rows come in no index's order but one."""
_LOADS = 7_305_142


class BusyError(RegularsError):
    """The database does not answer, or another writer holds it: try again."""

    exit_code = StateError.exit_code


@dataclass(frozen=True)
class Desk:
    """An open database whose tables are up to date."""

    engine: sa.Engine

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of our own."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database, and writes nothing."""
        with _told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, is_load: bool = False) -> Iterator[sa.Connection]:
        """One transaction: all of it is kept, or nothing. Writers queue, so that none sees half of another's work.

        In PostgreSQL a part of a load, which nothing shows yet, queues with nobody.
        """
        options = {"is_writer": True, "is_load": is_load}
        with _told(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            if not is_load and not self.is_sqlite:
                connection.execute(sa.select(audit_head.c.number).with_for_update())
            yield connection

    @contextmanager
    def loading(self) -> Iterator[None]:
        """One load at a time, over all processes; whoever dies lets the next one in. Others' work goes on."""
        if not self.is_sqlite:
            with _told(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.select(sa.func.pg_advisory_lock(_LOADS)))
                try:
                    yield
                finally:
                    connection.invalidate()  # the session ends, and its lock with it
        else:
            with FileLock(f"{self.engine.url.database}.loading"):
                yield
            self.close()  # the load's connection has a large cache; new ones know what the planner was told

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def address(root: Path) -> str:
    """The database's address: of the environment, or the project's own file."""
    return os.environ.get(VARIABLE, "").strip() or f"sqlite:///{root / FILE}"


def open_desk(url: str) -> Desk:
    """Open a database and bring its tables up to date.

    Raises:
        ParameterError: the address cannot be read, or names a database of another kind.
        BusyError: the database does not answer.
    """
    engine = _engine(_checked(url))
    desk = Desk(engine)
    with desk.reading() as connection:
        done = is_current(connection)
    if not done:
        with desk.writing(is_load=True) as connection:
            migrate(connection)
    return desk


def is_up_to_date(url: str) -> bool:
    """Whether the tables of a database are of this version; nothing is changed.

    Raises:
        ParameterError, BusyError: as `open_desk`.
    """
    desk = Desk(_engine(_checked(url)))
    try:
        with desk.reading() as connection:
            return is_current(connection)
    finally:
        desk.close()


def _checked(url: str) -> sa.URL:
    try:
        found = sa.make_url(url)
    except ArgumentError:
        raise ParameterError(
            f"{VARIABLE}: expected an address as postgresql://user@host/desk, got another text"
        ) from None
    kind = found.get_backend_name()
    if kind == "postgresql":
        return found.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise ParameterError(f"{VARIABLE}: expected sqlite or postgresql, got '{kind}'")
    if found.database in (None, "", ":memory:"):
        raise ParameterError(f"{VARIABLE}: expected a file, as sqlite:///desk.sqlite, got none; name one")
    return found


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=20, max_overflow=40)
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, hide_parameters=True, pool_size=20, max_overflow=40, connect_args={"timeout": BUSY_SECONDS}
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    """SQLite's own transactions are ours to begin; every acknowledged outcome reaches the disk."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "wal_autocheckpoint=16384",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    """Begin; a part of a load reaches the disk with the step that brings it into force, which waits for all of them."""
    options = connection.get_execution_options()
    if options.get("is_writer", False):
        is_load = options.get("is_load", False)
        for pragma in LOADING if is_load else ("synchronous=FULL",):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("is_writer", False) else "BEGIN")


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses, as one line without its address or any value."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        said = " ".join(str(error.orig).split())[:120]
        raise BusyError(f"the desk's database refused ({said}); try again, or look after {VARIABLE}") from error
    except IntegrityError as error:
        if "unique" not in str(error.orig).lower():
            raise
        raise BusyError("another did the same at the same time; look again, then try again") from error
