"""Stage `portray`: tier, state, value, habits, preference and group of every customer who ever bought."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from contracts.files import read_json, read_table, write_table
from contracts.params import load_params
from contracts.tables import PORTRAITS, SCORES
from contracts.words import load_words
from events.people import flagged
from events.store import read_side, read_store
from pipeline.stage import run_stage, say
from portraits.portrait import Known, portray

SECTIONS: tuple[str, ...] = ("store", "task", "portray")


def main(argv: Sequence[str] | None = None) -> None:
    """Read events and scores, draw the portraits, write them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("events", help="folder of the event store")
    arguments.add_argument("scores", help="this week's scores")
    arguments.add_argument("cutoffs", help="JSON with the scored cutoff")
    arguments.add_argument("words", help="YAML: the shop's names in plain words")
    arguments.add_argument("portraits", help="portraits, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    events = read_store(paths.events)
    known = Known(
        events.purchases,
        events.products,
        events.contacts,
        events.responses,
        frozenset(flagged(read_side(Path(paths.events), "customers"), "no_marketing")),
        read_side(Path(paths.events), "consents"),
        events.absent,
    )
    table = portray(
        known,
        read_table(paths.scores, SCORES),
        cutoff=date.fromisoformat(read_json(paths.cutoffs)["scored"]),
        store=params.store,
        active_days=params.task.active_days,
        limits=params.portray,
        words=load_words(paths.words),
    )
    write_table(paths.portraits, table, PORTRAITS)
    counts = table["tier"].value_counts()
    say("portray", f"{len(table):,} customers: " + ", ".join(f"{n:,} {tier}" for tier, n in counts.items()))


if __name__ == "__main__":
    run_stage("portray", main)
