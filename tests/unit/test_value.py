"""Value at stake: levels and intervals by hand, shapes by second routes, and the forward test that chooses."""

from __future__ import annotations

import json
import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from contracts.errors import ContractError
from contracts.params import Params
from features import mbgnbd
from features.mbgnbd import MbgNbd
from models.value import gamma_gamma
from models.value import judging as value_judging
from models.value import purchases as value_purchases
from models.value.at_stake import (
    UNMEASURED,
    Z95,
    Level,
    ValueModel,
    fit_value,
    load_value,
    measure_level,
    paid_rows,
    write_value,
)
from models.value.gamma_gamma import GammaGamma
from models.value.judging import (
    Outcomes,
    bins_of,
    choose,
    concentration,
    deviance,
    group_figures,
    miss,
    value_customers,
)
from models.value.purchases import Horizons, PurchasesTimesSpend
from models.value.report import decile_table, report, write_value_report
from models.value.shapes import CANDIDATES, Trailing, fit_shape, shape_from

MONDAY = date(2017, 3, 6)
FEATURES = ("amount_91d", "days_since_last_purchase", "purchase_days_life")
N_CUTOFFS = 14


def store(n_customers: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Feature rows and snapshots of customers with rates and spends of their own, at fortnightly cutoffs."""
    rate, spend = rng.gamma(2.0, 0.03, n_customers) + 0.01, rng.gamma(3.0, 10.0, n_customers)
    frames, labels = [], []
    for k in range(N_CUTOFFS):
        keys = pd.DataFrame({"customer_id": [f"c{i:04d}" for i in range(n_customers)]})
        keys["cutoff_on"] = pd.Timestamp(MONDAY + timedelta(weeks=2 * k))
        n_days = 1.0 + rng.poisson(rate * (100 + 14 * k))
        frame = keys.assign(
            purchase_days_life=n_days,
            tenure_days=100.0 + 14 * k,
            days_since_last_purchase=np.minimum(np.ceil(rng.exponential(1 / rate)), 90.0 + 14 * k),
            amount_life=(n_days * spend).round(2),
            amount_91d=(rng.poisson(91 * rate) * spend).round(2),
            gap_median_days=1 / rate,
        )
        frames.append(frame)
        early = rng.poisson(28 * rate)
        label = keys.assign(lapsed=pd.array(early == 0, dtype="boolean"))
        label["amount_in_value_horizon"] = ((early + rng.poisson(63 * rate)) * spend).round(2)
        labels.append(label)
    return pd.concat(frames, ignore_index=True), pd.concat(labels, ignore_index=True)


@pytest.fixture(scope="module")
def shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    return store(250, np.random.default_rng(3))


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    return params.model_copy(update={"train": params.train.model_copy(update={"num_trees": 40})})


@pytest.fixture(scope="module")
def terms(small: Params) -> dict:
    return {"task": small.task, "params": small.train, "execution": small.execution}


@pytest.fixture(scope="module")
def valued(shop, small: Params):
    return value_customers(*shop, FEATURES, small)


# Levels and intervals


def alike(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    keys = pd.DataFrame({"customer_id": [str(i) for i in range(n)], "cutoff_on": pd.Timestamp(MONDAY)})
    snapshot = keys.assign(lapsed=pd.array([i % 4 == 0 for i in range(n)], dtype="boolean"))
    snapshot["amount_in_value_horizon"] = np.where(np.arange(n) % 4 == 0, 20.0, 90.0)
    return keys.assign(amount_91d=100.0), snapshot


def test_value_at_stake_by_hand(terms) -> None:
    model = fit_value("trailing", paid_rows(*alike(400)), (), **terms)
    assert (model.level.kept, model.level.lapsed) == pytest.approx((0.9, 0.2))
    assert model.level.standard_error == pytest.approx(0.0, abs=1e-9)  # everyone alike: nothing to be unsure of
    found = model.at_stake(pd.DataFrame({"amount_91d": [200.0]}), 0.25)
    assert (found.kept[0], found.lapsed[0], found.stake[0]) == (45.0, 10.0, 35.0)
    assert (found.low[0], found.high[0]) == (35.0, 35.0)


def test_the_interval_by_hand() -> None:
    level = Level(1.0, 0.5, kept_variance=0.01, lapsed_variance=0.02, covariance=0.005, kept_miss=0.2, lapsed_miss=0.2)
    assert level.standard_error == pytest.approx(np.sqrt(0.01 + 0.02 - 0.01 + 0.2**2 + 0.1**2))
    found = ValueModel(Trailing(), level, 9).at_stake(pd.DataFrame({"amount_91d": [400.0]}), 0.25)
    half = Z95 * 100 * np.sqrt(0.07)
    assert (found.low[0], found.high[0]) == pytest.approx((max(50 - half, 0), 50 + half), abs=0.005)


def test_value_at_stake_is_never_negative() -> None:
    """Where the lapsed were seen to pay more for each unit, nothing is at stake, and both sides agree."""
    found = ValueModel(Trailing(), Level(0.5, 0.8), 9).at_stake(pd.DataFrame({"amount_91d": [0.0, 100.0]}), 1.0)
    assert found.stake.tolist() == [0.0, 0.0]
    assert found.lapsed.tolist() == found.kept.tolist() == [0.0, 50.0]


def test_unmeasured_value_is_bounded_by_nothing_and_everything() -> None:
    found = UNMEASURED.at_stake(pd.DataFrame({"amount_91d": [400.0]}), 0.25)
    assert (found.stake[0], found.low[0], found.high[0]) == (50.0, 0.0, 100.0)


def test_the_level_varies_as_a_bootstrap_over_customers_does(shop, rng: np.random.Generator) -> None:
    rows = paid_rows(*shop)
    level = measure_level(Trailing(), rows)
    code, lapsed = pd.factorize(rows["customer_id"])[0], rows["lapsed"].to_numpy()
    sums = np.stack(
        [np.bincount(code, rows[name] * side) for side in (~lapsed, lapsed) for name in ("paid", "amount_91d")], axis=1
    )
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=4000) @ sums
    ratios = np.cov(drawn[:, 0] / drawn[:, 1], drawn[:, 2] / drawn[:, 3])
    assert (level.kept, level.lapsed) == pytest.approx(
        (sums[:, 0].sum() / sums[:, 1].sum(), sums[:, 2].sum() / sums[:, 3].sum())
    )
    assert (level.kept_variance, level.lapsed_variance) == pytest.approx((ratios[0, 0], ratios[1, 1]), rel=0.15)
    assert level.covariance == pytest.approx(ratios[0, 1], abs=0.15 * np.sqrt(ratios[0, 0] * ratios[1, 1]))


# Gamma-gamma


def test_gamma_gamma_equals_another_library_and_the_published_figures_on_cdnow() -> None:
    """Fader and Hardie's note of 2013 gives p = 6.25, q = 3.74, gamma = 15.44 for the 946 repeat buyers of CDNOW."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes
        from lifetimes import GammaGammaFitter

        folder = Path(lifetimes.__file__).parent / "datasets"
        data = pd.read_csv(folder / "cdnow_customers_summary_with_transactions.csv")
        data = data.rename(columns={"x": "frequency", "zbar": "monetary_value"}).query("frequency > 0")
        other = GammaGammaFitter(penalizer_coef=0.0).fit(data["frequency"], data["monetary_value"])
        theirs = other.conditional_expected_average_profit(data["frequency"], data["monetary_value"])
    n, mean = data["frequency"].to_numpy(dtype=float), data["monetary_value"].to_numpy(dtype=float)
    assert len(data) == 946
    ours = gamma_gamma.fit(n, mean)
    assert (ours.p, ours.q, ours.gamma) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)
    reference = GammaGamma(*(float(other.params_[name]) for name in ("p", "q", "v")))
    gap = gamma_gamma.log_likelihood(ours, n, mean).sum() - gamma_gamma.log_likelihood(reference, n, mean).sum()
    assert gap > -0.05  # as good a maximum as theirs
    np.testing.assert_allclose(gamma_gamma.expected_amount(reference, n, mean), np.asarray(theirs), rtol=1e-6)
    np.testing.assert_allclose(gamma_gamma.expected_amount(ours, n, mean), np.asarray(theirs), rtol=0.01)


@pytest.mark.parametrize(("n", "mean"), [(1.0, 5.0), (3.0, 40.0), (12.0, 22.0)])
def test_the_likelihood_and_the_mean_equal_their_integrals(n: float, mean: float) -> None:
    """A mean of n gamma(p, nu) amounts is gamma(p·n, nu·n); nu is gamma(q, gamma); the next amount's mean is p / nu."""
    model = GammaGamma(p=2.5, q=3.0, gamma=20.0)

    def joint(nu: float) -> float:
        own = stats.gamma.pdf(mean, model.p * n, scale=1 / (nu * n))
        return float(own * stats.gamma.pdf(nu, model.q, scale=1 / model.gamma))

    density = integrate.quad(joint, 0, 5, limit=200)[0]
    expected = integrate.quad(lambda nu: model.p / nu * joint(nu), 1e-9, 5, limit=200)[0] / density
    at = (np.array([n]), np.array([mean]))
    assert np.exp(gamma_gamma.log_likelihood(model, *at)[0]) == pytest.approx(density, rel=1e-6)
    assert gamma_gamma.expected_amount(model, *at)[0] == pytest.approx(expected, rel=1e-5)


def test_customers_all_alike_give_finite_numbers() -> None:
    model = gamma_gamma.fit(np.full(20, 4.0), np.full(20, 30.0))
    assert gamma_gamma.expected_amount(model, np.array([1.0]), np.array([30.0]))[0] == pytest.approx(30.0, rel=0.01)


# Purchases times spend


def test_purchases_if_kept_match_a_simulation(rng: np.random.Generator) -> None:
    """Customers of one history, drawn anew from what is known of their rate and of their leaving."""
    model = MbgNbd(r=1.5, alpha=20.0, a=0.6, b=3.0)
    frame = pd.DataFrame({"tenure_days": [100.0], "days_since_last_purchase": [10.0], "gap_median_days": [20.0]})
    frame = frame.assign(purchase_days_life=5.0, amount_life=50.0)
    n = 60_000
    is_alive = rng.random(n) < mbgnbd.p_alive(model, *(np.array([x]) for x in (4.0, 90.0, 100.0)))[0]
    # alive: four repeats in 100 days, and not left after any of five purchases (beta grows in b)
    rate, p_leave = rng.gamma(model.r + 4, 1 / (model.alpha + 100), n), rng.beta(model.a, model.b + 5, n)
    later, in_risk = np.zeros(n), np.zeros(n, dtype=bool)
    for i in np.flatnonzero(is_alive):
        clock = rng.exponential(1 / rate[i])
        while clock < 91:
            later[i] += 1
            in_risk[i] |= clock < 28
            if rng.random() < p_leave[i]:
                break
            clock += rng.exponential(1 / rate[i])
    shape = PurchasesTimesSpend(model, GammaGamma(2.0, 3.0, 10.0), Horizons(91, 28, 28, 3.0))
    kept = later[in_risk]
    assert shape.purchase_days(frame)[0] == pytest.approx(kept.mean(), abs=4 * kept.std() / np.sqrt(len(kept)))
    spend = 2.0 * (10.0 + 50.0) / (2.0 * 5 + 3.0 - 1)
    assert shape.amount(frame)[0] == pytest.approx(shape.purchase_days(frame)[0] * spend)


def test_the_risk_horizon_is_the_customers_own_and_ends_with_the_value_window() -> None:
    frame = pd.DataFrame({"gap_median_days": [2.0, 20.0, 50.0, np.nan]})
    assert Horizons(91, 28, 182, 3.0).risk_days(frame).tolist() == [28, 60, 91, 28]
    assert Horizons(91, 28, 28, 3.0).risk_days(frame).tolist() == [28] * 4


# Figures


def gini(paid: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """As the report tells it."""
    return group_figures(paid, predicted, weights, unit=1.0, perfect=concentration(paid, paid, weights))["gini"]


def test_the_gini_coefficient_by_hand() -> None:
    paid = np.array([4.0, 0.0, 4.0, 0.0])
    one = np.ones((1, 4))
    # perfect order: shares 1/2, 1, 1, 1 by trapezoids of .25: area .75, twice less one: .5
    assert concentration(paid, paid, one)[0] == pytest.approx(0.5)
    assert gini(paid, np.array([3.0, 1.0, 2.0, 0.0]), one)[0] == pytest.approx(1.0)
    assert gini(paid, -np.array([3.0, 1.0, 2.0, 0.0]), one)[0] == pytest.approx(-1.0)
    assert gini(paid, np.ones(4), one)[0] == pytest.approx(0.0)
    assert np.isnan(gini(np.zeros(0), np.zeros(0), np.zeros((1, 0)))[0])


def test_the_gini_coefficient_of_weights_is_that_of_repeated_rows(rng: np.random.Generator) -> None:
    paid, score = rng.gamma(1.0, 10.0, 40).round(1), rng.integers(0, 12, 40).astype(float)
    counts = rng.integers(0, 4, 40)
    repeated = [np.repeat(values, counts) for values in (paid, score)]
    expected = gini(*repeated, np.ones((1, counts.sum())))[0]
    assert gini(paid, score, counts[None].astype(float))[0] == pytest.approx(expected)


def test_the_deviance_is_least_at_the_mean_and_equals_its_definition(rng: np.random.Generator) -> None:
    paid = rng.gamma(0.5, 40.0, 4000) * (rng.random(4000) < 0.7)
    tried = paid.mean() * np.linspace(0.5, 1.5, 101)
    losses = [deviance(paid, np.full(len(paid), m), 1.0).mean() for m in tried]
    assert tried[int(np.argmin(losses))] == pytest.approx(paid.mean())
    y, m, power = 7.0, 3.0, 1.5
    whole = (
        y ** (2 - power) / ((1 - power) * (2 - power))
        - y * m ** (1 - power) / (1 - power)
        + m ** (2 - power) / (2 - power)
    )
    assert deviance(np.array([y]), np.array([m]), 1.0)[0] == pytest.approx(2 * whole)


def test_bins_and_misses_by_hand() -> None:
    assert np.bincount(bins_of(np.arange(299.0))).tolist() == [34, 33, 33, 33, 34, 33, 33, 33, 33]
    assert set(bins_of(np.arange(29.0)).tolist()) == {0}
    predicted = np.repeat([10.0, 20.0], 30)
    paid = np.repeat([11.0, 14.0], 30)  # a tenth too much, three tenths too little
    assert miss(paid, predicted) == pytest.approx(np.sqrt((0.1**2 + 0.3**2) / 2))
    assert miss(np.zeros(3), np.zeros(3)) == 0.0


def test_the_simplest_within_one_standard_error_is_chosen() -> None:
    wave = np.tile([-1.0, 1.0], 50)
    drawn = {"trailing": 5 + wave, "gamma_gamma": 4.5 + 0 * wave, "tweedie": 4.2 + 0.5 * wave}
    plain = {"trailing": 5.0, "gamma_gamma": 4.5, "tweedie": 4.2}
    # against the best: trailing .8 with an error of .5, gamma_gamma .3 with an error of .5
    assert choose(drawn, plain) == "gamma_gamma"
    assert choose(drawn, plain | {"tweedie": 3.9}) == "tweedie"
    assert choose(drawn, plain | {"trailing": 4.6}) == "trailing"


# The forward test


def test_the_fold_keeps_the_value_window_between(shop, params: Params) -> None:
    fold = value_judging.fold_of(paid_rows(*shop), params.task)
    assert fold.judge == tuple(MONDAY + timedelta(weeks=2 * k) for k in range(10, 14))
    assert fold.fit == tuple(
        MONDAY + timedelta(weeks=2 * k) for k in range(4)
    )  # 7 × 14 days = 98, the first from 91 on
    late = params.task.model_copy(update={"label_grace_days": 14})
    assert value_judging.fold_of(paid_rows(*shop), late).fit == fold.fit[:3]


def test_what_the_judged_period_paid_moves_no_prediction(shop, small) -> None:
    """Only labels of cutoffs whose windows had ended are seen by what is judged."""
    frame, labels = shop
    late = labels["cutoff_on"] > pd.Timestamp(MONDAY + timedelta(weeks=6))
    other = labels.assign(amount_in_value_horizon=labels["amount_in_value_horizon"].where(~late, 77.0))
    tested = [value_customers(frame, some, FEATURES, small).tested for some in (labels, other)]
    for kind in CANDIDATES:
        np.testing.assert_array_equal(tested[0].outcomes.predicted[kind], tested[1].outcomes.predicted[kind])
    assert (tested[1].outcomes.paid == 77.0).all()


def test_a_shop_of_steady_spenders_is_not_valued_by_its_last_weeks_alone(valued) -> None:
    """Poisson visits of a steady rate: the whole history says more than 91 days, and the purchase model knows it."""
    figures = {kind: valued.tested.plain[kind]["kept"] for kind in CANDIDATES}
    assert valued.tested.chosen != "trailing"
    assert figures["gamma_gamma"]["deviance"] < figures["trailing"]["deviance"]
    assert figures["gamma_gamma"]["gini"] > figures["trailing"]["gini"]
    assert abs(figures["gamma_gamma"]["bias"]) < 0.1
    assert valued.model.level.kept_miss > 0


def test_every_shape_comes_back_from_its_files(shop, terms, tmp_path: Path) -> None:
    rows = paid_rows(*shop)
    for kind in CANDIDATES:
        model = fit_value(kind, rows, FEATURES, **terms)
        write_value(tmp_path / kind, model)
        again = load_value(tmp_path / kind)
        assert again.shape.kind == kind
        np.testing.assert_array_equal(again.shape.amount(rows), model.shape.amount(rows))
        assert again.level.kept == pytest.approx(model.level.kept)
        assert (again.shape.amount(rows.iloc[:0]) == np.zeros(0)).all()
    with pytest.raises(ContractError, match="expected a kind of trailing, gamma_gamma, tweedie"):
        shape_from("crystal_ball", {}, "")


def test_two_runs_write_the_same_bytes(shop, small, valued, tmp_path: Path) -> None:
    again = value_customers(*shop, FEATURES, small)
    for name, one in (("a", valued), ("b", again)):
        write_value(tmp_path / name / "model", one.model)
        write_value_report(tmp_path / name / "report", one)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert {path.name for path in files} >= {"value.json", "deciles.csv", "deciles.png"}
    for path in files:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path


def test_the_report_says_what_was_chosen_and_every_figure(valued) -> None:
    found = json.loads(json.dumps(report(valued)))
    assert found["chosen"] == valued.tested.chosen == valued.model.shape.kind
    assert found["days_between"] == 91
    for kind in CANDIDATES:
        for group in ("kept", "lapsed", "all"):
            for name in ("mae", "rmse", "bias", "gini", "deviance"):
                ends = found["candidates"][kind][group][name]
                assert ends["low"] <= ends["value"] <= ends["high"], (kind, group, name)


def test_the_decile_table_by_hand() -> None:
    outcomes = Outcomes(
        paid=np.array([*[10.0] * 30, *[30.0] * 30, 5.0]),
        lapsed=np.array([*[False] * 60, True]),
        customer=np.arange(61),
        predicted={"trailing": np.array([*[20.0] * 30, *[24.0] * 30, 4.0])},
    )
    table = decile_table(outcomes)
    assert table["group"].tolist() == ["kept", "kept", "lapsed"]
    assert table["decile"].tolist() == [1, 2, 1]
    assert table["n_rows"].tolist() == [30, 30, 1]
    assert table["bias"].tolist() == [1.0, -0.2, -0.2]
    assert table[["paid", "paid_low", "paid_high"]].iloc[0].tolist() == [10.0, 10.0, 10.0]


# Short histories


def test_without_matured_windows_nothing_is_measured(shop, small, tmp_path: Path) -> None:
    frame, labels = shop
    found = value_customers(frame, labels.assign(amount_in_value_horizon=np.nan), FEATURES, small)
    assert found.model == UNMEASURED
    write_value_report(tmp_path, found)
    said = json.loads((tmp_path / "value.json").read_text())
    assert said["chosen"] == "unmeasured"
    assert "0 customers with a matured value window" in said["why_untested"]
    assert (tmp_path / "deciles.csv").read_text().startswith("candidate,group,decile")
    assert not (tmp_path / "deciles.png").exists()


def test_without_room_for_a_fold_the_trailing_amount_is_taken(shop, small) -> None:
    frame, labels = shop
    early = labels["cutoff_on"] < pd.Timestamp(MONDAY + timedelta(weeks=12))
    found = value_customers(frame, labels[early], FEATURES, small)
    assert found.tested is None
    assert found.model.shape.kind == "trailing"
    assert found.model.n_rows == 6 * 250
    assert found.model.level.kept_miss == 0.0


def test_the_purchase_model_is_fitted_to_the_latest_cutoff_alone(shop, terms) -> None:
    rows = paid_rows(*shop)
    latest = rows[rows["cutoff_on"] == rows["cutoff_on"].max()]
    shape = fit_shape("gamma_gamma", rows, FEATURES, **terms)
    assert shape == value_purchases.fit(latest, terms["task"])


def test_the_gamma_gamma_gradient_is_that_of_its_likelihood(rng: np.random.Generator) -> None:
    n, amount = rng.integers(1, 9, 50).astype(float), rng.gamma(2.0, 10.0, 50)
    told = np.array([0.7, 3.0, 12.0])
    for place, slope in enumerate(gamma_gamma.gradient(GammaGamma(*told), n, amount)):
        step = np.zeros(3)
        step[place] = 1e-6
        up, down = (gamma_gamma.log_likelihood(GammaGamma(*(told + sign * step)), n, amount) for sign in (1, -1))
        assert slope == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


def test_refits_on_rows_in_another_order_give_equal_parameters(rng: np.random.Generator) -> None:
    n, amount = rng.integers(1, 9, 3000).astype(float), rng.gamma(2.0, 10.0, 3000)
    order = rng.permutation(3000)  # the sums differ in their last bits
    assert gamma_gamma.fit(n, amount) == gamma_gamma.fit(n[order], amount[order])
