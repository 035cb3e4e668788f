"""The snapshots of an event store, bucket by bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import partial

import pandas as pd

from contracts import windows
from contracts.executor import ALONE, Crew
from contracts.fit_sample import EVERYONE, FitSample, sample_of
from contracts.params import Params
from contracts.wave_tables import WAVES
from events.store import Shelf, by_bucket
from features.customer_days import day_book
from features.snapshots import Laid, in_order, lay_out_by, snapshots
from features.stored_days import DAY_COLUMNS


@dataclass(frozen=True)
class _Job:
    """What the work on every bucket shares."""

    shelf: Shelf
    plan: windows.Calendar
    params: Params = field(repr=False)
    sample: FitSample

    @property
    def end(self) -> date:
        """Data end."""
        return date.fromisoformat(self.shelf.facts["data_end_on"])


def lay_out_store(shelf: Shelf, params: Params, waves: pd.DataFrame | None = None, crew: Crew = ALONE) -> Laid:
    """Cutoffs and snapshots of a whole store, bucket by bucket: memory hangs on a bucket and on the rows laid out.

    `waves` (the table WAVES) are the shop's own experiments so far; None: it has had none.

    Raises:
        TimeError: no sale lies before the scored Monday.
    """
    first, end = (date.fromisoformat(shelf.facts[name]) for name in ("first_sale_on", "data_end_on"))
    drawn = by_bucket(WAVES.empty() if waves is None else waves, shelf.n_buckets)
    most = params.snapshot.max_fit_customers
    sample = EVERYONE if shelf.facts["customers"] <= most else sample_of(n_customers(shelf), most)

    def rows_at(plan: windows.Calendar) -> pd.DataFrame:
        work = partial(lay_out_bucket, _Job(shelf, plan, params, sample))
        return in_order(crew.map(work, enumerate(drawn)))

    return lay_out_by(rows_at, first, end, params.task, params.snapshot).by(sample)


def n_customers(shelf: Shelf) -> int:
    """Customers who ever bought and may be profiled."""
    if not shelf.refused:
        return int(shelf.facts["customers"])
    return sum(shelf.purchases(number, ["customer_id"])["customer_id"].nunique() for number in range(shelf.n_buckets))


def lay_out_bucket(job: _Job, task: tuple[int, pd.DataFrame]) -> pd.DataFrame:
    """The snapshots of one bucket's customers, of whom `waves` speak."""
    number, waves = task
    book = day_book(job.shelf.purchases(number, DAY_COLUMNS), str(job.shelf.facts["time_zone"]))
    return snapshots(book, job.plan, job.end, job.params.task, waves, sample=job.sample)
