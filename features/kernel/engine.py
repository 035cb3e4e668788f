"""The kernel's way: a first pass for the store's own numbers, a second over the customers, bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from contracts import windows
from contracts.executor import ALONE, Crew
from events.store import Shelf, by_bucket
from features.kernel.coding import Assortment, assortment, coded
from features.kernel.computing import Values, compute
from features.kernel.context import Context, Counted, counted_in, joined_context
from features.kernel.slots import Rows
from features.kernel.streams import Coded, Ints
from features.plan import closure
from features.records import Feature

WANTED = ["customer_id", "cutoff_on", "horizon_days"]
"""What is read of SNAPSHOTS."""


@dataclass(frozen=True)
class _Job:
    """What the work on every bucket shares."""

    shelf: Shelf
    sold: Assortment
    cutoffs: Ints
    features: Sequence[Feature]

    def coded(self, number: int) -> Coded:
        """A bucket, read and coded."""
        return coded(self.shelf.bucket(number), self.sold)


def bucket_tables(
    shelf: Shelf, snapshots: pd.DataFrame, features: Sequence[Feature], horizon_days: int, crew: Crew = ALONE
) -> Iterator[tuple[pd.DataFrame, Values]]:
    """Yield, bucket by bucket, the snapshot's rows and their features; the crew shares the buckets.

    `snapshots` has customer_id, cutoff_on and, if customers have horizons of their own, horizon_days.
    """
    sold = assortment(shelf.side["products"], shelf.product_ids())
    cutoffs = windows.day_numbers(pd.Series(snapshots["cutoff_on"].drop_duplicates().sort_values()))
    job, numbers = _Job(shelf, sold, cutoffs, features), range(shelf.n_buckets)
    counted = crew.map(partial(count_bucket, job), numbers)
    context = joined_context(counted, closure(features), cutoffs, sold.goods)
    parts = by_bucket(snapshots[[name for name in WANTED if name in snapshots]], shelf.n_buckets)
    tasks = ((number, wanted_rows(part, horizon_days)) for number, part in zip(numbers, parts, strict=True))
    yield from crew.map(partial(featurize_bucket, job, context), tasks)


def count_bucket(job: _Job, number: int) -> Counted:
    """The first pass over one bucket."""
    return counted_in(job.coded(number), closure(job.features), job.cutoffs)


def featurize_bucket(job: _Job, context: Context, task: tuple[int, pd.DataFrame]) -> tuple[pd.DataFrame, Values]:
    """The second pass over one bucket: the rows wanted of its customers, and their features."""
    number, wanted = task
    bucket = job.coded(number)
    frame = wanted[wanted["customer_id"].isin(bucket.customers)]
    return frame, compute(bucket, rows_of(frame, bucket, job.cutoffs), job.cutoffs, job.features, context)


def wanted_rows(snapshots: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """The rows to compute of some customers, by customer and cutoff."""
    frame = snapshots[["customer_id", "cutoff_on"]].assign(horizon_days=snapshots.get("horizon_days", horizon_days))
    return frame.sort_values(["customer_id", "cutoff_on"], ignore_index=True)


def rows_of(frame: pd.DataFrame, bucket: Coded, cutoffs: Ints) -> Rows:
    """Sorted rows as positions in a bucket's customers and in the cutoffs."""
    customer = np.searchsorted(bucket.customers, frame["customer_id"].to_numpy(dtype=object))
    cutoff = np.searchsorted(cutoffs, windows.day_numbers(frame["cutoff_on"]))
    return Rows(customer.astype(np.int64), cutoff.astype(np.int64), frame["horizon_days"].to_numpy(dtype=np.int64))
