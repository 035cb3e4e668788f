"""Whether predicted effects are worth anything: Qini, value of the policy that follows them, calibration.

Everything is judged by doubly robust scores of rows that the predictions never saw. A prediction is used only if the
policy that follows it beats its rival with the whole 95 % interval of the paired difference above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.risk import Floats
from models.uplift.learner import fit
from models.uplift.scores import (
    FOLDING,
    Estimate,
    Folding,
    arm_scores,
    chosen_policy,
    cross_predictions,
    mean_of,
    policy_scores,
)
from models.uplift.trial import Ints, Trial, folds_of

CURVE_POINTS = 101
TENTHS = 10


@dataclass(frozen=True)
class Qini:
    """How much better a ranking is than chance.

    `coefficient` is the area between its incremental curve and chance's straight line, in the outcome's unit a customer
    (0: no better than chance). `curve` has `share` treated, `gain` a customer of all, and `chance`, the line's.
    """

    coefficient: Estimate
    curve: pd.DataFrame


def qini(predicted: Floats, effect_scores: Floats, customer: Ints) -> Qini:
    """Of predicted effects, judged by an unbiased score of the effect in each row (doubly robust, or IPW).

    Customers of equal prediction count by the mean of their ranks, so that a constant has a coefficient of 0. The
    interval is for this ranking: it takes the predictions as given.
    """
    n = len(predicted)
    before = (pd.Series(-predicted).rank(method="average").to_numpy(dtype=np.float64) - 0.5) / n
    return Qini(mean_of(effect_scores * (0.5 - before), customer), _curve(predicted, effect_scores))


def _curve(predicted: Floats, effect_scores: Floats) -> pd.DataFrame:
    """Straight between the ends of each group of equal predictions."""
    n = len(predicted)
    order = np.argsort(-predicted, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(effect_scores[order])]) / n
    ends = np.concatenate([[0], np.flatnonzero(np.diff(predicted[order])) + 1, [n]])
    share = np.linspace(0.0, 1.0, CURVE_POINTS)
    gain = np.interp(share, ends / n, sums[ends])
    return pd.DataFrame({"share": share, "gain": gain, "chance": share * sums[-1]})


def best_arms(effects: Floats, propensity: Floats, worth: Floats | float = 1.0, cost: Floats | float = 0.0) -> Ints:
    """The arm of greatest worth · effect − cost among those that can be drawn; shapes (rows, arms). Ties: the first."""
    net = np.broadcast_to(np.asarray(worth, dtype=np.float64).reshape(-1, 1), effects.shape) * effects - cost
    return np.asarray(np.where(propensity > 0, net, -np.inf).argmax(axis=1), dtype=np.int64)


def calibration(predicted: Floats, effect_scores: Floats, customer: Ints) -> pd.DataFrame:
    """One row a tenth of customers by predicted effect, lowest first.

    Columns: `tenth`, `n`, `predicted`, `found`, `low`, `high`.
    `found` is the mean doubly robust effect, with its 95 % interval.
    """
    order = np.argsort(predicted, kind="stable")
    rows = []
    for tenth, part in enumerate(np.array_split(order, min(TENTHS, len(order)))):
        own = mean_of(effect_scores[part], customer[part])
        rows.append((tenth + 1, len(part), float(predicted[part].mean()), own.value, own.low, own.high))
    return pd.DataFrame(rows, columns=["tenth", "n", "predicted", "found", "low", "high"])


@dataclass(frozen=True)
class Worth:
    """Value a row of the learned policy and of its rival, and the paired difference; `is_used` if that is above 0."""

    learned: Estimate
    rival: Estimate
    gain: Estimate

    @property
    def is_used(self) -> bool:
        """Whether the whole interval of the gain lies above 0."""
        return self.gain.low > 0


def is_worth(
    trial: Trial,
    rival: Floats,
    *,
    worth: Floats | float = 1.0,
    cost: Floats | float = 0.0,
    folding: Folding = FOLDING,
) -> Worth:
    """Whether effects learned on features beat a rival policy (probabilities, shape (rows, arms)) out of sample.

    The learner is fitted anew without each fold and chooses there by worth · effect − cost, in the same currency in
    which both are judged (`worth` a row, `cost` a row and arm). For margins leave both alone.
    """
    chosen = cross_chosen(trial, worth=worth, cost=cost, folding=folding)
    scores = arm_scores(trial, cross_predictions(trial, folding))
    net = np.asarray(worth, dtype=np.float64).reshape(-1, 1) * scores - cost
    own = policy_scores(net, chosen_policy(chosen, len(trial.arms)))
    other = policy_scores(net, rival)
    return Worth(mean_of(own, trial.customer), mean_of(other, trial.customer), mean_of(own - other, trial.customer))


def cross_chosen(
    trial: Trial,
    *,
    worth: Floats | float = 1.0,
    cost: Floats | float = 0.0,
    folding: Folding = FOLDING,
) -> Ints:
    """The arm that a learner which never saw the customer would choose, a row each."""
    fold = folds_of(trial.customer, folding.n_folds, folding.seed + 2)
    shape = trial.propensity.shape
    own_worth = np.broadcast_to(np.asarray(worth, dtype=np.float64).reshape(-1, 1), (shape[0], 1))
    own_cost = np.broadcast_to(np.asarray(cost, dtype=np.float64), shape)
    found = np.zeros(len(trial), dtype=np.int64)
    for k in np.unique(fold):
        here = np.flatnonzero(fold == k)
        effects = fit(trial.at(fold != k), folding).predict(trial.frame.iloc[here])
        found[here] = best_arms(effects, trial.propensity[here], own_worth[here], own_cost[here])
    return found
