"""Kills: a load, an upload, a migration cut off at any point leaves what was; what was acknowledged is there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from serving.desk import audit, credentials, migrating, schema, work
from serving.desk.database import open_desk
from serving.desk.filters import Filters
from serving.desk.loading import load_week
from serving.desk.paging import every_row
from serving.desk.weeks import find_week
from serving.desk.work import Outcome
from serving.published import Revision
from tests.desks import no_history, published

ROOT = Path(__file__).parents[2]
FEW, MANY = 4, 50
LOADER = """
import sys
from pathlib import Path
from serving.desk import loading
from serving.desk.database import open_desk
from serving.published import Revision, find_week
from tests.desks import no_history
loading.PART = 4
found = find_week(Path(sys.argv[2]))
found = Revision(found.folder, {**found.manifest, "row_hash": sys.argv[3]})
print("begun", flush=True)
desk = open_desk(sys.argv[1])
loading.load_week(desk, found, no_history, {})
print("done", flush=True)
"""
RECORDER = """
import sys
from serving.desk.actors import Actor
from serving.desk.database import open_desk
from serving.desk.weeks import find_week
from serving.desk.work import Outcome, record
desk, name, run = open_desk(sys.argv[1]), sys.argv[2], sys.argv[3]
actor = Actor(int(sys.argv[4]), "ann", "agent", "command")
print("begun", flush=True)
for n in range(10_000):
    with desk.writing() as connection:
        record(connection, actor, find_week(connection), [Outcome(f"{run}-{n}", name, "contacted")])
    print(n, flush=True)
"""
SERVER = """
import sys, uvicorn
from serving.api.app import create_app
from serving.desk.database import open_desk
app = create_app(open_desk(sys.argv[1]))
print("begun", flush=True)
uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
"""
MIGRATOR = """
import sys
print("begun", flush=True)
from serving.desk.database import open_desk
open_desk(sys.argv[1])
print("done", flush=True)
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that has begun."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    return child


def killed(child: subprocess.Popen[str], seconds: float) -> str:
    """Kill it after so long; what it had said by then."""
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    said, _ = child.communicate(timeout=120)
    return said


def seconds_to_finish(code: str, *arguments: str) -> float:
    child, at = started(code, *arguments), time.perf_counter()
    assert child.wait(timeout=60) == 0
    assert child.stdout is not None
    child.stdout.close()
    return time.perf_counter() - at


def later_revision(folder: Path) -> Revision:
    from serving.published import find_week as find_published

    return find_published(folder / "published")


def kill_loads(filled, folder: Path, database: str, n_kills: int) -> None:
    """Kill loads at random points, each of content that the desk lacks, until so many were killed."""
    before, later = filled.listed()["customer_id"].tolist(), later_revision(folder)
    after = later.at_risk()["customer_id"].tolist()
    place = str(folder / "published")
    longest = seconds_to_finish(LOADER, f"sqlite:///{folder}/spare.sqlite", place, "spare")
    draw = np.random.default_rng(n_kills)
    in_force, n_finished, n_left = filled.week().content_hash, 0, 0
    for run in range(n_kills):
        said = killed(started(LOADER, database, place, f"run {run}"), float(draw.uniform(0, longest)))
        with filled.desk.reading() as connection:
            week = find_week(connection)
            shown = [row["customer_id"] for row in every_row(connection, week, Filters())]
            n_left += connection.execute(sa.select(sa.func.count()).where(~schema.weeks.c.is_whole)).scalar_one()
            audit.verify(connection)
        assert shown == (before if week.revision == 1 else after), "the week before, or the whole of this one"
        assert not said or week.content_hash != in_force, "an acknowledged load is in force"
        n_finished += week.content_hash != in_force
        in_force = week.content_hash
    # whatever the kills left, the next load clears it away and finishes
    load_week(filled.desk, later, no_history, {})
    with filled.desk.reading() as connection:
        assert [row["customer_id"] for row in every_row(connection, find_week(connection), Filters())] == after
        weeks = connection.execute(sa.select(schema.weeks.c.id, schema.weeks.c.is_whole)).all()
        held = set(connection.execute(sa.select(schema.entries.c.week_id).distinct()).scalars())
    assert all(week.is_whole for week in weeks)
    assert held == {week.id for week in weeks}
    assert len(weeks) == 2 + n_finished


def test_a_killed_load_leaves_the_week_before(filled, database, tmp_path, drawn_week):
    published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    kill_loads(filled, tmp_path, database, FEW)


@pytest.mark.prove
def test_a_load_killed_fifty_times_leaves_the_week_before(filled, database, tmp_path, drawn_week):
    published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    kill_loads(filled, tmp_path, database, MANY)


def test_parts_of_a_cut_off_load_are_shown_nowhere_and_cleared_away(filled, tmp_path, drawn_week, monkeypatch):
    from serving.desk import loading

    published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    monkeypatch.setattr(loading, "PART", 4)
    monkeypatch.setattr(loading, "tell_planner", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load_week(filled.desk, later_revision(tmp_path), no_history, {})
    gone = set(later_revision(tmp_path).at_risk()["customer_id"]) - set(filled.listed()["customer_id"])
    with filled.desk.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(~schema.weeks.c.is_whole)).scalar_one() == 1
        shown = [row["customer_id"] for row in every_row(connection, find_week(connection), Filters())]
        assert shown == filled.listed()["customer_id"].tolist()
        for name in gone:
            with pytest.raises(Exception, match="expected a customer of the list"):
                work.published(connection, "2018-W01", name)
    monkeypatch.undo()
    load_week(filled.desk, later_revision(tmp_path), no_history, {})
    with filled.desk.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).where(~schema.weeks.c.is_whole)).scalar_one() == 0


def kill_recordings(filled, database: str, n_kills: int) -> None:
    """Kill whoever records outcomes: each one that was acknowledged is there, and none is there twice."""
    name, actor = filled.listed()["customer_id"].iloc[0], filled.actors["agent"]
    draw = np.random.default_rng(n_kills)
    acknowledged = 0
    for run in range(n_kills):
        child = started(RECORDER, database, name, str(run), str(actor.user_id))
        acknowledged += len([line for line in killed(child, float(draw.uniform(0.05, 0.5))).splitlines() if line])
        with filled.desk.reading() as connection:
            n_held = len(work.all_outcomes(connection))
            audit.verify(connection)
        assert acknowledged <= n_held <= acknowledged + run + 1, "at most the one under way at each kill"
    assert acknowledged > 0


def test_acknowledged_outcomes_survive_a_kill(filled, database):
    kill_recordings(filled, database, FEW)


@pytest.mark.prove
def test_acknowledged_outcomes_survive_fifty_kills(filled, database):
    kill_recordings(filled, database, MANY)


@contextmanager
def served(database: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real server on a free port; killed at the end, if not before."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = started(SERVER, database, str(port))
    try:
        _await(f"http://127.0.0.1:{port}/v1/health")
        yield child, f"http://127.0.0.1:{port}"
    finally:
        killed(child, 0)


def _await(address: str) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(address).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server did not start")


def upload(address: str, token: str, run: int, names: list[str], killer: Timer) -> int:
    """Upload batches as CSV until the server is gone; how many were acknowledged.

    The killer is set off before the first batch, and in every second run after it, so that some are acknowledged.
    """
    for batch in range(10_000):
        if batch == run % 2:
            killer.start()
        lines = [f"{run}-{batch}-{n},{name},contacted" for n, name in enumerate(names)]
        body = "\n".join(["key,customer_id,kind", *lines]).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
        request = urllib.request.Request(f"{address}/v1/outcomes/csv", body, headers)
        try:
            urllib.request.urlopen(request).close()
        except (urllib.error.URLError, OSError):
            return batch
    raise AssertionError("the server was not killed")


def kill_uploads(filled, database: str, n_kills: int) -> None:
    """Kill the server under uploads: each batch is there whole or not at all, each acknowledged one whole."""
    with filled.desk.writing() as connection:
        token = credentials.make_token(connection, "test", "ann", "upload")
    names, draw = filled.listed()["customer_id"].tolist(), np.random.default_rng(n_kills)
    total = 0
    for run in range(n_kills):
        with served(database) as (child, address):
            killer = Timer(float(draw.uniform(0.05, 0.6)), child.kill)
            n_acknowledged = upload(address, token, run, names, killer)
        total += n_acknowledged
        with filled.desk.reading() as connection:
            keys = connection.execute(sa.select(schema.outcomes.c.key)).scalars().all()
            audit.verify(connection)
        found = [key.split("-")[1] for key in keys if key.startswith(f"{run}-")]
        counted = {batch: found.count(batch) for batch in set(found)}
        assert set(counted.values()) <= {len(names)}, "no batch is there in part"
        assert set(counted) >= {str(batch) for batch in range(n_acknowledged)}, "acknowledged, and lost"
        assert len(counted) <= n_acknowledged + 1
    assert total > 0


def test_an_upload_is_there_whole_or_not_at_all_when_the_server_is_killed(filled, database):
    kill_uploads(filled, database, 3)


@pytest.mark.prove
def test_uploads_survive_fifty_kills_of_the_server(filled, database):
    kill_uploads(filled, database, MANY)


def first_version(database: str) -> None:
    """A database as the first migration left it, with an account and a week in force."""
    desk = open_desk(database)
    with desk.engine.begin() as connection:
        for name in ("week_id_tier_place", "week_id_risk_band_place", "customer_id"):
            column = {"customer_id": "customer_id"}.get(name, f"week_id, {name[8:-6]}, place")
            connection.exec_driver_sql(f"CREATE INDEX ix_entries_{name} ON entries ({column})")
        connection.exec_driver_sql("DROP INDEX ix_entries_narrow")
        connection.exec_driver_sql("ALTER TABLE weeks DROP COLUMN is_whole")
        if desk.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER audit_no_replace")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        connection.exec_driver_sql(
            "INSERT INTO weeks (week, revision, content_hash, data_through, manifest, n_listed, loaded_at) "
            "VALUES ('2018-W01', 1, 'abc', '2017-12-31', '{}', 0, '2018-01-01T06:00:00.000000Z')"
        )
        connection.exec_driver_sql("INSERT INTO in_force (week, week_id) SELECT week, id FROM weeks")
    desk.close()


def kill_migrations(folder: Path, make, n_kills: int, *, is_empty: bool) -> None:
    """Kill whoever opens a database that lacks migrations; the next opening finishes, and all is there."""
    longest = seconds_to_finish(MIGRATOR, make(f"{folder.name}_spare"))
    draw = np.random.default_rng(n_kills)
    for run in range(n_kills):
        database = make(f"{folder.name}_{run}")
        if not is_empty:
            first_version(database)
        killed(started(MIGRATOR, database), float(draw.uniform(0, longest)))
        desk = open_desk(database)
        with desk.reading() as connection:
            assert migrating.is_current(connection)
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
            assert connection.execute(sa.select(schema.audit_head.c.number)).all() == [(0,)]
            if not is_empty:
                assert find_week(connection).content_hash == "abc"
        desk.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request, tmp_path):
    """Makes empty databases of one kind."""
    from tests.desks import empty_database

    def make(name: str) -> str:
        home = tmp_path / name
        home.mkdir()
        return empty_database(request, home, request.param)

    return make


@pytest.mark.parametrize("is_empty", [True, False], ids=["first", "second"])
def test_a_killed_migration_is_finished_by_the_next_opening(tmp_path, databases, is_empty):
    kill_migrations(tmp_path, databases, 2, is_empty=is_empty)


@pytest.mark.prove
@pytest.mark.parametrize("is_empty", [True, False], ids=["first", "second"])
def test_migrations_killed_fifty_times_are_finished(tmp_path, databases, is_empty):
    kill_migrations(tmp_path, databases, MANY, is_empty=is_empty)


def test_outcomes_recorded_at_the_same_time_are_all_there(filled):
    from concurrent.futures import ThreadPoolExecutor

    name, actor = filled.listed()["customer_id"].iloc[0], filled.actors["agent"]

    def one(n: int) -> list[str]:
        with filled.desk.writing() as connection:
            return work.record(connection, actor, find_week(connection), [Outcome(f"k{n % 20}", name, "contacted")])

    with ThreadPoolExecutor(8) as pool:
        said = [result[0] for result in pool.map(one, range(40))]
    assert sorted(said) == ["recorded"] * 20 + ["repeated"] * 20
    with filled.desk.reading() as connection:
        assert len(work.all_outcomes(connection)) == 20
        audit.verify(connection)
