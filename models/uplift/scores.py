"""Doubly robust scores: what each arm would have brought each row, unbiased whatever the prediction behind it.

The score of arm a is q_a + [drawn = a] · (y − q_a) / propensity_a, where q_a is a prediction from other customers' rows
(cross-fitted). Propensities are exact, so a wrong q costs precision alone. q is one regression for all arms, moved to
each arm's mean: with known propensities a second one of the differences gains little and is fitted on noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.risk import Floats
from models.uplift.surfaces import OUTCOME_FITS, Fit
from models.uplift.trial import Ints, Trial, folds_of

Z95 = 1.959963984540054
PRIOR_ROWS = 20
"""Rows worth of 'as the others' in an arm's own mean."""


@dataclass(frozen=True)
class Folding:
    """How rows are divided for cross-fitting."""

    n_folds: int = 5
    seed: int = 0


FOLDING = Folding()


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error and 95 % interval, by customer."""

    value: float
    low: float
    high: float
    se: float


def cross_predictions(trial: Trial, folding: Folding = FOLDING) -> Floats:
    """q: shape (rows, arms), each row's from a regression that never saw its customer; the best of three."""
    fold = folds_of(trial.customer, folding.n_folds, folding.seed)
    found = {name: _cross_fitted(trial, fold, fit) for name, fit in OUTCOME_FITS.items()}
    row = np.arange(len(trial))
    errors = {name: float(((trial.outcome - q[row, trial.drawn]) ** 2).mean()) for name, q in found.items()}
    return found[min(errors, key=lambda name: errors[name])]


def _cross_fitted(trial: Trial, fold: Ints, fit: Fit) -> Floats:
    found = np.zeros((len(trial), len(trial.arms)))
    for k in np.unique(fold):
        learn, own = trial.at(fold != k), fold == k
        surface = fit(learn.frame, trial.features, learn.outcome)
        moved = _moves(learn, learn.outcome - surface.predict(learn.frame))
        found[own] = surface.predict(trial.frame.iloc[np.flatnonzero(own)])[:, None] + moved
    return found


def _moves(trial: Trial, left: Floats) -> Floats:
    """How far each arm's mean lies from what the common regression says, shrunk where few rows say it."""
    sums = np.bincount(trial.drawn, left, minlength=len(trial.arms))
    return np.asarray(sums / (np.bincount(trial.drawn, minlength=len(trial.arms)) + PRIOR_ROWS))


def arm_scores(trial: Trial, predictions: Floats) -> Floats:
    """Score of each arm in each row: shape (rows, arms); NaN where the arm could not be drawn."""
    is_drawn = np.arange(len(trial.arms)) == trial.drawn[:, None]
    weight = np.divide(is_drawn, trial.propensity, out=np.zeros_like(trial.propensity), where=trial.propensity > 0)
    scores = predictions + weight * (trial.outcome[:, None] - predictions)
    return np.where(trial.propensity > 0, scores, np.nan)


def policy_scores(scores: Floats, policy: Floats) -> Floats:
    """What a policy would have brought each row; `policy` holds probabilities, of the shape of the scores.

    NaN where the policy may do what could not be drawn.
    """
    return np.asarray(np.where(policy > 0, scores * policy, 0.0).sum(axis=1))


def mean_of(parts: Floats, customer: Ints) -> Estimate:
    """The mean of one number a row, with a 95 % interval from the spread between customers."""
    n, value = len(parts), float(parts.mean())
    sums = np.bincount(customer, parts - value)
    n_customers = len(np.unique(customer))
    few = n_customers / (n_customers - 1) if n_customers > 1 else np.nan
    se = float(np.sqrt(few * (sums**2).sum()) / n)
    return Estimate(value, value - Z95 * se, value + Z95 * se, se)


def chosen_policy(chosen: Ints, n_arms: int) -> Floats:
    """Probabilities of a policy that leaves nothing to chance: 1 for the arm chosen in each row."""
    return np.eye(n_arms)[chosen]
