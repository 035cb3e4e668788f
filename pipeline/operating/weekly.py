"""`regulars weekly`: what the scheduler calls. One at a time, recorded whatever its end, and an exit code to act on."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from contracts.errors import RegularsError, StateError
from contracts.files import read_json
from pipeline.release import Released
from pipeline.running import run_pipeline
from pipeline.stage import disk_trouble

LOG = Path("ledger") / "weekly.jsonl"
MONITOR = Path("reports") / "monitor" / "monitor.json"
ALERTED = 20
"""Exit code of a run that published its week, whose monitor alerts: somebody should look."""
CRASHED = 70
"""Exit code that the record gives a run that ended by a fault of the program, or was interrupted."""


@dataclass(frozen=True)
class WeeklyRun:
    """One run of the week, as its line in the log: times in UTC, durations in seconds; no customer is named.

    `outcome` is 'published', 'unchanged' (the rows are those of the latest revision) or 'failed'; `cpu_s` is of this
    process and those that it started; `alerts` are the monitor's codes.
    """

    started_at: str
    wall_s: float
    cpu_s: float
    outcome: str
    exit_code: int
    week: str = ""
    revision: int = 0
    n_listed: int = 0
    n_treated: int = 0
    n_control: int = 0
    data_through: str = ""
    champion: str = ""
    alerts: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def sentence(self) -> str:
        """The run in one line."""
        if self.outcome == "failed":
            return f"failed with exit code {self.exit_code}: {self.error}"
        said = f"week {self.week} revision {self.revision} {self.outcome}: {self.n_listed:,} listed"
        said += f", {self.n_treated:,} with an offer, {self.n_control:,} left alone as controls"
        return said + (f"; alerts: {', '.join(self.alerts)}" if self.alerts else "; no alert")


def run_week(root: Path) -> WeeklyRun:
    """Bring in what the desk recorded, run what changed, release it, and record the run, a failed one too.

    Raises:
        StateError: another weekly run holds the lock; nothing was touched, nothing is recorded.
    """
    with _alone(root):
        started, began, before = datetime.now(UTC), time.perf_counter(), _cpu()
        told: dict[str, Any] = {
            "outcome": "failed",
            "exit_code": CRASHED,
            "error": "a fault of the program; see the log",
        }
        try:
            told = _told(root)
        finally:
            run = WeeklyRun(
                started_at=started.isoformat(timespec="seconds"),
                wall_s=round(time.perf_counter() - began, 1),
                cpu_s=round(_cpu() - before, 1),
                **told,
            )
            _append(root / LOG, run)
    return run


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    (root / "ledger").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / "ledger" / "weekly.lock", timeout=0):
            yield
    except Timeout:
        raise StateError("another weekly run is at work; wait for its end, then run again") from None


def _told(root: Path) -> dict[str, Any]:
    try:
        released = run_pipeline(root)
    except RegularsError as error:
        return {"outcome": "failed", "exit_code": error.exit_code, "error": " ".join(str(error).split())}
    except OSError as error:
        return {"outcome": "failed", "exit_code": RegularsError.exit_code, "error": disk_trouble(error)}
    return _of_release(root, released)


def _of_release(root: Path, released: Released) -> dict[str, Any]:
    revision = released.revision
    if revision is None:
        raise StateError("expected a released week, got none; run `regulars release` and look")
    counts = revision.manifest["counts"]
    alerts = [str(code) for code in _alerts(root)]
    return {
        "outcome": "published" if released.is_new_revision else "unchanged",
        "exit_code": ALERTED if alerts else 0,
        "week": revision.week,
        "revision": revision.number,
        **{name: int(counts[name]) for name in ("n_listed", "n_treated", "n_control")},
        "data_through": str(revision.data_through),
        "champion": released.champion.model_hash[:12] if released.champion else "",
        "alerts": alerts,
    }


def _alerts(root: Path) -> list[str]:
    report = root / MONITOR
    found: list[str] = read_json(report)["alerts"] if report.exists() else []
    return found


def _cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _append(path: Path, run: WeeklyRun) -> None:
    """Add a line; one write, so that a kill leaves at most a cut-off last line, which readers pass over."""
    text = json.dumps(asdict(run), ensure_ascii=False) + "\n"
    whole = not path.exists() or not path.stat().st_size or path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as log:
        log.write(text if whole else "\n" + text)
        log.flush()
        os.fsync(log.fileno())


def past_runs(root: Path) -> list[WeeklyRun]:
    """Every recorded run, earliest first; a line that a killed run cut off is passed over."""
    path = root / LOG
    found: list[WeeklyRun] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            found.append(WeeklyRun(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found
