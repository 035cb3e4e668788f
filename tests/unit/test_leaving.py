"""Who has left: the renewal model against quadrature, hand-made cases, and customers drawn from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from models import leaving
from models.leaving import LIFE_DAYS, SHAPES, Leaving, fit_leaving, regularity, survival, told


def histories(silence: list[float], span: list[float], n_days: list[int]) -> pd.DataFrame:
    """Feature rows of customers with so many purchase days within `span`, silent since."""
    return pd.DataFrame(
        {
            "days_since_last_purchase": np.array(silence, dtype="float32"),
            "tenure_days": np.array(span, dtype="float32") + np.array(silence, dtype="float32"),
            "purchase_days_life": np.array(n_days, dtype="float32"),
        }
    )


@pytest.mark.parametrize("shape", [1, 2, 3])
def test_survival_is_the_mixture_of_erlang_gaps(shape: int) -> None:
    mean, n, x = 12.0, 3.5, 20.0
    rate = stats.gamma(shape * n, scale=1 / (n * mean))

    def silent_at(one: float) -> float:
        return float(stats.gamma.sf(x, shape, scale=1 / one) * rate.pdf(one))

    expected = integrate.quad(silent_at, 0, np.inf)[0]
    assert survival(np.array([x]), np.array([mean]), np.array([n]), shape)[0] == pytest.approx(expected, rel=1e-7)


def test_probabilities_are_the_integrals_of_the_docstring() -> None:
    model = Leaving(hazard=1 / 300, usual_gap=20.0, weight=2.0)
    now = histories([45.0], [100.0], [6])
    mean, n = np.array([(100 + 2 * 20.0) / 7]), np.array([7.0])

    def stays(x: float) -> float:
        return float(np.mean([survival(np.array([x]), mean, n, shape)[0] for shape in SHAPES]))

    def silent(x: float) -> tuple[float, float]:
        gone = integrate.quad(lambda s: np.exp(-s / 300) / 300 * stays(s), 0, x)[0]
        return gone, np.exp(-x / 300) * stays(x)

    gone, here = silent(45.5)
    left = gone / (gone + here)
    assert model.share_left(now, 0.0)[0] == pytest.approx(left, rel=1e-6)
    assert model.p_silent(now, 28.0)[0] == pytest.approx(sum(silent(73.5)) / (gone + here), rel=1e-6)
    gone_then, here_then = silent(73.5)
    assert model.share_left(now, 28.0)[0] == pytest.approx(gone_then / (gone_then + here_then), rel=1e-6)


def test_whoever_is_silent_longer_against_their_own_gap_is_more_likely_gone() -> None:
    model = Leaving(1 / 300, 20.0, 2.0)
    by_silence = model.share_left(histories([5, 20, 40, 80], [200] * 4, [21] * 4), 0.0)
    by_rhythm = model.share_left(histories([40] * 3, [200] * 3, [41, 21, 6]), 0.0)
    assert (np.diff(by_silence) > 0).all()
    assert (np.diff(by_rhythm) < 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gaps_variation_tells_how_regular_a_customer_is(shape: int) -> None:
    rng = np.random.default_rng(shape)
    gaps = rng.gamma(shape, 10 / shape, (400, 40))
    rows = histories([5] * 400, [400] * 400, [41] * 400)
    rows["gap_sd_to_gap_mean"] = gaps.std(axis=1, ddof=1) / gaps.mean(axis=1)
    chances = regularity(rows).mean(axis=1)
    assert SHAPES[int(chances.argmax())] == shape
    assert chances.sum() == pytest.approx(1)
    few = regularity(rows.assign(gap_sd_to_gap_mean=np.nan))
    assert (few == 1 / len(SHAPES)).all()


def test_a_regular_customers_silence_says_more() -> None:
    model, rows = Leaving(1 / 300, 20.0, 1.0), histories([60, 60], [400, 400], [21, 21])
    irregular, regular = model.share_left(rows.assign(gap_sd_to_gap_mean=[1.0, 0.5]), 0.0)
    assert regular > irregular + 0.1


def drawn(seed: int, n: int, life: float, horizon: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Histories of the model itself with gaps of two stages: feature rows on a day, the label, and who had left."""
    rng = np.random.default_rng(seed)
    rows, lapsed, left = [], [], []
    while len(rows) < n:
        gap, day, today = rng.gamma(4, 5), 0.0, rng.uniform(60, 400)
        ends = rng.exponential(life)
        days = np.cumsum(np.append(0.0, rng.gamma(2, gap / 2, 200)))
        days = days[days < ends]
        past = days[days < today]
        if len(past) < 3 or today - past[-1] > 120:
            continue
        gaps = np.diff(past)
        rows.append((today - past[-1], past[-1], len(past), gaps.std(ddof=1) / gaps.mean()))
        lapsed.append(not ((days >= today) & (days < today + horizon)).any())
        left.append(ends < today)
        day += 1
    silence, span, count, variation = (list(column) for column in zip(*rows, strict=True))
    return histories(silence, span, count).assign(gap_sd_to_gap_mean=variation), np.array(lapsed), np.array(left)


def test_customers_drawn_from_the_model_are_told_apart_and_the_hazard_is_found() -> None:
    rows, lapsed, left = drawn(7, 2_000, life=300.0, horizon=28)
    model = fit_leaving(rows, lapsed, 28)
    assert model is not None
    assert 200 < told(model)["life_days"] < 450
    p = model.share_left(rows, 0.0)
    assert abs(p.mean() - left.mean()) < 0.03
    fifth = pd.qcut(pd.Series(p), 5, labels=False, duplicates="drop").to_numpy()
    for k in range(5):
        here = fifth == k
        assert abs(p[here].mean() - left[here].mean()) < 0.06
    assert abs(model.p_silent(rows, 28).mean() - lapsed.mean()) < 0.02


def test_no_model_without_its_features_or_with_one_label() -> None:
    rows, lapsed, _ = drawn(1, 60, life=300.0, horizon=28)
    assert fit_leaving(rows.drop(columns="tenure_days"), lapsed, 28) is None
    assert fit_leaving(rows, np.ones(60, dtype=bool), 28) is None
    assert told(None)["life_days"] is None


def test_the_fit_stays_within_its_bounds_where_the_label_says_nothing() -> None:
    rows, _, _ = drawn(2, 200, life=300.0, horizon=28)
    model = fit_leaving(rows, np.random.default_rng(1).random(200) < 0.5, 28)
    assert model is not None
    assert LIFE_DAYS[0] <= 1 / model.hazard <= LIFE_DAYS[1] * (1 + 1e-9)
    assert np.isfinite(model.share_left(rows, 0.0)).all()


def test_what_a_contact_can_act_on_is_never_more_than_the_risk(rng: np.random.Generator) -> None:
    """Whoever has left buys nothing: the share is one of all that stay silent, and grows with the silence."""
    model = Leaving(1 / 300, 20.0, 2.0)
    n_days, gaps = rng.integers(1, 200, 500), rng.uniform(1, 100, 500)
    rows = histories(rng.integers(0, 400, 500).tolist(), (gaps * (n_days - 1)).tolist(), n_days.tolist())
    share = model.share_left(rows, 28.0)
    assert ((share > 0) & (share <= 1)).all()
    assert (model.share_left(rows, 0.0) <= model.p_silent(rows, 28.0) * share + 1e-4).all()  # quadrature
    daily = model.share_left(histories([0, 9, 60], [300] * 3, [250] * 3), 28.0)
    assert (np.diff(daily) > 0).all()


@pytest.mark.parametrize("silence", [0.0, 30.0, 180.0, 400.0])
@pytest.mark.parametrize("gap", [1, 2, 7, 60])
def test_integrals_are_right_for_daily_and_for_rare_shoppers(silence: float, gap: int) -> None:
    model, n_days = Leaving(1 / 300, 20.0, 2.0), 121
    now = histories([silence], [gap * (n_days - 1)], [n_days])
    n = n_days - 1 + 2.0
    mean = (gap * (n_days - 1) + 2 * 20.0) / n

    def stays(x: float) -> float:
        return float(np.mean([survival(np.array([x]), np.array([mean]), np.array([n]), shape)[0] for shape in SHAPES]))

    x = silence + 0.5
    near = [point for point in (mean / 2, mean, 2 * mean, 4 * mean) if point < x]
    gone = integrate.quad(lambda s: np.exp(-s / 300) / 300 * stays(s), 0, x, points=near, limit=200)[0]
    left = gone / (gone + np.exp(-x / 300) * stays(x))
    assert model.share_left(now, 0.0)[0] == pytest.approx(left, abs=1e-4)


def test_no_model_of_customers_who_all_bought_once() -> None:
    once = histories([10.0] * 40, [0.0] * 40, [1] * 40)
    assert fit_leaving(once, np.arange(40) % 2 == 0, 28) is None


def test_the_share_hangs_on_no_piece(monkeypatch) -> None:
    rows, _, _ = drawn(3, 100, life=300.0, horizon=28)
    model, ahead = Leaving(1 / 300, 12.0, 2.0), np.linspace(0, 90, 100)
    whole = model.share_left(rows, ahead)
    monkeypatch.setattr(leaving, "ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(model.share_left(rows, ahead), whole)
    assert len(model.share_left(rows.iloc[:0], 28.0)) == 0
