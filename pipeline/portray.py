"""Stage `portray`: tier, state, value, habits, preference and group of every customer who ever bought."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date

from contracts.files import read_json, read_table, write_json
from contracts.params import load_params
from contracts.portrait_rules import load_portrait_rules
from contracts.words import load_words
from events.store import open_store
from pipeline.portraying import BAND, Stored, write_portraits
from pipeline.stage import crew_at_hand, run_stage, say
from portraits.look import Terms
from portraits.report import REPORTED, recognised_share, report

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
    cutoff = date.fromisoformat(read_json(paths.cutoffs)["scored"])
    terms = Terms(cutoff, params.store, params.task.active_days, params.portray, load_words(paths.words))
    with crew_at_hand(params) as crew:
        stored, scores = Stored.of(open_store(paths.events), terms), read_table(paths.scores, columns=list(BAND))
        n_customers, sales = write_portraits(paths.portraits, stored, scores, rules, crew)
    told = report(read_table(paths.portraits, columns=list(REPORTED)), rules, recognised_share(sales))
    write_json(paths.report, told)
    counts = sorted(told["n_by_tier"].items(), key=lambda item: -item[1])
    say("portray", f"{n_customers:,} customers: " + ", ".join(f"{n:,} {tier}" for tier, n in counts))


if __name__ == "__main__":
    run_stage("portray", main)
