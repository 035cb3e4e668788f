"""The files of a simulated shop that is written in several chunks of customers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from simulation.draws import BLOCK
from simulation.store import BLOCKS_AT_ONCE, canonical_chunks
from simulation.world import World
from simulation.writing import write_files


def test_every_customer_and_purchase_is_written_once_whatever_chunk_it_is_of(tmp_path: Path) -> None:
    n_first = BLOCK * BLOCKS_AT_ONCE
    world, told = World(n_customers=n_first + 10, n_weeks=1), []
    write_files(world, tmp_path / "shop", lambda done, of: told.append((done, of)))
    assert told == [(n_first, n_first + 10), (n_first + 10, n_first + 10)]
    for name in ("customers.csv", "consents.csv"):
        text = (tmp_path / "shop" / name).read_text()
        assert text.count(text.partition("\n")[0]) == 1, "one head for all chunks"
    assert pd.read_csv(tmp_path / "shop" / "customers.csv").iloc[:, 0].is_unique
    assert len(pd.read_parquet(tmp_path / "shop-truth" / "customers.parquet")) == n_first + 10
    written = pd.concat([pd.read_parquet(path) for path in (tmp_path / "shop" / "purchases").iterdir()])
    lines = pd.concat(canonical_chunks(world, 7))
    assert len(written) == len(lines) > 100
    assert written["paid"].sum() == pytest.approx(lines["amount"].sum())
