"""SIGKILL at random moments of an ingest: the store is always the old one or the new one, never a third thing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from contracts.files import read_json
from events.building import build_store
from events.manifest import files_of
from events.store import read_lines
from tests import stores
from tests.projects import ROOT

KILLS = 6
MANY_KILLS = 50
BUILD = """
import sys
from pathlib import Path
from tests.stages.test_kill import built
print("ready", flush=True)
built(Path(sys.argv[1]), int(sys.argv[2]))
"""


def lines(seed: int) -> pd.DataFrame:
    draw = random.Random(seed)
    rows = [
        {
            "customer_id": f"c{draw.randrange(300)}",
            "order_id": str(draw.randrange(2000)),
            "ordered_at": f"2017-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d} 10:00",
            "product_id": draw.choice(["tea", "milk"]),
            "quantity": draw.choice([1.0, 1.0, 2.0, -1.0]),
            "amount": 0.0,
        }
        for _ in range(4000)
    ]
    return stores.canonical({**row, "amount": 3.0 * float(str(row["quantity"]))} for row in rows)


def built(folder: Path, n_files: int) -> None:
    named = [(f"{k}.csv", lines(k)) for k in range(n_files)]
    files = [stores.part(name, frame, chunk_rows=1000) for name, frame in named]
    source = stores.Source("test", tuple(files), stores.CANONICAL_COLUMNS)
    build_store(source, folder, stores.made(n_buckets=6))


def tree(folder: Path) -> dict[str, bytes]:
    """The files that the manifest names, and itself."""
    named = [*files_of(read_json(folder / "manifest.json")), "manifest.json"]
    return {name: (folder / name).read_bytes() for name in sorted(named)}


def killed(folder: Path, after_s: float) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", BUILD, str(folder), "2"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(after_s)
        process.kill()
        process.wait()


def survive(tmp_path: Path, n_kills: int, seed: int) -> set[str]:
    old, new = tmp_path / "old" / "events", tmp_path / "new" / "events"
    built(old, 1)
    started = time.perf_counter()
    built(new, 2)
    lasts_s = time.perf_counter() - started
    before, after = tree(old), tree(new)
    draw, ends = random.Random(seed), set()
    for kill in range(n_kills):
        folder = tmp_path / f"kill{kill}" / "events"
        built(folder, 1)
        killed(folder, draw.uniform(0, 1.1 * lasts_s))
        found = tree(folder)
        assert found in (before, after)
        ends.add("old" if found == before else "new")
        n_lines = sum(len(read_lines(folder, name)) for name in ("purchases", "returns", "rejects"))
        assert n_lines == (4000 if found == before else 8000)
        built(folder, 2)
        assert tree(folder) == after
        assert {path.name for path in folder.parent.iterdir()} == {"events", ".events.lock", ".events.recipe.json"}
    return ends


def test_a_killed_ingest_leaves_the_old_store_or_the_new_one(tmp_path: Path) -> None:
    survive(tmp_path, KILLS, 1)


@pytest.mark.prove
def test_fifty_kills(tmp_path: Path) -> None:
    assert "old" in survive(tmp_path, MANY_KILLS, 2)
