"""Whether two engines gave the same: row by row where rows were kept, and always by sums and counts.

    python -m benchmarks.features.equality <ours.json> <theirs.json>

prints the features that differ, one a line. Rows lie beside the sums, with the suffix .npz.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.features.columns import KEYS, NAMES

TOLERANCE = 1e-4
"""Relative and absolute, of float32 values."""


def different_sums(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The features (or 'rows') whose counts differ, or whose sums differ by more than the tolerance."""
    if ours["rows"] != theirs["rows"]:
        return ["rows"]
    pairs = {name: (ours["features"][name], theirs["features"][name]) for name in NAMES}
    return [name for name, (a, b) in pairs.items() if a[1] != b[1] or not np.isclose(a[0], b[0], rtol=TOLERANCE)]


def different_rows(ours: Path, theirs: Path) -> list[str]:
    """The features (or 'rows') of which any value differs by more than the tolerance."""
    a, b = _sorted(ours), _sorted(theirs)
    if any(not np.array_equal(a[key], b[key]) for key in KEYS):
        return ["rows"]
    close = np.isclose(a["values"], b["values"], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True).all(axis=0)
    return [name for name, is_close in zip(NAMES, close.tolist(), strict=True) if not is_close]


def _sorted(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path) as kept:
        rows = {name: kept[name] for name in kept.files}
    order = np.lexsort((rows["customer"], rows["cutoff"]))
    return {name: values[order] for name, values in rows.items()}


def different(ours: Path, theirs: Path) -> list[str]:
    """The features (or 'rows') that differ in any way."""
    sums, rows = (ours, theirs), (ours.with_suffix(".npz"), theirs.with_suffix(".npz"))
    found = different_sums(*(json.loads(path.read_text(encoding="utf-8")) for path in sums))
    if all(path.exists() for path in rows):
        found += different_rows(*rows)
    return list(dict.fromkeys(found))


def main() -> None:
    """Print what differs."""
    for name in different(Path(sys.argv[1]), Path(sys.argv[2])):
        print(name)


if __name__ == "__main__":
    main()
