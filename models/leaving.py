"""Who has left, as against who buys late: a renewal model of each customer's own gaps, fitted on matured labels.

A customer alive on the day of the last purchase leaves at a constant hazard h a day. Until then gaps between purchase
days are Erlang with k stages (1: a Poisson process; Platzer and Reutterer 2016 show what regularity adds). Their rate
is a gamma: its mean is the customer's own, its weight the number of gaps seen, with `weight` gaps of the store's usual
length added. With S(x) = P(no purchase in x days | alive), a silence of x days has the probability

    A(x) = L(x) + exp(−h·x)·S(x),   L(x) = ∫₀ˣ h·exp(−h·s)·S(s) ds

and after a silence of t days P(left) = L(t) / A(t), P(silent for H more days) = A(t + H) / A(t). The second is the
label and fits h and `weight`. A contact can act on those of whom the label comes true because they leave, and not on
those who merely buy late: of all whose silence goes on, the share L(t + H) / A(t + H). Each customer's k is as likely
as their gaps' coefficient of variation says: for n Erlang gaps CV² has mean 1/k and relative variance 2(1 + 1/k)/n
(delta method), matched by a scaled chi-squared; all k are alike beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
SILENCE, TENURE, DAYS = "days_since_last_purchase", "tenure_days", "purchase_days_life"
NEEDS = (SILENCE, TENURE, DAYS)
VARIATION = "gap_sd_to_gap_mean"
READ_BY_LEAVING = (*NEEDS, VARIATION)
SHAPES = (1, 2, 3, 4)
FEWEST_GAPS = 2
MOST_ROWS = 2_000
ROWS_AT_ONCE = 65_536
"""Customers asked about in one piece: the integral takes 32 numbers of each, several times over."""
LEAST_P = 1e-6
LIFE_DAYS = (30.0, 20_000.0)
WEIGHTS = (0.5, 20.0)
_NODES, _QUADRATURE = np.polynomial.legendre.leggauss(32)
_PLACES, _WEIGHTS = ((_NODES + 1) / 2) ** 3, 3 * ((_NODES + 1) / 2) ** 2 * _QUADRATURE / 2
"""Gauss-Legendre in the cube root of the share of a silence: most nodes lie at its beginning, where those who come
daily are already unlikely to be silent. L is right to 5e-5 of A for gaps from 1 to 200 days and silences up to 400."""


@dataclass(frozen=True)
class Leaving:
    """A fitted model: `hazard` of leaving (1/day), `usual_gap` (days), `weight` (gaps of that length added)."""

    hazard: float
    usual_gap: float
    weight: float

    def share_left(self, now: pd.DataFrame, horizon_days: Floats | float) -> Floats:
        """Probability that each customer has left by the horizon's end, if nothing is bought until then.

        `now` are feature rows with `NEEDS`; a horizon of 0 asks for the cutoff.
        """
        ahead = np.broadcast_to(np.asarray(horizon_days, dtype=np.float64), len(now))
        at_once = (slice(first, first + ROWS_AT_ONCE) for first in range(0, max(len(now), 1), ROWS_AT_ONCE))
        parts = [self._silent(now.iloc[rows], ahead[rows]) for rows in at_once]
        return np.concatenate([gone / (gone + here) for gone, here in parts])

    def p_silent(self, now: pd.DataFrame, horizon_days: Floats | float) -> Floats:
        """Probability that each buys nothing within the horizon: what this model says of the label."""
        return np.asarray(sum(self._silent(now, horizon_days)) / sum(self._silent(now, 0.0)))

    def _silent(self, now: pd.DataFrame, further_days: Floats | float) -> tuple[Floats, Floats]:
        """L and exp(−h·x)·S of the present silence and some days more."""
        mean, n = self._own(now)
        x = now[SILENCE].to_numpy(dtype=np.float64) + 0.5 + further_days
        at = x[:, None] * _PLACES
        stays_at, stays = np.zeros(at.shape), np.zeros(len(x))
        for shape, chance in zip(SHAPES, regularity(now), strict=True):
            stays_at += chance[:, None] * survival(at, mean[:, None], n[:, None], shape)
            stays += chance * survival(x, mean, n, shape)
        gone = (self.hazard * np.exp(-self.hazard * at) * stays_at * _WEIGHTS).sum(axis=1) * x
        return gone, np.exp(-self.hazard * x) * stays

    def _own(self, now: pd.DataFrame) -> tuple[Floats, Floats]:
        """Each customer's mean gap (days) and the gaps that it rests on."""
        n, span = _gaps(now)
        return (span + self.weight * self.usual_gap) / (n + self.weight), n + self.weight


def regularity(now: pd.DataFrame) -> Floats:
    """Probability of each number of stages (rows: `SHAPES`) for each customer; alike where the gaps say nothing."""
    n, _ = _gaps(now)
    if VARIATION not in now.columns:
        return np.full((len(SHAPES), len(n)), 1 / len(SHAPES))
    squared = now[VARIATION].to_numpy(dtype=np.float64) ** 2
    known = np.isfinite(squared) & (n >= FEWEST_GAPS)
    squared = np.maximum(np.where(known, squared, 1.0), LEAST_P)
    logs = np.array([_log_density(squared, n, shape) for shape in SHAPES])
    found = np.exp(logs - logs.max(axis=0))
    return np.where(known, found / found.sum(axis=0), 1 / len(SHAPES))


def _log_density(squared: Floats, n: Floats, shape: int) -> Floats:
    """Of CV² where n gaps are Erlang, up to what is the same for every shape."""
    from scipy.special import gammaln

    degrees = np.maximum(n, 1.0) / (1 + 1 / shape)
    x = degrees * shape * squared
    log_pdf = (degrees / 2 - 1) * np.log(x) - x / 2 - degrees / 2 * np.log(2) - gammaln(degrees / 2)
    return np.asarray(log_pdf + np.log(degrees * shape))


def survival(x: Floats, mean: Floats, n: Floats, shape: int) -> Floats:
    """P(no purchase in x days) for Erlang gaps whose rate is gamma with `n` gaps' weight around 1 / `mean`.

    The sum of the first `shape` terms of a negative binomial.
    """
    stay = n * mean / (n * mean + x)
    term: Floats = stay ** (shape * n)
    total = term
    for stage in range(1, shape):
        term = term * (shape * n + stage - 1) / stage * (1 - stay)
        total = total + term
    return total


def fit_leaving(rows: pd.DataFrame, lapsed: npt.NDArray[np.bool_], horizon_days: Floats | float) -> Leaving | None:
    """The model of greatest likelihood for labelled feature rows; None without the features, or with one label alone.

    Beyond `MOST_ROWS` rows every n-th is taken: three numbers are fitted.
    """
    if not set(NEEDS) <= set(rows.columns) or lapsed.all() or not lapsed.any():
        return None
    horizon = np.broadcast_to(np.asarray(horizon_days, dtype=np.float64), len(rows))
    n, span = _gaps(rows)
    if not (n > 0).any():
        return None
    usual_gap = float(np.median(span[n > 0] / n[n > 0]))
    some = np.arange(0, len(rows), max(1, -(-len(rows) // MOST_ROWS)))
    few, label, ahead = rows.iloc[some], lapsed[some], horizon[some]
    return _fitted(usual_gap, lambda model: _loss(model, few, label, ahead))


def _loss(model: Leaving, rows: pd.DataFrame, lapsed: npt.NDArray[np.bool_], horizon: Floats) -> float:
    """Mean log loss of the label."""
    p = np.clip(model.p_silent(rows, horizon), LEAST_P, 1 - LEAST_P)
    return float(-np.log(np.where(lapsed, p, 1 - p)).mean())


def _fitted(usual_gap: float, loss: Callable[[Leaving], float]) -> Leaving:
    """The model of least loss within the bounds."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    def model(z: Floats) -> Leaving:
        return Leaving(float(np.exp(-z[0])), usual_gap, float(np.exp(z[1])))

    start = np.log([365.0, 2.0])
    bounds = [tuple(np.log(LIFE_DAYS)), tuple(np.log(WEIGHTS))]
    with threadpool_limits(1):  # sums by several threads differ in the last digit, and so would where it stops
        found = minimize(lambda z: loss(model(z)), start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40})
    return model(found.x)


def _gaps(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Gaps between purchase days, and the days that they span."""
    n = np.maximum(rows[DAYS].to_numpy(dtype=np.float64) - 1, 0.0)
    span = rows[TENURE].to_numpy(dtype=np.float64) - rows[SILENCE].to_numpy(dtype=np.float64)
    return n, np.maximum(span, 0.0)


def told(model: Leaving | None) -> dict[str, float | int | None]:
    """The fitted numbers for a record; `life_days` is 1 / hazard. All None without a model."""
    if model is None:
        return dict.fromkeys(("life_days", "usual_gap", "weight"))
    return {"life_days": 1 / model.hazard} | {k: v for k, v in asdict(model).items() if k != "hazard"}
