"""The feature benchmark at 20,000 lines: its engines agree, and with a few features counted by hand; its parts work."""

from __future__ import annotations

import io
import json
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.features import columns, data, kernel_all, report
from benchmarks.features.layout import FIRST_DAY, N_DAYS, buckets, cutoff_days, manifest
from benchmarks.features.results import Chunk
from benchmarks.features.run import ALL, FLOOR, MODULES, OURS
from contracts.files import read_json

N_LINES = 20_000
CUTOFFS = cutoff_days(3)
ENGINES = [engine for engine in MODULES if engine not in (FLOOR, ALL)]
RIVALS = [engine for engine in ENGINES if engine != OURS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("lines")
    data.write(home, N_LINES)
    return home


@pytest.fixture(scope="module")
def lines(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in buckets(folder)])


def computed(engine: str, folder: Path) -> pd.DataFrame:
    """The rows of an engine, by cutoff and customer."""
    chunks: list[Chunk] = list(import_module(f"benchmarks.features.{MODULES[engine]}").compute(folder, CUTOFFS))
    keys = [np.concatenate([getattr(chunk, key) for chunk in chunks]).astype(np.int64) for key in columns.KEYS]
    index = pd.MultiIndex.from_arrays(keys, names=columns.KEYS)
    values = np.concatenate([chunk.values for chunk in chunks])
    return pd.DataFrame(values, index=index, columns=list(columns.NAMES)).sort_index()


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, pd.DataFrame]:
    return {engine: computed(engine, folder) for engine in ENGINES}


def test_the_features_are_the_catalogues() -> None:
    columns.check()


@pytest.mark.parametrize("engine", RIVALS)
def test_a_rival_agrees_with_the_kernel(engine: str, rows: dict[str, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(rows[engine], rows[OURS], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_rows_are_the_customers_with_a_purchase_before_the_cutoff(
    cutoff: int, rows: dict[str, pd.DataFrame], lines: pd.DataFrame
) -> None:
    found = rows[OURS].xs(cutoff, level="cutoff").index
    assert set(found) == set(lines.loc[lines["day"] < cutoff, "customer"])
    assert found.is_unique


def by_hand(past: pd.DataFrame, cutoff: int) -> dict[str, float]:
    """Some features of one customer, from the definitions in `features.records`, without any engine's steps."""
    days = sorted(set(past["day"]))
    gaps = [later - earlier for earlier, later in pairwise(days)]
    recent = past[past["day"] >= cutoff - 91]
    shares = [len(of) / len(recent) for _, of in recent.groupby("category")]
    return {
        "days_since_last_purchase": cutoff - days[-1],
        "purchase_days_28d_to_previous": (sum(day >= cutoff - 28 for day in days) + 1)
        / (sum(cutoff - 56 <= day < cutoff - 28 for day in days) + 1),
        "amount_91d": recent["amount"].sum() / 100,
        "decayed_purchase_days_14d": sum(2 ** ((day - cutoff) / 14) for day in days),
        "weeks_active_8w": len({(cutoff - 1 - day) // 7 for day in days if day >= cutoff - 56}),
        "gap_p90_days": np.quantile(gaps, 0.9) if gaps else np.nan,
        "silence_percentile": np.mean([gap <= cutoff - days[-1] for gap in gaps]) if gaps else np.nan,
        "orders_91d": len(set(recent["order"])),
        "distinct_products_91d": len(set(recent["product"])),
        "category_entropy_91d": -sum(share * np.log(share) for share in shares) if shares else np.nan,
        "full_price_day_share_91d": (recent.groupby("day")["discount"].sum() == 0).mean() if shares else np.nan,
    }


def test_features_by_hand(rows: dict[str, pd.DataFrame], lines: pd.DataFrame) -> None:
    cutoff = CUTOFFS[-1]
    past = lines[lines["day"] < cutoff]
    expected = {customer: by_hand(of, cutoff) for customer, of in past.groupby("customer")}
    wanted = pd.DataFrame(expected).T
    found = rows[OURS].xs(cutoff, level="cutoff")[list(wanted.columns)]
    np.testing.assert_allclose(found.to_numpy(), wanted.to_numpy(), rtol=1e-5)


def test_no_column_is_the_same_for_everybody(rows: dict[str, pd.DataFrame]) -> None:
    """Engines that agree on a constant would prove nothing."""
    n_different = rows[OURS].nunique()
    assert (n_different > 2).all(), n_different[n_different <= 2].index.tolist()


def test_lines_follow_from_the_seed() -> None:
    first, again, other = (pd.DataFrame(data.lines_of(1, 20, seed)) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) != len(other) or (first != other).any(axis=None)


def test_lines_lie_by_customer_day_and_order(lines: pd.DataFrame, folder: Path) -> None:
    assert tuple(lines.columns) == columns.LINE_COLUMNS
    pd.testing.assert_frame_equal(lines, lines.sort_values(["customer", "day", "order"], kind="stable"))
    assert lines["day"].between(FIRST_DAY, FIRST_DAY + N_DAYS - 1).all()
    assert manifest(folder).lines == len(lines) == pytest.approx(N_LINES, rel=0.2)


def test_cutoffs_are_mondays_four_weeks_apart_with_four_weeks_after_the_last() -> None:
    found = cutoff_days(12)
    assert {(day + 3) % 7 for day in found} == {0}
    assert set(np.diff(found)) == {28}
    assert 28 <= FIRST_DAY + N_DAYS - found[-1] < 28 + 7
    assert cutoff_days(3) == found[-3:]


def row(engine: str, cpu_s: float, n_lines: int = 1000) -> dict[str, Any]:
    return {
        "engine": engine, "lines": n_lines, "cutoffs": 1, "features": 60, "cpu_s": cpu_s, "wall_s": 1.0, "peak_mb": 9,
    }  # fmt: skip


def reported(rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(rows)))
    report.main()


def test_new_rows_replace_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "ROWS", tmp_path / "rows.json")
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    reported([row("duckdb", 4.0), row("kernel", 1.0)], monkeypatch)
    reported([row("kernel", 2.0), row("kernel", 9.0, n_lines=5000)], monkeypatch)
    assert read_json(tmp_path / "rows.json") == [
        row("kernel", 2.0), row("duckdb", 4.0), row("kernel", 9.0, n_lines=5000),
    ]  # fmt: skip
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 1,000 | 1 | duckdb | 60 | 4.00 | 1.00 | 9 | 2.0 × |" in page
    assert all(f"- `{engine}`: {report.what_it_is(engine)}" in page for engine in report.ENGINES)


def test_all_features_hold_the_sixty(folder: Path, rows: dict[str, pd.DataFrame]) -> None:
    table = np.concatenate(list(kernel_all.values(folder, CUTOFFS)))
    table = table[np.isfinite(table[:, 0])]
    place = [[feature.name for feature in kernel_all.ALL].index(name) for name in columns.NAMES]
    ours = rows[OURS].to_numpy()
    np.testing.assert_array_equal(np.sort(table[:, place], axis=0), np.sort(ours, axis=0))
    assert np.isfinite(table).any(axis=0).mean() > 0.95
