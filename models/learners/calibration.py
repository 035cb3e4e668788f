"""Maps from a model's log-odds to calibrated ones: strictly increasing all, so that no ranking is lost.

Four kinds compete, the simplest first: a shift of the base rate, a straight line (Platt 1999), beta calibration (Kull,
Silva Filho and Flach 2017) and centred isotonic regression (Oron and Flournoy 2017), which has no flat steps. Each is
fitted on inner forward folds only. One is used only if it helps there clearly, and if the same kind, as the fold
before would have given it, would have helped too: within one fold every cutoff lies in the same season, and what one
season lacks is not what the next one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.risk import Flags, Floats, logit

SMALLEST_SLOPE = 0.05
LARGEST_SLOPE = 5.0
STILL = 1e-9
FEWEST_PER_KNOT = 50
DOUBT = 2.0
"""Standard errors over cutoffs that a gain must exceed; the cutoffs overlap, so this is a hurdle, not a test."""
Days = npt.NDArray[np.int64]


class Calibration(Protocol):
    """A strictly increasing map of log-odds."""

    def apply(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it."""
        ...


@dataclass(frozen=True)
class Platt:
    """`log_odds → intercept + slope · log_odds`; slope above 0. With slope 1 it is a shift of the base rate."""

    intercept: float
    slope: float

    def apply(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds."""
        return self.intercept + self.slope * log_odds

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "platt", **asdict(self)}


@dataclass(frozen=True)
class Beta:
    """`log_odds → a · ln p − b · ln(1 − p) + c`, with p the probability of the given log-odds; a and b above 0."""

    a: float
    b: float
    c: float

    def apply(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds."""
        return np.asarray(-self.a * np.logaddexp(0.0, -log_odds) + self.b * np.logaddexp(0.0, log_odds) + self.c)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "beta", **asdict(self)}


@dataclass(frozen=True)
class Isotonic:
    """Knots (log-odds before and after, both strictly rising), straight lines between, slope 1 beyond the ends."""

    before: tuple[float, ...] = field(repr=False)
    after: tuple[float, ...] = field(repr=False)

    def apply(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds."""
        inside = np.interp(log_odds, self.before, self.after)
        beyond = np.minimum(log_odds - self.before[0], 0.0) + np.maximum(log_odds - self.before[-1], 0.0)
        return np.asarray(inside + beyond)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "isotonic", "before": list(self.before), "after": list(self.after)}


IDENTITY = Platt(0.0, 1.0)


def from_json(plain: Mapping[str, Any]) -> Calibration:
    """The map that `to_json` told; a map without a kind is a line."""
    told = {name: value for name, value in plain.items() if name != "kind"}
    kind = plain.get("kind", "platt")
    if kind == "isotonic":
        return Isotonic(tuple(told["before"]), tuple(told["after"]))
    return Beta(**told) if kind == "beta" else Platt(**told)


def through(found: Calibration, contributions: Floats) -> Floats:
    """Contributions to calibrated log-odds: scaled, row by row, and still adding up to them.

    `contributions` has one column a feature and the base last. A row is scaled by the map's mean slope between its base
    and its end, kept within the slopes that a line may have; what that leaves over goes to the base.
    """
    moved, base = contributions[:, :-1].sum(axis=1), contributions[:, -1]
    end = found.apply(base + moved)
    is_still = np.abs(moved) < STILL
    slope = (end - found.apply(base)) / np.where(is_still, 1.0, moved)
    scale = np.where(is_still, 1.0, np.clip(slope, SMALLEST_SLOPE, LARGEST_SLOPE))
    return np.column_stack([contributions[:, :-1] * scale[:, None], end - scale * moved])


def losses(log_odds: Floats, lapsed: Flags) -> Floats:
    """Log loss a row (nats) of predictions given as log-odds."""
    return np.asarray(np.logaddexp(0.0, np.where(lapsed, -log_odds, log_odds)))


def _least(
    loss: Callable[[Floats], float], start: Sequence[float], bounds: Sequence[tuple[float, float]]
) -> list[float]:
    from scipy.optimize import minimize

    found = minimize(loss, np.array(start), method="L-BFGS-B", bounds=bounds)
    return [round(float(value), 6) for value in found.x]


def fit_shift(log_odds: Floats, lapsed: Flags) -> Platt:
    """The intercept of maximum likelihood at slope 1: the base rate is moved, the order and the spread stay."""
    found = _least(lambda at: float(losses(at[0] + log_odds, lapsed).mean()), [0.0], [(-5, 5)])
    return Platt(found[0], 1.0)


def fit_platt(log_odds: Floats, lapsed: Flags) -> Platt:
    """Maximum likelihood intercept and slope."""
    slopes = (SMALLEST_SLOPE, LARGEST_SLOPE)
    found = _least(lambda at: float(losses(at[0] + at[1] * log_odds, lapsed).mean()), [0.0, 1.0], [(-5, 5), slopes])
    return Platt(*found)


def fit_beta(log_odds: Floats, lapsed: Flags) -> Calibration:
    """Maximum likelihood a, b and c; the line where a slope runs against its bound, which would flatten an end."""
    slopes = (SMALLEST_SLOPE, LARGEST_SLOPE)

    def loss(at: Floats) -> float:
        return float(losses(Beta(*at).apply(log_odds), lapsed).mean())

    found = Beta(*_least(loss, [1.0, 1.0, 0.0], [slopes, slopes, (-5, 5)]))
    return fit_platt(log_odds, lapsed) if min(found.a, found.b) <= SMALLEST_SLOPE else found


def fit_isotonic(log_odds: Floats, lapsed: Flags) -> Calibration:
    """Isotonic regression whose steps are drawn together to their centres; a shift where it has less than two steps.

    Steps of fewer than 50 rows are merged with the next, so that no end rests on a handful; a step of one outcome alone
    is held off 0 and 1 by half a row.
    """
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(log_odds, kind="stable")
    level = isotonic_regression(lapsed[order].astype(np.float64))
    starts = _wide(np.flatnonzero(np.r_[True, np.diff(level) > 0]), len(level))
    counts = np.diff(np.r_[starts, len(level)])
    rates = (np.add.reduceat(lapsed[order], starts, dtype=np.float64) + 0.5) / (counts + 1.0)
    before = np.add.reduceat(log_odds[order], starts) / counts
    rising = np.r_[True, np.diff(np.maximum.accumulate(rates)) > 0] & np.r_[True, np.diff(before) > 0]
    if rising.sum() < 2:
        return fit_shift(log_odds, lapsed)
    knots = (before[rising].round(6), logit(rates[rising]).round(6))
    return Isotonic(*(tuple(float(value) for value in side) for side in knots))


def _wide(starts: Days, n: int) -> Days:
    """The starts of steps that reach at least 50 rows to the next kept start."""
    kept: list[int] = []
    for start in starts.tolist():
        if not kept or start - kept[-1] >= FEWEST_PER_KNOT:
            kept.append(start)
    return np.array([start for start in kept if n - start >= FEWEST_PER_KNOT or start == kept[0]], dtype=np.int64)


KINDS: dict[str, Callable[[Floats, Flags], Calibration]] = {
    "shift": fit_shift,
    "platt": fit_platt,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}
"""From the simplest to the most pliable."""


def choose(log_odds: Floats, lapsed: Flags, cutoff: Days, kinds: Sequence[str] = tuple(KINDS)) -> str | None:
    """The kind that these inner forward predictions ask for, by its gain on left-out cutoffs; None if none is.

    A kind must gain log loss on the mean of left-out cutoffs by more than two standard errors over cutoffs; of those
    that do, the simplest whose gain is within two standard errors of the best. With fewer than three cutoffs
    that cannot be known, and the model is left as it is.
    """
    if len(np.unique(cutoff)) < 3 or lapsed.all() or not lapsed.any():
        return None
    gains = {kind: _left_out_gains(KINDS[kind], log_odds, lapsed, cutoff) for kind in kinds}
    sure = [kind for kind in kinds if _is_clear(gains[kind])]
    if not sure:
        return None
    best = max(sure, key=lambda kind: float(np.mean(gains[kind])))
    return next(kind for kind in sure if not _is_clear(gains[best] - gains[kind]))


def _left_out_gains(
    fit: Callable[[Floats, Flags], Calibration], log_odds: Floats, lapsed: Flags, cutoff: Days
) -> Floats:
    gains = []
    for day in np.unique(cutoff):
        out = cutoff == day
        gains.append(_gain(fit(log_odds[~out], lapsed[~out]), log_odds[out], lapsed[out]))
    return np.array(gains)


def helps(found: Calibration, log_odds: Floats, lapsed: Flags, cutoff: Days) -> bool:
    """Whether a map fitted elsewhere gains log loss here, on the mean of cutoffs, by more than two standard errors."""
    parts = [cutoff == day for day in np.unique(cutoff)]
    return len(parts) > 1 and _is_clear(np.array([_gain(found, log_odds[at], lapsed[at]) for at in parts]))


def _gain(found: Calibration, log_odds: Floats, lapsed: Flags) -> float:
    return float((losses(log_odds, lapsed) - losses(found.apply(log_odds), lapsed)).mean())


def _is_clear(gains: Floats) -> bool:
    return float(np.mean(gains)) > DOUBT * float(np.std(gains, ddof=1) / np.sqrt(len(gains)))
