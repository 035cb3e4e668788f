"""Stage `evaluate`: the test fit against the baselines on the latest matured cutoffs, and the release gate."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from contracts import tables
from contracts.files import atomic_folder, read_table, rounded, write_json, write_table
from contracts.params import load_params
from models.baselines import BASELINES
from models.bundle import load_model
from models.curves import write_judged_curves, write_no_curves
from models.evaluation import headline, judge, no_report, report, resampled
from models.fits import refuse_seen, why_no_fits
from models.fitting import MODEL
from models.gate import gate, no_gate
from models.rows import read_rows
from models.selection import select, write_no_selection, write_selection
from pipeline.stage import run_stage, say

SECTIONS = ("execution", "evaluate", "score")
INPUTS = ("snapshots", "features", "test_fit")
OUTPUTS = ("predictions", "baselines", "metrics", "gate", "plots", "selection")


def main(argv: Sequence[str] | None = None) -> None:
    """Judge every model of the test fit; write predictions, figures, curves, the selection and the verdict."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in (*INPUTS, *OUTPUTS):
        arguments.add_argument(name)
    paths = arguments.parse_args(argv)
    why = why_no_fits(paths.test_fit)
    if why:
        write_nothing(paths, why)
        return
    params = load_params()
    snapshots = read_table(paths.snapshots, tables.SNAPSHOTS)
    rows, fitted = (read_rows(paths.features, snapshots, flag) for flag in ("is_test", "in_test_fit"))
    refuse_seen(paths.test_fit, rows.cutoffs)
    models = {name: load_model(Path(paths.test_fit) / name) for name in (MODEL, *BASELINES)}
    judged = judge(rows.frame, rows.lapsed, models)
    seed, edges = params.execution.seed, params.score.risk_band_edges
    values = resampled(judged, params.evaluate.n_bootstrap, seed)
    found = rounded(report(judged, values, MODEL, params.evaluate, edges=edges, seed=seed))
    verdict = rounded(gate(values, MODEL, params.evaluate.max_auc_loss))
    predicted = judged.keys.assign(**judged.predictions, lapsed=judged.lapsed)
    write_table(paths.predictions, tables.test_predictions(predicted, MODEL), tables.TEST_PREDICTIONS)
    write_table(paths.baselines, predicted[[*tables.FEATURE_KEYS, *BASELINES]], tables.BASELINE_PREDICTIONS)
    write_json(paths.metrics, found)
    write_json(paths.gate, verdict)
    dates = f"test cutoffs {found['test_cutoffs'][0]} to {found['test_cutoffs'][-1]}"
    with atomic_folder(paths.plots) as draft:
        write_judged_curves(draft, judged, (MODEL, verdict["best_baseline"]), params.evaluate, dates)
    with atomic_folder(paths.selection) as draft:
        write_selection(draft, *select(models[MODEL], fitted, rows, seed), dates)
    say("evaluate", headline(found))
    say("evaluate", f"gate {'passed' if verdict['passed'] else 'not passed'}: {verdict['rule']}")


def write_nothing(paths: argparse.Namespace, why: str) -> None:
    """Every declared output where nothing was fitted: no row, no figure, no curve, and why."""
    write_table(paths.predictions, tables.TEST_PREDICTIONS.empty(), tables.TEST_PREDICTIONS)
    write_table(paths.baselines, tables.BASELINE_PREDICTIONS.empty(), tables.BASELINE_PREDICTIONS)
    write_json(paths.metrics, no_report(why))
    write_json(paths.gate, no_gate(why))
    with atomic_folder(paths.plots) as draft:
        write_no_curves(draft, why)
    with atomic_folder(paths.selection) as draft:
        write_no_selection(draft, why)
    say("evaluate", f"no model: {why}")


if __name__ == "__main__":
    run_stage("evaluate", main)
