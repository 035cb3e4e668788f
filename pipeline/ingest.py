"""Stage `ingest`: purchases, products, campaigns, coupons and redemptions into the event store."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from contracts.params import load_params
from events.complete_journey import read_complete_journey, source_version
from events.store import sample, write_store
from pipeline.stage import run_stage, say

SECTIONS = ("store", "ingest")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the source, clean it, write the store."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("store", help="folder of the event store, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    raw = sample(read_complete_journey(params.store.time_zone), params.ingest.sample_customers)
    facts = write_store(raw, source_version(), paths.store)
    say(
        "ingest",
        f"{facts['lines_in']:,} lines: {facts['lines_accepted']:,} accepted, {facts['lines_rejected']:,} rejected; "
        f"{facts['customers']:,} customers, {facts['first_sale_on']} to {facts['last_sale_on']}",
    )


if __name__ == "__main__":
    run_stage("ingest", main)
