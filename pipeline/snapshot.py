"""Stage `snapshot`: weekly cutoffs, who is judged at each, and what happened where the window has matured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from contracts import tables, windows
from contracts.files import write_json, write_table
from contracts.params import load_params
from events.store import read_store
from features.customer_days import customer_days
from features.snapshots import snapshots
from pipeline.stage import run_stage, say

SECTIONS = ("task", "snapshot")


def main(argv: Sequence[str] | None = None) -> None:
    """Lay out the cutoffs and write one row per customer and cutoff."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", help="folder of the event store, read")
    arguments.add_argument("snapshots", help="Parquet file, written")
    arguments.add_argument("cutoffs", help="JSON file with the run's cutoffs, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    events = read_store(paths.store)
    plan = windows.calendar(
        events.first_sale_on,
        events.data_end_on,
        horizon_days=params.task.horizon_days,
        grace_days=params.task.label_grace_days,
        min_history_days=params.snapshot.min_history_days,
        n_test=params.snapshot.n_test_cutoffs,
        train_every_weeks=params.snapshot.train_every_weeks,
    )
    frame = snapshots(customer_days(events.purchases), plan, events.data_end_on, params.task)
    write_table(paths.snapshots, frame, tables.SNAPSHOTS)
    write_json(paths.cutoffs, plan.as_json(events.data_end_on))
    tested = f"tested {plan.test[0]} to {plan.test[-1]}, scored {plan.scored}"
    say("snapshot", f"{len(frame):,} rows at {len(plan.all)} cutoffs; {tested}")


if __name__ == "__main__":
    run_stage("snapshot", main)
