"""Stage `register`: one MLflow run of the candidate, the registry, and the champion's files for scoring."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contracts.executor import placed_params
from contracts.files import read_json, write_json
from contracts.params import load_params
from models.candidate import MODEL_SECTIONS, compose, refuse_other_task
from models.record import champions
from models.record.challenge import Tables, challenge
from models.record.comparison_page import write_comparison
from models.record.run_record import Evidence
from models.record.tracking import project_root
from pipeline.release import experiment_name, release
from pipeline.stage import run_stage, say

SECTIONS = MODEL_SECTIONS
INPUTS = (
    *("fits", "gate", "metrics", "plots", "selection", "card", "value", "tuning", "cutoffs", "features"),
    *("snapshots", "predictions", "baselines", "value_model", "wish"),
)
OUTPUTS = ("candidate", "champion", "comparison", "receipt")
EVIDENCE = (
    *("candidate", "gate", "metrics", "plots", "selection", "card", "value", "tuning", "cutoffs", "features"),
    *("predictions", "baselines", "comparison"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the candidate's and the champion's bundle and a receipt; outside experiments, release the candidate."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in (*INPUTS, *OUTPUTS):
        arguments.add_argument(name, type=Path)
    paths = arguments.parse_args(argv)
    params, here, root = placed_params(load_params()), Path.cwd(), project_root()
    said = compose(paths.fits, read_json(paths.gate), params, paths.candidate, paths.value_model)
    told = {name: getattr(paths, name) for name in EVIDENCE}
    evidence = replace(Evidence.below(here), **told)
    at = champions.place(root, here / "params.yaml")
    champions.export_champion(at, champions.wished(at, paths.wish), paths.candidate, paths.champion)
    judged = Tables(paths.snapshots, paths.features, paths.predictions, paths.baselines, paths.cutoffs)
    made = challenge(paths.candidate, paths.champion, judged, params)
    write_comparison(paths.comparison, made)
    experiment = experiment_name()
    if not experiment:
        refuse_other_task(paths.champion, params.task, at.model)
    if experiment:
        champions.log_candidate(at, evidence, experiment)
    else:
        release(root, parts=("registry",), evidence=evidence)
    write_json(
        paths.receipt, {"applied": not experiment, **{key: said[key] for key in ("name", "grade", "model_hash")}}
    )
    say("register", made.sentence)
    say(
        "register",
        (f"{said['name']} (grade {said['grade']}) {said['model_hash'][:12]}" if said["model_hash"] else "no model")
        + (f", experiment {experiment}" if experiment else ""),
    )


if __name__ == "__main__":
    run_stage("register", main)
