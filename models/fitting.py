"""How every candidate is fitted on a set of cutoffs. One recipe, used for the test fit and for the release fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from contracts import windows
from contracts.errors import ContractError, ParameterError, nearest
from contracts.files import atomic_folder, read_json, write_json
from contracts.params import Execution, Train
from contracts.tables import FEATURE_KEYS
from features.catalogue import BY_NAME
from models import baselines, calibration, trees
from models.bundle import write_model
from models.calibration import IDENTITY, Platt
from models.lean import LEAN
from models.risk import Flags, RiskModel
from models.rows import Rows
from models.splits import Fold, widest_inner_fold
from models.trees import BaggedTrees

MODEL = "regulars"
FEWEST_LAPSED = 5
SEEN_FILE = "seen.json"
NO_FITS_FILE = "no_model.json"
UNCHOSEN_PENALTY = 0.01  # the middle of those that an inner fold chooses from


def shown_features(frame: pd.DataFrame, excluded: Sequence[str]) -> tuple[str, ...]:
    """Every feature of the table but the excluded ones: what the baselines may read.

    Raises:
        ParameterError: an excluded name is no feature, with the nearest that is.
    """
    known = [name for name in frame.columns if name not in FEATURE_KEYS]
    for name in excluded:
        if name not in known:
            raise ParameterError(f"train.exclude_features: unknown feature '{name}'{nearest(name, known)}")
    return tuple(name for name in known if name not in excluded)


def model_features(frame: pd.DataFrame, params: Train) -> tuple[str, ...]:
    """The features that the model reads, in the table's order; lean ones that the shop has no data for are skipped.

    Columns that are not in the catalogue (trial features) are read too: they are computed to see what they do.

    Raises:
        ParameterError: an excluded name is no feature, or none of the lean features is in the table.
    """
    shown = shown_features(frame, params.exclude_features)
    if params.features == "all":
        return shown
    lean = tuple(name for name in shown if name in LEAN or name not in BY_NAME)
    if not lean:
        raise ParameterError(
            "train.features: expected some of the lean features in the table, found none; set it to all"
        )
    return lean


def _is_hopeless(lapsed: Flags) -> bool:
    n_lapsed = int(lapsed.sum())
    return min(n_lapsed, len(lapsed) - n_lapsed) < FEWEST_LAPSED


def _refuse_hopeless(rows: Rows) -> None:
    n_lapsed = int(rows.lapsed.sum())
    if _is_hopeless(rows.lapsed):
        raise ContractError(
            f"too few labels to learn from: {n_lapsed} of {len(rows.lapsed)} training rows lapsed; expected at least "
            f"{FEWEST_LAPSED} of each kind; bring a longer history or lower task.min_purchase_days"
        )


@dataclass(frozen=True)
class Choices:
    """What an inner forward fold of the test fit decides. The release fit takes it over: these were judged."""

    penalty: float
    calibration: Platt
    default_calibration: Platt
    labels_known_on: date


def labels_known_on(rows: Rows, label_days: int) -> date:
    """The day on which the last label of the rows is known: nothing earlier may be judged by what saw them."""
    return windows.day_of(int(rows.cutoff.max()) + label_days)


def choose_inside(rows: Rows, label_days: int, params: Train, execution: Execution) -> Choices:
    """Penalty of the all-feature logit and calibrations of the trees, by an inner forward fold and the one before it.

    One bag is enough to see whether the trees need calibration: averaging three narrows their log-odds by little.
    Where the history is too short for a fold with enough of both outcomes, nothing is chosen: a middling penalty, and
    models as they are.

    Raises:
        ContractError: too few labels.
    """
    _refuse_hopeless(rows)
    shown, features = shown_features(rows.frame, params.exclude_features), model_features(rows.frame, params)
    fold = widest_inner_fold(rows.cutoffs, label_days, params.n_inner_cutoffs)
    if fold is None or _is_hopeless(rows.at(fold.fit).lapsed) or not len(rows.at(fold.judge).lapsed):
        return Choices(UNCHOSEN_PENALTY, IDENTITY, IDENTITY, labels_known_on(rows, label_days))
    inner = rows.at([*fold.fit, *fold.judge])
    is_judged = np.isin(inner.cutoff, [windows.day_number(day) for day in fold.judge])
    penalty = baselines.best_penalty(inner.frame, inner.lapsed, is_judged, shown)
    single = params.model_copy(update={"n_bags": 1})

    def grown(seen: Rows) -> BaggedTrees:
        return trees.fit(seen.frame, seen.lapsed, features, single, execution)

    def grown_by_default(seen: Rows) -> BaggedTrees:
        return trees.fit_library_default(seen.frame, seen.lapsed, shown, execution)

    n = params.n_inner_cutoffs
    lines = [_calibration(fit, rows, fold, label_days, n) for fit in (grown, grown_by_default)]
    return Choices(penalty, lines[0], lines[1], labels_known_on(rows, label_days))


def _calibration(fit: Callable[[Rows], BaggedTrees], rows: Rows, fold: Fold, label_days: int, n_judge: int) -> Platt:
    """The line that the fold asks for, if the one that was known before its first judged cutoff would have helped."""
    judged = rows.at(fold.judge)
    raw = fit(rows.at(fold.fit)).raw(judged.frame)
    line = calibration.choose(raw, judged.lapsed, judged.cutoff)
    if line == IDENTITY:
        return IDENTITY
    before = widest_inner_fold(fold.fit, label_days, n_judge)
    if before is None or _is_hopeless(rows.at(before.fit).lapsed) or _is_hopeless(rows.at(before.judge).lapsed):
        return IDENTITY
    then = rows.at(before.judge)
    former = calibration.fit_platt(fit(rows.at(before.fit)).raw(then.frame), then.lapsed)
    return line if calibration.helps(former, raw, judged.lapsed, judged.cutoff) else IDENTITY


def fit_all(rows: Rows, choices: Choices, params: Train, execution: Execution) -> dict[str, RiskModel]:
    """The model and every baseline, fitted on the same rows; `train.features` speaks of the model alone.

    The baselines go on reading every feature: a rival is not made weaker by what was chosen for the model.

    Raises:
        ContractError: too few labels.
    """
    _refuse_hopeless(rows)
    features = model_features(rows.frame, params)
    model = trees.fit(rows.frame, rows.lapsed, features, params, execution).calibrated(choices.calibration)
    rivals = baselines.fit_baselines(
        rows.frame,
        rows.lapsed,
        shown_features(rows.frame, params.exclude_features),
        penalty=choices.penalty,
        default_calibration=choices.default_calibration,
        execution=execution,
    )
    return {MODEL: model, **rivals}


def write_fits(folder: str | Path, fits: dict[str, RiskModel], known_on: date) -> None:
    """Write one folder a model, and until when their labels reach; the whole takes its place in one step."""
    with atomic_folder(folder) as draft:
        write_json(draft / SEEN_FILE, {"labels_known_on": known_on.isoformat()})
        for name, model in fits.items():
            write_model(draft / name, model)


def write_no_fits(folder: str | Path, why: str) -> None:
    """Write a folder without any model that says why there is none."""
    with atomic_folder(folder) as draft:
        write_json(draft / NO_FITS_FILE, {"why": why})


def why_no_fits(folder: str | Path) -> str:
    """Why a folder of fits holds none; '' where it holds some."""
    path = Path(folder) / NO_FITS_FILE
    return str(read_json(path)["why"]) if path.exists() else ""


def refuse_seen(folder: str | Path, judged_cutoffs: Sequence[date]) -> None:
    """Raise `TimeError` if the fits of a folder, or the choices behind them, saw labels of the judged period."""
    known_on = date.fromisoformat(read_json(Path(folder) / SEEN_FILE)["labels_known_on"])
    windows.refuse_overlap([known_on], judged_cutoffs, 0)
