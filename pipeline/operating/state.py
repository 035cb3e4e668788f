"""What a backup holds: state, and what a person wrote. All else is rebuilt from it and the purchases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

WRITTEN = ("params.yaml", "offers.yaml", "portraits.yaml", "words.yaml", "trials", "dvc.yaml", "dvc.lock")
KEPT = ("inbox", "ledger", "published", "tuning", "mlflow.db", "mlruns", "desk")
PLACES = (*WRITTEN, *KEPT)
DATABASES = ("mlflow.db", "desk/desk.sqlite")
"""SQLite files: copied as one state of the database, whoever writes to them meanwhile."""


def held_files(root: Path) -> Iterator[Path]:
    """Every file of the state, relative to the project, in name order.

    Locks, drafts of killed writers and the logs beside a database are left out.
    """
    for place in PLACES:
        home = root / place
        found = [home] if home.is_file() else sorted(path for path in home.rglob("*") if path.is_file())
        yield from (path.relative_to(root) for path in found if not _is_passing(path.relative_to(root)))


def _is_passing(path: Path) -> bool:
    name = path.name
    is_draft = any(part.startswith(".") and part != ".gitignore" for part in path.parts)
    return (
        is_draft
        or "__pycache__" in path.parts
        or name.endswith((".lock.broken", "-wal", "-shm", "-journal"))
        or (name.endswith(".lock") and name != "dvc.lock")
    )
