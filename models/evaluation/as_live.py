"""What one run would have scored with: the recipe chosen and judged on its test fit, the gate's release, the values.

As in the stages `train`, `evaluate` and `register` of a project without a champion: what the gate releases scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from contracts import windows
from contracts.params import Params
from models.candidate import NO_MODEL
from models.evaluation.figures import judge, resampled
from models.evaluation.gate import gate
from models.learners.baselines import BASELINES
from models.recipe.fitting import MODEL, Choices, choose_inside, fit_all, fit_model, labels_known_on, model_features
from models.risk import RiskModel
from models.rows import Rows
from models.value.at_stake import UNMEASURED, ValueModel
from models.value.judging import value_customers


@dataclass(frozen=True)
class Fitted:
    """A run's release: its name and grade ('model', 'rule' or 'none'), its fit, and the value model beside it.

    `why` is the gate's rule, or why there is no model. `n_rows` are the labels behind the release fit.
    """

    name: str
    grade: str
    model: RiskModel | None
    value: ValueModel
    why: str
    n_rows: int


@dataclass(frozen=True)
class Training:
    """A run's labelled rows: of the test fit, of the test cutoffs, and of the release fit."""

    fit: Rows
    test: Rows
    release: Rows


def no_fit(why: str) -> Fitted:
    """What a run without enough labels scores with: rules, and values that nobody has measured."""
    return Fitted(NO_MODEL, NO_MODEL, None, UNMEASURED, why, 0)


def fit_release(rows: Training, snapshots: pd.DataFrame, params: Params, scratch: Path) -> Fitted:
    """Choose, fit, judge, and fit anew what the gate releases; `scratch` is a folder for the search's trials.

    Raises:
        ContractError: too few labels.
        TimeError: a fitting label reaches past the first test cutoff.
    """
    choices = choose_inside(
        rows.fit, params.task.label_days, params.train, params.execution, place=scratch, say=_say_nothing
    )
    verdict = _verdict(rows, choices, params)
    name = str(verdict["released"])
    fits = fit_model(rows.release, choices) if name == MODEL else fit_all(rows.release, choices)
    valued = value_customers(rows.release.frame, snapshots, model_features(rows.release.frame, params.train), params)
    return Fitted(name, str(verdict["grade"]), fits[name], valued.model, str(verdict["rule"]), len(rows.release.lapsed))


def _verdict(rows: Training, choices: Choices, params: Params) -> dict[str, object]:
    """The gate's, on the run's own test cutoffs."""
    known_on = max(choices.labels_known_on, labels_known_on(rows.fit, params.task.label_days))
    windows.refuse_overlap([known_on], rows.test.cutoffs, 0)
    fits = fit_all(rows.fit, choices)
    judged = judge(rows.test.frame, rows.test.lapsed, {name: fits[name] for name in (MODEL, *BASELINES)})
    values = resampled(judged, params.evaluate.n_bootstrap, params.execution.seed)
    return gate(values, MODEL, params.evaluate.max_auc_loss)


def _say_nothing(text: str) -> None:
    """Progress of the inner folds: one line a week is enough."""
