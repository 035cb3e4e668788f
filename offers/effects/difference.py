"""The difference between treated and controls, regression-adjusted, with a 95 % interval.

Lin (2013), "Agnostic notes on regression adjustments to experimental data": the outcome is regressed on treatment,
centred covariates and their products with treatment; the coefficient of treatment is the mean effect, whether or not
the regression is right, and never less precise than the plain difference in large samples. Rows weigh 1 / propensity,
so that waves with different control shares cannot confound, and each wave with two or more customers in both arms has
an intercept of its own. Variance: HC2 (MacKinnon and White 1985), summed within customers who occur in several waves.
The interval is Student's t with Welch-Satterthwaite degrees of freedom over the two arms, for the smaller arm, most
often the controls, decides how well its variance is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from offers.effects.rows import Flags, Floats, Ints, Outcome, Rows, rows_of

COVERED = 0.95
WINSORISED = 0.99
"""Margins before the cutoff count up to this quantile of all rows, both arms: one big buyer must not bend a slope."""
ROWS_A_SLOPE = 10
FEW = 5
NAN = math.nan


@dataclass(frozen=True)
class Difference:
    """Effect on one outcome: retention in shares (control's lapse rate less treated's), margin in currency a customer.

    Positive is good in both. `low`, `high`: 95 %; they and `se` are missing (NaN) with fewer than two customers in an
    arm, `estimate` if an arm is empty. The means are of the raw outcome (lapse rate or margin), weighted alone.
    """

    estimate: float
    low: float
    high: float
    se: float
    n_treated: int
    n_control: int
    treated_mean: float
    control_mean: float


def difference(outcomes: pd.DataFrame, outcome: Outcome) -> Difference:
    """Effect among the rows of a table WAVE_OUTCOMES, treated against control.

    For one offer take `of_rows` of `Rows.of_offer`, which knows whom exploration's draws of 'none' may stand for.
    """
    return of_rows(rows_of(outcomes), outcome)


def of_rows(rows: Rows, outcome: Outcome) -> Difference:
    """The same of rows as arrays."""
    found = adjusted(rows, rows.outcome(outcome), is_share=outcome == "lapsed")
    return flipped(found) if outcome == "lapsed" else found


def flipped(found: Difference) -> Difference:
    """A fall for a rise: the sign of the effect turned, the arms' means as they are."""
    return Difference(
        -found.estimate, -found.high, -found.low, found.se, found.n_treated, found.n_control,
        found.treated_mean, found.control_mean,
    )  # fmt: skip


def adjusted(rows: Rows, y: Floats, *, is_share: bool = False, use_covariates: bool = True) -> Difference:
    """Treated less control of any outcome `y`, one number a row; `is_share` if it is 0 or 1."""
    treated = rows.treated
    n_treated, n_control = int(treated.sum()), int((~treated).sum())
    means = [_mean(y[arm], rows.weight[arm]) for arm in (treated, ~treated)]
    if min(n_treated, n_control) < 2:
        return Difference(means[0] - means[1], NAN, NAN, NAN, n_treated, n_control, means[0], means[1])
    centred = covariates(rows) if use_covariates else np.empty((len(rows), 0))
    estimate, parts = _regressed(rows, y, centred)
    by_arm = [_variance(parts[arm], rows.customer[arm]) for arm in (treated, ~treated)]
    variance = _variance(parts, rows.customer)
    if is_share:
        floors = [_least_variance(y[arm], rows.weight[arm]) for arm in (treated, ~treated)]
        short = [max(floor - own, 0.0) for floor, own in zip(floors, by_arm, strict=True)]
        by_arm = [own + more for own, more in zip(by_arm, short, strict=True)]
        variance += sum(short)
    se = math.sqrt(variance)
    reach = _quantile(by_arm, (n_treated, n_control)) * se
    return Difference(estimate, estimate - reach, estimate + reach, se, n_treated, n_control, means[0], means[1])


def covariates(rows: Rows) -> Floats:
    """Centred columns: p_lapse (its mean where missing), whether it is missing, and the winsorised margin before.

    A column is left out where it does not vary within both arms, and all are where an arm is too small to bear them.
    """
    missing = np.isnan(rows.p_lapse)
    known = rows.p_lapse[~missing]
    filled = np.where(missing, known.mean() if len(known) else 0.0, rows.p_lapse)
    before = np.clip(rows.margin_before, *np.quantile(rows.margin_before, [1 - WINSORISED, WINSORISED]))
    columns = np.column_stack([filled, missing.astype(float), before])
    varies = [np.ptp(columns[arm], axis=0) > 0 for arm in (rows.treated, ~rows.treated)]
    kept = columns[:, varies[0] & varies[1]]
    smaller = min(int(rows.treated.sum()), int((~rows.treated).sum()))
    if smaller < ROWS_A_SLOPE * (kept.shape[1] + 1):
        kept = kept[:, :0]
    centred = kept - np.average(kept, axis=0, weights=rows.counts)
    scale = centred.std(axis=0)
    return np.asarray(centred / np.where(scale > 0, scale, 1.0))


def _regressed(rows: Rows, y: Floats, centred: Floats) -> tuple[float, Floats]:
    """The coefficient of treatment, and each row's part of its deviation (HC2)."""
    treated, weight = rows.treated.astype(float), rows.weight
    block = intercepts(rows)
    design = np.column_stack([treated, centred, treated[:, None] * centred])
    totals = np.bincount(block, weight)
    own = np.column_stack([design, y])
    own = own - np.column_stack([np.bincount(block, weight * column) / totals for column in own.T])[block]
    design, response = own[:, :-1], own[:, -1]
    inverse = np.linalg.pinv(design.T @ (weight[:, None] * design), hermitian=True)
    coefficients = inverse @ (design.T @ (weight * response))
    projected = design @ inverse
    leverage = weight / totals[block] + weight * np.einsum("ij,ij->i", projected, design)
    residual = (response - design @ coefficients) / np.sqrt(np.clip(1 - leverage, 1e-6, None))
    return float(coefficients[0]), weight * projected[:, 0] * residual


def intercepts(rows: Rows) -> Ints:
    """The intercept of each row: its wave's own where both arms have two customers, else one that they share."""
    n_waves = len(rows.waves)
    n_treated = np.bincount(rows.wave[rows.treated], minlength=n_waves)
    n_control = np.bincount(rows.wave[~rows.treated], minlength=n_waves)
    own: Flags = np.minimum(n_treated, n_control) >= 2
    blocks = np.where(own, np.arange(n_waves) + 1, 0)[rows.wave]
    return np.asarray(np.unique(blocks, return_inverse=True)[1], dtype=np.int64)


def _mean(y: Floats, weight: Floats) -> float:
    return float(np.average(y, weights=weight)) if len(y) else NAN


def _variance(parts: Floats, customer: Ints) -> float:
    return float((np.bincount(customer, parts) ** 2).sum())


def _least_variance(y: Floats, weight: Floats) -> float:
    """Variance of an arm in which fewer than five lapsed, or stayed: that of one more of each (Agresti and Coull)."""
    n, n_ones = len(y), float(y.sum())
    if min(n_ones, n - n_ones) >= FEW:
        return 0.0
    share = (n_ones + 1) / (n + 2)
    return share * (1 - share) * float((weight**2).sum()) / float(weight.sum()) ** 2


def _quantile(variances: list[float], sizes: tuple[int, int]) -> float:
    """Student's t for Welch-Satterthwaite degrees of freedom."""
    from scipy.special import stdtrit  # noqa: PLC0415

    below = sum(own**2 / (n - 1) for own, n in zip(variances, sizes, strict=True))
    freedom = sum(variances) ** 2 / below if below > 0 else float(sum(sizes) - 2)
    return float(stdtrit(freedom, (1 + COVERED) / 2))
