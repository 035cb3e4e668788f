"""The doctor on a small released project, sound and broken: what is wrong, and what to do."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from events.lines import keyed_hash
from events.raw.sql import VARIABLE
from events.tombstones import CHECK, Tombstones, write_tombstones
from pipeline.commands.params_file import change_params
from pipeline.desk import the_desk
from pipeline.operating import doctor
from pipeline.operating.backup import back_up
from serving.desk import erasing
from tests.states import NOW, RUN, command, contents


def look(root: Path, code: str, now: datetime = NOW) -> doctor.Finding:
    """What one look finds; `doctor.findings` takes all of them, of which some start a process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(doctor, "CHECKS", {code: doctor.CHECKS[code]})
        (found,) = doctor.findings(root, now)
    return found


def bury(root: Path) -> None:
    """Leave a tombstone."""
    write_tombstones(root / "inbox" / "tombstones.json", Tombstones(frozenset({"a"})))


def scratch(root: Path) -> None:
    """Change one byte of a published table, its size kept."""
    path = next(root.glob("published/*/customers.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])


def another_version(root: Path) -> None:
    """A desk whose tables another release of the program made."""
    with the_desk(root):
        pass
    with closing(sqlite3.connect(root / "desk" / "desk.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")


def rename_model(root: Path, name: str) -> None:
    """Another name of the registered model, as `init` gives a new shop."""
    change_params(root / "params.yaml", {"register": {"model_name": name}})


def set_source(root: Path, source: str) -> None:
    """Another kind of source."""
    change_params(root / "params.yaml", {"ingest": {"source": source, "query": "sales"}})


class TestDoctor:
    @pytest.mark.usefixtures("shop")
    def test_a_sound_project_has_nothing_ill_and_every_remark_a_remedy(self, capsys):
        code, out, _ = command(capsys, "doctor", "--json")
        found = {one["code"]: one for one in json.loads(out)}
        assert code == 0, found
        assert {"PYTHON", "PACKAGES", "PROJECT", "TRACKING", "WEEK", "BACKUP", "SCHEDULE"} <= set(found)
        assert all(one["to_do"] for one in found.values() if one["state"] != "well")
        assert found["WEEK"]["state"] == "well"

    @pytest.mark.parametrize(
        ("break_it", "code", "state"),
        [
            (lambda root: (root / "params.yaml").write_text("store: {}\n"), "PROJECT", "ill"),
            (lambda root: (root / "dvc.yaml").unlink(), "PROJECT", "ill"),
            (lambda root: next(root.glob("published/*/customers.parquet")).write_bytes(b"x" * 9), "WEEK", "look"),
            (lambda root: (root / "mlflow.db").write_bytes(b"no database" * 99), "TRACKING", "ill"),
            (lambda root: (root / "mlflow.db").unlink(), "TRACKING", "look"),
            (lambda root: (root / "ledger" / "promotions.jsonl").write_text("{}\n"), "TRACKING", "ill"),
            (lambda root: (root / "ledger" / "promotions.jsonl").unlink(), "TRACKING", "look"),
            (lambda root: (root / "ledger" / "backups.jsonl").write_text("no object\n"), "BACKUP", "ill"),
            (bury, "SECRET", "ill"),
            (lambda root: shutil.rmtree(root / "published"), "WEEK", "look"),
            (lambda root: record(root, outcome="failed", error="full disk", exit_code=1), "SCHEDULE", "ill"),
            (lambda root: record(root, alerts=["RANKING"]), "SCHEDULE", "look"),
            (lambda root: record(root, started_at="2017-12-01T06:00:00+00:00"), "SCHEDULE", "look"),
            (lambda root: record(root, revision=2), "SCHEDULE", "well"),
        ],
    )  # fmt: skip
    def test_what_is_broken_is_found_with_a_remedy(self, shop, monkeypatch, break_it, code, state):
        monkeypatch.delenv("REGULARS_KEY", raising=False)
        break_it(shop)
        found = look(shop, code)
        assert found.state == state, found
        assert found.to_do or state == "well"
        assert "\n" not in found.what

    def test_a_missing_and_an_old_package_are_named_with_the_remedy(self, monkeypatch, shop):
        monkeypatch.setattr(doctor.metadata, "requires", lambda _: ["no-such-package>=1", "pandas>=99", "numpy"])
        found = look(shop, "PACKAGES")
        assert found.state == "ill"
        assert "no-such-package is missing; pandas" in found.what

    def test_keys_that_others_can_read_are_found(self, shop):
        (shop / "ledger" / "pairing.key").write_text("k")
        (shop / "ledger" / "pairing.key").chmod(0o644)
        found = look(shop, "RIGHTS")
        assert (found.state, found.to_do) == ("look", "chmod 600 ledger/pairing.key")

    def test_erasures_that_wait_are_remarked_without_a_name(self, shop):
        with the_desk(shop) as desk, desk.writing() as connection:
            erasing.erase(connection, "test", "somebody")
        found = look(shop, "ERASURES")
        assert found.state == "look"
        assert "regulars pull" in found.to_do
        assert "somebody" not in found.what
        with the_desk(shop) as desk, desk.writing() as connection:
            erasing.followed(connection, "somebody")
        assert look(shop, "ERASURES").state == "well"

    @pytest.mark.parametrize(
        ("break_it", "code", "what", "to_do"),
        [
            (scratch, "WEEK", "2018-W01 is damaged", "regulars release"),
            (another_version, "DESK", "its tables are of another version", "back up; then"),
            (lambda root: rename_model(root, "regulars-churn-other"), "TRACKING", "no champion of", "make run"),
            (lambda root: set_source(root, "sql"), "SOURCE", VARIABLE, "mend what the line says"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_and_what_to_do_stand_in_its_line(self, shop, monkeypatch, break_it, code, what, to_do):
        monkeypatch.delenv(VARIABLE, raising=False)
        break_it(shop)
        found = look(shop, code)
        assert found.state in {"ill", "look"}
        assert what in found.what
        assert to_do in found.to_do

    def test_a_database_of_purchases_that_answers_is_well_and_one_that_does_not_is_ill(self, shop, monkeypatch):
        set_source(shop, "sql")
        for url, state in ((f"sqlite:///{shop}/shop.db", "well"), (f"sqlite:///{shop}/nowhere/shop.db", "ill")):
            monkeypatch.setenv(VARIABLE, url)
            assert look(shop, "SOURCE").state == state

    def test_the_secret_of_the_tombstones_is_known_from_another(self, shop, monkeypatch):
        own = Tombstones(frozenset({"a"}), keyed_hash(b"a secret", CHECK))
        write_tombstones(shop / "inbox" / "tombstones.json", own)
        for secret, state in (("a secret", "well"), ("a wrong key", "ill")):
            monkeypatch.setenv("REGULARS_KEY", secret)
            found = look(shop, "SECRET")
            assert found.state == state
            assert secret not in found.what + found.to_do

    def test_an_old_python_is_named_with_the_version_that_is_needed(self, shop, monkeypatch):
        monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
        found = look(shop, "PYTHON")
        assert found.state == "ill"
        assert "3.11 or newer" in found.to_do

    def test_a_lightgbm_that_lacks_its_system_library_is_told_with_the_package(self, shop, tmp_path, monkeypatch):
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')\n")
        monkeypatch.setenv("PYTHONPATH", str(broken))
        found = look(shop, "LIGHTGBM")
        assert (found.state, found.what) == ("ill", "OSError: libgomp.so.1: cannot open shared object file")
        assert "apt-get install libgomp1" in found.to_do

    def test_where_there_is_no_secret_nothing_is_said_of_rights(self, shop):
        for key in shop.glob("ledger/*.key"):
            key.unlink()
        assert not list(doctor.CHECKS["RIGHTS"](shop, NOW))

    def test_it_changes_nothing(self, shop):
        before = contents(shop)
        list(doctor.findings(shop, NOW))
        assert contents(shop) == before

    def test_data_that_end_long_ago_are_remarked_for_a_shop_of_ones_own(self, shop):
        text = (shop / "params.yaml").read_text()
        (shop / "params.yaml").write_text(text.replace("source: complete_journey", "source: files"))
        for days, state in ((1, "well"), (30, "look")):
            found = look(shop, "WEEK", NOW + timedelta(days=days))
            assert found.state == state, found

    def test_an_old_backup_is_remarked(self, shop, tmp_path):
        back_up(shop, tmp_path / "all.zip", NOW)
        for days, state in ((1, "well"), (9, "look")):
            assert look(shop, "BACKUP", NOW + timedelta(days=days)).state == state


def record(root: Path, **changes) -> None:
    """Write a log of one weekly run."""
    (root / "ledger" / "weekly.jsonl").write_text(json.dumps({**RUN.__dict__, **changes}) + "\n")
