"""Snapshots at test cutoffs that are not the product's own: those for which figures are published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks.selection_data import laid_out
from contracts.files import write_json, write_table
from contracts.params import load_params
from contracts.tables import SNAPSHOTS
from events.store import read_store
from features.customer_days import day_book
from features.snapshots import Laid, snapshots


def lay_out_at(home: Path, test: Sequence[date]) -> None:
    """What stage `snapshot` writes, judged at `test` alone; fitted at the product's own cutoffs before them.

    Stands in for the stage, which knows only consecutive Mondays. The release fit is the test fit here: nothing scores.
    """
    params, events = load_params(home / "params.yaml"), read_store(home / "data" / "events")
    plan = laid_out(events.first_sale_on, events.data_end_on, home / "params.yaml", test)
    rows = snapshots(day_book(events.purchases, events.time_zone), plan, events.data_end_on, params.task)
    write_table(home / "data" / "snapshots.parquet", rows, SNAPSHOTS)
    write_json(home / "data" / "cutoffs.json", Laid(plan, rows, "").as_json(events.data_end_on))
