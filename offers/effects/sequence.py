"""An interval that may be looked at every week: it covers at all looks together in 95 of 100 experiments.

The boundary is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform
central limit theory and asymptotic confidence sequences" (theorem 2.2), which is the two-sided normal mixture of
Robbins (Howard, Ramdas, McAuliffe, Sekhon 2021) with estimated variance. After t rows with pseudo-outcomes of
standard deviation σ, the mean lies within σ·√(2(tρ² + 1) / (t²ρ²) · log(√(tρ² + 1) / α)) of the estimate. ρ is set so
that the boundary is narrowest at t = 2,000 rows, whatever the offer: it must not be chosen after the data. The e-value
for 'no effect' is the mixture itself, √(1 / (tρ² + 1)) · exp(ρ²S² / (2σ²(tρ² + 1))) with S the sum; 1 / e is a
p-value at any time.

A pseudo-outcome is ± (y − m) / propensity, + if treated. m is predicted by a regression on the waves that matured
before (on p_lapse, margin before and an intercept, shrunk to 'as before' while there is little), so that given the
past its mean is the effect exactly, and the sum, less the effects, is a martingale in the order of maturing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from offers.effects.rows import Floats, Outcome, Rows

ALPHA = 0.05
TUNED_FOR = 2_000
RHO_SQUARED = (-2 * math.log(ALPHA) + math.log(1 - 2 * math.log(ALPHA))) / TUNED_FOR
FEWEST = 20
"""Customers in each arm from which there is an interval: it rests on a central limit theorem."""
SHRUNK_BY_ROWS = 20.0
WINSORISED = 0.99
AS_BEFORE = {"lapsed": (0.0, 1.0, 0.5, 0.0), "margin": (0.0, 0.0, 0.0, 0.5)}
"""Coefficients of the intercept, p_lapse, 'no p_lapse' and margin before, while nothing has matured."""


@dataclass(frozen=True)
class Sequence:
    """What may be said at the last look, however many came before; positive is good. Missing (NaN) with small arms."""

    estimate: float
    low: float
    high: float
    e_value: float
    p_value: float
    n_treated: int
    n_control: int


NOTHING = Sequence(math.nan, math.nan, math.nan, math.nan, math.nan, 0, 0)


def weekly(rows: Rows, residual: Floats, outcome: Outcome) -> list[tuple[str, Sequence]]:
    """The look at the end of each wave, in order of maturing."""
    looks = []
    for k in np.unique(rows.wave):
        upto = rows.wave <= k
        looks.append((rows.waves[k], last_look(rows.at(upto), residual[upto], outcome)))
    return looks


def last_look(rows: Rows, residual: Floats, outcome: Outcome) -> Sequence:
    """Estimate, interval and e-value over all rows, whose outcomes less their predictions are `residual`."""
    n_treated = int(np.count_nonzero(rows.treated))
    n_control = len(rows) - n_treated
    if min(n_treated, n_control) < FEWEST:
        return replace(NOTHING, n_treated=n_treated, n_control=n_control)
    good = -1.0 if outcome == "lapsed" else 1.0
    pseudo = np.where(rows.treated, good, -good) * rows.weight * residual
    size = float(rows.counts.sum())
    estimate = float(pseudo.sum()) / size
    variance = float(((pseudo - estimate * rows.counts) ** 2).sum())
    reach = boundary(len(rows)) * math.sqrt(variance) / size
    e_value = mixture(estimate * size, variance, len(rows))
    return Sequence(estimate, estimate - reach, estimate + reach, e_value, min(1.0, 1 / e_value), n_treated, n_control)


def boundary(n: int) -> float:
    """How many standard deviations of its sum the boundary lies from it after `n` rows."""
    grown = n * RHO_SQUARED
    return math.sqrt(2 * (grown + 1) / grown * math.log(math.sqrt(grown + 1) / ALPHA))


def mixture(total: float, variance: float, n: int) -> float:
    """The e-value of 'no effect' after `n` rows; `variance` is the sum's. At most e^700."""
    if variance <= 0:
        return 1.0
    grown = n * RHO_SQUARED
    exponent = grown * total**2 / (2 * variance * (grown + 1)) - 0.5 * math.log(grown + 1)
    return math.exp(min(exponent, 700.0))


def residuals(rows: Rows) -> dict[Outcome, Floats]:
    """Both outcomes less what the waves that matured before predict of them; `rows` are a whole table's."""
    if not len(rows):
        return {"lapsed": np.empty(0), "margin": np.empty(0)}
    features = _features(rows)
    order = np.argsort(rows.wave, kind="stable")
    own, begins = features[order], np.searchsorted(rows.wave[order], np.arange(len(rows.waves)))
    present = np.flatnonzero(np.bincount(rows.wave, minlength=len(rows.waves)))
    squares = np.zeros((len(rows.waves), own.shape[1], own.shape[1]))
    squares[present] = np.add.reduceat(own[:, :, None] * own[:, None, :], begins[present])
    ridge = SHRUNK_BY_ROWS * np.maximum((own[rows.wave[order] == present[0]] ** 2).mean(axis=0), 1e-6)
    known = _before(squares) + np.diag(ridge)
    found: dict[Outcome, Floats] = {}
    for name in ("lapsed", "margin"):
        y, products = rows.outcome(name), np.zeros((len(rows.waves), own.shape[1]))
        products[present] = np.add.reduceat(own * y[order, None], begins[present])
        wanted = _before(products) + ridge * np.array(AS_BEFORE[name])
        coefficients = np.linalg.solve(known, wanted[:, :, None])[:, :, 0]
        found[name] = y - (features * coefficients[rows.wave]).sum(axis=1)
    return found


def _before(sums: Floats) -> Floats:
    """Sums over all waves before each."""
    return np.asarray(np.cumsum(sums, axis=0) - sums)


def _features(rows: Rows) -> Floats:
    missing = np.isnan(rows.p_lapse)
    p_lapse = np.where(missing, 0.0, rows.p_lapse)
    return np.column_stack([np.ones(len(rows)), p_lapse, missing.astype(float), _winsorised(rows)])


def _winsorised(rows: Rows) -> Floats:
    """Margin before, at most the wave's own upper quantile: known at its cutoff, whatever comes later."""
    order = np.lexsort((rows.margin_before, rows.wave))
    sizes = np.bincount(rows.wave, minlength=len(rows.waves))
    ends = np.cumsum(sizes)
    at: npt.NDArray[np.int64] = np.maximum(ends - sizes + np.floor(WINSORISED * (sizes - 1)).astype(np.int64), 0)
    caps = rows.margin_before[order][np.minimum(at, len(rows) - 1)]
    return np.minimum(rows.margin_before, caps[rows.wave])
