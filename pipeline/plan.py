"""Stage `plan`: who gets which offer this week, within budget, contacts and the loyalty guard."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contracts.files import read_json, read_table, write_table
from contracts.params import load_params
from contracts.tables import PLAN, SCORES
from contracts.wave_tables import WAVES
from offers.guard.findings import refuse
from offers.plan import make_plan
from offers.report.writing import write_report
from offers.waves import wave_of
from pipeline.planning import evidence_of, features_read, horizons, living, read_setting
from pipeline.stage import give_back, run_stage, say

SECTIONS: tuple[str, ...] = ("store", "task", "execution", "plan")


def main(argv: Sequence[str] | None = None) -> None:
    """Read scores, portraits and offers; plan; write the report, then, if the guard agrees, the plan."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("events", type=Path, help="folder of the event store: what was sent before")
    arguments.add_argument("scores", help="this week's scores")
    arguments.add_argument("portraits", help="this week's portraits")
    arguments.add_argument("who", help="JSON: the portraits in numbers")
    arguments.add_argument("audit", help="forbidden attributes, for the guard's slices alone")
    arguments.add_argument("offers", type=Path, help="YAML: the offer catalogue")
    arguments.add_argument("rules", type=Path, help="YAML: labels and groups")
    arguments.add_argument("cutoffs", type=Path, help="JSON with the scored cutoff")
    arguments.add_argument("champion", type=Path, help="folder of the champion, whose features the guard looks through")
    arguments.add_argument("words", type=Path, help="YAML: the shop's names in plain words")
    arguments.add_argument("waves", help="earlier weeks' experiments")
    arguments.add_argument("beliefs", help="what they taught")
    arguments.add_argument("plan", help="the plan, written")
    arguments.add_argument("wave", help="this week's experiment, written")
    arguments.add_argument("report", type=Path, help="folder of the plan's numbers and its page, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    files = {
        name: getattr(paths, name) for name in ("events", "offers", "rules", "words", "cutoffs", "waves", "beliefs")
    }
    setting = read_setting(params, **files)
    portraits, scores = living(paths.portraits), read_table(paths.scores, SCORES)
    give_back()
    made = make_plan(scores, portraits, setting, features_read(paths.champion))
    give_back()
    report = write_report(
        paths.report,
        made,
        setting,
        portraits=portraits,
        audit=read_table(paths.audit),
        portrait_report=read_json(paths.who),
        evidence=partial(evidence_of, paths.portraits),
    )
    refuse(report["guard"], str(paths.report))
    write_table(paths.plan, made.plan, PLAN)
    wave = wave_of(made.plan, portraits, scores, setting.catalogue, horizons(portraits, params.task))
    write_table(paths.wave, wave, WAVES)
    say(
        "plan",
        f"{report['n_treated']} offers and {report['n_control']} controls for {report['n_customers']:,} customers; "
        f"expected profit {report['expected_profit_treated']:.2f} {report['currency']}, expected cost "
        f"{report['expected_cost_treated']:.2f}; guard passed",
    )


if __name__ == "__main__":
    run_stage("plan", main)
