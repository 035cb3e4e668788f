"""All that changes state, in one idempotent function: the registry and its ledger, and the published week.

Stages `register` and `publish` call their part; `regulars run` calls the whole after `dvc repro`, which also brings
back a lost `mlflow.db` or week. Experiments (`DVC_EXP_NAME` set) never come here; they write a receipt
`applied: false`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

from contracts.errors import StateError
from contracts.params import load_params
from models.record import champions
from models.record.live_record import MONITOR_FILE, record_live
from models.record.registry import Version
from models.record.run_record import Evidence, code_version, data_hashes
from pipeline.inbox import keep_wave
from pipeline.stage import say
from serving import published
from serving.published import Revision

Part = Literal["registry", "week"]
PARTS: tuple[Part, ...] = ("registry", "week")
LOCK_SECONDS = 120.0


@dataclass(frozen=True)
class Released:
    """What is in force after a release; None for a part that was not asked for."""

    champion: Version | None
    revision: Revision | None
    is_new_revision: bool


def experiment_name() -> str | None:
    """The DVC experiment that this process runs in, or None."""
    return os.environ.get("DVC_EXP_NAME") or None


def release(
    root: Path,
    *,
    parts: tuple[Part, ...] = PARTS,
    evidence: Evidence | None = None,
    week: Path | None = None,
    now: datetime | None = None,
) -> Released:
    """Bring registry, ledger and published week up to what the stages built. Twice is as once.

    Keyed by content: a run by its content hash, a version by its model hash, a revision by its rows. A kill at any
    point leaves the former champion and week in force, and the next call finishes the work.

    Raises:
        StateError: within an experiment, or while another release holds the lock.
    """
    refuse_experiment()
    at = now or datetime.now(UTC)
    told = evidence or Evidence.below(root)
    with only_one(root):
        champion = champions.settle(champions.place(root), told, at) if "registry" in parts else None
        if "week" not in parts:
            return Released(champion, None, is_new_revision=False)
        revision, is_new = published.publish(week or root / "data" / "week", root / "published", _provenance(root, at))
        _keep_experiment(root, revision.week, at)
        if "registry" in parts:
            record_live(champions.place(root), root / MONITOR_FILE)
        return Released(champion, revision, is_new)


def _keep_experiment(root: Path, week: str, at: datetime) -> None:
    """Record who was drawn this week, and say so if an earlier record stands."""
    wave = root / "data" / "wave.parquet"
    if wave.exists():
        zone = ZoneInfo(load_params(root / "params.yaml").store.time_zone)
        stands = keep_wave(root, wave, week, at.astimezone(zone).date())
        if stands:
            say("publish", stands)


def refuse_experiment() -> None:
    """Raise `StateError` inside an experiment: it never promotes and never publishes."""
    name = experiment_name()
    if name:
        raise StateError(f"experiment '{name}' may not change state; `dvc exp apply {name}`, then `make run`")


def _provenance(root: Path, now: datetime) -> dict[str, object]:
    commit, is_dirty = code_version(root)
    return {
        "released_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "code": {"commit": commit, "is_dirty": is_dirty},
        "data": data_hashes(root / "dvc.lock"),
    }


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock of all that changes state."""
    path = root / "ledger" / "release.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise StateError(
            f"another release has held {path} for {LOCK_SECONDS:.0f} s; wait for it, then run again"
        ) from None
