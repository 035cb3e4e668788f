from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import StateError
from contracts.files import write_json
from models.record import champions, registry
from models.record.champions import Signature, export_champion, place, sync_champion
from models.record.ledger import ledger_path
from models.record.promotion import promote
from pipeline import publish, register
from pipeline import release as release_module
from pipeline import running as running_module
from pipeline.release import release
from tests.projects import REGISTER

NOW = datetime(2018, 1, 1, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


@pytest.fixture
def inside(project, monkeypatch):
    """The project as the working folder, with the wish that `regulars run` writes first."""
    monkeypatch.chdir(project.root)
    sync_champion(project.root, NOW)
    return project


def _week_files(project):
    return {path.name for path in (project.root / "published").rglob("*") if path.is_file()}


def _receipt(project, name):
    return json.loads((project.root / "reports" / f"{name}.json").read_text())


def test_release_twice_changes_nothing(inside, snapshot_of):
    register.main(REGISTER)
    release(inside.root, now=NOW)
    state = ("published", "ledger", "mlruns", "inbox")
    before = {name: snapshot_of(inside.root / name) for name in state}
    database = (inside.root / "mlflow.db").read_bytes()
    done = release(inside.root, now=LATER)
    assert not done.is_new_revision
    assert {name: snapshot_of(inside.root / name) for name in state} == before
    assert (inside.root / "mlflow.db").read_bytes() == database


def test_an_experiment_writes_a_receipt_and_moves_nothing(inside, monkeypatch, snapshot_of):
    from contracts import tables
    from contracts.files import write_table

    frames = inside.root / "data"
    for name, table in (("scores", tables.SCORES), ("portraits", tables.PORTRAITS), ("plan", tables.PLAN)):
        write_table(frames / f"{name}.parquet", _table(inside, name), table)
    arguments = [f"data/{name}.parquet" for name in ("scores", "portraits", "plan", "wave")]
    arguments += ["data/cutoffs.json", "data/week", "reports/publish.json"]
    monkeypatch.setenv("DVC_EXP_NAME", "warm-otter")
    register.main(REGISTER)
    publish.main(arguments)
    assert not _receipt(inside, "register")["applied"]
    assert not _receipt(inside, "publish")["applied"]
    assert not (inside.root / "published").exists()
    assert not ledger_path(inside.root).exists()
    assert champions.present(place(inside.root)) is None
    with pytest.raises(StateError, match="dvc exp apply warm-otter"):
        release(inside.root)
    monkeypatch.delenv("DVC_EXP_NAME")
    release(inside.root, now=NOW)
    assert champions.present(place(inside.root)).model_hash == _receipt(inside, "register")["model_hash"]
    assert "manifest.json" in _week_files(inside)
    publish.main(arguments)
    assert _receipt(inside, "publish")["applied"]


def _table(project, name):
    from datetime import date

    import pandas as pd

    full = pd.read_parquet(project.root / "data" / "week" / "customers.parquet")
    full = full.assign(cutoff_on=pd.Timestamp(date(2018, 1, 1)))
    full = full.assign(joined_on=pd.NaT, asked_channel="", answered_channel="")  # what the published week leaves out
    full = full.assign(purpose="", propensity=float("nan"), options="", p_savable=float("nan"))
    if name == "scores":
        return full[full["p_lapse"].notna()][[name for name in _columns("SCORES") if name in full.columns]]
    if name == "plan":
        return full.fillna(
            dict.fromkeys(("offer_cost", "expected_profit", "expected_profit_low", "expected_profit_high"), 0.0)
        ).fillna({"price_benefit": 0.0, "benefit": 0.0})[list(_columns("PLAN"))]
    return full[[name for name in _columns("PORTRAITS") if name in full.columns]]


def _columns(name):
    from contracts import tables

    return getattr(tables, name).columns


def test_an_experiment_in_a_temporary_copy_logs_into_the_project(inside, monkeypatch, tmp_path):
    copy = inside.root / ".dvc" / "tmp" / "exps" / "tmpx"
    shutil.copytree(inside.root, copy, ignore=shutil.ignore_patterns("mlflow.db*", ".dvc", "mlruns"))
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_EXP_NAME", "warm-otter")
    register.main(REGISTER)
    assert not (copy / "mlflow.db").exists()
    assert not (copy / "mlruns").exists()
    assert list((inside.root / "mlruns").rglob("MLmodel"))


def test_a_lost_database_is_healed_with_the_same_champion(inside, read_lines, template_database):
    register.main(REGISTER)
    first = _receipt(inside, "register")["model_hash"]
    inside.fit(-1.0)
    sync_champion(inside.root, NOW)
    register.main(REGISTER)
    second = promote(inside.root, Signature("Ada", "better", NOW), is_uncompared=True).model_hash
    inside.fit(-0.5)
    register.main(REGISTER)
    third = _receipt(inside, "register")["model_hash"]
    assert len({first, second, third}) == 3
    shutil.copyfile(template_database, inside.root / "mlflow.db")
    shutil.rmtree(inside.root / "mlruns")
    assert sync_champion(inside.root, LATER) == second, "what was promoted stays, the candidate does not slip in"
    done = release(inside.root, now=LATER)
    assert (done.champion.model_hash, done.champion.review) == (second, registry.REVIEWED)
    assert [line["action"] for line in read_lines(ledger_path(inside.root))] == ["first-release", "promote", "healed"]
    target = inside.root / "artifacts" / "champion"
    shutil.rmtree(target)
    export_champion(place(inside.root), second, inside.evidence.candidate, target)
    assert champions.model_hash(target) == second


def test_with_every_copy_lost_the_candidate_becomes_champion_and_the_ledger_says_so(
    inside, read_lines, template_database
):
    register.main(REGISTER)
    shutil.copyfile(template_database, inside.root / "mlflow.db")
    for name in ("champion", "candidate"):
        shutil.rmtree(inside.root / "artifacts" / name)
    inside.fit(-0.5)
    assert sync_champion(inside.root, LATER) is None
    register.main(REGISTER)
    last = read_lines(ledger_path(inside.root))[-1]
    assert last["action"] == "first-release"
    assert "is lost, and no copy was found" in last["why"]


def test_a_lost_week_is_published_again(inside):
    register.main(REGISTER)
    release(inside.root, now=NOW)
    shutil.rmtree(inside.root / "published")
    done = release(inside.root, now=LATER)
    assert done.is_new_revision
    assert done.revision.number == 1


@pytest.mark.parametrize("step", ["ensure_version", "move_alias"])
def test_a_kill_in_the_registry_is_finished_by_the_next_release(inside, monkeypatch, read_lines, step):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(registry, step, killed)
        with pytest.raises(KeyboardInterrupt):
            register.main(REGISTER)
    assert champions.present(place(inside.root)) is None
    register.main(REGISTER)
    assert champions.present(place(inside.root)).review == "unreviewed"
    assert len(read_lines(ledger_path(inside.root))) == 1


def test_a_kill_between_alias_and_ledger_is_entered_later(inside, monkeypatch, read_lines):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(champions.ledger, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            register.main(REGISTER)
    register.main(REGISTER)
    assert [line["action"] for line in read_lines(ledger_path(inside.root))] == ["first-release"]


def test_the_champion_scores_and_the_candidate_waits(inside):
    register.main(REGISTER)
    first = _receipt(inside, "register")["model_hash"]
    inside.fit(-1.0)
    sync_champion(inside.root, NOW)
    register.main(REGISTER)
    assert champions.model_hash(inside.root / "artifacts" / "champion") == first
    assert _receipt(inside, "register")["model_hash"] != first


def test_the_receipt_and_bundles_depend_on_their_inputs_alone(inside, snapshot_of):
    register.main(REGISTER)
    before = {name: snapshot_of(inside.root / name) for name in ("artifacts", "reports")}
    for name in ("artifacts/candidate", "artifacts/champion"):
        shutil.rmtree(inside.root / name)
    register.main(REGISTER)
    for name, files in before.items():
        again = snapshot_of(inside.root / name)
        assert {path: raw for path, (_, raw) in files.items()} == {path: raw for path, (_, raw) in again.items()}


def test_two_releases_at_once_wait_for_each_other(inside, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(release_module, "LOCK_SECONDS", 0.05)
    lock = inside.root / "ledger" / "release.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock), pytest.raises(StateError, match="another release has held"):
        release(inside.root)


def test_the_gate_names_a_fit_that_is_not_there(inside):
    gate = json.loads((inside.root / "reports" / "gate.json").read_text())
    write_json(inside.root / "reports" / "gate.json", {**gate, "released": "regular"})
    with pytest.raises(StateError, match="did you mean 'regulars'"):
        register.main(REGISTER)


def test_release_before_anything_was_built_says_so(tmp_path, bare_project):
    shutil.rmtree(bare_project.root / "artifacts")
    from contracts.errors import RegularsError

    with pytest.raises(RegularsError, match=r"dvc repro|make run"):
        release(bare_project.root)


@pytest.mark.parametrize("share", [n / 40 for n in range(41)])
def test_whatever_dvc_cannot_read_of_a_cut_off_lock_is_set_aside(tmp_path, share):
    """Second route: DVC's own schema says which beginnings of a lock it can still read."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from voluptuous import Invalid

    text = LOCK
    lock = tmp_path / "dvc.lock"
    lock.write_text(text[: round(share * len(text))])
    try:
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(lock.read_text()))
        is_readable = True
    except (YAMLError, Invalid):
        is_readable = False
    running_module._set_aside_broken_lock(lock)
    assert is_readable or not lock.exists()
    assert share < 1 or lock.exists()


def _locked_stage(name):
    return (
        f"  {name}:\n    cmd: python -m pipeline.{name} data/{name}\n    deps:\n    - path: data/in\n      hash: md5\n"
        "      md5: 0123456789abcdef0123456789abcdef\n      size: 120\n    params:\n      params.yaml:\n"
        "        train.num_leaves: 12\n        train.exclude: []\n    outs:\n    - path: data/out\n      hash: md5\n"
        "      md5: 0123456789abcdef0123456789abcdef\n      size: 120\n"
    )


LOCK = "schema: '2.0'\nstages:\n" + "".join(_locked_stage(name) for name in ("one", "two", "three"))
