"""A shop that is too young for a model: the whole pipeline runs, publishes by rules, and grows into a model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from contracts import tables
from contracts.files import read_json, read_table
from tests.projects import SMALLER, Project, checkout

YOUNG = {**SMALLER, "ingest": {"sample_customers": 60}, "snapshot": {"min_labels": 1_000_000}}
WEEK = Path("published") / "2018-W01"


@pytest.fixture(scope="module")
def young(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    project = checkout(tmp_path_factory.mktemp("young"), smaller=YOUNG)
    return project, project.regulars("run")


def test_every_stage_wrote_its_outputs_without_any_probability(young) -> None:
    root = young[0].path
    assert read_json(root / "data/cutoffs.json")["mode"] == "no model"
    assert "expected at least 1000000" in read_json(root / "data/cutoffs.json")["why"]
    scores = read_table(root / "data/scores.parquet", tables.SCORES)
    assert len(scores) > 30
    assert scores[["p_lapse", "expected_loss"]].isna().all().all()
    assert read_json(root / "reports/gate.json")["grade"] == "none"
    assert read_json(root / "reports/metrics.json")["test"] == {}
    assert [path.name for path in (root / "reports/plots").iterdir()] == ["no_curves.txt"]
    assert read_json(root / "reports/register.json")["grade"] == "none"
    for bundle in ("candidate", "champion"):
        assert [path.name for path in (root / "artifacts" / bundle).iterdir()] == ["release.json"]
    assert not (root / "mlflow.db").exists()
    assert "Running stage" not in young[0].run("dvc", "repro")


def test_the_list_comes_from_due_dates_and_silence(young) -> None:
    project, printed = young
    listed = pd.read_parquet(project.path / WEEK / "at_risk.parquet")
    full = pd.read_parquet(project.path / WEEK / "customers.parquet")
    assert len(listed)
    assert listed["p_lapse"].isna().all()
    assert full["p_lapse"].isna().all()
    assert set(full["model_grade"]) == {"none"}
    order = listed["risk_band"].map({"high": 0, "medium": 1}).fillna(2)
    assert order.is_monotonic_increasing
    overdue = full[full["risk_band"].isin(["high", "medium"])]
    through = full["data_through"].iloc[0]
    assert (overdue["next_due_on"] <= through).all()  # second route: the portrait's own due date has passed
    assert "no model" in printed
    assert "no model" in project.regulars("list", "--top", "3")
    shown = project.regulars("show", str(listed["customer_id"].iloc[0]))
    assert "no model, so no probability" in shown
    assert "since the last purchase, usually" in shown
    assert "no model" in project.regulars("summary")


def test_the_shop_grows_into_a_model_and_keeps_it(young, tmp_path: Path) -> None:
    shutil.copytree(young[0].path, tmp_path / "grown", symlinks=True)
    grown = Project(tmp_path / "grown")
    grown.set("snapshot", "min_labels", 100)
    grown.regulars("run")
    champion = read_json(grown.path / "artifacts/champion/release.json")
    assert champion["grade"] in ("model", "rule")
    assert read_table(grown.path / "data/scores.parquet", tables.SCORES)["p_lapse"].notna().all()
    grown.set("snapshot", "min_labels", 1_000_000)
    printed = grown.regulars("run")
    assert read_json(grown.path / "artifacts/candidate/release.json")["grade"] == "none"
    assert read_json(grown.path / "artifacts/champion/release.json")["model_hash"] == champion["model_hash"]
    assert read_table(grown.path / "data/scores.parquet", tables.SCORES)["p_lapse"].notna().all()
    assert "the champion of before scores on" in " ".join(printed.split())
