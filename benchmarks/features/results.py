"""What every engine hands over: chunks of rows, of which sums are kept, and the rows themselves where they are few."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.features.columns import KEYS, NAMES
from benchmarks.features.layout import cutoff_days, manifest

Ints = npt.NDArray[np.integer[Any]]
Values = npt.NDArray[np.float32]
MOST_LINES_KEPT = 1_000_000
"""Up to so many lines the driver compares engines row by row, above by sums."""


@dataclass(frozen=True)
class Chunk:
    """Rows of the result: keys, and float32 values of shape (rows, 60) in the order of `NAMES`; NaN is 'empty'."""

    customer: Ints
    cutoff: Ints
    values: Values

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any]) -> Chunk:
        """From one array a column (keys and features)."""
        customer, cutoff = (np.asarray(columns[key]) for key in KEYS)
        values = np.empty((len(NAMES), len(customer)), dtype=np.float32)
        for row, name in zip(values, NAMES, strict=True):
            row[:] = columns[name]
        return cls(customer, cutoff, values.T)


Compute = Callable[[Path, list[int]], Iterable[Chunk]]
"""An engine: the folder of buckets and the cutoffs (days since 1970-01-01) to the rows of the result."""


def summed(chunks: Iterable[Chunk]) -> tuple[int, npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Number of rows, and sums and counts of the values that are not empty, by feature."""
    n, totals, counts = 0, np.zeros(len(NAMES)), np.zeros(len(NAMES), dtype=np.int64)
    for chunk in chunks:
        n += len(chunk.customer)
        totals += np.nansum(chunk.values, axis=0, dtype=np.float64)
        counts += len(chunk.values) - np.isnan(chunk.values).sum(axis=0)
    return n, totals, counts


def checksums(chunks: Iterable[Chunk]) -> dict[str, Any]:
    """The number of rows and, by feature, the rounded sum and the count of values."""
    n, totals, counts = summed(chunks)
    found = zip(NAMES, totals.round(2).tolist(), counts.tolist(), strict=True)
    return {"rows": n, "features": {name: [total, count] for name, total, count in found}}


def _keep(chunks: list[Chunk], path: Path) -> None:
    parts = {name: np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in (*KEYS, "values")}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **parts)


def run(compute: Compute) -> None:
    """Run an engine as the process `<folder> <n_cutoffs> <output.npz>`.

    Prints the checksums as JSON; writes the rows only where the lines are few.
    """
    folder, n_cutoffs, output = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    held = manifest(folder)
    chunks = compute(folder, cutoff_days(n_cutoffs, held.end_day))
    if held.asked <= MOST_LINES_KEPT:
        chunks = list(chunks)
        _keep(chunks, output)
    print(json.dumps(checksums(chunks)))
