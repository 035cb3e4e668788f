"""The whole pipeline on a small real sample, through the very commands that users type."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from contracts import tables
from contracts.files import read_json, read_table
from tests.columns import LIST_COLUMNS

WEEK = Path("published") / "2018-W01"


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def aliases(root: Path) -> dict[str, int]:
    """The registry's aliases, read from its database by a second route."""
    with sqlite3.connect(root / "mlflow.db") as database:
        rows = database.execute("select alias, version from registered_model_aliases").fetchall()
    database.close()
    return {alias: int(version) for alias, version in rows}


def n_runs(root: Path) -> int:
    with sqlite3.connect(root / "mlflow.db") as database:
        n = database.execute("select count(*) from runs where status = 'FINISHED'").fetchone()[0]
    database.close()
    return int(n)


def test_every_stage_wrote_what_others_rely_on(fresh) -> None:
    root = fresh[0].path
    predictions = read_table(root / "data/test_predictions.parquet", tables.TEST_PREDICTIONS)
    assert list(predictions.columns) == ["customer_id", "cutoff_on", "p_lapse", "lapsed"]
    scores = read_table(root / "data/scores.parquet", tables.SCORES)
    portraits = read_table(root / "data/portraits.parquet", tables.PORTRAITS)
    plan = read_table(root / "data/plan.parquet", tables.PLAN)
    assert set(scores["customer_id"]) <= set(portraits["customer_id"])
    assert set(plan["customer_id"]) == set(portraits.loc[portraits["state"] != "gone", "customer_id"])
    features = pd.read_parquet(root / "data/features")
    assert (features.dtypes.drop(["customer_id", "cutoff_on"]) == "float32").all()
    assert features.shape[1] - 2 >= 60
    metrics = read_json(root / "reports/metrics.json")
    assert {"auc_mean", "auc_low", "auc_high", "calibration_error", "lift_at_10"} <= set(metrics["test"])
    assert len(metrics["by_cutoff"]) == 4
    assert {"inactivity", "frequency", "rfm_logit", "mbg_nbd", "all_feature_logit", "lightgbm_default"} == set(
        metrics["baselines"]
    )


def test_the_figures_follow_from_the_predictions(fresh) -> None:
    """Second route: the mean AUC of metrics.json from data/test_predictions.parquet by scikit-learn."""
    from sklearn.metrics import roc_auc_score

    root = fresh[0].path
    predictions = pd.read_parquet(root / "data/test_predictions.parquet")
    by_day = [roc_auc_score(day["lapsed"], day["p_lapse"]) for _, day in predictions.groupby("cutoff_on")]
    reported = read_json(root / "reports/metrics.json")["test"]["auc_mean"]
    assert reported == pytest.approx(sum(by_day) / len(by_day), abs=1e-6)


def test_the_week_is_published_with_its_contract(fresh) -> None:
    root = fresh[0].path
    week = root / WEEK
    assert {"at_risk.csv", "at_risk.parquet", "at_risk.xlsx", "manifest.json"} <= {path.name for path in week.iterdir()}
    listed = pd.read_parquet(week / "at_risk.parquet")
    assert list(listed.columns)[: len(LIST_COLUMNS)] == LIST_COLUMNS
    assert list(pd.read_csv(week / "at_risk.csv", dtype=str).columns)[: len(LIST_COLUMNS)] == LIST_COLUMNS
    assert len(listed) <= 60
    assert listed["rank"].tolist() == list(range(1, len(listed) + 1))
    plan = pd.read_parquet(root / "data/plan.parquet")
    controls = set(plan.loc[plan["arm"] == "control", "customer_id"])
    assert controls
    assert not controls & set(listed["customer_id"])
    treated = set(plan.loc[plan["arm"] == "treated", "customer_id"])
    assert treated <= set(listed["customer_id"])
    assert (listed.loc[listed["customer_id"].isin(treated), "reasons"] != "").mean() > 0.5


def test_the_first_release_is_champion_and_unreviewed(fresh) -> None:
    root = fresh[0].path
    assert set(aliases(root)) == {"challenger", "champion"}
    said = fresh[0].regulars("ledger")
    assert "first-release" in said
    assert read_json(root / "artifacts/champion/release.json")["grade"] == "rule"  # three trees beat nobody
    assert "unreviewed" in fresh[1]


def test_the_summary_names_data_model_list_and_mlflow(fresh) -> None:
    printed = fresh[1]
    for wanted in ("2018-W01", "95 %", "make mlflow", "published", "USD"):
        assert wanted in printed, wanted


def test_a_second_repro_runs_no_stage(fresh) -> None:
    printed = fresh[0].run("dvc", "repro")
    assert "Running stage" not in printed


def test_list_and_show_read_the_published_week(fresh) -> None:
    listed = json.loads(fresh[0].regulars("list", "--week", "2018-W01", "--top", "3", "--json"))
    assert len(listed) == 3
    shown = fresh[0].regulars("show", listed[0]["customer_id"])
    assert listed[0]["customer_id"] in shown


def test_running_again_changes_neither_list_nor_champion(mine) -> None:
    before, moved = stamps(mine.path / "published"), aliases(mine.path)
    mine.regulars("run")
    assert stamps(mine.path / "published") == before
    assert aliases(mine.path) == moved
    assert n_runs(mine.path) == 1


def test_a_null_wish_puts_no_candidate_live(mine) -> None:
    """`make setup` in a copy, or a killed run, may leave a wish of null beside a registry that has a champion."""
    published, moved = stamps(mine.path / "published"), aliases(mine.path)
    (mine.path / "inbox" / "champion.json").write_text('{"model_hash": null}\n')
    mine.set("snapshot", "train_every_weeks", 4)
    mine.run("dvc", "repro")
    assert aliases(mine.path)["champion"] == moved["champion"]
    assert stamps(mine.path / "published").keys() == published.keys() or all(
        read_json(manifest)["model_version"] == read_json(mine.path / WEEK / "manifest.json")["model_version"]
        for manifest in (mine.path / "published").rglob("manifest.json")
    )
    champion = read_json(mine.path / "artifacts/champion/release.json")["model_hash"]
    assert champion[:12] == read_json(mine.path / WEEK / "manifest.json")["model_version"]


def test_a_lock_cut_off_by_a_killed_run_is_set_aside(mine) -> None:
    before = stamps(mine.path / "published")
    lock = mine.path / "dvc.lock"
    lock.write_text("")
    printed = mine.regulars("run")
    assert "dvc.lock.broken" in printed
    assert stamps(mine.path / "published") == before


def test_a_lost_database_and_a_lost_list_are_healed(mine) -> None:
    before = {name: content for name, (_, content) in stamps(mine.path / "published").items()}
    shutil.rmtree(mine.path / "published")
    for path in mine.path.glob("mlflow.db*"):
        path.unlink()
    mine.regulars("run")
    healed = {name: content for name, (_, content) in stamps(mine.path / "published").items()}
    assert {name for name in healed if not name.endswith("manifest.json")} == {
        name for name in before if not name.endswith("manifest.json")
    }
    assert set(aliases(mine.path)) == {"challenger", "champion"}


def test_an_experiment_moves_nothing_until_it_is_applied(mine) -> None:
    published, moved, ledger = stamps(mine.path / "published"), aliases(mine.path), stamps(mine.path / "ledger")
    mine.run("dvc", "exp", "run", "-n", "sparser", "-S", "snapshot.train_every_weeks=4")
    assert stamps(mine.path / "published") == published
    assert aliases(mine.path) == moved
    assert stamps(mine.path / "ledger") == ledger
    assert n_runs(mine.path) == 2  # recorded, for reviewers to compare
    assert read_json(mine.path / "reports/register.json")["applied"] is False
    assert read_json(mine.path / "reports/publish.json")["applied"] is False
    assert "sparser" in mine.run("dvc", "exp", "show", "--csv")
    mine.run("git", "checkout", "-q", "--", ".")
    mine.run("dvc", "exp", "apply", "sparser")
    mine.regulars("run")
    after = aliases(mine.path)
    assert after["challenger"] != moved["challenger"]
    assert after["champion"] == moved["champion"]  # only `regulars promote` moves it
    champion = read_json(mine.path / "artifacts/champion/release.json")["model_hash"]
    mine.regulars("promote", "--reviewer", "Rita", "--reason", "fewer cutoffs will do")
    mine.regulars("run")
    assert aliases(mine.path)["champion"] == after["challenger"]
    assert read_json(mine.path / "artifacts/champion/release.json")["model_hash"] != champion
    assert (mine.path / WEEK / "revision-2" / "manifest.json").exists()  # another model, another week's content
    assert {name: stamp for name, stamp in stamps(mine.path / "published").items() if name in published} == published


def test_two_checkouts_give_the_same_bytes(fresh, tmp_path: Path) -> None:
    other = fresh[0].copy(tmp_path / "other")
    shutil.copytree(fresh[0].path / "inbox", other.path / "inbox", dirs_exist_ok=True)
    other.run("dvc", "repro")
    locks = [YAML(typ="safe").load((path / "dvc.lock").read_text())["stages"] for path in (fresh[0].path, other.path)]
    hashes = [{out["path"]: out["md5"] for stage in lock.values() for out in stage.get("outs", [])} for lock in locks]
    assert hashes[0] == hashes[1]


def test_a_wrong_parameter_stops_the_run_with_one_line(mine) -> None:
    mine.set("train", "num_leafs", 9)
    printed = mine.regulars("run", fails=True)
    assert "unknown key 'train.num_leafs'; did you mean 'num_leaves'?" in printed
    assert "Traceback" not in printed


def test_an_interrupted_stage_leaves_the_last_good_week(mine) -> None:
    before = stamps(mine.path / "published")
    (mine.path / "offers.yaml").write_text("offers: 3\n")
    printed = mine.regulars("run", fails=True)
    assert "Traceback" not in printed
    assert stamps(mine.path / "published") == before


def test_the_plain_engine_runs_the_same_stage_to_the_same_table(fresh, tmp_path: Path) -> None:
    project = fresh[0].copy(tmp_path / "plain")
    for name in ("data/events", "data/snapshots.parquet"):
        source = fresh[0].path / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, project.path / name)
    project.set("featurize", "engine", "reference")
    project.set("featurize", "trials", ["weekend_share"])
    arguments = ["data/events", "data/snapshots.parquet", "trials", "data/features", "reports/features.json"]
    said = project.run("python", "-m", "pipeline.featurize", *arguments)
    assert "(reference)" in said
    told = read_json(project.path / "reports/features.json")
    assert told["trials"] == ["trial_weekend_share_13w"]
    assert told["left_out_for_want_of"]["promotion_line_share_91d"] == ["promotion_id"]
    left, right = (
        pd.read_parquet(root / "data/features").sort_values(["cutoff_on", "customer_id"], ignore_index=True)
        for root in (fresh[0].path, project.path)
    )
    trial = right.pop("trial_weekend_share_13w")
    assert trial.notna().mean() > 0.8
    pd.testing.assert_frame_equal(left, right, rtol=1e-5, atol=1e-6)
    project.set("featurize", "trials", ["weekend_shore"])
    assert "did you mean 'weekend_share'" in project.run("python", "-m", "pipeline.featurize", *arguments, fails=True)
    assert (project.path / "data/features").is_dir()
