from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from features import mbgnbd
from features.mbgnbd import MbgNbd

MODEL = MbgNbd(r=0.8, alpha=12.0, a=0.7, b=2.4)


def brute_likelihood(model: MbgNbd, x: int, last: float, age: float) -> float:
    """The likelihood by integrating over the rate and the drop-out probability."""

    def over_rate(rate: float, p: float) -> float:
        alive = (1 - p) ** (x + 1) * np.exp(-rate * age)
        left = p * (1 - p) ** x * np.exp(-rate * last)
        return rate**x * (alive + left) * stats.gamma.pdf(rate, model.r, scale=1 / model.alpha)

    def inner(p: float) -> float:
        density = stats.beta.pdf(p, model.a, model.b)
        return integrate.quad(over_rate, 0, np.inf, args=(p,), limit=200)[0] * density

    return float(integrate.quad(inner, 0, 1, limit=200)[0])


@pytest.mark.parametrize(("x", "last", "age"), [(0, 0.0, 20.0), (1, 5.0, 20.0), (4, 18.0, 20.0)])
def test_the_likelihood_equals_its_integral(x: int, last: float, age: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", integrate.IntegrationWarning)
        expected = brute_likelihood(MODEL, x, last, age)
    value = mbgnbd.log_likelihood(MODEL, np.array([float(x)]), np.array([last]), np.array([age]))[0]
    assert np.exp(value) == pytest.approx(expected, rel=2e-4)


def test_the_gradient_equals_finite_differences() -> None:
    x, last, age = np.array([0.0, 1.0, 6.0]), np.array([0.0, 5.0, 18.0]), np.array([20.0, 20.0, 19.0])

    def total(values: np.ndarray) -> float:
        return float(mbgnbd.log_likelihood(MbgNbd(*values), x, last, age).sum())

    at = np.array([MODEL.r, MODEL.alpha, MODEL.a, MODEL.b])
    expected = optimize.approx_fprime(at, total, 1e-7)
    np.testing.assert_allclose(mbgnbd.gradient(MODEL, x, last, age).sum(axis=1), expected, rtol=1e-4, atol=1e-5)


def simulated(model: MbgNbd, n: int, age: float, horizon: float, rng: np.random.Generator):
    """Histories and futures drawn from the model: repeats, last day, and purchases in the horizon after `age`."""
    rate = rng.gamma(model.r, 1 / model.alpha, n)
    p = rng.beta(model.a, model.b, n)
    x, last, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        clock, alive = 0.0, rng.random() >= p[i]
        while alive:
            clock += rng.exponential(1 / rate[i])
            if clock >= age + horizon:
                break
            if clock < age:
                x[i], last[i] = x[i] + 1, clock
            else:
                later[i] += 1
            alive = rng.random() >= p[i]
    return x, last, later


def test_predictions_match_a_simulation(rng: np.random.Generator) -> None:
    age, horizon = 100.0, 28
    x, last, later = simulated(MODEL, 20_000, age, horizon, rng)
    ages = np.full(len(x), age)
    silent = mbgnbd.p_no_purchase(MODEL, x, last, ages, horizon)
    expected = mbgnbd.expected_purchases(MODEL, x, last, ages, horizon)
    for chosen in (x == 0, (x > 0) & (x < 5), x >= 5):
        share = (later[chosen] == 0).mean()
        error = 4 * np.sqrt(share * (1 - share) / chosen.sum() + 1e-9)
        assert silent[chosen].mean() == pytest.approx(share, abs=error)
        spread = 4 * later[chosen].std() / np.sqrt(chosen.sum())
        assert expected[chosen].mean() == pytest.approx(later[chosen].mean(), abs=spread)


def test_the_fit_and_predictions_equal_another_library_on_cdnow() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes
        from lifetimes import ModifiedBetaGeoFitter

        folder = Path(lifetimes.__file__).parent / "datasets"
        data = pd.read_csv(folder / "cdnow_customers_summary.csv")
        other = ModifiedBetaGeoFitter(penalizer_coef=0.0).fit(data["frequency"], data["recency"], data["T"])
        theirs = other.conditional_expected_number_of_purchases_up_to_time(
            28, data["frequency"], data["recency"], data["T"]
        )
        alive = other.conditional_probability_alive(data["frequency"], data["recency"], data["T"])
    x, last, age = (data[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T"))
    ours = mbgnbd.fit(x, last, age)
    params = other.params_
    reference = MbgNbd(params["r"], params["alpha"], params["a"], params["b"])
    gap = mbgnbd.log_likelihood(ours, x, last, age).sum() - mbgnbd.log_likelihood(reference, x, last, age).sum()
    assert gap > -0.05  # as good a maximum as theirs
    np.testing.assert_allclose(mbgnbd.p_alive(reference, x, last, age), np.asarray(alive), rtol=1e-6)
    expected = mbgnbd.expected_purchases(reference, x, last, age, 28)
    np.testing.assert_allclose(expected, np.asarray(theirs), rtol=1e-4)


def test_a_tiny_shop_gives_finite_numbers() -> None:
    model = mbgnbd.fit(np.array([0.0]), np.array([0.0]), np.array([3.0]))
    p = mbgnbd.p_no_purchase(model, np.array([0.0]), np.array([0.0]), np.array([3.0]), 28)
    assert np.isfinite(p).all()
    assert 0 <= p[0] <= 1
