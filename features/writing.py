"""Feature files: one Parquet file a cutoff, written batch by batch, so that memory hangs on a batch alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import ContractError
from features.records import Feature

Values = npt.NDArray[np.float32]
TOLERANCE = 1e-6
ROWS_A_GROUP = 8192
"""At most so many rows of each cutoff wait in memory: 4 MB at 120 features."""


def refuse_breach(values: Values, features: Sequence[Feature]) -> None:
    """Raise `ContractError` for a value outside its feature's bounds: an engine that computed another thing."""
    for place, feature in enumerate(features):
        column, (low, high) = values[:, place], feature.bounds
        if np.isinf(column).any() or (column < low - TOLERANCE).any() or (column > high + TOLERANCE).any():
            raise ContractError(
                f"features: expected {feature.name} from {low:g} to {high:g}, got {np.nanmin(column):g} to "
                f"{np.nanmax(column):g}; rerun with featurize.engine: reference to see whether the oracle agrees"
            )


def write_features(
    folder: Path,
    batches: Iterable[tuple[pd.DataFrame, Values]],
    features: Sequence[Feature],
    more: Sequence[str] = (),
) -> dict[str, int]:
    """Write `<cutoff>.parquet` with customer_id, cutoff_on and one float32 column a feature; return rows by cutoff.

    `more` names columns of the batches beyond the features: trial features.
    """
    names = [*(feature.name for feature in features), *more]
    written: dict[str, _File] = {}
    try:
        for rows, values in batches:
            refuse_breach(values, features)
            for cutoff, part in rows.reset_index(drop=True).groupby("cutoff_on", sort=True):
                day = f"{pd.Timestamp(str(cutoff)):%Y-%m-%d}"
                file = written.setdefault(day, _File(folder / f"{day}.parquet"))
                file.add(_table(part, values[part.index], names))
    finally:
        for file in written.values():
            file.close()
    return {day: file.n_rows for day, file in sorted(written.items())}


class _File:
    """One cutoff's file. Small batches are gathered: a group of rows costs as much to write and read as a hundred."""

    def __init__(self, path: Path) -> None:
        self.path, self.n_rows = path, 0
        self._waiting: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """More rows, in order."""
        self.n_rows += len(table)
        self._waiting.append(table)
        if sum(map(len, self._waiting)) >= ROWS_A_GROUP:
            self._write()

    def _write(self) -> None:
        rows = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting = []
        self._writer = self._writer or pq.ParquetWriter(self.path, rows.schema, compression="lz4")
        self._writer.write_table(rows)

    def close(self) -> None:
        """Write what is left."""
        if self._waiting:
            self._write()
        if self._writer:
            self._writer.close()


def _table(rows: pd.DataFrame, values: Values, names: Sequence[str]) -> pa.Table:
    columns = {
        "customer_id": pa.array(rows["customer_id"].to_numpy(dtype=object), pa.large_string()),
        "cutoff_on": pa.array(rows["cutoff_on"].to_numpy(dtype="datetime64[us]"), pa.timestamp("us")),
    }
    own = {name: pa.array(values[:, place]) for place, name in enumerate(names)}
    return pa.table({**columns, **own})
