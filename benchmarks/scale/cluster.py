"""A real Dask cluster of this machine's processes, begun for a measurement or a test, and gone after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contracts.executor import client_of
from contracts.files import read_json

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
DASK = {
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s",
    "DASK_DISTRIBUTED__COMM__RETRY__COUNT": "2",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass
class Cluster:
    """A scheduler and its workers, each a process without a nanny: a killed worker stays dead."""

    folder: Path
    code: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin one of Dask's programs."""
        environment = {**os.environ, **self.environment, **DASK, **ONE_THREAD, "PYTHONPATH": str(self.code)}
        log = (self.folder / f"log{len(self.processes)}.txt").open("wb")
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
        with log:
            made = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)  # noqa: S603
        self.processes.append(made)
        return made

    @property
    def file(self) -> Path:
        """Where the scheduler says its address."""
        return self.folder / "scheduler.json"

    def add_worker(self) -> subprocess.Popen[bytes]:
        """Begin a worker of one thread."""
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        return self.start("dask_worker", "--scheduler-file", str(self.file), *options)

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return str(read_json(self.file)["address"])

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """The workers' processes."""
        return self.processes[1:]

    def stop(self) -> None:
        """End every process."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def cluster(
    folder: Path, n_workers: int, code: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """A cluster of one-thread workers, all there when it begins; gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder, code, environment or {})
    try:
        made.start("dask_scheduler", "--port", "0", "--scheduler-file", str(made.file), "--no-dashboard", "--no-show")
        _await_file(made)
        for _ in range(n_workers):
            made.add_worker()
        await_workers(made, n_workers)
        yield made
    finally:
        made.stop()


def await_workers(made: Cluster, n_workers: int) -> None:
    """Wait until so many workers have come."""
    with client_of(made.address) as client:
        client.wait_for_workers(n_workers, timeout=PATIENCE_S)


def _await_file(made: Cluster) -> None:
    began = time.monotonic()
    while not made.file.exists():
        if time.monotonic() - began > PATIENCE_S or any(process.poll() is not None for process in made.processes):
            raise RuntimeError(f"expected a scheduler within {PATIENCE_S:.0f} s, got none; see {made.folder}/log0.txt")
        time.sleep(0.05)
