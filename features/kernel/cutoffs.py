"""The kernel's twin of `contracts/windows.py`, on arrays of day numbers: nothing else here orders days and cutoffs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.kernel.compiling import Array, compiled
from features.kernel.streams import Flags, Ints


def first_after(cutoffs: Ints, day: npt.NDArray[Any]) -> Ints:
    """The index of the first of the sorted cutoffs that lies after each day: from it on, the day is past."""
    return np.searchsorted(cutoffs, day, side="right").astype(np.int64)


def counted(day: Ints, known: Ints, undone: Ints, today: Ints) -> Flags:
    """Which rows counted at `today`: they lay before it, were known before it, and were not undone before it."""
    return (np.maximum(day, known) < today) & (undone >= today)


@compiled
def positions(start: Array, day: Array, row_start: Array, today: Array, offset: int) -> Array:
    """For each row the position of its slot's first day at or after `today − offset`; rows rise within a slot."""
    found = np.empty(len(today), np.int64)
    for slot in range(len(start) - 1):
        at = start[slot]
        for row in range(row_start[slot], row_start[slot + 1]):
            while at < start[slot + 1] and day[at] < today[row] - offset:
                at += 1
            found[row] = at
    return found
