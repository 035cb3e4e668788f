"""Stage `plan`: who gets which offer this week, within budget, contacts and the loyalty guard."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from contracts.files import read_json, read_table, rounded, write_json, write_table
from contracts.params import load_params
from contracts.tables import PLAN, PORTRAITS, SCORES
from contracts.words import load_words
from offers.catalogue_file import load_catalogue
from offers.findings import refuse
from offers.plan import make_plan
from pipeline.stage import run_stage, say

SECTIONS: tuple[str, ...] = ("store", "execution", "plan")


def main(argv: Sequence[str] | None = None) -> None:
    """Read scores, portraits and offers; plan; write the report, then, if the guard agrees, the plan."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("scores", help="this week's scores")
    arguments.add_argument("portraits", help="this week's portraits")
    arguments.add_argument("offers", help="YAML: the offer catalogue")
    arguments.add_argument("cutoffs", help="JSON with the scored cutoff")
    arguments.add_argument("champion", help="folder of the champion, whose features the guard looks through")
    arguments.add_argument("words", help="YAML: the shop's names in plain words")
    arguments.add_argument("plan", help="the plan, written")
    arguments.add_argument("report", help="the plan's numbers as JSON, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    plan, report = make_plan(
        read_table(paths.scores, SCORES),
        read_table(paths.portraits, PORTRAITS),
        load_catalogue(paths.offers, params.plan.forbidden_attributes),
        date.fromisoformat(read_json(paths.cutoffs)["scored"]),
        limits=params.plan,
        currency=params.store.currency,
        seed=params.execution.seed,
        words=load_words(paths.words),
        feature_names=_features_read(Path(paths.champion)),
    )
    write_json(paths.report, rounded(report))
    refuse(report["guard"], paths.report)
    write_table(paths.plan, plan, PLAN)
    say(
        "plan",
        f"{report['n_treated']} offers and {report['n_control']} controls for {report['n_customers']:,} customers; "
        f"expected profit {report['expected_profit']:.2f} {report['currency']}, expected cost "
        f"{report['expected_cost']:.2f}; guard passed",
    )


def _features_read(champion: Path) -> list[str]:
    """What the guard looks through: the model's features, or those that the rules read where there is no model."""
    model = champion / "model.json"
    names: list[str] = read_json(model if model.exists() else champion / "release.json")["features"]
    return names


if __name__ == "__main__":
    run_stage("plan", main)
