"""MBG/NBD: how many purchases a non-contractual customer will make, and whether any (a 'buy till you die' model).

Model and formulas: Batislam, Denizel and Filiztekin 2007, 'Empirical validation and comparison of models for customer
base analysis', International Journal of Research in Marketing 24(3). Purchases follow a Poisson process with a
gamma(r, alpha) rate across customers; after every purchase, the first included, a customer leaves with a
beta(a, b) probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
START = (0.0, 1.0, -1.0, 0.0)
PENALTY = 1e-3


@dataclass(frozen=True)
class MbgNbd:
    """Fitted parameters. `alpha` is in days; the others have no unit."""

    r: float
    alpha: float
    a: float
    b: float


def log_likelihood(model: MbgNbd, n_repeats: Floats, last_day: Floats, age_days: Floats) -> Floats:
    """Log likelihood a customer: `n_repeats` purchases after the first, the last at `last_day`, watched `age_days`."""
    from scipy.special import betaln, gammaln

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    x = n_repeats
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    stays = betaln(a, b + x + 1) - (r + x) * np.log(alpha + age_days)
    leaves = betaln(a + 1, b + x) - (r + x) * np.log(alpha + last_day)
    return np.asarray(common + np.logaddexp(stays, leaves))


def gradient(model: MbgNbd, n_repeats: Floats, last_day: Floats, age_days: Floats) -> Floats:
    """Derivatives of each customer's log likelihood by r, alpha, a and b: shape (4, customers)."""
    from scipy.special import betaln, psi

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    x = n_repeats
    stays = betaln(a, b + x + 1) - (r + x) * np.log(alpha + age_days)
    leaves = betaln(a + 1, b + x) - (r + x) * np.log(alpha + last_day)
    stay = 1.0 / (1.0 + np.exp(np.clip(leaves - stays, -700, 700)))
    leave = 1.0 - stay
    by_r = psi(r + x) - psi(r) + np.log(alpha) - stay * np.log(alpha + age_days) - leave * np.log(alpha + last_day)
    by_alpha = r / alpha - (r + x) * (stay / (alpha + age_days) + leave / (alpha + last_day))
    both = psi(a + b) - psi(a + b + x + 1)
    by_a = both - psi(a) + stay * psi(a) + leave * psi(a + 1)
    by_b = both - psi(b) + stay * psi(b + x + 1) + leave * psi(b + x)
    return np.stack([by_r, by_alpha, by_a, by_b])


def fit(n_repeats: Floats, last_day: Floats, age_days: Floats) -> MbgNbd:
    """Maximum likelihood, with a faint pull of the log parameters to 0 that keeps tiny shops finite.

    Time is scaled by the oldest customer's age, and parameters are rounded to 6 significant digits, so that refits
    give equal bytes. Equal histories are counted once.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    scale = max(float(age_days.max(initial=1.0)), 1.0)
    histories, n = np.unique(np.column_stack([n_repeats, last_day, age_days]), axis=0, return_counts=True)
    x, t, age = histories[:, 0], histories[:, 1] / scale, histories[:, 2] / scale

    def loss(logs: Floats) -> tuple[float, Floats]:
        model = MbgNbd(*np.exp(logs))
        value = -(n @ log_likelihood(model, x, t, age)) + PENALTY * logs @ logs
        slope = -(gradient(model, x, t, age) @ n) * np.exp(logs) + 2 * PENALTY * logs
        return float(value / n.sum()), slope / n.sum()

    with threadpool_limits(1):  # four parameters: threads would only spin
        found = minimize(loss, np.array(START), jac=True, method="L-BFGS-B", bounds=[(-8, 8)] * 4)
    r, alpha, a, b = (float(f"{value:.6g}") for value in np.exp(found.x))
    return MbgNbd(r, alpha * scale, a, b)


def p_alive(model: MbgNbd, n_repeats: Floats, last_day: Floats, age_days: Floats) -> Floats:
    """Probability that the customer has not left by now."""
    odds = model.a / (model.b + n_repeats)
    ratio = np.exp((model.r + n_repeats) * (np.log(model.alpha + age_days) - np.log(model.alpha + last_day)))
    return np.asarray(1.0 / (1.0 + odds * ratio))


def p_no_purchase(
    model: MbgNbd, n_repeats: Floats, last_day: Floats, age_days: Floats, horizon_days: int | Floats
) -> Floats:
    """Probability of no purchase in the next `horizon_days` (of all, or each): gone already, or silent by chance."""
    alive = p_alive(model, n_repeats, last_day, age_days)
    silent = np.exp(
        (model.r + n_repeats) * (np.log(model.alpha + age_days) - np.log(model.alpha + age_days + horizon_days))
    )
    return np.asarray(1.0 - alive * (1.0 - silent))


def expected_purchases(
    model: MbgNbd, n_repeats: Floats, last_day: Floats, age_days: Floats, horizon_days: int | Floats
) -> Floats:
    """Expected purchases in the next `horizon_days`. The closed form has a pole at a = 1, which is stepped over."""
    from scipy.special import hyp2f1

    a = model.a if abs(model.a - 1.0) > 1e-4 else 1.0 + 1e-4
    x, r, alpha = n_repeats, model.r, model.alpha
    share = horizon_days / (alpha + age_days + horizon_days)
    series = hyp2f1(r + x, model.b + x + 1, a + model.b + x, share)
    kept = np.exp((r + x) * np.log1p(-share)) * series
    alive = p_alive(model, n_repeats, last_day, age_days)
    return np.asarray(alive * (a + model.b + x) / (a - 1.0) * (1.0 - kept))


FIT_CUSTOMERS = 20_000
"""The model is fitted to at most so many customers: those with the lowest numbers drawn from their ids."""


def draw_numbers(customers: npt.NDArray[np.object_]) -> Floats:
    """A number between 0 and 1 a customer, drawn by hash: the same on every machine, whoever else buys."""
    digests = b"".join(blake2b(str(name).encode(), digest_size=8).digest() for name in customers)
    return np.frombuffer(digests, dtype=">u8").astype(np.float64) / 2.0**64


def lowest(table: Floats, n: int = FIT_CUSTOMERS) -> Floats:
    """The `n` rows with the lowest numbers in the first column, all rows if there are fewer."""
    return table if len(table) <= n else table[np.argsort(table[:, 0], kind="stable")[:n]]
