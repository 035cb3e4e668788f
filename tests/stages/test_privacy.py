"""Erasure reaches every store; disclosure gives all that is held; nobody is named where nobody may be."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts.files import read_json
from events.manifest import read_manifest
from events.store import read_lines

KEY = "a secret of this test"
STORE = Path("data") / "events"


def tables_naming(root: Path, customer: str) -> list[str]:
    """Every Parquet file below a project, DVC's cache included, that names the customer."""
    found = []
    for path in root.rglob("*"):
        if not path.is_file() or ".git" in path.parts or path.read_bytes()[:4] != b"PAR1":
            continue
        if "customer_id" in pq.read_schema(path).names:
            ids = pq.read_table(path, columns=["customer_id"])["customer_id"].to_pylist()
            if customer in {str(name) for name in ids}:
                found.append(path.relative_to(root).as_posix())
    return found


def sheets_naming(root: Path, customer: str) -> list[str]:
    found = []
    for path in root.glob("published/**/*.csv"):
        with path.open(newline="", encoding="utf-8-sig") as file:
            if customer in {row["customer_id"] for row in csv.DictReader(file)}:
                found.append(path.relative_to(root).as_posix())
    return found


def pages_with_rows(root: Path) -> list[Path]:
    """Pages, whatever they are called, on which customers' rows are shown."""
    files = [path for folder in ("reports", ".dvc/cache") for path in (root / folder).rglob("*") if path.is_file()]
    return [path for path in files if b"Plan of 2018-W01" in path.read_bytes() and b"<html" in path.read_bytes()]


@pytest.fixture
def listed(mine) -> str:
    """A customer of the published working list."""
    rows = pd.read_parquet(mine.path / "published" / "2018-W01" / "at_risk.parquet")
    return str(rows["customer_id"].iloc[0])


def test_forgetting_reaches_every_store(mine, listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = mine.path
    monkeypatch.setenv("REGULARS_KEY", KEY)
    held = json.loads(mine.regulars("disclose", listed))
    assert {"events/purchases", "data/scores.parquet", "data/portraits.parquet", "published"} <= set(held["tables"])
    lines = read_lines(root / STORE, "purchases")
    assert len(held["tables"]["events/purchases"]) == (lines["customer_id"] == listed).sum()
    assert len(tables_naming(root, listed)) > 20
    before = pd.read_parquet(root / "published/2018-W01/customers.parquet")
    old_hashes = read_json(root / "published/2018-W01/manifest.json")["files"]

    assert len(pages_with_rows(root)) >= 2  # the plan's page, and DVC's copy
    said = mine.regulars("forget", listed, "--yes")
    assert tables_naming(root, listed) == []
    assert pages_with_rows(root) == []
    assert sheets_naming(root, listed) == []
    # the week was issued again without the row, the old files are gone, their hashes are kept
    again = root / "published/2018-W01/revision-2"
    pd.testing.assert_frame_equal(
        pd.read_parquet(again / "customers.parquet"),
        before[before["customer_id"] != listed].reset_index(drop=True),
    )
    old = read_json(root / "published/2018-W01/manifest.json")
    assert old["files"] == old_hashes
    assert "erased" in old["files_deleted_because"]
    assert sorted(path.name for path in (root / "published/2018-W01").iterdir()) == ["manifest.json", "revision-2"]
    # nothing says who it was
    for path in ("ledger/erasures.jsonl", "inbox/tombstones.json"):
        text = (root / path).read_text()
        assert f'"{listed}"' not in text
        assert KEY not in text
    assert f" {listed}" not in said
    assert "nothing is held" in mine.regulars("disclose", listed, fails=True)

    # a later ingest leaves the customer out, even when it reads everything anew, and the store is the same
    erased = read_manifest(root / STORE)
    assert erased["lines_in"] == sum(erased[f"lines_{end}"] for end in ("accepted", "repaired", "rejected", "erased"))
    (root / "data" / ".events.recipe.json").unlink()
    mine.run("dvc", "repro", "ingest")
    assert read_manifest(root / STORE) == erased
    mine.regulars("run")
    assert tables_naming(root, listed) == []
    assert "nothing is held" in mine.regulars("disclose", listed, fails=True)
    mine.regulars("forget", listed, "--yes")  # twice is as once


def test_forgetting_needs_the_secret_and_keeps_it(mine, listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGULARS_KEY", raising=False)
    assert "REGULARS_KEY" in mine.regulars("forget", listed, "--yes", fails=True)
    monkeypatch.setenv("REGULARS_KEY", KEY)
    assert "nothing is held" in mine.regulars("forget", "nobody-of-that-name", "--yes", fails=True)
    mine.regulars("forget", listed, "--yes")
    monkeypatch.setenv("REGULARS_KEY", "another")
    assert "another" in mine.regulars("forget", listed, "--yes", fails=True)
    assert mine.run("dvc", "repro", "--force", "ingest", fails=True)


def test_mlflow_holds_no_customer_rows(fresh) -> None:
    root = fresh[0].path
    ids = set(read_lines(root / STORE, "purchases", columns=["customer_id"])["customer_id"])
    for path in (root / "mlruns").rglob("*"):
        if path.is_file() and path.read_bytes()[:4] == b"PAR1":
            assert "customer_id" not in pq.read_schema(path).names, path
            texts = {str(value) for name, column in pq.read_table(path).to_pydict().items() for value in column}
            assert path.name == "judged.parquet" or not texts & ids, path
        if path.suffix in {".json", ".csv"}:
            assert "customer_id" not in path.read_text(encoding="utf-8"), path
    assert len(ids) > 100


def test_a_disclosure_can_be_written_for_its_reader_alone(mine, listed: str) -> None:
    mine.regulars("disclose", listed, "--out", "held.json")
    assert (mine.path / "held.json").stat().st_mode & 0o077 == 0
    assert json.loads((mine.path / "held.json").read_text())["held_under"] == [listed]
