"""Where outcomes are few: simple models against LightGBM and a blend of it with the regularised logit.

All are judged on the same inner forward folds. The blend stands unless another gains on it beyond doubt: choosing the
least loss, or the simplest within one standard error of it, was measured and is worse, since a handful of outcomes
rarely tells models apart, and the mean of two that err apart seldom errs much (docs/decisions/0008-models.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.evaluation.metrics import clustered_error
from models.learners import baselines, quantile_logit, trees
from models.learners.blend import Blend
from models.learners.calibration import fit_shift, losses
from models.recipe.inner import Terms, is_usable
from models.recipe.splits import Fold
from models.risk import Floats, RiskModel
from models.rows import Rows

LIGHTGBM = "lightgbm"
BLEND = "blend"
CONTESTANTS = ("inactivity", "mbg_nbd", "rfm_logit", "all_feature_logit", LIGHTGBM, BLEND)
"""From the simplest to the blend, which is the one to beat."""
DOUBT = 2.0


@dataclass(frozen=True)
class Entrant:
    """One contestant on the inner folds: its log loss (nats), how much less than the blend's, and that gain's error.

    Each judged cutoff's base rate is levelled first: its drift is common to all, and would be all that is seen.
    """

    name: str
    log_loss: float
    gain_on_blend: float
    standard_error: float

    @property
    def is_beyond_doubt(self) -> bool:
        """Whether it beats the blend by more than two standard errors."""
        return self.gain_on_blend > DOUBT * self.standard_error


def n_rarer(rows: Rows) -> int:
    """Labels of the rarer outcome."""
    n_lapsed = int(rows.lapsed.sum())
    return min(n_lapsed, len(rows.lapsed) - n_lapsed)


def contestants(rows: Rows, terms: Terms) -> dict[str, Any]:
    """Every contestant fitted on the rows, uncalibrated."""
    frame, lapsed = rows.frame, rows.lapsed
    grown = trees.fit(frame, lapsed, terms.features, terms.train, terms.execution)
    logit = quantile_logit.fit("all_feature_logit", frame, lapsed, terms.shown, terms.penalty)
    return {
        "inactivity": baselines.rule("inactivity", frame, lapsed, baselines.INACTIVITY_RULES),
        "mbg_nbd": baselines.rule("mbg_nbd", frame, lapsed, baselines.MBG_NBD_ANSWERS),
        "rfm_logit": baselines.best_rfm(frame, lapsed),
        "all_feature_logit": logit,
        LIGHTGBM: grown,
        BLEND: Blend(BLEND, (grown, logit)),
    }


def levelled(log_odds: Floats, rows: Rows) -> Floats:
    """Log loss a row once each cutoff's base rate is matched."""
    moved = log_odds.copy()
    for day in np.unique(rows.cutoff):
        at = rows.cutoff == day
        if 0 < rows.lapsed[at].sum() < at.sum():
            moved[at] = fit_shift(log_odds[at], rows.lapsed[at]).apply(log_odds[at])
    return losses(moved, rows.lapsed)


def hold(rows: Rows, folds: Sequence[Fold], terms: Terms) -> tuple[Entrant, ...]:
    """The contest on the usable folds, one entrant a contestant; none where no fold is usable."""
    usable = [fold for fold in folds if is_usable(fold, rows)]
    parts: dict[str, list[Floats]] = {name: [] for name in CONTESTANTS}
    for fold in usable:
        judged = rows.at(fold.judge)
        fitted: Mapping[str, RiskModel] = contestants(rows.at(fold.fit), terms.with_one_bag)
        for name, model in fitted.items():
            parts[name].append(levelled(model.log_odds(judged.frame), judged))
    if not usable:
        return ()
    customers = pd.concat([rows.at(fold.judge).frame["customer_id"] for fold in usable])
    lost = {name: np.concatenate(found) for name, found in parts.items()}
    return tuple(_entrant(name, lost[name], lost[BLEND], customers) for name in CONTESTANTS)


def _entrant(name: str, lost: Floats, blend: Floats, customers: pd.Series) -> Entrant:
    gain = blend - lost
    error = clustered_error(gain, customers.to_numpy())
    return Entrant(name, *(round(float(value), 6) for value in (lost.mean(), gain.mean(), error)))


def winner(held: Sequence[Entrant]) -> str:
    """The simplest entrant that beats the blend beyond doubt, else the blend (also where nothing could be held)."""
    return next((one.name for one in held if one.is_beyond_doubt), BLEND)
