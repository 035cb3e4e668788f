"""What stage `collect` reads of the event store: of purchases only those that a wave can be read by."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd

from contracts import windows
from contracts.executor import Crew
from events.store import Events, Shelf, by_bucket, in_time_order, some
from features.before_lapses import Before, Found, found_before, together
from pipeline.recorded import with_recorded

COLUMNS = (
    "customer_id", "ordered_at", "ordered_on", "amount", "discount", "coupon_discount", "known_at", "undone_at",
)  # fmt: skip
LABELLED = ["customer_id", "cutoff_on", "is_eligible", "lapsed"]
MOST_LINES = 1_500_000
"""Purchase lines in memory at once; no result hangs on it."""
EVER_DAYS = 100_000


def events_of_waves(shelf: Shelf, recorded: Path, waves: pd.DataFrame) -> Events:
    """All further tables, and the purchases of waves' customers and of everyone since the first wave; no returns."""
    parts = [purchases_of_waves(shelf, number, waves) for number in range(shelf.n_buckets)]
    return with_recorded(shelf.beside(in_time_order(pd.concat(parts, ignore_index=True))), recorded)


def purchases_of_waves(shelf: Shelf, number: int, waves: pd.DataFrame) -> pd.DataFrame:
    """Those of one bucket, by what waves are read by: COLUMNS."""
    lines = shelf.purchases(number, COLUMNS)
    if waves.empty:
        return lines.iloc[:0]
    first_on = waves["cutoff_on"].min().date()
    since = windows.following(windows.day_numbers(lines["ordered_on"]), first_on, EVER_DAYS)
    return lines[since | lines["customer_id"].isin(waves["customer_id"]).to_numpy()]


def before_lapses_stored(shelf: Shelf, recorded: Path, snapshots: pd.DataFrame, crew: Crew) -> Before:
    """What came before the lapses of SNAPSHOTS, some buckets after the other; the crew shares them."""
    chosen = snapshots.loc[snapshots["is_eligible"] & snapshots["lapsed"].notna(), LABELLED]
    return together(list(crew.map(partial(_found, shelf, recorded), _tasks(shelf, chosen))))


def _tasks(shelf: Shelf, chosen: pd.DataFrame) -> Iterator[tuple[tuple[int, ...], pd.DataFrame]]:
    rows = by_bucket(chosen, shelf.n_buckets)
    return ((numbers, some(rows, numbers)) for numbers in shelf.parts(MOST_LINES))


def _found(shelf: Shelf, recorded: Path, task: tuple[tuple[int, ...], pd.DataFrame]) -> Found:
    numbers, rows = task
    return found_before(with_recorded(shelf.bucket(*numbers), recorded), rows)
