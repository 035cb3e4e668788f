"""The recipe at origins spread over the history: four weekly windows are one season, and say little of others.

At each origin the recipe is fitted on what had matured by then and judged there. What inner folds chose (parameters,
penalty, the contest's winner) stands as it was chosen at the end of the history; a calibration map, which would have
been fitted on labels of the last origins, is left off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from contracts.params import Execution
from models.evaluation import metrics
from models.evaluation.figures import known
from models.learners.calibration import IDENTITY
from models.recipe.fitting import MODEL
from models.recipe.inner import is_usable
from models.recipe.refit import refit
from models.recipe.splits import Fold
from models.risk import Floats
from models.rows import Rows

Plain = dict[str, Any]
FEWEST_JUDGED = 50


def spread(cutoffs: Sequence[date], label_days: int, n_origins: int) -> tuple[Fold, ...]:
    """Up to `n_origins` folds that judge one cutoff each, spread evenly over those that leave something to fit on."""
    ordered = sorted(set(cutoffs))
    room = [day for day in ordered if ordered[0] + timedelta(days=label_days) <= day]
    chosen = np.linspace(0, len(room) - 1, min(n_origins, len(room))) if room else np.zeros(0)
    places = sorted({round(float(place)) for place in chosen})
    return tuple(_fold(ordered, room[place], label_days) for place in places)


def _fold(ordered: Sequence[date], origin: date, label_days: int) -> Fold:
    return Fold(tuple(day for day in ordered if day + timedelta(days=label_days) <= origin), (origin,), label_days)


def judge_origins(rows: Rows, recipe: Plain, label_days: int, n_origins: int, execution: Execution) -> list[Plain]:
    """One record an origin: rows fitted and judged, lapse rate, log loss, AUC and bias of the recipe's model.

    One bag is grown instead of all, for time; the base rate of the fit, alone, is the loss to compare with.
    """
    one_bag = {**recipe, "train": {**recipe["train"], "n_bags": 1}, "calibration": IDENTITY.to_json()}
    records = []
    for fold in spread(rows.cutoffs, label_days, n_origins):
        judged = rows.at(fold.judge)
        if is_usable(fold, rows) and len(judged.lapsed) >= FEWEST_JUDGED:
            seen = rows.at(fold.fit)
            p = refit({"name": MODEL, "recipe": one_bag}, seen, execution).predict(judged.frame)
            records.append(_record(fold, seen, judged, p))
    return records


def _record(fold: Fold, seen: Rows, judged: Rows, p: Floats) -> Plain:
    base = np.full(len(p), seen.lapsed.mean())
    found = metrics.plain_metrics(p, judged.lapsed)
    return known(
        {
            "cutoff_on": fold.judge[0].isoformat(),
            "n_fit_cutoffs": len(fold.fit),
            "n_fit_rows": len(seen.lapsed),
            "n_rows": len(p),
            "lapse_rate": float(judged.lapsed.mean()),
            "auc": found["auc"],
            "log_loss": found["log_loss"],
            "log_loss_of_base_rate": metrics.plain_metrics(base, judged.lapsed)["log_loss"],
            "bias": float((p - judged.lapsed).mean()),
        }
    )
