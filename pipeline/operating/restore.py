"""`regulars restore`: a project's state from a backup, and nobody comes back who was erased since."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.errors import ParameterError, StateError
from events.recipe import needed_key
from events.tombstones import Tombstones, read_tombstones, refuse_foreign, write_tombstones
from pipeline.inbox import TOMBSTONES
from pipeline.operating.backup import back_up, read_backup
from pipeline.operating.state import KEPT, PLACES
from pipeline.privacy import finish_erasures
from pipeline.release import only_one

FILLED = ("ledger/promotions.jsonl", "published", "mlflow.db", "mlruns", "desk")
"""Where there is any of these, something was released or recorded here."""


DRAFT = ".restore."
"""What a killed restore leaves: the state is then half the backup's, and the next restore need not set it aside."""


PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
"""Columns of MLflow's database that hold whole paths."""


@dataclass(frozen=True)
class Restored:
    """What a restore did: files put in place, when they were backed up, and customers erased again."""

    n_files: int
    made_at: str
    n_erased: int


def restore(root: Path, backup: Path, now: datetime, *, aside: Path | None, tombstones: Path | None) -> Restored:
    """Put the backup's files in place of the project's state; killed half way, the same command finishes it.

    Everything is checked before anything is touched. A project that holds state is backed up to `aside` first, a new
    file. Tombstones are never lost: those of the project, of `tombstones` and of the backup are put together, and
    customers whom the backup still names are erased from what came back.

    Raises:
        StateError: the project holds state and `aside` is None.
        ParameterError: tombstones of another secret, or customers to erase and no `REGULARS_KEY`.
        ContractError: the backup is damaged.
    """
    told = read_backup(backup, is_deep=True)
    held = _together([read_tombstones(root / TOMBSTONES), *([read_tombstones(tombstones)] if tombstones else [])])
    killed = list(root.glob(f"{DRAFT}*"))
    if _is_filled(root) and not killed:
        if aside is None:
            raise StateError(
                "expected a project without state, found one; with --aside FILE it is backed up there and replaced"
            )
        back_up(root, aside, now)
    with only_one(root):
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=root))
        try:
            more = _unpacked(backup, list(told["members"]), draft, held)
            _move_artifacts(draft / "mlflow.db", told["root"], root.resolve().as_posix())
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        _swap(draft, root)
    n_erased = finish_erasures(root, now) if more else 0
    for left_over in (draft, *killed):
        shutil.rmtree(left_over)
    return Restored(len(told["members"]), told["made_at"], n_erased)


def _unpacked(backup: Path, members: list[str], draft: Path, held: Tombstones) -> frozenset[str]:
    """Unpack beside the state, with all tombstones; return the hashes of customers erased since the backup."""
    with zipfile.ZipFile(backup) as archive:
        archive.extractall(draft, members=members)
    came_back = read_tombstones(draft / TOMBSTONES)
    together = _together([came_back, held])
    more = together.hashes - came_back.hashes
    if more:
        refuse_foreign(together, needed_key("erasing again who was erased since the backup"))
    write_tombstones(draft / TOMBSTONES, together)
    for path in (*draft.glob("ledger/*.key"), *draft.glob("desk/*")):
        path.chmod(0o600)
    return more


def _move_artifacts(database: Path, former: str, now: str) -> None:
    """MLflow notes where artifacts lie as whole paths: those below the former project are now below this one."""
    if former == now or not database.is_file():
        return
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in PATHS:
            for prefix in ("file://", ""):
                old, new = f"{prefix}{former}/mlruns", f"{prefix}{now}/mlruns"
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608 – names of our own
                    (new, len(old) + 1, len(old), old),
                )


def _is_filled(root: Path) -> bool:
    """Whether anything but what set-up writes is here."""
    places = [root / name for name in FILLED]
    is_held = any(place.is_file() or (place.is_dir() and any(place.iterdir())) for place in places)
    return is_held or bool(read_tombstones(root / TOMBSTONES).hashes)


def _together(several: Iterable[Tombstones]) -> Tombstones:
    found = Tombstones()
    for one in several:
        if one.hashes and found.hashes and one.check != found.check:
            raise ParameterError("expected tombstones of one secret, got two; erase with the first one's REGULARS_KEY")
        found = Tombstones(found.hashes | one.hashes, found.check or one.check)
    return found


def _swap(draft: Path, root: Path) -> None:
    """One place after the other, each in two renames; the locks of the ledger stay where other processes hold them."""
    for name in PLACES:
        new, old = draft / name, root / name
        if name in KEPT and not new.exists() and name not in {"inbox", "ledger"}:
            _remove(old)
        elif new.exists():
            _replace(new, old, draft)
    for log in ("mlflow.db-wal", "mlflow.db-shm"):
        (root / log).unlink(missing_ok=True)


def _replace(new: Path, old: Path, draft: Path) -> None:
    if old.name == "ledger" and old.exists():
        for path in old.iterdir():
            if path.suffix != ".lock":
                _remove(path)
        for path in new.iterdir():
            path.rename(old / path.name)
        return
    if old.exists():
        old.rename(draft / f".former-{old.name}")
    new.rename(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
