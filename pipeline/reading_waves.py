"""What stage `collect` reads of the event store: of purchases only those that a wave can be read by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from contracts import windows
from contracts.executor import Crew
from events.store import Events, Shelf, by_bucket, in_time_order, some
from features.before_lapses import Before, Found, found_before, together
from features.programme import COLUMNS as PROGRAMME_COLUMNS
from features.programme import UniversalDraw, chosen_rows, programme_rows
from features.wave_outcomes import Seen
from pipeline.recorded import with_recorded

COLUMNS = (
    "customer_id", "ordered_at", "ordered_on", "amount", "discount", "coupon_discount", "known_at", "undone_at",
)  # fmt: skip
PAID_COLUMNS = ("customer_id", "ordered_at", "ordered_on", "amount", "known_at", "undone_at")
LABELLED = ["customer_id", "cutoff_on", "is_eligible", "lapsed"]
MOST_LINES = 1_500_000
"""Purchase lines in memory at once; no result hangs on it."""


def events_of_waves(shelf: Shelf, recorded: Path, waves: pd.DataFrame) -> Events:
    """All further tables, and the purchases of waves' customers, by what waves are read by: COLUMNS; no returns."""
    who = waves["customer_id"].unique()
    parts = [shelf.purchases(number, COLUMNS, who) for number in range(shelf.n_buckets)]
    return with_recorded(shelf.beside(in_time_order(pd.concat(parts, ignore_index=True))), recorded)


@dataclass(frozen=True)
class StoredProgramme:
    """Who was eligible since the first wave, by SNAPSHOTS, and what they bought by `cutoff`: read part by part."""

    shelf: Shelf
    snapshots: pd.DataFrame
    cutoff: date

    def __call__(self, drawn: pd.DataFrame, margin_rate: float, draw: UniversalDraw) -> pd.DataFrame:
        """As `features.programme.programme_rows`, some buckets' customers after the other."""
        if drawn.empty:
            return pd.DataFrame(columns=PROGRAMME_COLUMNS)
        chosen = chosen_rows(self.snapshots, drawn["cutoff_on"].min().date())
        # as one piece would have them: by Monday, then as snapshots have them
        chosen = chosen.sort_values("cutoff_on", kind="stable").assign(place=np.arange(len(chosen)))
        rows, found = by_bucket(chosen, self.shelf.n_buckets), []
        for numbers in self.shelf.parts(MOST_LINES):
            own = some(rows, numbers).sort_values("place", kind="stable", ignore_index=True)
            if len(own):
                seen = self._bought(numbers, own)
                found.append(programme_rows(own, seen, drawn, margin_rate, draw).assign(place=own["place"]))
        if not found:
            return pd.DataFrame(columns=PROGRAMME_COLUMNS)
        return pd.concat(found).sort_values("place", ignore_index=True)[PROGRAMME_COLUMNS]

    def _bought(self, numbers: Iterable[int], rows: pd.DataFrame) -> Seen:
        parts = [self.shelf.purchases(number, PAID_COLUMNS, rows["customer_id"].unique()) for number in numbers]
        empty, zone = pd.DataFrame(), self.shelf.facts["time_zone"]
        return Seen(windows.rows_before(pd.concat(parts, ignore_index=True), self.cutoff, zone), empty, empty, zone)


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
