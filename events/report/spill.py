"""Rows that wait on disk, by group, for the rows that belong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


class Spill:
    """Rows of plain numbers in one file a group, in the order in which they came; one group fits into memory."""

    def __init__(self, folder: Path, kinds: Mapping[str, Any], n_groups: int) -> None:
        self._kind = np.dtype([(name, kind) for name, kind in kinds.items()])
        self._paths = [folder / f"{number:05d}.rows" for number in range(n_groups)]
        folder.mkdir()

    def add(self, group: npt.NDArray[np.int64], columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep rows for later; `group` is any whole number from 0, equal ones stay together."""
        file = group % len(self._paths)
        order = np.argsort(file, kind="stable")
        rows = np.empty(len(order), dtype=self._kind)
        for name, values in columns.items():
            rows[name] = values[order]
        ends = np.cumsum(np.bincount(file, minlength=len(self._paths)))
        for path, begin, end in zip(self._paths, np.r_[0, ends[:-1]], ends, strict=True):
            if begin < end:
                with path.open("ab") as out:
                    rows[begin:end].tofile(out)

    def groups(self) -> Iterator[pd.DataFrame]:
        """Each file's rows, once: the files are gone afterwards."""
        for path in self._paths:
            if path.exists():
                rows = np.fromfile(path, dtype=self._kind)
                path.unlink()
                yield pd.DataFrame({name: rows[name] for name in self._kind.names or ()})
