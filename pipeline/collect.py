"""Stage `collect`: what earlier weeks' experiments came to, with intervals, and what is believed of offers since."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from contracts.files import read_json, read_table, write_table
from contracts.fit_sample import read_fit_sample
from contracts.params import load_params
from contracts.wave_tables import BELIEFS, WAVE_OUTCOMES, WAVES
from events.store import open_store
from offers.effects.before import before_lapses as circumstances
from offers.effects.report import effects_report, write_effects
from pipeline.collecting import collect_waves, names_offers, told_of
from pipeline.inbox import read_waves
from pipeline.planning import read_offers
from pipeline.reading_waves import StoredProgramme, before_lapses_stored, events_of_waves
from pipeline.stage import crew_at_hand, run_stage, say

SECTIONS: tuple[str, ...] = ("store", "task", "execution", "collect", "plan")
SNAPSHOT_COLUMNS = ["customer_id", "cutoff_on", "is_eligible", "horizon_days", "lapsed"]


def main(argv: Sequence[str] | None = None) -> None:
    """Read the published waves and what was bought since; write outcomes, beliefs and the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("events", type=Path, help="folder of the event store")
    arguments.add_argument("snapshots", help="who was judged at past Mondays, and what happened")
    arguments.add_argument("inbox", type=Path, help="folder of the published weeks' waves")
    arguments.add_argument("recorded", type=Path, help="folder of what the desk recorded")
    arguments.add_argument("cutoffs", help="JSON with the scored cutoff")
    arguments.add_argument("offers", type=Path, help="YAML: the offer catalogue")
    arguments.add_argument("rules", type=Path, help="YAML: labels and groups")
    arguments.add_argument("words", type=Path, help="YAML: the shop's names in plain words")
    arguments.add_argument("waves", help="waves before the scored week, written")
    arguments.add_argument("outcomes", help="what came of the matured ones, written")
    arguments.add_argument("beliefs", help="what is believed of each offer in each group, written")
    arguments.add_argument("report", type=Path, help="folder of the effects' numbers and their page, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    catalogue, rules, _ = read_offers(params, offers=paths.offers, rules=paths.rules, words=paths.words)
    cutoff = date.fromisoformat((cutoffs := read_json(paths.cutoffs))["scored"])
    groups = [group.name for group in rules.groups]
    shelf, waves = open_store(paths.events), read_waves(paths.inbox)
    events = events_of_waves(shelf, paths.recorded, waves)
    snapshots = read_table(paths.snapshots, columns=SNAPSHOT_COLUMNS)
    programme = StoredProgramme(shelf, snapshots, cutoff)
    found = collect_waves(waves, events, catalogue, groups, programme, cutoff=cutoff, params=params)
    write_table(paths.waves, found.waves, WAVES)
    write_table(paths.outcomes, found.outcomes, WAVE_OUTCOMES)
    write_table(paths.beliefs, found.beliefs, BELIEFS)
    with crew_at_hand(params) as crew:
        before = before_lapses_stored(shelf, paths.recorded, snapshots, crew)
    report = effects_report(
        found.outcomes,
        found.waves,
        found.beliefs,
        catalogue,
        params.collect,
        cutoff,
        params.store.currency,
        before_lapses=circumstances(before.rows, before.facts),
        programme=found.programme,
        contacts_name_offers=names_offers(events.contacts),
    )
    write_effects(paths.report, told_of(read_fit_sample(cutoffs), report))
    n_waves, n_matured = found.waves["wave"].nunique(), found.outcomes["wave"].nunique()
    say("collect", f"{n_matured} of {n_waves} waves have matured, with {len(found.outcomes):,} customers")


if __name__ == "__main__":
    run_stage("collect", main)
