"""Small regressions of a number on features, kept as plain text: a constant, a ridge on normal scores, a few trees."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from models.learners.quantile_logit import normal_scores, training_quantiles
from models.risk import Floats, matrix

if TYPE_CHECKING:
    from lightgbm import Booster

FEW = 8
"""Features of a ridge: those whose scores go most with what is learned."""


class Surface(Protocol):
    """A fitted regression."""

    def predict(self, frame: pd.DataFrame) -> Floats:
        """One number a row."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data; `surface_from_json` reads it."""
        ...


Fit = Callable[[pd.DataFrame, Sequence[str], Floats], Surface]


@dataclass(frozen=True)
class Constant:
    """The same for everyone."""

    value: float

    def predict(self, frame: pd.DataFrame) -> Floats:
        """One number a row."""
        return np.full(len(frame), self.value)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "constant", "value": self.value}


@dataclass(frozen=True)
class Ridge:
    """Linear in normal scores of a few features (`models.learners.quantile_logit`) and flags of missing values."""

    features: tuple[str, ...]
    quantiles: Floats = field(repr=False)
    centre: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    intercept: float

    def predict(self, frame: pd.DataFrame) -> Floats:
        """One number a row."""
        design = normal_scores(matrix(frame, self.features), self.quantiles)
        return np.asarray((design - self.centre) @ self.weights + self.intercept)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "kind": "ridge",
            "features": list(self.features),
            "quantiles": self.quantiles.tolist(),
            "centre": self.centre.tolist(),
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
        }


@dataclass(frozen=True)
class Trees:
    """Boosted trees as LightGBM's text."""

    features: tuple[str, ...]
    text: str = field(repr=False)

    @cached_property
    def booster(self) -> Booster:
        """LightGBM's model, parsed once."""
        from lightgbm import Booster

        return Booster(model_str=self.text)

    def predict(self, frame: pd.DataFrame) -> Floats:
        """One number a row."""
        values = matrix(frame, self.features)
        return np.asarray(self.booster.predict(values, num_threads=1)) if len(values) else np.zeros(0)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "trees", "features": list(self.features), "text": self.text}


def surface_from_json(plain: dict[str, Any]) -> Surface:
    """The surface from what `to_json` wrote."""
    if plain["kind"] == "constant":
        return Constant(float(plain["value"]))
    if plain["kind"] == "trees":
        return Trees(tuple(plain["features"]), plain["text"])
    quantiles, centre, weights = (
        np.array(plain[name], dtype=np.float64) for name in ("quantiles", "centre", "weights")
    )
    return Ridge(tuple(plain["features"]), quantiles, centre, weights, float(plain["intercept"]))


def fit_constant(frame: pd.DataFrame, features: Sequence[str], y: Floats) -> Surface:  # noqa: ARG001 – one of the fits
    """The mean."""
    return Constant(float(y.mean()))


def fit_ridge(frame: pd.DataFrame, features: Sequence[str], y: Floats, *, penalty: float) -> Surface:
    """Least squares + `penalty` · n · |weights|²: on one score alone, the weight is divided by 1 + penalty."""
    values = matrix(frame, features)
    quantiles = training_quantiles(values)
    scores = normal_scores(values, quantiles)
    kept = _most_telling(scores, y)
    design = scores[:, [*kept, *(k + len(features) for k in kept)]]
    centre = design.mean(axis=0)
    own = design - centre
    squares = own.T @ own + penalty * len(y) * np.eye(own.shape[1])
    weights = np.linalg.solve(squares, own.T @ (y - y.mean()))
    return Ridge(tuple(features[k] for k in kept), quantiles[kept], centre, weights, float(y.mean()))


def _most_telling(scores: Floats, y: Floats) -> list[int]:
    """Positions of the features, in their own order, whose scores have the greatest covariance with y."""
    n_features = scores.shape[1] // 2
    both = np.abs((scores - scores.mean(axis=0)).T @ (y - y.mean()))
    strength = np.maximum(both[:n_features], both[n_features:])
    return sorted(int(k) for k in np.argsort(-strength, kind="stable")[:FEW])


def fit_trees(
    frame: pd.DataFrame, features: Sequence[str], y: Floats, *, leaves: int, n_trees: int, leaf_share: float
) -> Surface:
    """Few, small, strongly regularised trees; one thread, so that equal rows give equal bytes."""
    lightgbm = _lightgbm()
    settings = _settings(leaves, max(20, round(leaf_share * len(y))))
    rows = lightgbm.Dataset(matrix(frame, features), y, params=settings)
    return Trees(tuple(features), str(lightgbm.train(settings, rows, num_boost_round=n_trees).model_to_string()))


def _settings(leaves: int, leaf_rows: int) -> dict[str, Any]:
    return {
        "objective": "regression",
        "learning_rate": 0.05,
        "num_leaves": leaves,
        "min_data_in_leaf": leaf_rows,
        "feature_fraction": 0.7,
        "lambda_l2": 10.0,
        "max_bin": 63,
        "seed": 1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _lightgbm() -> Any:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    return lightgbm


OUTCOME_FITS: dict[str, Fit] = {
    "constant": fit_constant,
    "ridge": partial(fit_ridge, penalty=0.01),
    "trees": partial(fit_trees, leaves=8, n_trees=80, leaf_share=0.01),
}
"""How an outcome may be predicted."""
EFFECT_FITS: dict[str, Fit] = {
    "ridge": partial(fit_ridge, penalty=0.02),
    "strong ridge": partial(fit_ridge, penalty=1.0),
    "trees": partial(fit_trees, leaves=4, n_trees=40, leaf_share=0.05),
}
"""How an effect may be, beside the same for everyone."""
