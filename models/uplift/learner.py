"""A doubly robust learner of effects on features (Kennedy 2023), shrunk to the average where no more is supported.

The pseudo-outcome of a treatment is its doubly robust score less that of doing nothing; its regression on features is
the effect. A ridge and small trees are tried beside 'the same for everyone'. Each is judged out of fold: its deviations
from the average enter by the slope b that fits the pseudo-outcomes best, times 1 − 2·(se/b)² where that is above 0 (two
variances, for the best of several is taken), and whatever lowers the doubly robust risk most is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from contracts.errors import ContractError
from models.risk import Floats
from models.uplift.scores import FOLDING, Estimate, Folding, arm_scores, cross_predictions, mean_of
from models.uplift.surfaces import EFFECT_FITS, Constant, Fit, Surface, surface_from_json
from models.uplift.trial import Ints, Trial, folds_of

DOUBT = 2.0
STEEPEST = 2.0
FEWEST_ROWS = 100
MODEL_FILE = "model.json"


@dataclass(frozen=True)
class Effect:
    """The effect of one treatment, outcome's unit: average + slope · (surface − centre).

    `slope` is 0 where no heterogeneity is supported. `tried` is how much each surface lowers the doubly robust risk.
    """

    arm: str
    average: Estimate
    surface: Surface = field(repr=False)
    centre: float
    slope: float
    n_rows: int
    tried: Mapping[str, float]

    def predict(self, frame: pd.DataFrame) -> Floats:
        """The effect in each row."""
        if not self.slope:
            return np.full(len(frame), self.average.value)
        return self.average.value + self.slope * (self.surface.predict(frame) - self.centre)


@dataclass(frozen=True)
class Uplift:
    """Effects of every treatment against doing nothing, in the order of the arms."""

    effects: tuple[Effect, ...]

    def predict(self, frame: pd.DataFrame) -> Floats:
        """Shape (rows, arms): 0 for doing nothing, then each treatment's effect."""
        return np.column_stack([np.zeros(len(frame)), *(effect.predict(frame) for effect in self.effects)])

    def to_files(self) -> dict[str, str]:
        """The model as plain text."""
        plain = {"kind": "uplift", "effects": [_plain(effect) for effect in self.effects]}
        return {MODEL_FILE: json.dumps(plain, indent=1) + "\n"}


def from_files(files: Mapping[str, str]) -> Uplift:
    """The model from what `to_files` wrote."""
    plain = json.loads(files[MODEL_FILE])
    if plain.get("kind") != "uplift":
        raise ContractError(f"expected a model of kind 'uplift', got '{plain.get('kind')}'; name the folder of another")
    return Uplift(tuple(_effect(one) for one in plain["effects"]))


def _plain(effect: Effect) -> dict[str, Any]:
    own = effect.average
    return {
        "arm": effect.arm,
        "average": [own.value, own.low, own.high, own.se],
        "surface": effect.surface.to_json(),
        "centre": effect.centre,
        "slope": effect.slope,
        "n_rows": effect.n_rows,
        "tried": dict(effect.tried),
    }


def _effect(plain: dict[str, Any]) -> Effect:
    return Effect(
        plain["arm"],
        Estimate(*plain["average"]),
        surface_from_json(plain["surface"]),
        plain["centre"],
        plain["slope"],
        plain["n_rows"],
        plain["tried"],
    )


def fit(trial: Trial, folding: Folding = FOLDING) -> Uplift:
    """Effects of every arm but the first.

    Raises:
        ContractError: an arm and doing nothing could both be drawn in fewer than 100 rows.
    """
    scores = arm_scores(trial, cross_predictions(trial, folding))
    return Uplift(tuple(_fit_arm(trial, scores, arm, folding) for arm in range(1, len(trial.arms))))


def _fit_arm(trial: Trial, scores: Floats, arm: int, folding: Folding) -> Effect:
    pseudo = scores[:, arm] - scores[:, 0]
    known = ~np.isnan(pseudo)
    if known.sum() < FEWEST_ROWS:
        raise ContractError(
            f"expected {FEWEST_ROWS} rows or more in which '{trial.arms[arm]}' and '{trial.arms[0]}' could both be "
            f"drawn, got {int(known.sum())}; leave this treatment out until there are"
        )
    own, pseudo = trial.at(known), pseudo[known]
    fold = folds_of(own.customer, folding.n_folds, folding.seed + 1)
    average = mean_of(pseudo, own.customer)
    judged = {name: _judged(_deviations(own, pseudo, fold, each), pseudo) for name, each in EFFECT_FITS.items()}
    tried = {name: gain for name, (_, gain) in judged.items()}
    best = max(tried, key=lambda name: tried[name])
    slope = judged[best][0]
    if not slope:
        return Effect(trial.arms[arm], average, Constant(average.value), average.value, 0.0, len(own), tried)
    surface = EFFECT_FITS[best](own.frame, own.features, pseudo)
    centre = float(surface.predict(own.frame).mean())
    return Effect(trial.arms[arm], average, surface, centre, slope, len(own), tried)


def _deviations(trial: Trial, pseudo: Floats, fold: Ints, each: Fit) -> Floats:
    """Out of fold: what a surface says of each row, less what it says on average of the rows that it was fitted on."""
    found = np.zeros(len(trial))
    for k in np.unique(fold):
        learn, own = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        frame = trial.frame.iloc[learn]
        surface = each(frame, trial.features, pseudo[learn])
        found[own] = surface.predict(trial.frame.iloc[own]) - surface.predict(frame).mean()
    return found


def _judged(deviation: Floats, pseudo: Floats) -> tuple[float, float]:
    """The slope by which deviations enter, and by how much they then lower the doubly robust risk; 0 and 0 if none."""
    x, y = deviation - deviation.mean(), pseudo - pseudo.mean()
    squares = float(x @ x)
    if squares <= 1e-12 * max(float(y @ y), 1e-300):
        return 0.0, 0.0
    best = float(x @ y) / squares
    variance = float((x**2 * (y - best * x) ** 2).sum()) / squares**2
    kept = 1 - DOUBT * variance / best**2 if best > 0 else 0.0
    slope = min(best * max(kept, 0.0), STEEPEST)
    return slope, float((y**2).mean() - ((y - slope * x) ** 2).mean()) if slope else 0.0
