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
        """Log-odds of lapse, one a row."""
        return np.asarray(self._design(frame) @ self.weights + self.intercept)

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
    grid = np.linspace(0.0, 1.0, quantiles.shape[1])
    scores = np.zeros_like(values)
    is_missing = np.isnan(values)
    for position, edges in enumerate(quantiles):
        column = np.where(is_missing[:, position], edges[len(edges) // 2], values[:, position])
        rising = np.interp(column, edges, grid)
        falling = 1.0 - np.interp(-column, -edges[::-1], grid)
        ranks = np.clip((rising + falling) / 2.0, EDGE, 1.0 - EDGE)
        scores[:, position] = np.where(is_missing[:, position], 0.0, ndtri(ranks))
    return np.column_stack([scores, is_missing.astype(np.float64)])


def training_quantiles(values: Floats) -> Floats:
    """200 quantiles a column, missing values left out; a column of nothing else gets zeros."""
    grid = np.linspace(0.0, 1.0, N_QUANTILES)
    columns = [column[~np.isnan(column)] for column in values.T]
    return np.stack([np.quantile(known, grid) if len(known) else np.zeros(N_QUANTILES) for known in columns])


def fit(name: str, frame: pd.DataFrame, lapsed: Flags, features: Sequence[str], penalty: float = 1.0) -> QuantileLogit:
    """Fit by maximum likelihood with an L2 `penalty` (scikit-learn's C)."""
    values = matrix(frame, features)
    quantiles = training_quantiles(values)
    weights, intercept = fit_weights(normal_scores(values, quantiles), lapsed, penalty)
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
    with threadpool_limits(1):
        fitted = LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200).fit(design[:, used], lapsed)
    weights = np.zeros(design.shape[1])
    weights[used] = np.round(fitted.coef_[0], 8) + 0.0  # a weight of nearly nothing is 0, never -0
    return weights, round(float(fitted.intercept_[0]), 8)
