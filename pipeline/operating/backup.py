"""`regulars backup`: all state in one ZIP file, with a hash of every member; readable again before it counts."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.errors import ContractError, ParameterError, SourceError
from contracts.files import atomic_path
from pipeline.operating.state import DATABASES, held_files
from pipeline.release import only_one
from serving.published import file_sha256

MANIFEST = "backup.json"
FORMAT = 1
LOG = Path("ledger") / "backups.jsonl"


@dataclass(frozen=True)
class Backup:
    """One backup: its file, when it was made (UTC, ISO), how many files of how many bytes it holds."""

    path: Path
    made_at: str
    n_files: int
    n_bytes: int


def back_up(root: Path, target: Path, now: datetime) -> Backup:
    """Write the state of the project below `root` to a new file that its owner alone can read, and check it.

    Releases wait meanwhile, so that registry, ledger and published weeks are of one moment.

    Raises:
        ParameterError: the target exists, or lies where the backup itself would look.
        SourceError: there is no project here.
    """
    _refuse(root, target)
    with only_one(root), tempfile.TemporaryDirectory(prefix="regulars-backup-") as scratch:
        sources = {path.as_posix(): _source(root, path, Path(scratch)) for path in held_files(root)}
        members = {name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for name, path in sources.items()}
        told = {
            "format": FORMAT,
            "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
            "root": root.resolve().as_posix(),
            "members": members,
        }
        with atomic_path(target) as draft:
            _write(draft, sources, told)
            read_backup(draft, is_deep=True)
        target.chmod(0o600)
        done = Backup(target, str(told["made_at"]), len(members), sum(path.stat().st_size for path in sources.values()))
        _log(root, done)
    return done


def _refuse(root: Path, target: Path) -> None:
    if not (root / "params.yaml").is_file():
        raise SourceError(f"expected a project in {root}, found no params.yaml; run inside the project")
    if target.exists():
        raise ParameterError(f"{target}: expected a new file, got one that exists; name another")
    if not target.parent.is_dir():
        raise ParameterError(f"{target}: expected a file in a folder that exists, found no {target.parent}; make it")
    inside = target.resolve().relative_to(root.resolve()) if target.resolve().is_relative_to(root.resolve()) else None
    if inside is not None:
        raise ParameterError(f"{target}: expected a place outside the project, got one inside; name another disk")


def _source(root: Path, path: Path, scratch: Path) -> Path:
    """The file to pack: itself, or for a database one consistent copy."""
    if path.as_posix() not in DATABASES:
        return root / path
    copy = scratch / path.as_posix().replace("/", "-")
    with (
        closing(sqlite3.connect(f"file:{(root / path).as_posix()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(copy)) as kept,
    ):
        live.backup(kept)
    return copy


def _write(draft: Path, sources: dict[str, Path], told: dict[str, Any]) -> None:
    draft.chmod(0o600)
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        archive.writestr(MANIFEST, json.dumps(told, indent=1) + "\n")
        for name, path in sources.items():
            archive.write(path, name)


def _log(root: Path, done: Backup) -> None:
    line = json.dumps({"at": done.made_at, "files": done.n_files, "bytes": done.n_bytes, "name": done.path.name})
    with (root / LOG).open("a", encoding="utf-8") as log:
        log.write(line + "\n")
        log.flush()
        os.fsync(log.fileno())


def read_backup(path: Path, *, is_deep: bool) -> dict[str, Any]:
    """What a backup says of itself, checked: every member is there, as large as said, and (`is_deep`) of its hash.

    Raises:
        SourceError: no file.
        ContractError: no backup of ours, or a damaged one.
    """
    if not path.is_file():
        raise SourceError(f"expected a backup at {path}, found none; name a file that `regulars backup` wrote")
    try:
        with zipfile.ZipFile(path) as archive:
            told: dict[str, Any] = json.loads(archive.read(MANIFEST))
            _check(archive, told, is_deep=is_deep)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, EOFError) as error:
        raise ContractError(f"{path}: expected a whole backup, got a damaged file ({error}); use another") from None
    return told


def _check(archive: zipfile.ZipFile, told: dict[str, Any], *, is_deep: bool) -> None:
    if told["format"] != FORMAT or not isinstance(told["root"], str):
        raise ValueError(f"format {told['format']}, expected {FORMAT}")
    sizes = {one.filename: one.file_size for one in archive.infolist() if one.filename != MANIFEST}
    if sizes != {name: one["bytes"] for name, one in told["members"].items()}:
        raise ValueError("its members are not those that it lists")
    for name, one in told["members"].items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError("a member outside the project")
        if is_deep and _member_sha256(archive, name) != one["sha256"]:
            raise ValueError(f"{name} is not as it was written")


def _member_sha256(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as member:
        return hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
