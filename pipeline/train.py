"""Stage `train`: the model and its baselines, fitted twice: the test fit is judged, the release fit alone scores."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from contracts import tables, windows
from contracts.files import read_json, read_table, write_json
from contracts.params import load_params
from models.fitting import choose_inside, fit_all, labels_known_on, write_fits, write_no_fits
from models.rows import read_rows
from models.value import UNMEASURED, fit_value
from pipeline.stage import run_stage, say

SECTIONS = ("task", "execution", "train")
FITS = {"test_fit": "in_test_fit", "release_fit": "in_release_fit"}


def main(argv: Sequence[str] | None = None) -> None:
    """Fit on the windows that ended before the first test cutoff, then on all matured ones."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("snapshots", help="Parquet file, read")
    arguments.add_argument("cutoffs", help="JSON file with the run's cutoffs, read")
    arguments.add_argument("features", help="folder of Parquet files, read")
    arguments.add_argument("test_fit", help="folder of fitted models, written")
    arguments.add_argument("release_fit", help="folder of fitted models, written")
    arguments.add_argument("value", help="JSON file of the value model, written")
    paths = arguments.parse_args(argv)
    params = load_params()
    laid_out = read_json(paths.cutoffs)
    days = windows.read_days(laid_out)
    if not days["fit"]:
        for name in FITS:
            write_no_fits(getattr(paths, name), laid_out["why"])
        write_json(paths.value, UNMEASURED.to_json())
        say("train", f"no model: {laid_out['why']}")
        return
    snapshots = read_table(paths.snapshots, tables.SNAPSHOTS)
    choices = None
    for name, flag in FITS.items():
        rows = read_rows(paths.features, snapshots, flag)
        choices = choices or choose_inside(rows, params.task.label_days, params.train, params.execution)
        known_on = max(choices.labels_known_on, labels_known_on(rows, params.task.label_days))
        if name == "test_fit":
            windows.refuse_overlap([known_on], days["test"], 0)
        fits = fit_all(rows, choices, params.train, params.execution)
        write_fits(getattr(paths, name), fits, known_on)
        if name == "release_fit":
            write_json(paths.value, fit_value(rows.frame, snapshots, params.execution.seed).to_json())
        say("train", f"{name}: {len(rows.lapsed):,} rows, {rows.lapsed.mean():.1%} lapsed, {len(fits)} models")


if __name__ == "__main__":
    run_stage("train", main)
