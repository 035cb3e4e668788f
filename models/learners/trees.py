"""The LightGBM risk model: a few strongly regularised models with different seeds, averaged in log-odds.

Strength of regularisation, not its kind, decides on purchase histories: many small trees, large leaves, few columns a
tree. Probabilities are left alone by class weights, which ruin them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from contracts.lean_start import without
from contracts.params import Execution, LightGbm
from models.learners import calibration as calibrating
from models.learners.calibration import IDENTITY, Calibration, through
from models.learners.sharing import Forest, grow_together
from models.risk import Flags, Floats, matrix, sigmoid

if TYPE_CHECKING:
    from lightgbm import Booster

SMALLEST_LEAF = 5
SILENCES = frozenset({"days_since_last_purchase", "silence_to_gap_mean", "silence_to_gap_median", "silence_percentile"})
"""Features that grow with the present silence and with nothing else."""


def load_lightgbm() -> Any:
    """LightGBM, whose threads do not spin; in a stage without the scikit-learn wrappers, which cost more to load."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with without("sklearn"):
        import lightgbm

    return lightgbm


@dataclass(frozen=True)
class BaggedTrees:
    """Fitted trees as LightGBM's text, and the calibration put on their mean log-odds."""

    name: str
    features: tuple[str, ...]
    texts: tuple[str, ...] = field(repr=False)
    calibration: Calibration = IDENTITY

    @cached_property
    def boosters(self) -> tuple[Booster, ...]:
        """LightGBM's models, parsed once."""
        return tuple(load_lightgbm().Booster(model_str=text) for text in self.texts)

    def raw(self, frame: pd.DataFrame) -> Floats:
        """Mean log-odds before calibration."""
        values = matrix(frame, self.features)
        if not len(values):
            return np.zeros(0)
        parts = [np.asarray(booster.predict(values, raw_score=True)) for booster in self.boosters]
        return np.asarray(np.mean(parts, axis=0))

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """Calibrated log-odds, one a row."""
        return self.calibration.apply(self.raw(frame))

    def predict(self, frame: pd.DataFrame) -> Floats:
        """`p_lapse`, one a row."""
        return sigmoid(self.log_odds(frame))

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """TreeSHAP log-odds by feature (Lundberg, Erion and Lee 2018); the last column is the base."""
        values = matrix(frame, self.features)
        if not len(values):
            return np.zeros((0, len(self.features) + 1))
        parts = [np.asarray(booster.predict(values, pred_contrib=True)) for booster in self.boosters]
        return through(self.calibration, np.asarray(np.mean(parts, axis=0)))

    def calibrated(self, calibration: Calibration) -> BaggedTrees:
        """The same trees under another calibration."""
        return replace(self, calibration=calibration)

    def to_files(self) -> dict[str, str]:
        """The model as plain text: one LightGBM file a seed and `model.json`."""
        plain = {
            "kind": "bagged_trees",
            "name": self.name,
            "features": list(self.features),
            "n_bags": len(self.texts),
            "calibration": self.calibration.to_json(),
        }
        trees = {f"trees_{position}.txt": text for position, text in enumerate(self.texts)}
        return {"model.json": json.dumps(plain, indent=1) + "\n", **trees}


def from_files(plain: dict[str, Any], texts: Sequence[str]) -> BaggedTrees:
    """The model from what `to_files` wrote."""
    return BaggedTrees(
        plain["name"], tuple(plain["features"]), tuple(texts), calibrating.from_json(plain["calibration"])
    )


def rows_in_leaf(share: float, n_rows: int) -> int:
    """The least rows of a leaf: a share of the training rows, never below 5.

    >>> rows_in_leaf(0.0033, 60_000), rows_in_leaf(0.0033, 300)
    (198, 5)
    """
    return max(SMALLEST_LEAF, round(share * n_rows))


def library_parameters(params: LightGbm, n_rows: int, execution: Execution, bag: int = 0) -> dict[str, Any]:
    """LightGBM's own parameters; deterministic down to the bytes of the model file."""
    return {
        "objective": "binary",
        "learning_rate": params.learning_rate,
        "num_leaves": params.num_leaves,
        "min_data_in_leaf": rows_in_leaf(params.min_leaf_share, n_rows),
        "feature_fraction": params.feature_fraction,
        "bagging_fraction": params.bagging_fraction,
        "bagging_freq": 1 if params.bagging_fraction < 1 else 0,
        "lambda_l2": params.lambda_l2,
        "extra_trees": params.extra_trees,
        "max_bin": params.max_bin,
        **_repeatable(execution, bag),
    }


def _constraints(params: LightGbm, features: Sequence[str]) -> dict[str, Any]:
    """Rising in every silence, if that is asked for."""
    if not params.monotone_silence:
        return {}
    rising = [int(name in SILENCES) for name in features]
    return {"monotone_constraints": rising, "monotone_constraints_method": "advanced"}


def _repeatable(execution: Execution, bag: int = 0) -> dict[str, Any]:
    return {
        "seed": execution.seed + bag,
        "num_threads": execution.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _binned(values: Floats, lapsed: Flags, features: Sequence[str], settings: dict[str, Any]) -> Any:
    """LightGBM's binned table; bags share it, since binning looks at every row here and hangs on no seed."""
    table = load_lightgbm().Dataset(values, lapsed.astype(np.float64), feature_name=list(features), params=settings)
    return table.construct()


def _grow(binned: Any, settings: dict[str, Any], n_trees: int) -> str:
    return str(load_lightgbm().train(settings, binned, num_boost_round=n_trees).model_to_string())


def fit(
    frame: pd.DataFrame, lapsed: Flags, features: Sequence[str], params: LightGbm, execution: Execution
) -> BaggedTrees:
    """Fit the averaged, regularised model; calibration is left at identity. Above a size, workers share each fit."""
    values = matrix(frame, features)
    settings = [
        library_parameters(params, len(values), execution, bag) | _constraints(params, features)
        for bag in range(params.n_bags)
    ]
    if len(values) > params.share_above_rows:
        wanted = [Forest(tuple(features), each, params.num_trees) for each in settings]
        shared = grow_together((values, lapsed), wanted, params.n_machines, execution)
        return BaggedTrees("regulars", tuple(features), tuple(shared))
    binned = _binned(values, lapsed, features, settings[0])
    texts = [_grow(binned, each, params.num_trees) for each in settings]
    return BaggedTrees("regulars", tuple(features), tuple(texts))


def fit_library_default(
    frame: pd.DataFrame, lapsed: Flags, features: Sequence[str], execution: Execution
) -> BaggedTrees:
    """LightGBM as it comes: 100 trees, learning rate .1, 31 leaves. A mandatory baseline."""
    settings = {"objective": "binary", **_repeatable(execution)}
    text = _grow(_binned(matrix(frame, features), lapsed, features, settings), settings, 100)
    return BaggedTrees("lightgbm_default", tuple(features), (text,))
