"""What every risk model has in common: it reads a feature table, predicts `p_lapse`, and is kept as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from contracts.errors import ContractError

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class RiskModel(Protocol):
    """A fitted model of the probability of no purchase in the horizon."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns it reads, in its own order."""
        ...

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """Log-odds of lapse, one a row of the feature table."""
        ...

    def predict(self, frame: pd.DataFrame) -> Floats:
        """`p_lapse`, one a row of the feature table."""
        ...

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """Log-odds that each feature adds to a row: shape (rows, features), plus a last column for the base."""
        ...

    def to_files(self) -> dict[str, str]:
        """The model as named texts; `model.json` is one of them."""
        ...


def matrix(frame: pd.DataFrame, features: Sequence[str]) -> Floats:
    """The named columns in the named order; a model matches columns by position, so a missing one is refused.

    Raises:
        ContractError: a feature is not in the table.
    """
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise ContractError(
            f"feature table lacks '{missing[0]}' ({len(missing)} of {len(features)} that the model reads); "
            "featurize with the families that it was trained on"
        )
    return np.asarray(frame[list(features)].to_numpy(dtype=np.float64))


def sigmoid(log_odds: Floats) -> Floats:
    """Probability of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -35.0, 35.0))))


def logit(p: Floats) -> Floats:
    """Log-odds of a probability, kept finite."""
    kept = np.clip(p, 1e-6, 1.0 - 1e-6)
    return np.asarray(np.log(kept) - np.log1p(-kept))
