"""A shop above `snapshot.max_fit_customers`: a sample fits and judges, everyone is scored, and every report says so."""

from __future__ import annotations

import sys

import pandas as pd
from ruamel.yaml import YAML

from contracts.files import read_json
from contracts.fit_sample import read_fit_sample
from tests.projects import Project

MOST = 250
STAGES = ("snapshot", "featurize", "train", "evaluate", "register", "score", "collect", "monitor")


def run(project: Project, stage: str) -> str:
    command = YAML(typ="safe").load((project.path / "dvc.yaml").read_text())["stages"][stage]["cmd"]
    return project.run(sys.executable, *command.split()[1:])


def test_a_sample_fits_and_judges_and_everyone_is_scored(fresh, mine: Project) -> None:
    mine.set("snapshot", "max_fit_customers", MOST)
    said = {stage: run(mine, stage) for stage in STAGES}
    root, before = mine.path, fresh[0].path
    sample = read_fit_sample(read_json(root / "data/cutoffs.json"))
    assert sample.n_customers == read_json(root / "data/events/manifest.json")["customers"]
    assert sample.share == round(MOST / sample.n_customers, 6) < 1

    rows, whole = (pd.read_parquet(place / "data/snapshots.parquet") for place in (root, before))
    fitted = rows[rows["in_release_fit"] | rows["in_test_fit"] | rows["is_test"]]
    assert sample.has(fitted["customer_id"]).all()
    assert len(fitted) < whole[["in_release_fit", "in_test_fit", "is_test"]].any(axis=1).sum()
    for flag in ("is_scored", "is_previous"):
        assert rows.loc[rows[flag], "customer_id"].tolist() == whole.loc[whole[flag], "customer_id"].tolist()

    scores, usual = (pd.read_parquet(place / "data/scores.parquet") for place in (root, before))
    assert scores["customer_id"].tolist() == usual["customer_id"].tolist()
    assert scores["p_lapse"].notna().all()
    predicted = pd.read_parquet(root / "data/test_predictions.parquet")
    assert sample.has(predicted["customer_id"]).all()

    metrics = read_json(root / "reports/metrics.json")
    assert read_fit_sample(metrics) == sample
    assert metrics["test"]["n_customers"] == predicted["customer_id"].nunique()
    told = f"a sample of {sample.share:.1%} of {sample.n_customers:,} customers"
    assert told in said["snapshot"]
    assert told in said["evaluate"]
    assert told in (root / "reports/card/model_card.md").read_text()
    assert told in mine.regulars("summary")
    assert "fit_sample" not in read_json(before / "reports/metrics.json")
    compared = read_json(root / "reports/comparison/comparison.json")
    assert compared["differences"] == {"snapshot.max_fit_customers": ["100000", str(MOST)]}
    assert compared["lists"]["capacity"] == sample.scaled(50)
    assert compared["n_rows"] == metrics["test"]["n_rows"]
    assert read_json(root / "reports/monitor/monitor.json")["drift"]
