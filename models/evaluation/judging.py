"""All that stage `evaluate` writes of a run: judged rows, figures, curves, what the model goes by, its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import tables
from contracts.files import atomic_folder, read_json, rounded, write_json, write_table, write_text
from contracts.fit_sample import FitSample, read_fit_sample
from contracts.params import Params
from models.bundle import load_model
from models.evaluation.card import card
from models.evaluation.curves import write_judged_curves, write_no_curves
from models.evaluation.explanation import write_explanation
from models.evaluation.figures import Judged, figures, headline, judge, no_report, report, resampled
from models.evaluation.gate import gate, no_gate
from models.evaluation.selection import select, write_no_selection, write_selection
from models.evaluation.slices import slices
from models.learners.baselines import BASELINES
from models.recipe.contest import LIGHTGBM
from models.recipe.fits import RECIPE_FILE, SEEN_FILE, refuse_seen
from models.recipe.fitting import MODEL
from models.recipe.origins import judge_origins
from models.risk import RiskModel
from models.rows import Rows, read_rows, read_snapshots

Plain = dict[str, Any]
CARD_FILE = "model_card.md"


@dataclass(frozen=True)
class Sources:
    """What a run is judged by: its snapshots and cutoffs, its feature files, and what was fitted."""

    snapshots: Path
    cutoffs: Path
    features: Path
    test_fit: Path


@dataclass(frozen=True)
class Places:
    """Where a run's judgement is written."""

    predictions: Path
    baselines: Path
    metrics: Path
    gate: Path
    plots: Path
    selection: Path
    card: Path


def judge_run(given: Sources, at: Places, params: Params) -> list[str]:
    """Judge every model of the test fit, write all, and say the headline and the verdict.

    Raises:
        TimeError: the fits saw labels of the judged period.
    """
    flags, test_fit = ("is_test", "in_test_fit"), given.test_fit
    listed = read_snapshots(given.snapshots, *flags)
    rows, fitted = (read_rows(given.features, listed, flag, params.train.under_contact) for flag in flags)
    sample = read_fit_sample(read_json(given.cutoffs))
    refuse_seen(test_fit, rows.cutoffs)
    models = {name: load_model(test_fit / name) for name in (MODEL, *BASELINES)}
    judged = judge(rows.frame, rows.lapsed, models, params.task.label_days, sample=sample)
    values = resampled(judged, params.evaluate.n_bootstrap, params.execution.seed)
    told: Plain = {"edges": params.score.risk_band_edges, "seed": params.execution.seed}
    found = report(judged, values, MODEL, params.evaluate, **told)
    recipe = read_json(test_fit / RECIPE_FILE)
    found["slices"] = slices(judged, rows.frame, MODEL)
    found["origins"] = judge_origins(
        fitted, recipe, params.task.label_days, params.evaluate.n_origins, params.execution
    )
    found |= beside(test_fit, rows, params, sample) | sample.as_json()
    found, verdict = rounded(found), rounded(gate(values, MODEL, params.evaluate.max_auc_loss))
    write_judged(at, judged, found, verdict)
    dates = f"test cutoffs {found['test_cutoffs'][0]} to {found['test_cutoffs'][-1]}"
    with atomic_folder(at.plots) as draft:
        write_judged_curves(draft, judged, (MODEL, verdict["best_baseline"]), params.evaluate, dates)
    with atomic_folder(at.selection) as draft:
        write_selection(draft, *select(models[MODEL], fitted, rows, params.execution.seed), dates)
    with atomic_folder(at.card) as draft:
        write_text(draft / CARD_FILE, card(found, verdict, recipe, read_json(test_fit / SEEN_FILE)))
        write_explanation(draft, models[MODEL], rows.frame, params.execution.seed, dates)
    by = f"; judged by {sample.said}" if sample.said else ""
    return [headline(found) + by, f"gate {'passed' if verdict['passed'] else 'not passed'}: {verdict['rule']}"]


def beside(test_fit: Path, rows: Rows, params: Params, sample: FitSample) -> Plain:
    """LightGBM's own figures where a contest made another the model; else nothing."""
    if not (test_fit / LIGHTGBM).is_dir():
        return {}
    models: dict[str, RiskModel] = {LIGHTGBM: load_model(test_fit / LIGHTGBM)}
    judged = judge(rows.frame, rows.lapsed, models, params.task.label_days, sample=sample)
    values = resampled(judged, params.evaluate.n_bootstrap, params.execution.seed)
    return {"beside": {LIGHTGBM: figures(judged, values, LIGHTGBM, params.evaluate, params.execution.seed)}}


def write_judged(at: Places, judged: Judged, found: Plain, verdict: Plain) -> None:
    """Predictions, figures and the gate's verdict."""
    predicted = judged.keys.assign(**judged.predictions, lapsed=judged.lapsed)
    write_table(at.predictions, tables.test_predictions(predicted, MODEL), tables.TEST_PREDICTIONS)
    write_table(at.baselines, predicted[[*tables.FEATURE_KEYS, *BASELINES]], tables.BASELINE_PREDICTIONS)
    write_json(at.metrics, found)
    write_json(at.gate, verdict)


def write_nothing(at: Places, why: str) -> None:
    """Every declared output where nothing was fitted: no row, no figure, no curve, and why."""
    write_table(at.predictions, tables.TEST_PREDICTIONS.empty(), tables.TEST_PREDICTIONS)
    write_table(at.baselines, tables.BASELINE_PREDICTIONS.empty(), tables.BASELINE_PREDICTIONS)
    write_json(at.metrics, no_report(why))
    write_json(at.gate, no_gate(why))
    with atomic_folder(at.plots) as draft:
        write_no_curves(draft, why)
    with atomic_folder(at.selection) as draft:
        write_no_selection(draft, why)
    with atomic_folder(at.card) as draft:
        write_text(draft / CARD_FILE, f"# Model card\n\nNo model: {why}.\n")
