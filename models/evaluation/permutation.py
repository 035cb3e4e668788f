"""What a model loses if it can no longer read a family of features: permutation importance on forward rows.

The columns of a family are shuffled together, among the rows of one cutoff (Breiman 2001; groups as in Gregorutti,
Michel and Saint-Pierre 2015): families that say the same as another lose little, however much the model uses them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.catalogue import BY_NAME
from models.evaluation.figures import Values, gain, judge, resampled
from models.risk import Floats, RiskModel
from models.rows import Rows

WHOLE = "whole"
OTHER = "other"
N_DRAWS = 200
MOST_ROWS = 6_000
LOSSES = ("log_loss", "auc")


def family_of(name: str) -> str:
    """The catalogue's family of a feature; 'other' for a column that is not in it."""
    return BY_NAME[name].family if name in BY_NAME else OTHER


def by_family(features: Iterable[str]) -> dict[str, list[str]]:
    """Features by family, in the order given."""
    found: dict[str, list[str]] = {}
    for name in features:
        found.setdefault(family_of(name), []).append(name)
    return found


def shuffled_within(cutoff: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """A row to take each row's values from, at random among those of the same cutoff."""
    generator = np.random.default_rng(seed)
    source = np.arange(len(cutoff))
    for day in np.unique(cutoff):
        places = np.flatnonzero(cutoff == day)
        source[places] = generator.permutation(places)
    return source


def some_customers(rows: Rows, seed: int, most_rows: int = MOST_ROWS) -> Rows:
    """All rows of as many customers, drawn at random, as make about `most_rows`: what a judgement costs is bounded."""
    if len(rows.lapsed) <= most_rows:
        return rows
    code, names = pd.factorize(rows.frame["customer_id"])
    drawn = np.random.default_rng(seed).random(len(names)) < most_rows / len(rows.lapsed)
    keep = drawn[code]
    return Rows(rows.frame[keep], rows.lapsed[keep], rows.cutoff[keep])


def _without(model: RiskModel, frame: pd.DataFrame, columns: list[str], source: npt.NDArray[np.int64]) -> Floats:
    """What the model says where some columns are other rows' columns; six decimals, as predictions are written."""
    blind = frame[list(model.features)].copy()
    blind[columns] = blind[columns].to_numpy()[source]
    return np.round(model.predict(blind), 6)


def family_losses(model: RiskModel, rows: Rows, seed: int) -> pd.DataFrame:
    """One row a family, the dearest first: features read, and log loss and AUC lost without it, 95 % intervals.

    Losses are means over cutoffs; intervals are a paired bootstrap over customers. A loss below 0 is a gain. AUC is
    empty where no cutoff has both outcomes.
    """
    rows = some_customers(rows, seed)
    source = shuffled_within(rows.cutoff, seed)
    families = by_family(model.features)
    whole = judge(rows.frame, rows.lapsed, {WHOLE: model})
    without = {family: _without(model, rows.frame, columns, source) for family, columns in families.items()}
    values = resampled(replace(whole, predictions={**whole.predictions, **without}), N_DRAWS, seed)
    table = pd.DataFrame([_lost(values, family, len(columns)) for family, columns in families.items()]).round(6)
    return table.sort_values("log_loss_lost", ascending=False, ignore_index=True, kind="stable")


def _lost(values: Values, family: str, n_features: int) -> dict[str, object]:
    record: dict[str, object] = {"family": family, "n_features": n_features}
    for metric in LOSSES:
        lost = gain(values, WHOLE, family, metric)
        record |= {
            f"{metric}_lost": lost["value"],
            f"{metric}_lost_low": lost["low"],
            f"{metric}_lost_high": lost["high"],
        }
    return record
