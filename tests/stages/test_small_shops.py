"""A small shop's way in: one CSV of three columns, `init`, `dvc repro`; and a shop too new for any model."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from contracts.files import read_json, read_table
from contracts.tables import SCORES
from events.manifest import read_manifest
from tests.projects import Project, checkout

FIRST = date(2023, 1, 2)


def write_shop(path: Path, n_customers: int, n_days: int, seed: int) -> int:
    """A German export: customers with a rhythm of their own, of whom some stop; returns its lines."""
    draw = random.Random(seed)
    rows = []
    for number in range(n_customers):
        gap, day = draw.choice([4, 7, 7, 14]), draw.randrange(min(60, n_days))
        left = draw.randrange(day + 1, n_days + 1) if draw.random() < 0.5 else n_days
        while day < min(left, n_days):
            amount = f"{draw.uniform(3, 60):.2f}".replace(".", ",")
            rows.append((f"K-{number:04d}", f"{FIRST + timedelta(days=day):%d.%m.%Y}", amount))
            day += max(1, round(draw.gammavariate(4, gap / 4)))
    rows.sort(key=lambda row: row[1][6:] + row[1][3:5] + row[1][:2])
    with path.open("w", newline="", encoding="cp1252") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("Kundennummer", "Datum", "Betrag in €"))
        writer.writerows(rows)
    return len(rows)


def brought(folder: Path, n_customers: int, n_days: int) -> tuple[Project, str, int]:
    project = checkout(folder, smaller={"train": {"num_trees": 40, "n_bags": 1}})
    exports = folder / "exports"
    exports.mkdir()
    n_lines = write_shop(exports / "kasse.csv", n_customers, n_days, seed=5)
    options = ("--yes", "--time-zone", "Europe/Berlin")
    return project, project.regulars("init", "exports", *options), n_lines


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, int]:
    project, said, n_lines = brought(tmp_path_factory.mktemp("small"), 300, 430)
    project.run("dvc", "repro")
    return project, said, n_lines


def test_three_columns_are_enough_for_a_list(small) -> None:
    project, said, n_lines = small
    facts = read_manifest(project.path / "data/events")
    assert facts["lines_in"] == facts["lines_accepted"] == n_lines
    assert facts["customers"] == 300
    assert "amount = 'Betrag in €'" in said
    assert "not recorded" in said
    week = next((project.path / "published").iterdir())
    assert len(pd.read_parquet(week / "at_risk.parquet")) > 0
    features = pd.read_parquet(project.path / "data/features")
    assert not {"distinct_products_91d", "discount_share_91d", "evening_line_share_182d"} & set(features.columns)


def test_what_so_little_data_allows_is_said(small) -> None:
    project, said, _ = small
    metrics = read_json(project.path / "reports/metrics.json")
    gate = read_json(project.path / "reports/gate.json")
    assert metrics["test"]["auc_high"] - metrics["test"]["auc_low"] > 0.03  # few customers, wide interval
    assert gate["grade"] in {"model", "rule"}
    assert "labels to learn from" in said
    portraits = pd.read_parquet(project.path / "data/portraits.parquet")
    assert set(portraits["promotion_sensitivity"]) == {"unknown"}
    assert not portraits["labels"].str.contains("late shopper|morning shopper|offers|favourite").any()


def test_a_folder_that_grows_is_read_again_where_it_grew(small, tmp_path: Path) -> None:
    project, _, n_lines = small
    more = project.path / "exports" / "nachtrag.csv"
    more.write_text("Kundennummer;Datum;Betrag in €\nK-0001;05.03.2024;7,50\n", encoding="cp1252")
    project.run("dvc", "repro", "ingest")
    facts = read_manifest(project.path / "data/events")
    assert facts["lines_in"] == n_lines + 1
    assert [part["name"] for part in facts["parts"]] == ["kasse.csv", "nachtrag.csv"]
    more.unlink()
    project.run("dvc", "repro", "ingest")
    assert read_manifest(project.path / "data/events")["lines_in"] == n_lines


def test_check_says_the_same_without_writing(small) -> None:
    project, _, n_lines = small
    before = (project.path / "params.yaml").read_bytes()
    said = project.regulars("check")
    assert f"{n_lines:,} lines" in said
    assert (project.path / "params.yaml").read_bytes() == before


def test_comments_of_params_are_kept(small) -> None:
    written = (small[0].path / "params.yaml").read_text()
    assert "# assumption: groceries; give your own" in written
    assert "source: files" in written
    assert "sample_customers: null" in written


def test_a_shop_without_a_matured_label_gets_the_rule_list(tmp_path: Path) -> None:
    project, said, _ = brought(tmp_path, 80, 50)
    assert "NO MODEL" in said
    project.run("dvc", "repro")
    scores = read_table(project.path / "data/scores.parquet", SCORES)
    assert set(scores["model_grade"]) <= {"none"}
    assert scores["p_lapse"].isna().all()
    week = next((project.path / "published").iterdir())
    assert read_json(week / "manifest.json")["model_grade"] == "none"
    listed = pd.read_parquet(week / "at_risk.parquet")
    assert listed["p_lapse"].isna().all()
    assert "no model" in project.regulars("summary").lower()


def test_rejected_lines_are_listed_with_file_and_line(tmp_path: Path) -> None:
    project = checkout(tmp_path)
    (tmp_path / "shop").mkdir()
    rows = [f"c{n % 7},2024-03-{n % 28 + 1:02d},5.00" for n in range(60)]
    rows[10] = "c1,2024-13-45,5.00"
    rows[20] = ",2024-03-05,5.00"
    (tmp_path / "shop" / "sales.csv").write_text("\n".join(["customer,date,amount", *rows]) + "\n")
    project.regulars("init", "shop", "--yes")
    project.run("dvc", "repro", "ingest")
    counts = project.regulars("rejects")
    assert "no_instant" in counts
    assert "no_customer" in counts
    assert "sales.csv  12" in project.regulars("rejects", "--rule", "no_instant")
    assert "did you mean" in project.regulars("rejects", "--rule", "no_instance", fails=True)
