from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from contracts.errors import UnknownNameError
from contracts.tables import AT_RISK, FULL_WEEK
from serving import erasure, published, spreadsheets
from serving.published import find_week, latest_revision, publish, weeks, write_rows, write_week

FACTS = {"params": {}, "tables": {}}


@pytest.fixture
def home(tmp_path: Path, template_project: Path) -> Path:
    shutil.copytree(template_project / "data" / "week", tmp_path / "built")
    return tmp_path


def _publish(home: Path, clock: str = "2018-01-01T06:00:00+00:00") -> tuple[published.Revision, bool]:
    return publish(home / "built", home / "published", {"released_at": clock})


def test_a_week_holds_all_files_and_a_manifest_that_names_them(home):
    revision, is_new = _publish(home)
    assert is_new
    assert revision.folder == home / "published" / "2018-W01"
    names = {path.name for path in revision.folder.iterdir()}
    sheets = {"at_risk.csv", "at_risk.parquet", "at_risk.xlsx", "win_back.csv", "welcome.csv"}
    assert names == {*sheets, "customers.parquet", "manifest.json"}
    assert set(revision.manifest["files"]) == names - {"manifest.json"}
    assert revision.manifest["revision"] == 1
    assert revision.manifest["counts"] == {
        "n_listed": 8,
        "n_customers": 12,
        "n_treated": 4,
        "n_control": 4,
        "n_universal": 0,
        "n_awaited": 0,
        "n_none": 4,
    }
    assert len(revision.at_risk()) == 8


def test_the_same_rows_again_change_nothing_at_all(home, snapshot_of, drawn_week):
    _publish(home)
    before = snapshot_of(home / "published")
    write_week(home / "built", drawn_week(), {"params": {"other": 1}, "tables": {}})
    revision, is_new = _publish(home, clock="2019-05-05T00:00:00+00:00")
    assert (revision.number, is_new) == (1, False)
    assert snapshot_of(home / "published") == before


def test_other_rows_become_a_revision_and_leave_the_first_alone(home, snapshot_of, drawn_week):
    _publish(home)
    before = snapshot_of(home / "published")
    for number, seed in ((2, 7), (3, 1)):  # the third holds the first one's rows again
        write_week(home / "built", drawn_week(seed=seed), FACTS)
        revision, is_new = _publish(home)
        assert is_new
        assert revision.folder == home / "published" / "2018-W01" / f"revision-{number}"
        assert find_week(home / "published").number == number
    after = snapshot_of(home / "published")
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("step", ["xlsx_bytes", "write_json", "_to_disk"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_kill_between_writes_leaves_the_last_good_week(home, monkeypatch, drawn_week, step, is_first):
    if not is_first:
        _publish(home)
        write_week(home / "built", drawn_week(seed=7), FACTS)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(spreadsheets if step == "xlsx_bytes" else published, step, killed)
        with pytest.raises(KeyboardInterrupt):
            _publish(home)
    assert weeks(home / "published") == ([] if is_first else ["2018-W01"])
    revision, is_new = _publish(home)
    assert is_new
    assert revision.number == (1 if is_first else 2)
    assert not list((home / "published").glob(".*")), "the killed draft is swept away"


def test_a_lost_week_is_written_again_as_its_first_revision(home):
    _publish(home)
    shutil.rmtree(home / "published")
    assert _publish(home)[0].number == 1


@pytest.mark.parametrize("damage", ["lost", "cut", "no manifest", "torn manifest", "poor manifest"])
def test_a_damaged_revision_never_counts_and_is_never_overwritten(home, drawn_week, damage):
    _publish(home)
    write_week(home / "built", drawn_week(seed=7), FACTS)
    second = _publish(home)[0].folder
    if damage == "lost":
        (second / "customers.parquet").unlink()
    elif damage == "cut":
        (second / "at_risk.csv").write_text("week\n")
    elif damage == "no manifest":
        (second / "manifest.json").unlink()
    elif damage == "poor manifest":
        (second / "manifest.json").write_text('{"week": "2018-W01", "files": {"../week": {"bytes": 1}}}')
    else:
        (second / "manifest.json").write_text('{"week": ')
    assert find_week(home / "published", "2018-W01").number == 1
    assert _publish(home)[0].number == 3


def test_changed_bytes_of_equal_size_are_found_by_the_deep_check(home):
    folder = _publish(home)[0].folder
    text = (folder / "at_risk.csv").read_bytes()
    (folder / "at_risk.csv").write_bytes(text.replace(b"2018", b"2017"))
    assert latest_revision(folder) is not None
    assert latest_revision(folder, is_deep=True) is None


def test_unknown_weeks_and_customers_are_named(home):
    with pytest.raises(UnknownNameError, match="found none; run `make run` first"):
        find_week(home / "published")
    revision = _publish(home)[0]
    with pytest.raises(UnknownNameError, match="did you mean '2018-W01'"):
        find_week(home / "published", "2018-W10")
    with pytest.raises(UnknownNameError, match=r"no published week '\.\./built'"):
        find_week(home / "published", "../built")
    with pytest.raises(UnknownNameError, match="no customer 'nobody' in week 2018-W01"):
        revision.customer("nobody")
    assert revision.customer("C003")["customer_id"] == "C003"


def test_a_built_week_depends_on_its_rows_alone(tmp_path, drawn_week, snapshot_of):
    for name in ("one", "two"):
        write_week(tmp_path / name, drawn_week(), FACTS)
    one, two = snapshot_of(tmp_path / "one"), snapshot_of(tmp_path / "two")
    assert {name: raw for name, (_, raw) in one.items()} == {name: raw for name, (_, raw) in two.items()}
    assert "C003" not in json.dumps(json.loads((tmp_path / "one" / "week.json").read_text()))


def test_a_piece_without_rows_tells_nothing_and_changes_nothing(tmp_path, drawn_week):
    week = drawn_week()
    whole = write_week(tmp_path / "whole", week, FACTS)
    named = {"week": week.name, "data_through": week.data_through.isoformat()}
    pieces = [FULL_WEEK(week.customers), FULL_WEEK(week.customers.iloc[:0])]
    assert write_rows(tmp_path / "cut", named, pieces, lambda: AT_RISK(week.at_risk), FACTS) == whole


def test_an_erased_customer_leaves_every_revision_and_drafts_are_swept(home, drawn_week):
    first = _publish(home)[0].folder
    write_week(home / "built", drawn_week(seed=7), FACTS)
    second = _publish(home)[0].folder
    (second / ".draft").mkdir()
    (second / ".draft" / "customers.parquet").write_bytes(b"half")
    (first / "at_risk.csv").unlink()  # the first revision is damaged: it says nothing any more
    said = erasure.published_rows(home / "published", "C003")
    assert [(row["revision"], row["customer_id"]) for row in said] == [(2, "C003")]
    issued = erasure.erase_from_weeks(home / "published", {"C003"}, {"released_at": "2018-01-02T06:00:00+00:00"})
    assert [revision.number for revision in issued] == [3]
    assert "C003" not in set(issued[0].customers()["customer_id"])
    assert [path.name for path in (*first.glob("*.*"), *second.glob("*.*")) if path.is_file()] == ["manifest.json"] * 2
    assert not (second / ".draft").exists()
    assert erasure.holding_revisions(home / "published", {"C003"}) == []
    assert erasure.erase_from_weeks(home / "published", {"C003"}, {}) == []


def test_a_week_of_which_no_revision_is_whole_is_emptied_and_not_issued_again(home):
    folder = _publish(home)[0].folder
    (folder / "at_risk.csv").unlink()
    assert erasure.erase_from_weeks(home / "published", {"C003"}, {}) == []
    assert not (folder / "customers.parquet").exists()
