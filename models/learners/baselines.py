"""The mandatory baselines: what a shop would do without this product, each as strong as its idea allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from contracts.errors import ContractError
from contracts.params import Execution
from features.catalogue import COUNT_WINDOWS_DAYS
from models.evaluation.metrics import auc
from models.learners import quantile_logit, trees
from models.learners.calibration import Calibration, losses
from models.learners.quantile_logit import (
    QuantileLogit,
    fit_weights,
    normal_scores,
    shown_scores,
    training_quantiles,
)
from models.risk import Flags, RiskModel, matrix

INACTIVITY_RULES = (
    "days_since_last_purchase",
    "silence_to_gap_mean",
    "silence_to_gap_median",
    "silence_percentile",
)
FREQUENCY_RULES = tuple(f"purchase_days_{days}d" for days in COUNT_WINDOWS_DAYS)
RFM_WINDOWS_DAYS = (56, 91, 182)
MBG_NBD_ANSWERS = ("mbgnbd_p_no_purchase", "mbgnbd_expected_purchases")
PENALTIES = (0.001, 0.003, 0.01, 0.1, 1.0)

BASELINES = ("inactivity", "frequency", "rfm_logit", "mbg_nbd", "all_feature_logit", "lightgbm_default")


def best_rule(frame: pd.DataFrame, lapsed: Flags, rules: Sequence[str]) -> str:
    """The column that ranks lapse best on these rows, whichever way round.

    Raises:
        ContractError: none of the columns is in the table.
    """
    known = [name for name in rules if name in frame.columns]
    if not known:
        raise ContractError(f"baseline needs one of {', '.join(rules)}; featurize with their families")

    def strength(name: str) -> float:
        values = frame[name].to_numpy(dtype=np.float64)
        if np.isnan(values).all():
            return 0.0
        return abs(auc(np.nan_to_num(values, nan=float(np.nanmedian(values))), lapsed) - 0.5)

    return max(known, key=strength)


def best_penalty(frame: pd.DataFrame, lapsed: Flags, is_judged: Flags, features: Sequence[str]) -> float:
    """The L2 penalty (C) with the least log loss on the inner forward fold's judged rows.

    Quantiles are those of the fold's fitting rows: nothing of the judged rows reaches the fit.
    """
    fitting = matrix(frame[~is_judged], features)
    quantiles = training_quantiles(fitting)
    design, is_shown = shown_scores(fitting, quantiles)
    judged = normal_scores(matrix(frame[is_judged], features), quantiles)
    del fitting

    def loss(penalty: float) -> float:
        weights = np.zeros(2 * len(features))
        weights[is_shown], intercept = fit_weights(design, lapsed[~is_judged], penalty)
        return float(losses(judged @ weights + intercept, lapsed[is_judged]).mean())

    return min(PENALTIES, key=loss)


def rule(name: str, frame: pd.DataFrame, lapsed: Flags, rules: Sequence[str]) -> QuantileLogit:
    """The best of some one-column rules, calibrated."""
    return quantile_logit.fit(name, frame, lapsed, [best_rule(frame, lapsed, rules)])


def best_rfm(frame: pd.DataFrame, lapsed: Flags) -> QuantileLogit:
    """Recency, frequency and monetary value, in the window with the least log loss on these rows.

    Raises:
        ContractError: a column is missing.
    """

    def fitted(days: int) -> QuantileLogit:
        columns = ("days_since_last_purchase", f"purchase_days_{days}d", f"amount_{days}d")
        return quantile_logit.fit("rfm_logit", frame, lapsed, columns)

    return min(map(fitted, RFM_WINDOWS_DAYS), key=lambda model: losses(model.log_odds(frame), lapsed).mean())


def fit_baselines(
    frame: pd.DataFrame,
    lapsed: Flags,
    features: Sequence[str],
    *,
    penalty: float,
    default_calibration: Calibration,
    execution: Execution,
) -> dict[str, RiskModel]:
    """Fit all of `BASELINES` on the same rows as the model."""
    return {
        "inactivity": rule("inactivity", frame, lapsed, INACTIVITY_RULES),
        "frequency": rule("frequency", frame, lapsed, FREQUENCY_RULES),
        "rfm_logit": best_rfm(frame, lapsed),
        "mbg_nbd": rule("mbg_nbd", frame, lapsed, MBG_NBD_ANSWERS),
        "all_feature_logit": quantile_logit.fit("all_feature_logit", frame, lapsed, features, penalty),
        "lightgbm_default": trees.fit_library_default(frame, lapsed, features, execution).calibrated(
            default_calibration
        ),
    }
