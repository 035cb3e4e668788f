"""All that changes state, in one idempotent function: the registry and its ledger, and the published week.

Stages `register` and `publish` call their part; `regulars run` calls the whole after `dvc repro`, which also brings
back a lost `mlflow.db` or week. Experiments (`DVC_EXP_NAME` set) never come here; they write a receipt
`applied: false`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from contracts.errors import ParameterError, RegularsError, StateError
from contracts.params import read_yaml
from events.tombstones import Tombstones, write_tombstones
from models import champions
from models.registry import Version
from models.run_record import Evidence, code_version, data_hashes
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
        return Released(champion, revision, is_new)


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


def run_pipeline(root: Path) -> Released:
    """Tell the pipeline who is champion, run what changed, release what it built.

    The first release makes a champion, of which `register` then has to know: it runs once more, so that the next run
    (and a committed `dvc.lock`) finds nothing left to do.
    """
    refuse_experiment()
    before = champions.sync_champion(root, datetime.now(UTC))
    tombstones = root / "inbox" / "tombstones.json"
    if not tombstones.exists():
        write_tombstones(tombstones, Tombstones())
    _reproduce(root)
    released = release(root)
    if champions.sync_champion(root, datetime.now(UTC)) != before:
        _reproduce(root)
    return released


def _set_aside_broken_lock(lock: Path) -> None:
    """DVC rewrites its lock in place: a run killed in that moment leaves half of one, which no later run could read."""
    if not lock.exists():
        return
    try:
        plain = read_yaml(lock)
    except ParameterError:
        plain = None
    if _is_whole(plain):
        return
    lock.replace(lock.with_name("dvc.lock.broken"))
    print("regulars: dvc.lock was cut off by a killed run; set aside as dvc.lock.broken, every stage is checked anew")


def _is_whole(plain: object) -> bool:
    """Whether parsed YAML has the shape of a lock: a schema, and stages whose files each have a path and a hash."""
    if not isinstance(plain, dict) or not isinstance(plain.get("schema"), str):
        return False
    stages = plain.get("stages", {})
    return isinstance(stages, dict) and all(_is_whole_stage(stage) for stage in stages.values())


def _is_whole_stage(stage: object) -> bool:
    if not isinstance(stage, dict) or not isinstance(stage.get("cmd"), str):
        return False
    files = [entry for kind in ("deps", "outs") for entry in stage.get(kind) or [None]]
    return isinstance(stage.get("params", {}), dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("path"), str) and isinstance(entry.get("md5"), str)
        for entry in files
    )


def _reproduce(root: Path) -> None:
    """`dvc repro`, its progress on our own output; the stages' `python` is the one that runs us."""
    if not (root / "dvc.yaml").is_file():
        raise ParameterError(f"expected dvc.yaml in {root}, found none; run inside the project")
    _set_aside_broken_lock(root / "dvc.lock")
    binaries = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((binaries, os.environ.get("PATH", ""))),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=root, env=environment, check=False)
    if done.returncode:
        raise RegularsError(f"`dvc repro` stopped with exit code {done.returncode}; the stage's own line stands above")
