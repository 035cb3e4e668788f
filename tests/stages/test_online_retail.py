"""Online Retail II as a shop would bring it: one `init`, one run; every published count, and where every row ended."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts import windows
from contracts.files import read_json, read_table
from contracts.params import load_params
from contracts.tables import SCORES
from events.building import build_store
from events.manifest import read_manifest
from events.open_source import open_source
from events.recipe import recipe
from events.store import open_store, read_lines
from events.tombstones import Tombstones
from features.catalogue import FEATURES
from features.engine import feature_table
from features.plan import recorded
from tests.projects import ROOT, Project, checkout

FOLDER = Path(os.environ.get("REGULARS_BENCHMARK_DATA", ROOT.parent / "shared" / "data")) / "online_retail_ii"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="Online Retail II is not here: set REGULARS_BENCHMARK_DATA to the folder that holds it"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    project = checkout(tmp_path_factory.mktemp("retail"), smaller={"train": {"num_trees": 60, "n_bags": 1}})
    said = project.regulars("init", str(FOLDER), "--yes")
    project.regulars("run")
    return project, said


@pytest.fixture(scope="module")
def rows(shop: tuple[Project, str]) -> pd.DataFrame:
    """Every row of both files with where it ended, those of the overlap once."""
    store = shop[0].path / "data" / "events"
    ends = {name: read_lines(store, name) for name in ("purchases", "returns", "rejects")}
    table = pd.concat(
        [ends["purchases"].assign(rule="purchase"), ends["returns"].assign(rule="return"), ends["rejects"]]
    )
    assert (table["rule"] == "duplicate").sum() == 22_523
    return table[table["rule"] != "duplicate"]


def test_every_row_is_somewhere(shop, rows: pd.DataFrame) -> None:
    facts = read_manifest(shop[0].path / "data" / "events")
    assert facts["lines_in"] == 525_461 + 541_909
    assert facts["lines_in"] == facts["lines_accepted"] + facts["lines_repaired"] + facts["lines_rejected"]
    assert len(rows) == 1_044_847
    assert not rows.duplicated(["source", "source_line"]).any()


def test_the_published_counts(rows: pd.DataFrame) -> None:
    below = rows["quantity"] < 0
    assert rows["customer_id"].isna().sum() == (rows["rule"] == "no_customer").sum() == 235_287
    assert rows["is_cancellation"].sum() == 19_165
    assert rows.loc[rows["is_cancellation"], "order_id"].nunique() == 8_292
    assert below.sum() == 22_557
    assert (below & ~rows["is_cancellation"]).sum() == 3_393
    assert rows["order_id"].str.startswith("A").sum() == 6
    assert ((rows["amount"] < 0) & (rows["quantity"] > 0)).sum() == 5
    content = ["customer_id", "order_id", "ordered_at", "product_id", "product_name", "quantity", "amount"]
    assert rows.duplicated(content).sum() == 11_812
    assert rows["customer_id"].nunique() == 5_942
    valid = rows[(rows["quantity"] > 0) & (rows["amount"] > 0) & rows["customer_id"].notna()]
    assert valid["customer_id"].nunique() == 5_878
    days = valid.assign(day=valid["ordered_at"].dt.tz_convert("Europe/London").dt.date)
    assert (days.groupby("customer_id")["day"].nunique() >= 3).sum() == 3_185


def test_price_zero_is_amount_zero_but_for_prices_below_half_a_cent(rows: pd.DataFrame) -> None:
    """Amounts are kept in whole cents: 6,024 rows have price 0; a few more have a price of a tenth of a cent."""
    raw = pd.concat([pd.read_parquet(path) for path in sorted(FOLDER.glob("*.parquet"))]).drop_duplicates()
    tiny = (raw["Price"] > 0) & ((raw["Price"] * raw["Quantity"]).abs() < 0.005)
    union = (rows["amount"] == 0).sum()
    assert union == 6_024 + 18
    assert tiny.sum() <= 18  # the raw rows without their equal ones


def test_orders_of_absurd_quantity_undone_minutes_later_count_as_nothing(rows: pd.DataFrame) -> None:
    absurd = rows[rows["quantity"].abs().isin([74_215.0, 80_995.0])]
    assert absurd["rule"].tolist() == ["undone_same_day"] * 4


def test_postage_and_charges_are_no_goods(shop, rows: pd.DataFrame) -> None:
    named = {"POST", "DOT", "M", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE"}
    assert set(rows.loc[rows["rule"] == "not_goods", "product_id"]) >= named - {"DOT", "S", "AMAZONFEE", "B"}
    sold = set(rows.loc[rows["rule"].isin(["purchase", "return"]), "product_id"])
    assert not sold & named
    assert "235,287" in shop[1]
    assert "Europe/London" in shop[1]


def test_the_week_is_published(shop) -> None:
    week = shop[0].path / "published" / "2011-W49"
    assert len(pd.read_parquet(week / "at_risk.parquet")) > 0
    scores = read_table(shop[0].path / "data/scores.parquet", SCORES)
    assert scores["p_lapse"].notna().all()
    metrics = read_json(shop[0].path / "reports/metrics.json")
    assert metrics["test"]["auc_mean"] > 0.70


def test_a_second_run_reads_no_file_again(shop) -> None:
    assert "Running stage" not in shop[0].run("dvc", "repro")


@pytest.mark.parametrize("cutoff", [date(2010, 12, 6), date(2011, 8, 29)])
def test_raw_rows_known_then_give_the_features_that_all_rows_give(shop, cutoff: date, tmp_path: Path) -> None:
    """Cancellations come later and name no purchase: what they undo still counted at the cutoff."""
    params = load_params(shop[0].path / "params.yaml")
    source = open_source(params)
    known = [replace(part, chunks=partial(_known_before, part.chunks, cutoff)) for part in source.parts]
    then = replace(source, parts=tuple(known))
    build_store(then, tmp_path / "then", recipe(params, then, Tombstones(), date(2026, 1, 1)))
    stores = (open_store(shop[0].path / "data" / "events"), open_store(tmp_path / "then"))
    bought = windows.rows_before(stores[0].whole().purchases, cutoff, params.store.time_zone)["customer_id"]
    rows = pd.DataFrame({"customer_id": sorted(set(bought)), "cutoff_on": pd.Timestamp(cutoff)})
    features = recorded(FEATURES, stores[0].absent)
    whole, cut = (feature_table(one, rows, features, params.task.horizon_days) for one in stores)
    assert len(whole) > 4_000
    pd.testing.assert_frame_equal(whole, cut, check_exact=True)


def _known_before(chunks: Callable[[], Iterator[pd.DataFrame]], cutoff: date) -> Iterator[pd.DataFrame]:
    for chunk in chunks():
        yield windows.rows_before(chunk, cutoff, "Europe/London").reset_index(drop=True)


def test_the_command_that_fetches_them_expects_these_rows() -> None:
    spec = importlib.util.spec_from_file_location("fetch", ROOT / "examples" / "gift_shop" / "fetch.py")
    assert spec is not None
    assert spec.loader is not None
    fetch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fetch)
    names = {"Year 2009-2010": "raw_year_2009_2010.parquet", "Year 2010-2011": "raw_year_2010_2011.parquet"}
    for sheet, (n_rows, digest) in fetch.SHEETS.items():
        table = pq.read_table(FOLDER / names[sheet])
        assert (len(table), fetch.digest_of(table)) == (n_rows, digest)
