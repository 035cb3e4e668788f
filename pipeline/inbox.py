"""What the pipeline reads from `inbox/`: valid, empty files at first."""

from __future__ import annotations

from pathlib import Path

from contracts.files import write_json
from events.tombstones import Tombstones, write_tombstones

WISH = Path("inbox") / "champion.json"
TOMBSTONES = Path("inbox") / "tombstones.json"


def ensure_inbox(root: Path) -> None:
    """Write the files that are not there yet."""
    if not (root / WISH).exists():
        write_json(root / WISH, {"model_hash": None})
    if not (root / TOMBSTONES).exists():
        write_tombstones(root / TOMBSTONES, Tombstones())
