"""Calibration as a straight line in log-odds (Platt 1999): strictly increasing, so that no ranking is lost.

It is fitted on inner forward folds only, and used only if it helps there beyond doubt, and if the line of the fold
before would have helped too: within one fold every cutoff lies in the same season, and what a season lacks is not what
the next one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import minimize

from models.risk import Flags, Floats

SMALLEST_SLOPE = 0.05


@dataclass(frozen=True)
class Platt:
    """`log_odds → intercept + slope · log_odds`; slope above 0."""

    intercept: float
    slope: float

    def apply(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds."""
        return self.intercept + self.slope * log_odds

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return asdict(self)


IDENTITY = Platt(0.0, 1.0)


def losses(log_odds: Floats, lapsed: Flags) -> Floats:
    """Log loss a row (nats) of predictions given as log-odds."""
    return np.asarray(np.logaddexp(0.0, np.where(lapsed, -log_odds, log_odds)))


def fit_platt(log_odds: Floats, lapsed: Flags) -> Platt:
    """Maximum likelihood intercept and slope."""

    def loss(line: Floats) -> float:
        return float(losses(line[0] + line[1] * log_odds, lapsed).mean())

    found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B", bounds=[(-5, 5), (SMALLEST_SLOPE, 5)])
    return Platt(round(float(found.x[0]), 6), round(float(found.x[1]), 6))


def choose(log_odds: Floats, lapsed: Flags, cutoff: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Platt:
    """Platt or none, by leave-one-cutoff-out gain on inner forward predictions.

    The line must gain log loss on the mean of left-out cutoffs by more than one standard error over cutoffs; with fewer
    than three cutoffs that cannot be known, and the model is left as it is.
    """
    days = np.unique(cutoff)
    if len(days) < 3 or lapsed.all() or not lapsed.any():
        return IDENTITY
    gains = []
    for day in days:
        out = cutoff == day
        gains.append(_gain(fit_platt(log_odds[~out], lapsed[~out]), log_odds[out], lapsed[out]))
    return fit_platt(log_odds, lapsed) if _is_beyond_doubt(gains) else IDENTITY


def helps(line: Platt, log_odds: Floats, lapsed: Flags, cutoff: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
    """Whether a line fitted elsewhere gains log loss here, on the mean of cutoffs, by more than one standard error."""
    parts = [cutoff == day for day in np.unique(cutoff)]
    return len(parts) > 1 and _is_beyond_doubt([_gain(line, log_odds[at], lapsed[at]) for at in parts])


def _gain(line: Platt, log_odds: Floats, lapsed: Flags) -> float:
    return float((losses(log_odds, lapsed) - losses(line.apply(log_odds), lapsed)).mean())


def _is_beyond_doubt(gains: Sequence[float]) -> bool:
    return float(np.mean(gains)) > float(np.std(gains, ddof=1) / np.sqrt(len(gains)))
