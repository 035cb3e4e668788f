"""How every candidate is fitted on a set of cutoffs. One recipe, used for the test fit and for the release fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from contracts import windows
from contracts.errors import ContractError, ParameterError, nearest
from contracts.files import atomic_folder
from contracts.params import Execution, Train
from contracts.tables import FEATURE_KEYS
from models import baselines, calibration, trees
from models.bundle import write_model
from models.calibration import Platt
from models.risk import RiskModel
from models.rows import Rows
from models.splits import inner_fold

MODEL = "regulars"
FEWEST_LAPSED = 5


def model_features(frame: pd.DataFrame, excluded: Sequence[str]) -> tuple[str, ...]:
    """The columns that the model is shown.

    Raises:
        ParameterError: an excluded name is no feature, with the nearest that is.
    """
    known = [name for name in frame.columns if name not in FEATURE_KEYS]
    for name in excluded:
        if name not in known:
            raise ParameterError(f"train.exclude_features: unknown feature '{name}'{nearest(name, known)}")
    return tuple(name for name in known if name not in excluded)


def _refuse_hopeless(rows: Rows) -> None:
    n_lapsed = int(rows.lapsed.sum())
    if min(n_lapsed, len(rows.lapsed) - n_lapsed) < FEWEST_LAPSED:
        raise ContractError(
            f"too few labels to learn from: {n_lapsed} of {len(rows.lapsed)} training rows lapsed; expected at least "
            f"{FEWEST_LAPSED} of each kind; bring a longer history or lower task.min_purchase_days"
        )


@dataclass(frozen=True)
class Choices:
    """What an inner forward fold of the test fit decides. The release fit takes it over: these were judged."""

    penalty: float
    calibration: Platt


def choose_inside(rows: Rows, horizon_days: int, params: Train, execution: Execution) -> Choices:
    """Penalty of the all-feature logit and calibration of the trees, by one inner forward fold.

    One bag is enough to see whether the trees need calibration: averaging three narrows their log-odds by little.

    Raises:
        ContractError: too few labels.
        TimeError: too few cutoffs for a forward fold.
    """
    _refuse_hopeless(rows)
    features = model_features(rows.frame, params.exclude_features)
    cutoffs = [windows.day_of(int(day)) for day in np.unique(rows.cutoff)]
    fold = inner_fold(cutoffs, horizon_days, params.n_inner_cutoffs)
    inner = rows.at([*fold.fit, *fold.judge])
    is_judged = np.isin(inner.cutoff, [windows.day_number(day) for day in fold.judge])
    penalty = baselines.best_penalty(inner.frame, inner.lapsed, is_judged, features)
    single = params.model_copy(update={"n_bags": 1})
    model = trees.fit(inner.frame[~is_judged], inner.lapsed[~is_judged], features, single, execution)
    line = calibration.choose(model.raw(inner.frame[is_judged]), inner.lapsed[is_judged], inner.cutoff[is_judged])
    return Choices(penalty, line)


def fit_all(rows: Rows, choices: Choices, params: Train, execution: Execution) -> dict[str, RiskModel]:
    """The model and every baseline, fitted on the same rows.

    Raises:
        ContractError: too few labels.
    """
    _refuse_hopeless(rows)
    features = model_features(rows.frame, params.exclude_features)
    model = trees.fit(rows.frame, rows.lapsed, features, params, execution).calibrated(choices.calibration)
    return {MODEL: model, **baselines.fit_baselines(rows.frame, rows.lapsed, features, choices.penalty, execution)}


def write_fits(folder: str | Path, fits: dict[str, RiskModel]) -> None:
    """Write one folder a model; the whole takes its place in one step."""
    with atomic_folder(folder) as draft:
        for name, model in fits.items():
            write_model(draft / name, model)
