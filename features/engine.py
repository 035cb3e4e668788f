"""Features of a snapshot's rows, by either engine: `kernel` (compiled, one pass) or `reference` (pandas, an oracle)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from events.store import Shelf
from features.kernel.engine import bucket_tables
from features.records import Feature
from features.reference.engine import columns_at

Engine = Literal["kernel", "reference"]
KEYS = ["customer_id", "cutoff_on"]
Values = npt.NDArray[np.float32]


def feature_batches(
    shelf: Shelf, snapshots: pd.DataFrame, features: Sequence[Feature], horizon_days: int, engine: Engine = "kernel"
) -> Iterator[tuple[pd.DataFrame, Values]]:
    """Yield some of the snapshot's rows (customer_id, cutoff_on) and their features, until every row has been.

    Values have the shape (rows, features), in the order given. The kernel yields a batch a bucket, the reference one a
    cutoff.
    """
    if engine == "kernel":
        yield from bucket_tables(shelf, snapshots, features, horizon_days)
    else:
        yield from _by_reference(shelf, snapshots, features, horizon_days)


def _by_reference(
    shelf: Shelf, snapshots: pd.DataFrame, features: Sequence[Feature], horizon_days: int
) -> Iterator[tuple[pd.DataFrame, Values]]:
    events = shelf.whole()
    for cutoff, rows in snapshots.groupby("cutoff_on", sort=True):
        ahead: int | pd.Series = horizon_days
        if "horizon_days" in rows.columns:
            ahead = rows.set_index("customer_id")["horizon_days"]
        columns = columns_at(events, pd.Timestamp(str(cutoff)).date(), features, ahead)
        yield rows[KEYS].reset_index(drop=True), columns.loc[rows["customer_id"]].to_numpy(dtype=np.float32)


def feature_table(
    shelf: Shelf, snapshots: pd.DataFrame, features: Sequence[Feature], horizon_days: int, engine: Engine = "kernel"
) -> pd.DataFrame:
    """All of the snapshot's rows with their features in one frame, sorted by cutoff and customer."""
    names = [feature.name for feature in features]
    parts = [
        pd.concat([rows[KEYS].reset_index(drop=True), pd.DataFrame(values, columns=names)], axis=1)
        for rows, values in feature_batches(shelf, snapshots, features, horizon_days, engine)
    ]
    return pd.concat(parts, ignore_index=True).sort_values(["cutoff_on", "customer_id"], ignore_index=True)
