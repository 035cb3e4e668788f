"""A week built some customers at a time, against the same in one piece: tables, digests, sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contracts import pieces
from contracts.errors import ContractError, SourceError
from contracts.files import write_table
from contracts.tables import PLAN, PORTRAITS, SCORES
from serving.published import find_week, publish, write_week
from serving.sheets import welcome, win_back
from serving.spreadsheets import csv_bytes
from serving.week_in_pieces import WeekTables, write_week_of
from serving.weekly_list import Terms, build_week

TERMS = Terms("USD", 28, 91, "5 USD off the first shop")
SIZE = 23
Tables = Callable[..., tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]]


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr("serving.sheets.ROWS_AT_ONCE", 5)


def universal(ids: pd.Series) -> set[str]:
    return {name for name in ids if name.endswith("9")}


def drawn(tables: Tables, kind: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """A week's tables of 60 customers, some of them gone and some new; without a model; or without any score."""
    scores, portraits, plan, cutoffs = tables(60, seed)
    rng = np.random.default_rng(seed)
    portraits = portraits.assign(
        state=rng.choice(["active", "lapsing", "gone"], 60),
        n_purchase_days=rng.integers(1, 4, 60),
        spend_ever=rng.integers(1, 9, 60) * 10.0,
        usual_gap_days=rng.integers(3, 60, 60) / 1.0,
    )
    if kind == "rules":
        bands = rng.choice(["low", "medium", "high"], len(scores))
        scores = scores.assign(p_lapse=np.nan, p_lapse_week_before=np.nan, expected_loss=np.nan, risk_band=bands)
    rest = plan[rng.random(60) < 0.8]
    return (scores.iloc[:0] if kind == "unscored" else scores), portraits, rest, cutoffs


def written(folder: Path, scores: pd.DataFrame, portraits: pd.DataFrame, plan: pd.DataFrame) -> dict[str, Path]:
    folder.mkdir()
    for name, frame, table in (
        ("scores", scores, SCORES),
        ("portraits", portraits, PORTRAITS),
        ("plan", plan, PLAN),
    ):
        blank = table.empty() if frame.empty else table(frame.reset_index(drop=True))
        write_table(folder / name, blank.sort_values("customer_id", ignore_index=True), table)
    return {name: folder / name for name in ("scores", "portraits", "plan")}


@pytest.mark.parametrize("kind", ["model", "rules", "unscored"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_week_does_not_hang_on_the_pieces(tmp_path: Path, week_tables_of: Tables, kind: str, seed: int) -> None:
    scores, portraits, plan, cutoffs = drawn(week_tables_of, kind, seed)
    held = universal(portraits["customer_id"])
    whole = build_week(scores, portraits, plan, cutoffs, list_size=SIZE, terms=TERMS, universal=held)
    said = write_week(tmp_path / "whole", whole, {"tables": {}, "params": {}})
    tables = WeekTables(**written(tmp_path / "made", scores, portraits, plan), cutoffs=cutoffs, universal=universal)
    assert write_week_of(tmp_path / "pieces", tables, TERMS, SIZE, {"tables": {}, "params": {}}) == said
    for name in ("at_risk.parquet", "customers.parquet"):
        one, other = (pd.read_parquet(tmp_path / way / name) for way in ("whole", "pieces"))
        pd.testing.assert_frame_equal(one, other)
    assert (tmp_path / "pieces/at_risk.parquet").read_bytes() == (tmp_path / "whole/at_risk.parquet").read_bytes()
    publish(tmp_path / "pieces", tmp_path / "published", {})
    folder = find_week(tmp_path / "published").folder
    for name, sheet in (("win_back", win_back(whole.customers)), ("welcome", welcome(whole.customers))):
        assert len(sheet)
        assert (folder / f"{name}.csv").read_bytes() == csv_bytes(sheet)


def test_a_score_without_a_portrait_is_refused(tmp_path: Path, week_tables_of: Tables) -> None:
    scores, portraits, plan, cutoffs = week_tables_of(30)
    ids = portraits["customer_id"]
    for who in (scores["customer_id"].min(), scores["customer_id"].max()):
        kept, folder = portraits[(ids < who) if who > "C010" else (ids > who)], tmp_path / who
        plans = plan[plan["customer_id"].isin(kept["customer_id"])]
        tables = WeekTables(**written(folder, scores, kept, plans), cutoffs=cutoffs, universal=universal)
        with pytest.raises(ContractError, match="expected a portrait of every customer"):
            list(tables.pieces())


def test_a_table_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected the table .*scores, found none; run `dvc repro`"):
        next(pieces.in_order(tmp_path / "scores"))


def test_pieces_that_fail_before_the_first_leave_the_file_as_it_was(tmp_path: Path) -> None:
    def fails() -> Iterator[pd.DataFrame]:
        raise ContractError("no piece")
        yield pd.DataFrame()

    (tmp_path / "table").write_bytes(b"the former one")
    with pytest.raises(ContractError, match="no piece"):
        pieces.write_pieces(tmp_path / "table", fails())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("table", b"the former one")]


def test_rows_out_of_order_are_refused(tmp_path: Path, week_tables_of: Tables) -> None:
    _, portraits, _, _ = week_tables_of(30)
    for name, frame in (("turned", portraits[::-1]), ("twice", pd.concat([portraits[:7], portraits[6:]]))):
        write_table(tmp_path / name, frame.reset_index(drop=True), lambda table: table)
        with pytest.raises(ContractError, match="each customer once, in order of ids"):
            list(pieces.in_order(tmp_path / name))
