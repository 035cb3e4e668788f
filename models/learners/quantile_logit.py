"""Logistic regression on features mapped to normal scores by their training quantiles.

With one feature it is a calibrated rule (its ranking is the feature's own); with recency, frequency and monetary value
the classic scoring table; with all features the strongest linear baseline. Missing values get a flag and the median.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from models.risk import Flags, Floats, matrix, sigmoid

N_QUANTILES = 200
EDGE = 1e-3
PIECE = 65_536


@dataclass(frozen=True)
class QuantileLogit:
    """A fitted logistic regression. `quantiles` has one row a feature; `weights` one a score and one a missing flag."""

    name: str
    features: tuple[str, ...]
    quantiles: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    intercept: float
    penalty: float

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """Log-odds of lapse, one a row; in pieces, since a design is several times the features' size."""
        pieces = [frame.iloc[at : at + PIECE] for at in range(0, max(len(frame), 1), PIECE)]
        return np.concatenate([self._design(piece) @ self.weights + self.intercept for piece in pieces])

    def predict(self, frame: pd.DataFrame) -> Floats:
        """`p_lapse`, one a row."""
        return sigmoid(self.log_odds(frame))

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """Log-odds by feature against the median customer; the last column is that customer's log-odds."""
        parts = self._design(frame) * self.weights
        n = len(self.features)
        by_feature = parts[:, :n] + parts[:, n:]
        return np.column_stack([by_feature, np.full(len(frame), self.intercept)])

    def to_files(self) -> dict[str, str]:
        """The model as plain text."""
        plain = {
            "kind": "quantile_logit",
            "name": self.name,
            "features": list(self.features),
            "quantiles": self.quantiles.tolist(),
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
            "penalty": self.penalty,
        }
        return {"model.json": json.dumps(plain, indent=1) + "\n"}

    def _design(self, frame: pd.DataFrame) -> Floats:
        return normal_scores(matrix(frame, self.features), self.quantiles)


def from_json(plain: dict[str, Any]) -> QuantileLogit:
    """The model from what `to_files` wrote."""
    return QuantileLogit(
        plain["name"],
        tuple(plain["features"]),
        np.array(plain["quantiles"]),
        np.array(plain["weights"]),
        float(plain["intercept"]),
        float(plain["penalty"]),
    )


def normal_scores(values: Floats, quantiles: Floats) -> Floats:
    """Map each column by its quantiles to a standard normal score, and append a flag a column for missing values.

    Ties in the quantiles (a count that is mostly 0) map to the middle of their ranks.
    """
    n = values.shape[1]
    # products of matrices differ in the last bit by how they lie in memory: here as the values do
    design = np.empty((len(values), 2 * n), order="F" if np.isfortran(values) else "C")
    design[:, n:] = np.isnan(values)
    _score(values, quantiles, design)
    return design


def shown_scores(values: Floats, quantiles: Floats) -> tuple[Floats, Flags]:
    """The columns of `normal_scores` that are not 0 in every row, and which those are: what a fit needs in memory."""
    n, has_missing = values.shape[1], np.isnan(values).any(axis=0)
    design = np.empty((len(values), n + int(has_missing.sum())))
    design[:, n:] = np.isnan(values[:, has_missing])
    _score(values, quantiles, design)
    used = design[:, :n].any(axis=0)
    kept = np.concatenate([used, np.ones(design.shape[1] - n, dtype=bool)])
    return design if kept.all() else np.ascontiguousarray(design[:, kept]), np.concatenate([used, has_missing])


def _score(values: Floats, quantiles: Floats, into: Floats) -> None:
    """Write the scores of each column to the first columns of a design."""
    grid = np.linspace(0.0, 1.0, quantiles.shape[1])
    for position, edges in enumerate(quantiles):
        is_missing = np.isnan(values[:, position])
        column = np.where(is_missing, edges[len(edges) // 2], values[:, position])
        rising = np.interp(column, edges, grid)
        falling = 1.0 - np.interp(-column, -edges[::-1], grid)
        ranks = np.clip((rising + falling) / 2.0, EDGE, 1.0 - EDGE)
        into[:, position] = np.where(is_missing, 0.0, ndtri(ranks))


def training_quantiles(values: Floats) -> Floats:
    """200 quantiles a column, missing values left out; a column of nothing else gets zeros."""
    grid = np.linspace(0.0, 1.0, N_QUANTILES)
    columns = (column[~np.isnan(column)] for column in values.T)
    return np.stack([np.quantile(known, grid) if len(known) else np.zeros(N_QUANTILES) for known in columns])


def fit(name: str, frame: pd.DataFrame, lapsed: Flags, features: Sequence[str], penalty: float = 1.0) -> QuantileLogit:
    """Fit by maximum likelihood with an L2 `penalty` (scikit-learn's C)."""
    quantiles = training_quantiles(matrix(frame, features))
    design, is_shown = shown_scores(matrix(frame, features), quantiles)
    weights = np.zeros(2 * len(features))
    weights[is_shown], intercept = fit_weights(design, lapsed, penalty)
    return QuantileLogit(name, tuple(features), quantiles, weights, intercept, penalty)


def fit_weights(design: Floats, lapsed: Flags, penalty: float) -> tuple[Floats, float]:
    """Weights and intercept on an explicit design, rounded so that a refit gives equal bytes on one machine.

    Where only one class was seen, the weights are 0 and the intercept is that class's rate, kept off 0 and 1.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if lapsed.all() or not lapsed.any():
        base = float(np.clip(lapsed.mean(), 1e-4, 1.0 - 1e-4))
        return np.zeros(design.shape[1]), float(np.log(base / (1 - base)))
    used = design.any(axis=0)  # a flag that never showed gets weight 0 under any L2 penalty
    shown = design if used.all() else design[:, used]
    with threadpool_limits(1):
        fitted = LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200).fit(shown, lapsed)
    weights = np.zeros(design.shape[1])
    weights[used] = np.round(fitted.coef_[0], 8) + 0.0  # a weight of nearly nothing is 0, never -0
    return weights, round(float(fitted.intercept_[0]), 8)
