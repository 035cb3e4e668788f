"""Maps of log-odds: each kind undoes what it can undo, keeps the order, and is used only where it is proved."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learners import calibration
from models.learners.calibration import KINDS, Beta, Isotonic, Platt


def drawn(rng: np.random.Generator, n: int = 8000) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.normal(-1.5, 1.2, n)
    return truth, rng.random(n) < 1 / (1 + np.exp(-truth))


def test_a_line_a_shift_and_beta_find_what_was_done_to_the_truth(rng: np.random.Generator) -> None:
    truth, lapsed = drawn(rng, 40_000)
    line = calibration.fit_platt(2.0 * truth + 1.0, lapsed)
    assert (line.slope, line.intercept) == (pytest.approx(0.5, abs=0.03), pytest.approx(-0.5, abs=0.06))
    assert calibration.fit_shift(truth + 0.7, lapsed).intercept == pytest.approx(-0.7, abs=0.06)
    bent = Beta(0.6, 1.4, 0.2)
    bent_lapsed = rng.random(len(truth)) < 1 / (1 + np.exp(-bent.apply(truth)))
    found = calibration.fit_beta(truth, bent_lapsed)
    assert found.apply(truth) == pytest.approx(bent.apply(truth), abs=0.15)


def test_beta_with_equal_slopes_is_a_line() -> None:
    log_odds = np.linspace(-5, 5, 11)
    assert Beta(0.7, 0.7, -0.3).apply(log_odds) == pytest.approx(Platt(-0.3, 0.7).apply(log_odds))


def test_isotonic_follows_a_bent_truth_and_has_no_flat_step(rng: np.random.Generator) -> None:
    truth, lapsed = drawn(rng, 60_000)
    bent = np.where(truth > -1, truth, -1 + 3 * (truth + 1))
    found = calibration.fit_isotonic(bent, lapsed)
    inside = (truth > -3) & (truth < 0.5)
    assert np.abs(found.apply(bent) - truth)[inside].mean() < 0.12
    assert np.abs(bent - truth)[inside].mean() > 0.5


def test_isotonic_by_hand() -> None:
    """Three levels of 60 rows: rates .1, .5, .9 become (6 + ½)/61 and so on, at the middle of each level's log-odds."""
    log_odds = np.concatenate([np.full(60, -2.0), np.full(60, 0.0), np.full(60, 2.0)])
    lapsed = np.concatenate([np.arange(60) < n for n in (6, 30, 54)])
    found = calibration.fit_isotonic(log_odds, lapsed)
    assert isinstance(found, Isotonic)
    assert found.before == (-2.0, 0.0, 2.0)
    assert found.after == pytest.approx(np.log([6.5 / 54.5, 1.0, 54.5 / 6.5]), abs=1e-6)
    assert found.apply(np.array([1.0, 3.0])) == pytest.approx([found.after[2] / 2, found.after[2] + 1.0])


def test_isotonic_of_one_level_is_a_shift() -> None:
    assert isinstance(calibration.fit_isotonic(np.linspace(-1, 1, 80), np.arange(80) % 2 == 0), Platt)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(60, 400), kind=st.sampled_from(sorted(KINDS)))
def test_every_map_is_strictly_increasing_and_survives_json(seed: int, n: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1, 2, n).round(2)
    lapsed = rng.random(n) < rng.random()
    found = KINDS[kind](log_odds, lapsed)
    grid = np.linspace(-12, 12, 500)
    assert (np.diff(found.apply(grid)) > 0).all()
    again = calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert (again.apply(grid) == found.apply(grid)).all()


def test_a_line_without_a_kind_is_read_too() -> None:
    assert calibration.from_json({"intercept": 0.1, "slope": 0.9}) == Platt(0.1, 0.9)


def test_the_simplest_kind_that_is_needed_is_chosen(rng: np.random.Generator) -> None:
    truth, lapsed = drawn(rng)
    cutoff = np.repeat([1, 2, 3, 4], 2000)
    assert calibration.choose(truth + 1.0, lapsed, cutoff) == "shift"
    assert calibration.choose(2.0 * truth + 1.0, lapsed, cutoff) == "platt"
    assert calibration.choose(2.0 * truth, lapsed, np.repeat([1, 2], 4000)) is None  # two cutoffs prove nothing
    assert calibration.choose(2.0 * truth, np.zeros(8000, dtype=bool), cutoff) is None


def test_calibrated_models_are_left_alone_by_most_draws() -> None:
    """One standard error over four cutoffs is a weak bar: it may be cleared by chance, not as a rule."""
    chosen = []
    for seed in range(20):
        truth, lapsed = drawn(np.random.default_rng(seed), 4000)
        chosen.append(calibration.choose(truth, lapsed, np.repeat([1, 2, 3, 4], 1000)))
    assert sum(kind is None for kind in chosen) >= 14


@pytest.mark.parametrize(
    "found", [Platt(-0.4, 1.7), Beta(0.6, 1.4, 0.2), Isotonic((-2.0, 0.0, 1.0), (-1.0, -0.5, 2.0))]
)
def test_contributions_add_up_to_the_calibrated_log_odds(found, rng: np.random.Generator) -> None:
    raw = rng.normal(size=(50, 4))
    moved = calibration.through(found, raw)
    assert moved.sum(axis=1) == pytest.approx(found.apply(raw.sum(axis=1)))
    if isinstance(found, Platt):
        assert moved[:, :-1] == pytest.approx(1.7 * raw[:, :-1])
        assert moved[:, -1] == pytest.approx(found.apply(raw[:, -1]))


def test_contributions_that_cancel_do_not_explode() -> None:
    steep = Isotonic((-1.0, 0.0, 0.001, 1.0), (-1.0, 0.0, 1.0, 2.0))
    moved = calibration.through(steep, np.array([[3.0, -2.9995, 0.0]]))
    assert np.abs(moved[0, :2]).max() <= 15.0
    assert moved.sum() == pytest.approx(steep.apply(np.array([0.0005]))[0])
