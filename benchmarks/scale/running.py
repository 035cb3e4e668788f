"""One stage at a time, in a process of its own, measured with its workers: CPU, wall, peak memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.features.measure import KIB_PER_MB, Measured, measured
from benchmarks.scale.cluster import Cluster, cluster
from benchmarks.scale.projects import ROOT, command

Row = dict[str, Any]
TIMEOUT_S = 4 * 3_600.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Place:
    """Where stages run: `executor` local or dask, and how many workers share them."""

    executor: str
    workers: int
    cluster: Cluster | None = None

    @property
    def environment(self) -> tuple[str, ...]:
        """As the command `env` takes it."""
        said = (f"REGULARS_EXECUTOR={self.executor}", f"REGULARS_WORKERS={self.workers}")
        return said if self.cluster is None else (*said, f"REGULARS_SCHEDULER={self.cluster.address}")


@contextmanager
def place(executor: str, workers: int, folder: Path) -> Iterator[Place]:
    """This machine's processes, or a Dask cluster of its own of so many one-thread workers."""
    if executor == "local":
        yield Place(executor, workers)
        return
    with cluster(folder, workers) as dask:
        yield Place(executor, workers, dask)


def run(stage: str, home: Path, where: Place) -> Measured:
    """Run a stage; CPU is that of the stage and its workers, the peak that of the largest single process.

    Raises:
        RuntimeError: the stage failed.
    """
    workers = [process.pid for process in where.cluster.workers] if where.cluster else []
    before = [_cpu_s(pid) for pid in workers]
    for pid in workers:
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from here
    asked = ["env", "-C", str(home), f"PYTHONPATH={ROOT}", *where.environment, *command(stage)]
    found = measured(asked, home / f"{stage}.log", TIMEOUT_S)
    if found.note:
        raise RuntimeError(f"{stage}: {found.note}")
    cpu_s = found.cpu_s + sum(_cpu_s(pid) for pid in workers) - sum(before)
    return Measured(cpu_s, found.wall_s, max([found.peak_mb, *map(_peak_mb, workers)]))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak_mb(pid: int) -> float:
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) / KIB_PER_MB


def row(stage: str, size: tuple[int, int], where: Place, found: Measured, floor_cpu_s: float | None) -> Row:
    """One measured run as a flat row."""
    return {
        "stage": stage,
        "lines": size[0],
        "customers": size[1],
        "executor": where.executor,
        "workers": where.workers,
        "cpu_s": round(found.cpu_s, 2),
        "wall_s": round(found.wall_s, 2),
        "peak_mb": round(found.peak_mb),
        "floor_cpu_s": None if floor_cpu_s is None else round(floor_cpu_s, 2),
    }


def total(rows: Sequence[Row]) -> Row:
    """All stages one after the other: sums of seconds, the largest peak."""
    sums = {name: round(sum(one[name] for one in rows), 2) for name in ("cpu_s", "wall_s")}
    floors = [one["floor_cpu_s"] for one in rows if one["floor_cpu_s"] is not None]
    peak = max(one["peak_mb"] for one in rows)
    return {
        **{name: value for name, value in rows[0].items() if name != "load"},
        "stage": "all",
        **sums,
        "peak_mb": peak,
        "floor_cpu_s": round(sum(floors), 2) if floors else None,
    }


def say(text: str) -> None:
    """Print at once, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
