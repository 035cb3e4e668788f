"""Gamma-gamma: what a customer spends a purchase, drawn towards what all customers spend, the fewer the purchases.

Model and formulas: Fader, Hardie and Lee 2005, 'RFM and CLV: using iso-value curves for customer base analysis',
Journal of Marketing Research 42(4), and Fader and Hardie 2013, 'The gamma-gamma model of monetary value'. A customer's
amounts are gamma(p, nu); nu is gamma(q, gamma) across customers, and has nothing to do with how often they buy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TIGHT = {"ftol": 1e-13, "gtol": 1e-9, "maxiter": 500}
PENALTY = 1e-6
LOG_BOUNDS = ((-8.0, 8.0), (1e-3, 8.0), (-8.0, 8.0))
"""Of p, q and gamma in units of the mean amount; q stays above 1, or the population has no mean."""


@dataclass(frozen=True)
class GammaGamma:
    """Fitted parameters. `gamma` is in store currency; the others have no unit."""

    p: float
    q: float
    gamma: float


def log_likelihood(model: GammaGamma, n_purchases: Floats, mean_amount: Floats) -> Floats:
    """Log density of each customer's mean amount over `n_purchases` purchases (equation 1a of the 2013 note)."""
    from scipy.special import gammaln

    shape, q = model.p * n_purchases, model.q
    common = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(model.gamma)
    own = (shape - 1) * np.log(mean_amount) + shape * np.log(n_purchases)
    return np.asarray(common + own - (shape + q) * np.log(model.gamma + n_purchases * mean_amount))


def gradient(model: GammaGamma, n_purchases: Floats, mean_amount: Floats) -> Floats:
    """Derivatives of the log density by p, q and gamma: one row each, a column a customer.

    Differences of the likelihood would carry its last bits into the fifth digit of the fit, and no two refits be equal.
    """
    from scipy.special import digamma

    shape, total = model.p * n_purchases, model.gamma + n_purchases * mean_amount
    both = digamma(shape + model.q)
    by_p = n_purchases * (both - digamma(shape) + np.log(mean_amount) + np.log(n_purchases) - np.log(total))
    by_q = both - digamma(model.q) + np.log(model.gamma) - np.log(total)
    return np.stack([by_p, by_q, model.q / model.gamma - (shape + model.q) / total])


def fit(n_purchases: Floats, mean_amount: Floats) -> GammaGamma:
    """Maximum likelihood, with a faint pull of the log parameters to 0 that keeps customers all alike finite.

    Amounts above 0 are taken in units of their mean; parameters are rounded to 6 significant digits, so that refits
    give equal bytes.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    scale = float(mean_amount.mean())
    amounts = mean_amount / scale

    def loss(logs: Floats) -> tuple[float, Floats]:
        model = GammaGamma(*np.exp(logs))
        value = log_likelihood(model, n_purchases, amounts).mean()
        slope = gradient(model, n_purchases, amounts).mean(axis=1) * np.exp(logs)
        return float(PENALTY * logs @ logs - value), 2 * PENALTY * logs - slope

    with threadpool_limits(1):  # three parameters: threads would only spin
        start = np.array([0.0, 1.0, 0.0])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=LOG_BOUNDS, options=TIGHT)
    p, q, gamma = np.exp(found.x)
    return GammaGamma(*(float(f"{value:.6g}") for value in (p, q, gamma * scale)))


def expected_amount(model: GammaGamma, n_purchases: Floats, mean_amount: Floats) -> Floats:
    """Expected amount of a further purchase, store currency (equation 5 of the 2013 note)."""
    shape = model.p * n_purchases
    return np.asarray(model.p * (model.gamma + n_purchases * mean_amount) / (shape + model.q - 1.0))
