"""The learner of effects: scores, shrinking, storage, and how its worth is judged."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from contracts.errors import ContractError
from models.uplift.judging import best_arms, calibration, cross_chosen, is_worth, qini
from models.uplift.learner import fit, from_files
from models.uplift.scores import Estimate, Folding, arm_scores, chosen_policy, cross_predictions, mean_of, policy_scores
from models.uplift.surfaces import EFFECT_FITS, OUTCOME_FITS, fit_ridge, surface_from_json
from models.uplift.trial import Trial, folds_of, trial_of

FEATURES = ("x", "z", "noise")
ARMS = ("none", "gift", "call")


def drawn_trial(seed: int, n: int, *, tilt: float = 0.0, missing: float = 0.1) -> tuple[Trial, np.ndarray]:
    """Rows whose gift brings 1 + tilt · sign(x) and whose call costs .2, and the true effects, a column an arm."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=list(FEATURES))
    true = np.column_stack([np.zeros(n), 1 + tilt * np.sign(frame["x"]), np.full(n, -0.2)])
    chance = np.tile([0.5, 0.3, 0.2], (n, 1))
    chance[::4] = [0.5, 0.5, 0.0]
    drawn = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    outcome = 2 * frame["z"].to_numpy() + true[np.arange(n), drawn] + rng.normal(size=n)
    frame["noise"] = frame["noise"].mask(rng.random(n) < missing)
    names = [ARMS[k] for k in drawn]
    return trial_of(frame, FEATURES, ARMS, drawn=names, propensity=chance, outcome=outcome), true


def test_scores_by_hand() -> None:
    frame = pd.DataFrame({"x": [0.0, 1.0]})
    trial = trial_of(
        frame,
        ["x"],
        ("none", "gift"),
        drawn=["gift", "none"],
        propensity=np.array([[0.75, 0.25], [1.0, 0.0]]),
        outcome=np.array([5.0, 2.0]),
    )
    found = arm_scores(trial, np.array([[1.0, 3.0], [1.5, 9.0]]))
    np.testing.assert_allclose(found, [[1.0, 3 + (5 - 3) / 0.25], [1.5 + 0.5, np.nan]])
    np.testing.assert_allclose(policy_scores(found, np.array([[0.5, 0.5], [1.0, 0.0]])), [6.0, 2.0])
    assert np.isnan(policy_scores(found, np.array([[0.5, 0.5], [0.5, 0.5]]))[1])


def test_scores_are_unbiased_whatever_the_prediction() -> None:
    """The expectation over the draw, enumerated, is each arm's own outcome, for absurd predictions too."""
    chance, own, absurd = np.array([0.5, 0.3, 0.2]), np.array([1.0, 4.0, -2.0]), np.array([7.0, -50.0, 3.0])
    expected = np.zeros(3)
    for k, arm in enumerate(ARMS):
        trial = trial_of(
            pd.DataFrame({"x": [0.0]}), ["x"], ARMS, drawn=[arm], propensity=chance[None], outcome=own[[k]]
        )
        expected += chance[k] * arm_scores(trial, absurd[None])[0]
    np.testing.assert_allclose(expected, own)


def test_cross_predictions_never_see_their_own_customer() -> None:
    """They are the fit on the other folds, moved to each arm's mean; a customer's own outcome changes others' alone."""
    trial, _ = drawn_trial(3, 600)
    folding = Folding(n_folds=3, seed=1)
    found = cross_predictions(trial, folding)
    fold = folds_of(trial.customer, 3, 1)
    own, learn = np.flatnonzero(fold == fold[7]), np.flatnonzero(fold != fold[7])
    ridge = OUTCOME_FITS["ridge"](trial.frame.iloc[learn], FEATURES, trial.outcome[learn])
    left, arm = trial.outcome[learn] - ridge.predict(trial.frame.iloc[learn]), trial.drawn[learn]
    moved = np.array([left[arm == k].sum() / ((arm == k).sum() + 20) for k in range(3)])
    np.testing.assert_allclose(found[own], ridge.predict(trial.frame.iloc[own])[:, None] + moved, rtol=1e-10)
    again = cross_predictions(replace(trial, outcome=trial.outcome + (np.arange(600) == 7)), folding)
    np.testing.assert_array_equal(again[own], found[own])
    assert not np.isclose(again[learn], found[learn]).all()


def test_folds_hold_customers_together() -> None:
    customer = np.repeat(np.arange(50), 3)
    fold = folds_of(customer, 4, 2)
    assert all(len(set(fold[customer == who])) == 1 for who in range(50))
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= 3


def test_averages_hold_the_truth_and_precision_gains_on_plain_means() -> None:
    trial, true = drawn_trial(5, 6000, tilt=0.5)
    model = fit(trial)
    for arm, effect in enumerate(model.effects, start=1):
        possible = trial.propensity[:, arm] > 0
        assert effect.average.low <= true[possible, arm].mean() <= effect.average.high
        plain = arm_scores(trial, np.zeros(trial.propensity.shape))
        naive = mean_of((plain[:, arm] - plain[:, 0])[possible], trial.customer[possible])
        assert effect.average.se < 0.7 * naive.se


def test_heterogeneity_is_found_where_it_is_and_shrunk_away_where_it_is_not() -> None:
    trial, _ = drawn_trial(11, 6000, tilt=0.8)
    fresh, fresh_true = drawn_trial(12, 4000, tilt=0.8)
    model = fit(trial)
    found = model.predict(fresh.frame)
    assert np.corrcoef(found[:, 1], fresh_true[:, 1])[0, 1] > 0.85
    assert ((found[:, 1] - fresh_true[:, 1]) ** 2).mean() < 0.35 * fresh_true[:, 1].var()
    n_flat = sum(effect.slope == 0 for seed in range(12) for effect in fit(drawn_trial(100 + seed, 1500)[0]).effects)
    assert n_flat >= 15, "24 effects without heterogeneity: most must be the same for everyone"


def test_features_that_say_nothing_leave_one_effect_for_everyone() -> None:
    trial, _ = drawn_trial(11, 900, tilt=0.8)
    flat = replace(trial, frame=trial.frame.assign(**dict.fromkeys(FEATURES, 1.0)))
    model = fit(flat)
    assert [effect.slope for effect in model.effects] == [0.0] * len(model.effects)
    assert np.ptp(model.predict(flat.frame), axis=0).max() < 1e-9


def test_a_treatment_that_could_hardly_be_drawn_is_refused() -> None:
    trial, _ = drawn_trial(1, 300)
    chance = trial.propensity.copy()
    chance[:, 2], chance[:, 0] = 0.0, chance[:, 0] + chance[:, 2]
    kept = trial.drawn != 2
    bare = trial_of(
        trial.frame[kept],
        FEATURES,
        ARMS,
        drawn=[ARMS[k] for k in trial.drawn[kept]],
        propensity=chance[kept],
        outcome=trial.outcome[kept],
    )
    with pytest.raises(ContractError, match="expected 100 rows or more in which 'call'"):
        fit(bare)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"drawn": ["gitf", "none"]}, "did you mean 'gift'"),
        ({"propensity": np.array([[1.0, 0.0], [0.5, 0.5]])}, "got 0"),
        ({"propensity": np.array([[0.5, 0.6], [0.5, 0.5]])}, "add up to 1"),
        ({"propensity": np.array([[1.0], [1.0]])}, "one column an arm"),
        ({"outcome": np.array([1.0, np.nan])}, "got 1 without"),
    ],
)
def test_wrong_rows_are_refused(change: dict[str, object], said: str) -> None:
    given: dict[str, object] = {
        "drawn": ["gift", "none"],
        "propensity": np.full((2, 2), 0.5),
        "outcome": np.array([1.0, 2.0]),
    }
    with pytest.raises(ContractError, match=said):
        trial_of(pd.DataFrame({"x": [1.0, 2.0]}), ["x"], ("none", "gift"), **(given | change))  # type: ignore[arg-type]


def test_a_model_is_plain_text_and_comes_back_the_same() -> None:
    trial, _ = drawn_trial(11, 3000, tilt=0.8)
    model = fit(trial)
    files = model.to_files()
    json.loads(files["model.json"])
    again = from_files(files)
    np.testing.assert_array_equal(again.predict(trial.frame), model.predict(trial.frame))
    assert again.to_files() == files
    assert fit(trial).to_files() == files
    with pytest.raises(ContractError, match="kind 'uplift'"):
        from_files({"model.json": '{"kind": "quantile_logit"}'})


@pytest.mark.parametrize("name", [*EFFECT_FITS, "constant"])
def test_every_surface_comes_back_the_same(name: str) -> None:
    trial, _ = drawn_trial(2, 500)
    surface = (EFFECT_FITS | OUTCOME_FITS)[name](trial.frame, FEATURES, trial.outcome)
    again = surface_from_json(json.loads(json.dumps(surface.to_json())))
    np.testing.assert_array_equal(again.predict(trial.frame), surface.predict(trial.frame))


def test_ridge_against_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    from models.learners.quantile_logit import normal_scores, training_quantiles

    trial, _ = drawn_trial(4, 400)
    values = trial.frame.to_numpy()
    scores = normal_scores(values, training_quantiles(values))
    rival = Ridge(alpha=0.3 * 400).fit(scores, trial.outcome)
    own = fit_ridge(trial.frame, FEATURES, trial.outcome, penalty=0.3)
    np.testing.assert_allclose(own.predict(trial.frame), rival.predict(scores), rtol=1e-9)


def test_qini_is_the_area_of_its_curve_and_knows_ties() -> None:
    rng = np.random.default_rng(0)
    predicted, scores = rng.integers(0, 5, 400).astype(float), rng.normal(size=400)
    found = qini(predicted, scores, np.arange(400))
    ends = [0.0, *np.cumsum([(predicted == v).mean() for v in (4, 3, 2, 1, 0)])]
    sums = [0.0, *np.cumsum([scores[predicted == v].sum() / 400 for v in (4, 3, 2, 1, 0)])]
    area = np.trapezoid(sums, ends) - scores.mean() / 2
    assert found.coefficient.value == pytest.approx(area, abs=1e-12)
    np.testing.assert_allclose(found.curve["gain"], np.interp(found.curve["share"], ends, sums), atol=1e-12)
    assert qini(np.ones(400), scores, np.arange(400)).coefficient.value == pytest.approx(0.0, abs=1e-12)
    best = qini(scores, scores, np.arange(400)).coefficient
    assert best.low > 0
    assert best.value > found.coefficient.value


def policy_value(trial: Trial, policy: np.ndarray, predictions: np.ndarray | None = None) -> Estimate:
    """What a policy would have brought a row: doubly robust, or without predictions by inverse propensity alone."""
    q = np.zeros(trial.propensity.shape) if predictions is None else predictions
    return mean_of(policy_scores(arm_scores(trial, q), policy), trial.customer)


def test_policy_value_of_what_was_drawn_is_the_mean_of_a_fair_draw() -> None:
    """With equal chances, inverse propensity of the random policy is the plain mean; robust values hold the truth."""
    trial, true = drawn_trial(8, 5000, tilt=1.5)
    assert policy_value(trial, trial.propensity).value == pytest.approx(trial.outcome.mean(), rel=1e-9)
    best = np.where(true[:, 1] > 0, 1, 0)
    policy = chosen_policy(best, 3)
    robust = policy_value(trial, policy, cross_predictions(trial))
    plain = policy_value(trial, policy)
    expected = (2 * trial.frame["z"] + true[np.arange(5000), best]).mean()
    assert robust.low <= expected <= robust.high
    assert robust.se < plain.se


def test_best_arm_by_worth_and_cost() -> None:
    effects = np.array([[0.0, 0.1, 0.3], [0.0, 0.1, 0.3], [0.0, -0.1, -0.3], [0.0, 0.1, 0.1]])
    chance = np.array([[0.4, 0.3, 0.3], [0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [0.4, 0.3, 0.3]])
    assert best_arms(effects, chance).tolist() == [2, 1, 0, 1]
    assert best_arms(effects, chance, worth=10.0, cost=np.array([0.0, 0.5, 2.8])).tolist() == [1, 1, 0, 1]
    assert best_arms(effects, chance, worth=np.array([1.0, 1.0, -1.0, 1.0])).tolist() == [2, 1, 2, 1]


def test_learning_is_worth_it_only_where_it_pays() -> None:
    trial, true = drawn_trial(21, 5000, tilt=2.5)
    to_all = chosen_policy(np.full(5000, 1), 3)
    found = is_worth(trial, to_all)
    expected = np.maximum(true[:, 1], 0).mean() - true[:, 1].mean()
    assert found.is_used
    assert found.gain.low <= expected
    assert found.gain.value == pytest.approx(found.learned.value - found.rival.value, abs=1e-12)
    assert found.gain.value > 0.7 * expected
    flat, _ = drawn_trial(22, 3000)
    assert not is_worth(flat, chosen_policy(np.full(3000, 1), 3)).is_used


def test_choices_out_of_fold_heed_cost() -> None:
    trial, _ = drawn_trial(23, 2000)
    assert (cross_chosen(trial, cost=np.array([0.0, 0.0, 0.0])) == 1).mean() > 0.95
    assert (cross_chosen(trial, cost=np.array([0.0, 3.0, 3.0])) == 0).mean() > 0.95


def test_calibration_by_tenth() -> None:
    predicted, scores = np.repeat(np.arange(20.0), 5), np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 20)
    found = calibration(predicted, scores + predicted[:], np.arange(100))
    assert found["n"].tolist() == [10] * 10
    np.testing.assert_allclose(found["predicted"], np.arange(10) * 2 + 0.5)
    np.testing.assert_allclose(found["found"], found["predicted"] + 3)
    assert ((found["low"] < found["found"]) & (found["found"] < found["high"])).all()


def test_intervals_count_customers_not_rows() -> None:
    """Each row twice says no more than once."""
    parts = np.random.default_rng(1).normal(size=200)
    once, twice = mean_of(parts, np.arange(200)), mean_of(np.tile(parts, 2), np.tile(np.arange(200), 2))
    assert twice.se == pytest.approx(once.se, rel=1e-12)
    assert once.se == pytest.approx(parts.std(ddof=1) / np.sqrt(200), rel=1e-12)
