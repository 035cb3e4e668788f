"""Stage `evaluate`: the test fit against the baselines on the latest matured cutoffs, and the release gate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from contracts.executor import placed_params
from contracts.params import load_params
from models.evaluation.judging import Places, Sources, judge_run, write_nothing
from models.recipe.fits import why_no_fits
from pipeline.stage import run_stage, say

SECTIONS = ("task", "execution", "train", "evaluate", "score")
INPUTS = ("snapshots", "cutoffs", "features", "test_fit")
OUTPUTS = ("predictions", "baselines", "metrics", "gate", "plots", "selection", "card")


def main(argv: Sequence[str] | None = None) -> None:
    """Judge every model of the test fit; write its figures, curves, selection, card and the verdict."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in (*INPUTS, *OUTPUTS):
        arguments.add_argument(name, type=Path)
    paths = arguments.parse_args(argv)
    at = Places(**{name: getattr(paths, name) for name in OUTPUTS})
    why = why_no_fits(paths.test_fit)
    if why:
        write_nothing(at, why)
        say("evaluate", f"no model: {why}")
        return
    params = placed_params(load_params())
    given = Sources(**{name: getattr(paths, name) for name in INPUTS})
    for said in judge_run(given, at, params):
        say("evaluate", said)


if __name__ == "__main__":
    run_stage("evaluate", main)
