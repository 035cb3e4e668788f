"""The kernel's way: a first pass for the store's own numbers, a second over the customers, bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from contracts import windows
from events.store import Shelf
from features.kernel.coding import assortment, coded
from features.kernel.computing import Values, compute
from features.kernel.context import store_context
from features.kernel.slots import Rows
from features.kernel.streams import Coded, Ints
from features.plan import closure
from features.records import Feature


def bucket_tables(
    shelf: Shelf, snapshots: pd.DataFrame, features: Sequence[Feature], horizon_days: int
) -> Iterator[tuple[pd.DataFrame, Values]]:
    """Yield, bucket by bucket, the snapshot's rows and their features.

    `snapshots` has customer_id, cutoff_on and, if customers have horizons of their own, horizon_days.
    """
    sold = assortment(shelf.side["products"], shelf.product_ids())
    wanted = wanted_rows(snapshots, horizon_days)
    cutoffs = windows.day_numbers(pd.Series(wanted["cutoff_on"].drop_duplicates().sort_values()))
    context = store_context((coded(one, sold) for one in shelf.buckets()), closure(features), cutoffs, sold.goods)
    for events in shelf.buckets():
        bucket = coded(events, sold)
        frame = wanted[wanted["customer_id"].isin(bucket.customers)]
        yield frame, compute(bucket, rows_of(frame, bucket, cutoffs), cutoffs, features, context)


def wanted_rows(snapshots: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """The rows to compute, by customer and cutoff."""
    frame = snapshots[["customer_id", "cutoff_on"]].assign(horizon_days=snapshots.get("horizon_days", horizon_days))
    return frame.sort_values(["customer_id", "cutoff_on"], ignore_index=True)


def rows_of(frame: pd.DataFrame, bucket: Coded, cutoffs: Ints) -> Rows:
    """Sorted rows as positions in a bucket's customers and in the cutoffs."""
    customer = np.searchsorted(bucket.customers, frame["customer_id"].to_numpy(dtype=object))
    cutoff = np.searchsorted(cutoffs, windows.day_numbers(frame["cutoff_on"]))
    return Rows(customer.astype(np.int64), cutoff.astype(np.int64), frame["horizon_days"].to_numpy(dtype=np.int64))
