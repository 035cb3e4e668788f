"""What the pipeline reads from `inbox/`: valid, empty files at first."""

from __future__ import annotations

from pathlib import Path

from contracts.files import read_text, write_json, write_text
from events.tombstones import Tombstones, write_tombstones

WISH = Path("inbox") / "champion.json"
TOMBSTONES = Path("inbox") / "tombstones.json"
EXCLUDED = Path("inbox") / "excluded.txt"


def ensure_inbox(root: Path) -> None:
    """Write the files that are not there yet."""
    if not (root / WISH).exists():
        write_json(root / WISH, {"model_hash": None})
    if not (root / TOMBSTONES).exists():
        write_tombstones(root / TOMBSTONES, Tombstones())
    if not (root / EXCLUDED).exists():
        write_text(root / EXCLUDED, "")


def excluded_accounts(path: Path) -> list[str]:
    """The ids of `inbox/excluded.txt`, one a line: accounts of the till, staff or wholesale that do not count."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")]
