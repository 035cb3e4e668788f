"""Weekly run, backup and restore on a small released project, and on what is broken."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from contracts.errors import ContractError, ParameterError, RegularsError, SourceError, StateError
from events.lines import keyed_hash
from events.tombstones import CHECK, Tombstones, read_tombstones, write_tombstones
from models.record.champions import place, present
from pipeline.operating import weekly
from pipeline.operating.backup import back_up, read_backup
from pipeline.operating.page import write_page
from pipeline.operating.restore import restore
from pipeline.operating.weekly import ALERTED, WeeklyRun, past_runs, run_week
from pipeline.release import Released, release
from pipeline.stage import line, passed_on
from serving import published
from tests.states import NOW, RUN, command, contents

ROOT = Path(__file__).resolve().parents[2]


class TestBackup:
    def test_every_byte_of_the_state_comes_back_in_another_folder(self, shop, tmp_path):
        done = back_up(shop, tmp_path / "all.zip", NOW)
        assert done.path.stat().st_mode & 0o077 == 0
        there = tmp_path / "elsewhere"
        there.mkdir()
        restored = restore(there, done.path, NOW, aside=None, tombstones=None)
        assert contents(there) == contents(shop)
        assert restored.n_files == done.n_files
        assert present(place(there)) == present(place(shop))
        assert published.find_week(there / "published").week == "2018-W01"
        assert not list(there.glob(".restore.*"))

    def test_mlflow_finds_its_files_below_the_new_folder(self, shop, tmp_path):
        former = str(shop.resolve())
        with closing(sqlite3.connect(shop / "mlflow.db")) as database, database:
            database.execute("UPDATE experiments SET artifact_location = ?", (f"file://{former}/mlruns/regulars",))
        back_up(shop, tmp_path / "all.zip", NOW)
        (there := tmp_path / "elsewhere").mkdir()
        restore(there, tmp_path / "all.zip", NOW, aside=None, tombstones=None)
        with closing(sqlite3.connect(there / "mlflow.db")) as database:
            places = {row[0] for row in database.execute("SELECT artifact_location FROM experiments")}
        assert places == {f"file://{there.resolve()}/mlruns/regulars"}

    def test_a_database_in_use_is_copied_as_one_state(self, shop, tmp_path):
        (shop / "desk").mkdir()
        with closing(sqlite3.connect(shop / "desk" / "desk.sqlite", isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("CREATE TABLE kept (n INTEGER)")
            writer.execute("INSERT INTO kept VALUES (1)")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO kept VALUES (2)")
            back_up(shop, tmp_path / "all.zip", NOW)
            writer.execute("ROLLBACK")
        with zipfile.ZipFile(tmp_path / "all.zip") as archive:
            archive.extract("desk/desk.sqlite", tmp_path)
        with closing(sqlite3.connect(tmp_path / "desk" / "desk.sqlite")) as copy:
            assert copy.execute("SELECT n FROM kept").fetchall() == [(1,)]

    def test_it_is_refused_inside_the_project_over_a_file_and_without_a_project(self, shop, tmp_path):
        for target, message in (
            (shop / "all.zip", "outside the project"),
            (shop / "params.yaml", "a new file"),
            (tmp_path / "nowhere" / "all.zip", "found no"),
        ):
            with pytest.raises(ParameterError, match=message):
                back_up(shop, target, NOW)
        with pytest.raises(SourceError, match="found no params"):
            back_up(tmp_path, tmp_path / "all.zip", NOW)

    def test_a_backup_that_is_not_there_is_one_line(self, shop, tmp_path, capsys):
        before = contents(shop)
        code, _, err = command(capsys, "restore", str(tmp_path / "al.zip"), "--aside", str(tmp_path / "former.zip"))
        assert code == SourceError.exit_code
        assert err.count("\n") == 1
        assert f"expected a backup at {tmp_path / 'al.zip'}, found none" in err
        assert contents(shop) == before
        assert not (tmp_path / "former.zip").exists()

    @pytest.mark.parametrize("broken", ["cut off", "another byte", "a member more", "outside", "format", "no backup"])
    def test_a_damaged_backup_touches_nothing(self, shop, tmp_path, broken):
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        damage(path, broken)
        (there := tmp_path / "elsewhere").mkdir()
        with pytest.raises(ContractError, match="damaged"):
            restore(there, path, NOW, aside=None, tombstones=None)
        assert not list(there.iterdir())
        assert not (tmp_path / "escaped").exists()

    def test_state_is_replaced_only_when_it_was_set_aside_first(self, shop, tmp_path):
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        before = contents(shop)
        (shop / "inbox" / "excluded.txt").write_text("TILL\nSTAFF\n")
        with pytest.raises(StateError, match="--aside"):
            restore(shop, path, NOW, aside=None, tombstones=None)
        restore(shop, path, NOW, aside=tmp_path / "former.zip", tombstones=None)
        assert contents(shop) == before
        restore(shop, tmp_path / "former.zip", NOW, aside=tmp_path / "again.zip", tombstones=None)
        assert (shop / "inbox" / "excluded.txt").read_text() == "TILL\nSTAFF\n"

    def test_a_folder_with_published_weeks_alone_is_state_too(self, shop, tmp_path):
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        shutil.copytree(shop / "published", tmp_path / "there" / "published")
        with pytest.raises(StateError, match="--aside"):
            restore(tmp_path / "there", path, NOW, aside=None, tombstones=None)
        assert [place.name for place in (tmp_path / "there").iterdir()] == ["published"]

    def test_what_the_backup_has_none_of_is_gone_after_it(self, shop, tmp_path):
        shutil.rmtree(shop / "published")
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        before = contents(shop)
        release(shop, now=NOW)
        assert published.weeks(shop / "published")
        restore(shop, path, NOW, aside=tmp_path / "former.zip", tombstones=None)
        assert not (shop / "published").exists()
        assert contents(shop) == before

    @pytest.mark.parametrize("nth", range(1, 9))
    def test_a_restore_killed_between_two_places_is_finished_by_the_same_command(
        self, shop, tmp_path, monkeypatch, nth
    ):
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        before = contents(shop)
        (shop / "params.yaml").write_text("changed: since\n")
        (shop / "inbox" / "excluded.txt").write_text("")
        done = {"n": 0}
        rename = Path.rename

        def killed(self, target):
            done["n"] += 1
            if done["n"] == nth:
                raise KeyboardInterrupt
            return rename(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                restore(shop, path, NOW, aside=tmp_path / "former.zip", tombstones=None)
        restore(shop, path, NOW, aside=tmp_path / "former.zip", tombstones=None)
        assert contents(shop) == before
        assert not list(shop.glob(".restore.*"))

    def test_whoever_was_erased_since_does_not_come_back(self, shop, tmp_path, monkeypatch):
        key = "a secret of the shop"
        monkeypatch.setenv("REGULARS_KEY", key)
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        week = published.find_week(shop / "published")
        gone = str(week.customers()["customer_id"].iloc[0])
        later = Tombstones(frozenset({keyed_hash(key.encode(), gone)}), keyed_hash(key.encode(), CHECK))
        write_tombstones(tmp_path / "later.json", later)
        (there := tmp_path / "elsewhere").mkdir()
        done = restore(there, path, NOW, aside=None, tombstones=tmp_path / "later.json")
        assert done.n_erased == 1
        assert read_tombstones(there / "inbox" / "tombstones.json") == later
        for table in (there / "published").rglob("*.parquet"):
            assert gone not in set(pq.read_table(table).to_pandas()["customer_id"].astype(str))

    def test_tombstones_of_two_secrets_are_never_put_together(self, shop, tmp_path, monkeypatch):
        monkeypatch.setenv("REGULARS_KEY", "a secret")
        for name, secret in (("own", b"a secret"), ("later", b"another")):
            write_tombstones(tmp_path / f"{name}.json", Tombstones(frozenset({name}), keyed_hash(secret, CHECK)))
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        shutil.copyfile(tmp_path / "own.json", shop / "inbox" / "tombstones.json")
        before = contents(shop)
        with pytest.raises(ParameterError, match="expected tombstones of one secret, got two"):
            restore(shop, path, NOW, aside=tmp_path / "former.zip", tombstones=tmp_path / "later.json")
        assert contents(shop) == before

    def test_erasing_again_needs_the_secret_before_anything_is_touched(self, shop, tmp_path, monkeypatch):
        monkeypatch.delenv("REGULARS_KEY", raising=False)
        path = back_up(shop, tmp_path / "all.zip", NOW).path
        write_tombstones(tmp_path / "later.json", Tombstones(frozenset({"ab"}), "cd"))
        (there := tmp_path / "elsewhere").mkdir()
        with pytest.raises(ParameterError, match="REGULARS_KEY"):
            restore(there, path, NOW, aside=None, tombstones=tmp_path / "later.json")
        assert {one.name for one in there.iterdir()} <= {"ledger"}


def damage(path: Path, how: str) -> None:
    """Break a backup."""
    if how == "no backup":
        path.write_bytes(b"text\n")
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "a member more":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("ledger/more.txt", "more")
    else:
        told = read_backup(path, is_deep=True)
        with zipfile.ZipFile(path) as archive:
            kept = {name: archive.read(name) for name in told["members"]}
        if how == "outside":
            kept["../escaped"] = b""
            told["members"]["../escaped"] = {"bytes": 0, "sha256": ""}
        elif how == "format":
            told["format"] = "of another year"
        else:
            kept["params.yaml"] = b"!" + kept["params.yaml"][1:]
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("backup.json", json.dumps(told))
            for name, data in kept.items():
                archive.writestr(name, data)


class TestWeekly:
    def test_a_week_is_recorded_with_its_counts_and_twice_is_unchanged(self, shop, monkeypatch):
        monkeypatch.setattr(weekly, "run_pipeline", release)
        (shop / "ledger" / "weekly.jsonl").write_text('{"started_at": "2018-01-05T06:')
        first, second = run_week(shop), run_week(shop)
        counts = published.find_week(shop / "published").manifest["counts"]
        assert (first.outcome, first.exit_code, first.n_listed) == ("unchanged", 0, counts["n_listed"])
        assert past_runs(shop) == [first, second]

    def test_alerts_have_an_exit_code_and_stand_on_the_page_with_their_remedies(self, shop, monkeypatch, capsys):
        monkeypatch.setattr(weekly, "run_pipeline", release)
        report = shop / "reports" / "monitor" / "monitor.json"
        report.parent.mkdir(parents=True)
        check = {"code": "CHAMPION_OLD", "what": "its labels end 200 days ago"}
        report.write_text(json.dumps({"alerts": ["CHAMPION_OLD"], "checks": [check]}))
        code, out, _ = command(capsys, "weekly", "--json")
        assert code == ALERTED
        assert json.loads(out.splitlines()[-1])["alerts"] == ["CHAMPION_OLD"]
        text = (shop / "reports" / "weekly" / "weekly.html").read_text()
        assert "its labels end 200 days ago" in text
        assert "promote it or say why not" in text

    @pytest.mark.parametrize(
        ("error", "code"),
        [(SourceError("expected the folder <b>, found none"), 5), (OSError(28, "No space left on device", "data"), 1)],
    )
    def test_a_failure_is_recorded_and_leaves_the_last_good_week(self, shop, monkeypatch, capsys, error, code):
        def fails(_):
            raise error

        before = contents(shop)
        monkeypatch.setattr(weekly, "run_pipeline", fails)
        exit_code, out, _ = command(capsys, "weekly")
        assert exit_code == code
        assert "failed with exit code" in out
        assert "<b>" not in (shop / "reports" / "weekly" / "weekly.html").read_text()
        after = contents(shop)
        assert {name: after[name] for name in before} == before
        assert past_runs(shop)[-1].outcome == "failed"

    def test_a_fault_of_the_program_is_recorded_without_its_words_and_goes_on(self, shop, monkeypatch):
        def breaks(_):
            raise KeyError("customer 1609")

        monkeypatch.setattr(weekly, "run_pipeline", breaks)
        with pytest.raises(KeyError):
            run_week(shop)
        (run,) = past_runs(shop)
        assert (run.outcome, run.exit_code) == ("failed", weekly.CRASHED)
        assert "1609" not in run.error

    def test_of_two_at_once_the_second_is_refused_and_records_nothing(self, shop, capsys):
        with FileLock(shop / "ledger" / "weekly.lock"):
            code, _, err = command(capsys, "weekly")
        assert code == StateError.exit_code
        assert err.count("\n") == 1
        assert not past_runs(shop)

    def test_the_page_shows_a_year_of_runs_the_latest_first(self, tmp_path):
        runs = [WeeklyRun(**{**RUN.__dict__, "week": f"2018-W{n:02d}", "wall_s": float(n)}) for n in range(1, 61)]
        text = write_page(tmp_path, runs).read_text()
        assert text.index("2018-W60") < text.index("2018-W59")
        assert "2018-W08<" not in text

    def test_a_release_that_gave_no_week_is_refused(self, shop, monkeypatch):
        monkeypatch.setattr(weekly, "run_pipeline", lambda _: Released(None, None, is_new_revision=False))
        with pytest.raises(StateError, match="got none"):
            run_week(shop)


class TestLines:
    def test_people_get_text_and_programs_an_object_a_line(self, monkeypatch, capsys):
        line("train", "3 bags")
        assert capsys.readouterr().out == "  train: 3 bags\n"
        monkeypatch.setenv("REGULARS_LOG", "json")
        line("train", 'said "yes"\nand more', wall_s=1.5)
        line("train", "no room", is_error=True)
        captured = capsys.readouterr()
        told = json.loads(captured.out)
        assert (told["source"], told["text"], told["wall_s"]) == ("train", 'said "yes"\nand more', 1.5)
        assert json.loads(captured.err)["level"] == "error"

    def test_another_programs_lines_are_wrapped_and_ours_passed_on(self, monkeypatch, capsys):
        monkeypatch.setenv("REGULARS_LOG", "json")
        line("train", "x")
        ours = capsys.readouterr().out
        passed_on("dvc", ours.rstrip("\n"))
        passed_on("dvc", "Running stage 'train':")
        passed_on("dvc", "")
        first, second = capsys.readouterr().out.splitlines()
        assert first + "\n" == ours
        assert json.loads(second)["source"] == "dvc"


def test_a_runs_sentence_names_its_alerts():
    assert RUN.sentence.endswith("no alert")
    assert WeeklyRun(**{**RUN.__dict__, "alerts": ["RANKING"]}).sentence.endswith("alerts: RANKING")
    assert RegularsError.exit_code != ALERTED
    assert pd.Timestamp(RUN.started_at).tz is not None
