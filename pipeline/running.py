"""Running the whole pipeline: what it reads first, `dvc repro`, and the release of what it built."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import ParameterError, RegularsError
from contracts.params import read_yaml
from models.record import champions
from pipeline.desk import has_desk, the_desk
from pipeline.inbox import ensure_inbox, pull_waves
from pipeline.pulling import pull_desk
from pipeline.release import Released, refuse_experiment, release
from pipeline.stage import is_structured, line, passed_on


def run_pipeline(root: Path) -> Released:
    """Tell the pipeline who is champion, run what changed, release what it built.

    The first release makes a champion, of which `register` then has to know: it runs once more, so that the next run
    (and a committed `dvc.lock`) finds nothing left to do.
    """
    refuse_experiment()
    ensure_inbox(root)
    pull_waves(root)
    if has_desk(root):
        pull_desk(root)
    before = champions.sync_champion(root, datetime.now(UTC))
    _reproduce(root)
    released = release(root)
    if champions.sync_champion(root, datetime.now(UTC)) != before:
        _reproduce(root)
    if has_desk(root):
        with the_desk(root):
            pass  # opening it loads what was published
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
    line("run", "dvc.lock was cut off by a killed run; set aside as dvc.lock.broken, every stage is checked anew")


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
    code = _dvc([sys.executable, "-m", "dvc", "repro"], root, environment)
    if code:
        raise RegularsError(f"`dvc repro` stopped with exit code {code}; the stage's own line stands above")


def _dvc(command: list[str], root: Path, environment: Mapping[str, str]) -> int:
    """Run DVC and return its exit code; where lines are objects, its own become such."""
    if not is_structured():
        return subprocess.run(command, cwd=root, env=environment, check=False).returncode  # noqa: S603 – our own DVC
    joined = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=root, env=environment, **joined) as dvc:  # type: ignore[call-overload]  # noqa: S603 – the same
        for text in dvc.stdout or ():
            passed_on("dvc", text.rstrip("\n"))
    return int(dvc.returncode)
