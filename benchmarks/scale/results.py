"""Rows of figures in docs/benchmarks/scale.json: new ones take the place of those with the same key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from contracts.files import read_json, write_json

Row = dict[str, Any]
KEYS = ("metric", "stage", "lines", "customers", "executor", "workers", "history_weeks", "factor", "level")


def kept(path: Path, new: Iterable[Row]) -> list[Row]:
    """The file's rows with the new ones, written back."""
    rows = {_key(one): one for one in (read_json(path) if path.exists() else [])}
    rows |= {_key(one): one for one in new}
    listed = list(rows.values())
    write_json(path, listed)
    return listed


def _key(one: Row) -> tuple[Any, ...]:
    return tuple(one.get(key) for key in KEYS)


def exponent(sizes: Iterable[float], costs: Iterable[float]) -> float | None:
    """How a cost grows with size: the slope of log cost over log size, by least squares; None below two sizes.

    >>> exponent([1e5, 1e6], [2.0, 20.0])
    1.0
    """
    x, y = np.log(np.array(list(sizes))), np.log(np.array(list(costs)))
    if len(set(x.tolist())) < 2:
        return None
    return round(float(np.polyfit(x, y, 1)[0]), 2)
