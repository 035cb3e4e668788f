"""The scale benchmark's parts: rows by key, growth, the page, and a stage measured in a small shop."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.scale import data, factors, projects, report
from benchmarks.scale.results import exponent, kept
from benchmarks.scale.running import place, row, run, total
from contracts.params import load_params
from pipeline.planning import read_offers

LINES = 8_000


def test_growth_is_the_slope_of_logarithms() -> None:
    assert exponent([1, 10, 100], [3, 300, 30_000]) == 2.0
    assert exponent([5, 5], [1, 2]) is None


def test_rows_of_the_same_key_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    first = {"stage": "ingest", "lines": 10, "executor": "local", "workers": 1, "cpu_s": 2.0}
    kept(path, [first, {"metric": "help_wall_s", "value": 0.2}])
    rows = kept(path, [{**first, "cpu_s": 1.0}])
    assert [one.get("cpu_s", one.get("value")) for one in rows] == [1.0, 0.2]


def test_an_export_splits_into_a_history_and_a_week(tmp_path: Path) -> None:
    whole = data.write(tmp_path / "whole", LINES)
    first = data.write(tmp_path / "cut", LINES, 52)
    lines = pd.concat([data.lines(number, LINES) for number in range(data.n_files(LINES))])
    week = pd.read_parquet(tmp_path / "cut" / "next_week.parquet")
    assert whole == len(lines)
    assert first == ((lines["day"] - data.FIRST_DAY) < 364).sum()
    assert len(week) == (lines["day"] - data.FIRST_DAY).between(364, 370).sum()


@pytest.mark.parametrize(
    "changes", [factors.LESS_FITTED, *(level.params for level in (*factors.cutoff_levels(), *factors.feature_levels()))]
)
def test_what_a_factor_changes_are_parameters_that_a_project_takes(tmp_path: Path, changes: factors.Plain) -> None:
    (tmp_path / "params.yaml").write_bytes((projects.ROOT / "params.yaml").read_bytes())
    before = load_params(tmp_path / "params.yaml")
    factors.set_params(tmp_path, changes)
    assert load_params(tmp_path / "params.yaml") != before


@pytest.mark.parametrize("times", [0.5, 2.0])
def test_a_catalogue_of_fewer_or_more_offers_is_sound(tmp_path: Path, times: float) -> None:
    n_offers = factors.set_offers(tmp_path, times)
    params, others = load_params(projects.ROOT / "params.yaml"), {"rules": "portraits.yaml", "words": "words.yaml"}
    files = {name: projects.ROOT / file for name, file in others.items()}
    catalogue, _, _ = read_offers(params, offers=tmp_path / "offers.yaml", **files)
    assert len(catalogue.offers) == n_offers


def test_a_stage_is_measured_alone_and_with_workers(tmp_path: Path) -> None:
    data.write(tmp_path / "shop", LINES)
    home = projects.project(tmp_path / "shop" / "home", tmp_path / "shop" / "raw", LINES)
    rows = []
    for executor in ("local", "dask"):
        with place(executor, 1, tmp_path / executor) as where:
            found = run("ingest", home, where)
        rows.append(row("ingest", (LINES, 200), where, found, 0.5))
    assert all(one["cpu_s"] > 0 and one["wall_s"] > 0 and one["peak_mb"] > 50 for one in rows)
    assert total(rows)["stage"] == "all"
    assert total(rows)["floor_cpu_s"] == 1.0
    said = report.page(
        [*rows, {"metric": "dask_equals_local", "lines": LINES, "workers": 1, "compared": ["a"], "value": True}]
    )
    assert "the same bytes" in said
    assert said.count("| ingest |") >= 3


def test_a_stage_that_fails_is_told(tmp_path: Path) -> None:
    data.write(tmp_path / "shop", LINES)
    home = projects.project(tmp_path / "shop" / "home", tmp_path / "shop" / "raw", LINES)
    with pytest.raises(RuntimeError, match="snapshot: ended with code"), place("local", 1, tmp_path) as where:
        run("snapshot", home, where)
