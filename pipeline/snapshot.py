"""Stage `snapshot`: weekly cutoffs, who is judged at each, and what happened where the window has matured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from contracts import tables
from contracts.files import write_json, write_table
from contracts.params import load_params
from events.store import open_store
from features.stored_snapshots import lay_out_store
from pipeline.inbox import read_waves
from pipeline.stage import crew_at_hand, run_stage, say

SECTIONS = ("task", "snapshot")


def main(argv: Sequence[str] | None = None) -> None:
    """Lay out the cutoffs and write one row per customer and cutoff."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", help="folder of the event store, read")
    arguments.add_argument("waves", type=Path, help="folder of the published weeks' experiments, read")
    arguments.add_argument("snapshots", help="Parquet file, written")
    arguments.add_argument("cutoffs", help="JSON file with the run's cutoffs, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    shelf = open_store(paths.store)
    with crew_at_hand(params) as crew:
        laid = lay_out_store(shelf, params, read_waves(paths.waves), crew)
    write_table(paths.snapshots, laid.rows, tables.SNAPSHOTS)
    write_json(paths.cutoffs, laid.as_json(date.fromisoformat(shelf.facts["data_end_on"])))
    plan = laid.plan
    judged = f"no model: {laid.why}" if laid.why else f"tested {plan.test[0]} to {plan.test[-1]}"
    by = f"; fitted and judged by {laid.sample.said}" if laid.sample.said else ""
    say("snapshot", f"{len(laid.rows):,} rows at {len(plan.all)} cutoffs, scored {plan.scored}; {judged}{by}")


if __name__ == "__main__":
    run_stage("snapshot", main)
