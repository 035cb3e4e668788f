"""Rows of figures: one a metric, policy, preset and size, with the least and the greatest over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.files import read_json, write_json

Row = dict[str, Any]
KEYS = ("metric", "policy", "preset", "customers")


def rows_of(
    policy: str, preset: str, customers: int, runs: Sequence[Mapping[str, float]], seeds: Sequence[int]
) -> list[Row]:
    """One row a metric of runs with different seeds: the median, the least and the greatest."""
    return [
        {
            "metric": metric,
            "policy": policy,
            "preset": preset,
            "customers": customers,
            "value": _plain(sorted(run[metric] for run in runs)[len(runs) // 2]),
            "low": _plain(min(run[metric] for run in runs)),
            "high": _plain(max(run[metric] for run in runs)),
            "seeds": list(seeds),
        }
        for metric in runs[0]
    ]


def _plain(value: float) -> float | None:
    """Eight significant digits; none where there is no number."""
    return float(f"{value:.8g}") if math.isfinite(value) else None


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """The old rows with the new ones in the place of those of the same metric, policy, preset and size."""
    known = {tuple(row[key] for key in KEYS): row for row in old}
    known |= {tuple(row[key] for key in KEYS): row for row in new}
    return list(known.values())


def kept(path: Path, new: Iterable[Row]) -> list[Row]:
    """The file's rows with the new ones, written back."""
    rows = merged(read_json(path) if path.exists() else [], new)
    write_json(path, rows)
    return rows
