"""Work that is counted, not timed: how often a bucket is read, what one more file costs. More would be a regression."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts.files import read_json
from contracts.params import Params
from events import building
from events.building import build_store
from events.sources import LinePart
from events.store import Shelf, open_store
from features.catalogue import FEATURES
from features.engine import feature_batches
from features.stored_snapshots import lay_out_store
from tests import stores

N_BUCKETS = 5


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counted")
    return stores.simulated_store(folder, N_BUCKETS, n_customers=150, n_weeks=60, n_products=60, seed=3)


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> Counter[int]:
    calls: Counter[int] = Counter()
    usual = getattr(Shelf, method)

    def counting(self: Shelf, number: int, *others: object) -> object:
        calls[number] += 1
        return usual(self, number, *others)

    monkeypatch.setattr(Shelf, method, counting)
    return calls


def test_snapshots_read_each_buckets_days_once_and_never_all_lines(
    store: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shelf, "whole", lambda _: pytest.fail("all lines at once"))
    calls = counted(monkeypatch, "purchases")
    laid = lay_out_store(open_store(store), params)
    assert calls == dict.fromkeys(range(N_BUCKETS), 1)
    assert len(laid.rows) > 0


def test_features_take_two_passes_over_the_buckets(
    store: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = open_store(store)
    rows = lay_out_store(shelf, params).rows
    monkeypatch.setattr(Shelf, "whole", lambda _: pytest.fail("all lines at once"))
    calls = counted(monkeypatch, "bucket")
    n = sum(len(values) for _, values in feature_batches(shelf, rows, FEATURES, params.task.horizon_days))
    assert calls == dict.fromkeys(range(N_BUCKETS), 2)
    assert n == len(rows)


class Files:
    """Files of lines that count how often each is read."""

    def __init__(self, *frames: pd.DataFrame) -> None:
        self.read: Counter[int] = Counter()
        self.frames = frames

    def source(self, n: int) -> stores.Source:
        parts = [
            LinePart(f"{k}.csv", f"{k:012d}digest", lambda k=k: self._chunks(k)) for k in range(n)
        ]  # fmt: skip
        return stores.Source("test", tuple(parts), stores.CANONICAL_COLUMNS)

    def _chunks(self, number: int) -> Iterator[pd.DataFrame]:
        self.read[number] += 1
        yield self.frames[number]


def bought(customers: range, day: int) -> pd.DataFrame:
    return stores.canonical(
        {"customer_id": f"c{k}", "order_id": f"o{k}-{day}", "ordered_at": f"2017-03-{day:02d} 10:00", "amount": 2.0}
        | {"product_id": "tea", "quantity": 1.0}
        for k in customers
    )


def test_one_more_file_is_read_alone_and_touches_only_its_customers_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(bought(range(300), 1), bought(range(300), 8), bought(range(2), 15))
    folder, recipe = tmp_path / "events", stores.made(n_buckets=8)
    built: list[int] = []
    usual = building._build_bucket
    monkeypatch.setattr(building, "_build_bucket", lambda work: built.append(work.number) or usual(work))
    build_store(files.source(2), folder, recipe)
    assert built == list(range(8))
    before = {bucket["files"]["purchases"] for bucket in read_json(folder / "manifest.json")["buckets"]}
    files.read.clear()
    built.clear()
    build_store(files.source(3), folder, recipe)
    after = {bucket["files"]["purchases"] for bucket in read_json(folder / "manifest.json")["buckets"]}
    assert files.read == {2: 1}
    assert 1 <= len(built) <= 2
    assert len(after - before) == len(built)
    assert sum(pq.read_metadata(folder / name).num_rows for name in after) == 602
    files.read.clear()
    built.clear()
    build_store(files.source(3), folder, recipe)
    assert not files.read
    assert not built
