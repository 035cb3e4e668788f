"""What may happen to workers: killed, stuck, out of disk. A stage ends well, or says one line and leaves what was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import ExecutorError
from contracts.executor import Crew, crew_of
from contracts.params import Execution
from events.building import build_store
from tests import stores
from tests.clusters import Cluster, cluster
from tests.projects import ROOT
from tests.stages.test_kill import lines, tree

N_PARTS, N_BUCKETS = 4, 6


@dataclass(frozen=True)
class Trap:
    """Harms the process that comes by first, once, and never the one that set it."""

    marker: Path
    harm: int
    owner: int

    def spring(self) -> None:
        if os.getpid() == self.owner:
            return
        try:
            self.marker.touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), self.harm)


def chunks(seed: int, trap: Trap | None) -> Iterator[pd.DataFrame]:
    """A file's lines in two pieces, the trap between them."""
    frame = lines(seed)
    yield frame.iloc[:2000].reset_index(drop=True)
    if trap:
        trap.spring()
    yield frame.iloc[2000:].reset_index(drop=True)


def forgetting(name: str, trap: Trap) -> bool:
    """Nobody is erased; but whoever asks while buckets are built walks into the trap."""
    if sys._getframe(2).f_code.co_name in {"<listcomp>", "_build_bucket"}:
        trap.spring()
    return False


def source(trap: Trap | None = None, n_parts: int = N_PARTS) -> stores.Source:
    parts = [
        stores.LinePart(f"{k}.csv", f"{k:012d}digest", partial(chunks, k, trap if k == 1 else None), True)
        for k in range(n_parts)
    ]
    return stores.Source("test", tuple(parts), stores.CANONICAL_COLUMNS)


def dask(at: Cluster) -> Execution:
    return Execution(seed=1, threads=1, executor="dask", scheduler=at.address)


def built(folder: Path, crew: Crew, trap: Trap | None = None, n_parts: int = N_PARTS) -> dict[str, bytes]:
    build_store(source(trap, n_parts), folder, stores.made(n_buckets=N_BUCKETS), crew)
    return tree(folder)


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "cluster", 2) as made:
        yield made


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stuck"])
def test_a_worker_lost_while_it_spreads_a_file_is_survived(two_workers: Cluster, tmp_path: Path, harm: int) -> None:
    """A stuck worker is given up after the scheduler's patience, which is ten seconds here."""
    usual = built(tmp_path / "usual" / "events", Crew())
    trap = Trap(tmp_path / "marker", harm, os.getpid())
    with crew_of(dask(two_workers), {}) as crew:
        assert built(tmp_path / "there" / "events", crew, trap) == usual
    assert trap.marker.exists()
    left = {path.name for path in (tmp_path / "there").iterdir()}
    assert left == {"events", ".events.lock", ".events.recipe.json"}
    if harm == signal.SIGSTOP:
        for process in two_workers.processes:
            process.send_signal(signal.SIGCONT)


def test_a_worker_killed_while_it_builds_a_bucket_is_survived(two_workers: Cluster, tmp_path: Path) -> None:
    usual = built(tmp_path / "usual" / "events", Crew())
    there, trap = tmp_path / "there" / "events", Trap(tmp_path / "marker", signal.SIGKILL, os.getpid())
    recipe = stores.made(n_buckets=N_BUCKETS, forgotten=partial(forgetting, trap=trap))
    with crew_of(dask(two_workers), {}) as crew:
        build_store(source(n_parts=2), there, stores.made(n_buckets=N_BUCKETS))
        build_store(source(), there, recipe, crew)  # the known buckets' customers are asked for
    assert trap.marker.exists()
    assert tree(there) == usual


def test_a_killed_process_of_this_machine_is_one_line_and_the_old_store_stays(tmp_path: Path) -> None:
    there = tmp_path / "events"
    before = built(there, Crew(), n_parts=1)
    trap = Trap(tmp_path / "marker", signal.SIGKILL, os.getpid())
    with (
        pytest.raises(ExecutorError, match="a worker process was killed"),
        crew_of(Execution(seed=1, threads=1, workers=2), {}) as crew,
    ):
        built(there, crew, trap)
    assert tree(there) == before
    assert built(there, Crew()) == built(tmp_path / "usual" / "events", Crew())


FULL = """
import sys
from pathlib import Path
from contracts.executor import crew_of
from contracts.params import Execution
from pipeline.stage import run_stage
from tests.stages.test_cluster_faults import built
def main(_):
    with crew_of(Execution(seed=1, threads=1, workers=2), {}) as crew:
        built(Path(sys.argv[1]), crew)
if __name__ == "__main__":
    run_stage("ingest", main)
"""


def test_a_disk_that_takes_no_more_is_one_line_and_the_old_store_stays(tmp_path: Path) -> None:
    """The system refuses to let any file grow further, as a full disk does."""
    there, script = tmp_path / "events", tmp_path / "full.py"
    before = built(there, Crew(), n_parts=1)
    script.write_text(FULL)
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 8; exec {sys.executable} {script} {there}"],
        env={**unmeasured, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("regulars: ingest: the system refused")
    assert tree(there) == before
    assert built(there, Crew()) == built(tmp_path / "usual" / "events", Crew())
