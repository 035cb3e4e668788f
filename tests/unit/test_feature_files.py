"""Feature files: how the rows come to them plays no part in what they hold."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts import files
from features import writing
from features.catalogue import FEATURES

ONE = FEATURES[:1]


def batches(n_batches: int, n_rows: int = 12) -> list[tuple[pd.DataFrame, writing.Values]]:
    days = pd.to_datetime(["2018-01-01", "2018-01-08"]).as_unit("us")
    rows = pd.DataFrame({"customer_id": [f"c{k}" for k in range(n_rows)], "cutoff_on": np.resize(days, n_rows)})
    values = np.full((n_rows, 1), max(ONE[0].bounds[0], 0.0), dtype=np.float32)
    edges = np.linspace(0, n_rows, n_batches + 1).astype(int)
    return [(rows.iloc[a:b], values[a:b]) for a, b in pairwise(edges)]


@pytest.mark.parametrize("n_batches", [2, 3, 6])
def test_batches_gathered_are_the_bytes_of_one(tmp_path: Path, n_batches: int) -> None:
    counted = []
    for name, n in (("one", 1), ("many", n_batches)):
        (tmp_path / name).mkdir()
        counted.append(writing.write_features(tmp_path / name, batches(n), ONE))
    assert counted[0] == counted[1] == {"2018-01-01": 6, "2018-01-08": 6}
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / path.name).read_bytes()


def test_a_full_group_is_written_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ROWS_A_GROUP", 2)
    writing.write_features(tmp_path, batches(3), ONE)
    path = tmp_path / "2018-01-01.parquet"
    assert pq.ParquetFile(path).num_row_groups == 3
    assert files.read_table(path)["customer_id"].tolist() == ["c0", "c2", "c4", "c6", "c8", "c10"]


def test_a_file_is_read_as_arrow_s_data_sets_read_it(tmp_path: Path) -> None:
    writing.write_features(tmp_path, batches(3), ONE)
    path, wanted = tmp_path / "2018-01-01.parquet", ["cutoff_on", "customer_id"]
    assert files.arrow_table(path).equals(pq.read_table(path))
    assert files.arrow_table(path, wanted).equals(pq.read_table(path, columns=wanted))
    assert files.arrow_table(tmp_path).equals(pq.read_table(tmp_path))
    with pytest.raises(KeyError):
        files.arrow_table(path, ["nothing"])


def test_a_file_that_cannot_be_begun_tells_its_own_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ROWS_A_GROUP", 2)
    with pytest.raises(FileNotFoundError, match="2018-01-0"):
        writing.write_features(tmp_path / "nowhere", batches(3), ONE)
