"""Stage `train`: the model and its baselines, fitted twice: the test fit is judged, the release fit alone scores."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contracts import windows
from contracts.executor import placed_params
from contracts.files import read_json
from contracts.params import Params, load_params
from models.recipe.contest import n_rarer
from models.recipe.fits import write_fits, write_no_fits
from models.recipe.fitting import Choices, choose_inside, fit_all, labels_known_on, model_features
from models.recipe.tuning_report import write_tuning
from models.rows import Rows, read_rows, read_snapshots
from models.value.at_stake import UNMEASURED
from models.value.judging import Valued, value_customers
from models.value.report import write_values
from pipeline.stage import run_stage, say

SECTIONS = ("task", "execution", "train")
FITS = {"test_fit": "in_test_fit", "release_fit": "in_release_fit"}


def main(argv: Sequence[str] | None = None) -> None:
    """Fit on the windows that ended before the first test cutoff, then on all matured ones."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("snapshots", "cutoffs", "features", *FITS, "value", "value_report", "trials", "tuning"):
        arguments.add_argument(name)
    paths = arguments.parse_args(argv)
    params = placed_params(load_params())
    laid_out = read_json(paths.cutoffs)
    days = windows.read_days(laid_out)
    if not days["fit"]:
        for name in FITS:
            write_no_fits(getattr(paths, name), laid_out["why"])
        write_values(paths.value, paths.value_report, Valued(UNMEASURED, None, laid_out["why"]))
        write_tuning(paths.tuning, None)
        say("train", f"no model: {laid_out['why']}")
        return
    snapshots = read_snapshots(paths.snapshots, *FITS.values())
    choices = None
    for name, flag in FITS.items():
        rows = read_rows(paths.features, snapshots, flag)
        choices = choices or choose(rows, params, Path(paths.trials))
        known_on = max(choices.labels_known_on, labels_known_on(rows, params.task.label_days))
        if name == "test_fit":
            windows.refuse_overlap([known_on], days["test"], 0)
        fits = fit_all(rows, choices)
        write_fits(getattr(paths, name), fits, known_on, choices.to_json())
        if name == "release_fit":
            valued = value_customers(rows.frame, snapshots, model_features(rows.frame, params.train), params)
            write_values(paths.value, paths.value_report, valued)
            write_tuning(paths.tuning, choices.search)
        say("train", f"{name}: {len(rows.lapsed):,} rows, {rows.lapsed.mean():.1%} lapsed, {len(fits)} models")


def choose(rows: Rows, params: Params, trials: Path) -> Choices:
    """What the inner folds decide, with a word on it."""
    task, execution = params.task, params.execution
    progress = partial(say, "train")
    chosen = choose_inside(rows, task.label_days, params.train, execution, place=trials, say=progress)
    n_features, n_few = len(chosen.terms.features), n_rarer(rows)
    progress(f"model: {chosen.winner} on {n_features} features; {n_few:,} labels of the rarer outcome")
    return chosen


if __name__ == "__main__":
    run_stage("train", main)
