"""Stage `portray`: tier, state, value, habits, preference and group of every customer who ever bought."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from contracts.files import read_json, read_table, write_json, write_table
from contracts.params import load_params
from contracts.portrait_rules import load_portrait_rules
from contracts.tables import PORTRAITS, SCORES
from contracts.words import load_words
from events.people import flagged, same_as_map
from events.store import Events, read_side, read_store
from pipeline.stage import run_stage, say
from portraits.portrait import Known, portray
from portraits.report import recognised_share, report

SECTIONS: tuple[str, ...] = ("store", "task", "portray", "plan")


def main(argv: Sequence[str] | None = None) -> None:
    """Read events and scores, draw the portraits, write them and what they come to."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("events", help="folder of the event store")
    arguments.add_argument("scores", help="this week's scores")
    arguments.add_argument("cutoffs", help="JSON with the scored cutoff")
    arguments.add_argument("rules", help="YAML: labels and groups")
    arguments.add_argument("words", help="YAML: the shop's names in plain words")
    arguments.add_argument("portraits", help="portraits, written")
    arguments.add_argument("report", help="JSON: what they come to, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    rules = load_portrait_rules(paths.rules, params.plan.forbidden_attributes)
    events = read_store(paths.events)
    cutoff = date.fromisoformat(read_json(paths.cutoffs)["scored"])
    table = portray(
        known(events, Path(paths.events)),
        read_table(paths.scores, SCORES),
        cutoff=cutoff,
        store=params.store,
        active_days=params.task.active_days,
        limits=params.portray,
        words=load_words(paths.words),
        rules=rules,
    )
    write_table(paths.portraits, table, PORTRAITS)
    recognised = recognised_share(events.purchases, cutoff, params.store.time_zone)
    write_json(paths.report, report(table, rules, recognised))
    counts = table["tier"].value_counts()
    say("portray", f"{len(table):,} customers: " + ", ".join(f"{n:,} {tier}" for tier, n in counts.items()))


def known(events: Events, folder: Path) -> Known:
    """What the event store holds, as far as portraits read it."""
    customers = read_side(folder, "customers")
    return Known(
        events.purchases,
        events.products,
        events.contacts,
        events.responses,
        frozenset(flagged(customers, "no_marketing")),
        read_side(folder, "consents"),
        events.absent,
        customers,
        events.interactions,
        same_as_map(customers),
    )


if __name__ == "__main__":
    run_stage("portray", main)
