"""Features of a snapshot's rows, by either engine: `kernel` (compiled, one pass) or `reference` (pandas, an oracle)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError
from contracts.executor import ALONE, Crew
from events.store import Shelf
from features.kernel.engine import bucket_tables
from features.records import Feature
from features.reference.engine import columns_at

Engine = Literal["kernel", "reference"]
KEYS = ["customer_id", "cutoff_on"]
Values = npt.NDArray[np.float32]


def feature_batches(
    shelf: Shelf,
    snapshots: pd.DataFrame,
    features: Sequence[Feature],
    horizon_days: int,
    engine: Engine = "kernel",
    *,
    crew: Crew = ALONE,
) -> Iterator[tuple[pd.DataFrame, Values]]:
    """Yield some of the snapshot's rows (customer_id, cutoff_on) and their features, until every row has been.

    Values have the shape (rows, features), in the order given. The kernel yields a batch a bucket, and the crew shares
    the buckets; the reference yields one a cutoff, and works alone.

    Raises:
        ContractError: the snapshot has rows of customers whom the store does not know.
    """
    by_engine = partial(bucket_tables, crew=crew) if engine == "kernel" else _by_reference
    n_rows = 0
    for rows, values in by_engine(shelf, snapshots, features, horizon_days):
        n_rows += len(rows)
        yield rows, values
    if n_rows < len(snapshots):
        raise ContractError(
            f"features: expected {len(snapshots):,} rows of the snapshot, got {n_rows:,}: the others are of customers "
            "without a purchase in the event store; rerun the snapshot stage"
        )


def _by_reference(
    shelf: Shelf, snapshots: pd.DataFrame, features: Sequence[Feature], horizon_days: int
) -> Iterator[tuple[pd.DataFrame, Values]]:
    events = shelf.whole()
    for cutoff, rows in snapshots.groupby("cutoff_on", sort=True):
        ahead: int | pd.Series = horizon_days
        if "horizon_days" in rows.columns:
            ahead = rows.set_index("customer_id")["horizon_days"]
        columns = columns_at(events, pd.Timestamp(str(cutoff)).date(), features, ahead)
        known = rows[rows["customer_id"].isin(columns.index)]
        yield known[KEYS].reset_index(drop=True), columns.loc[known["customer_id"]].to_numpy(dtype=np.float32)


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
