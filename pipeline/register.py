"""Stage `register`: one MLflow run of the candidate, the registry, and the champion's files for scoring."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contracts.files import read_json, write_json
from contracts.params import load_params
from models import champions
from models.candidate import compose, refuse_other_task
from models.run_record import MODEL_SECTIONS, Evidence
from models.tracking import project_root
from pipeline.release import experiment_name, release
from pipeline.stage import run_stage, say

SECTIONS = MODEL_SECTIONS


def main(argv: Sequence[str] | None = None) -> None:
    """Write the candidate's and the champion's bundle and a receipt; outside experiments, release the candidate."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("fits", type=Path, help="folder of release fits, read")
    arguments.add_argument("gate", type=Path, help="JSON file, read")
    arguments.add_argument("metrics", type=Path, help="JSON file, read")
    arguments.add_argument("plots", type=Path, help="folder of plots, read")
    arguments.add_argument("selection", type=Path, help="folder of the selection report, read")
    arguments.add_argument("cutoffs", type=Path, help="JSON file, read")
    arguments.add_argument("features", type=Path, help="folder of Parquet files, read")
    arguments.add_argument("wish", type=Path, help="JSON file with the champion's hash or null, read")
    arguments.add_argument("candidate", type=Path, help="folder, written")
    arguments.add_argument("champion", type=Path, help="folder, written")
    arguments.add_argument("receipt", type=Path, help="JSON file, written")
    paths = arguments.parse_args(argv)
    params, here, root = load_params(), Path.cwd(), project_root()
    said = compose(paths.fits, read_json(paths.gate), params.task, paths.candidate)
    names = ("candidate", "gate", "metrics", "plots", "selection", "cutoffs", "features")
    told = {name: getattr(paths, name) for name in names}
    evidence = replace(Evidence.below(here), **told)
    at = champions.place(root, here / "params.yaml")
    champions.export_champion(at, champions.wished(at, paths.wish), paths.candidate, paths.champion)
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
    say(
        "register",
        (f"{said['name']} (grade {said['grade']}) {said['model_hash'][:12]}" if said["model_hash"] else "no model")
        + (f", experiment {experiment}" if experiment else ""),
    )


if __name__ == "__main__":
    run_stage("register", main)
