"""Where the simulated lines lie: bucket files, the manifest beside them, and the cutoffs that are asked about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FIRST_DAY = 19_723
"""Monday 2024-01-01, in days since 1970-01-01."""
N_DAYS = 730
WEEK_DAYS, CUTOFF_STEP_DAYS, UNSEEN_DAYS = 7, 28, 28
MANIFEST = "lines.json"


@dataclass(frozen=True)
class Manifest:
    """What a folder of buckets holds: asked-for and real numbers of lines, customers, and the day after the last."""

    asked: int
    lines: int
    customers: int
    buckets: int
    end_day: int
    seed: int


def manifest(folder: Path) -> Manifest:
    """What the folder says that it holds."""
    return Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))


def buckets(folder: Path) -> list[Path]:
    """The bucket files of a folder, in the order of their customers."""
    return sorted(folder.glob("bucket_*.parquet"))


def cutoff_days(n: int, end_day: int = FIRST_DAY + N_DAYS) -> list[int]:
    """The last `n` of the Mondays that lie four weeks apart and end at least 28 days before `end_day`.

    >>> cutoff_days(2)
    [20395, 20423]
    >>> [(day + 3) % 7 for day in cutoff_days(2)]
    [0, 0]
    """
    last = end_day - UNSEEN_DAYS - (end_day - UNSEEN_DAYS + 3) % WEEK_DAYS
    return [last - CUTOFF_STEP_DAYS * back for back in reversed(range(n))]
