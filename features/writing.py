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
    writers: dict[str, pq.ParquetWriter] = {}
    n_rows: dict[str, int] = {}
    try:
        for rows, values in batches:
            refuse_breach(values, features)
            for cutoff, part in rows.reset_index(drop=True).groupby("cutoff_on", sort=True):
                day = f"{pd.Timestamp(str(cutoff)):%Y-%m-%d}"
                table = _table(part, values[part.index], names)
                if day not in writers:
                    writers[day] = pq.ParquetWriter(folder / f"{day}.parquet", table.schema, compression="lz4")
                writers[day].write_table(table)
                n_rows[day] = n_rows.get(day, 0) + len(part)
    finally:
        for writer in writers.values():
            writer.close()
    return dict(sorted(n_rows.items()))


def _table(rows: pd.DataFrame, values: Values, names: Sequence[str]) -> pa.Table:
    columns = {
        "customer_id": pa.array(rows["customer_id"].to_numpy(dtype=object), pa.large_string()),
        "cutoff_on": pa.array(rows["cutoff_on"].to_numpy(dtype="datetime64[us]"), pa.timestamp("us")),
    }
    own = {name: pa.array(values[:, place]) for place, name in enumerate(names)}
    return pa.table({**columns, **own})
