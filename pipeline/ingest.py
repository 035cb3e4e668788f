"""Stage `ingest`: the shop's purchases and further tables into the event store; only what is new is read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contracts.params import load_params
from events.audit import write_audit
from events.building import build_store
from events.recipe import recipe
from events.tombstones import read_tombstones
from pipeline.inbox import excluded_accounts
from pipeline.sources import named_source
from pipeline.stage import crew_at_hand, run_stage, say

SECTIONS = ("store", "ingest")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the source, clean it, bring the store up to date."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("tombstones", type=Path, help="JSON file of erased customers, read")
    arguments.add_argument("excluded", type=Path, help="text file of accounts that do not count, read")
    arguments.add_argument("store", type=Path, help="folder of the event store, written")
    arguments.add_argument(
        "audit", type=Path, help="Parquet file of forbidden attributes, written; empty unless asked for"
    )
    paths = arguments.parse_args(argv)
    params = load_params()
    today = datetime.now(UTC).astimezone(ZoneInfo(params.store.time_zone)).date()
    tombstones = read_tombstones(paths.tombstones)
    source = named_source(params)
    made = recipe(params, source, tombstones, today, excluded_accounts(paths.excluded))
    with crew_at_hand(params) as crew:
        facts = build_store(source, paths.store, made, crew)
    write_audit(paths.audit, source.audit if params.ingest.keep_audit else None, made.door)
    say(
        "ingest",
        f"{facts['lines_in']:,} lines: {facts['lines_accepted']:,} accepted, {facts['lines_repaired']:,} repaired, "
        f"{facts['lines_rejected']:,} rejected; {facts['customers']:,} customers, "
        f"{facts['first_sale_on']} to {facts['last_sale_on']}",
    )


if __name__ == "__main__":
    run_stage("ingest", main)
