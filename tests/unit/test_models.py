from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import QuantileTransformer

from contracts import windows
from contracts.errors import ContractError, ParameterError, TimeError
from contracts.params import Params
from models.bundle import load_model, write_model
from models.evaluation.figures import Values, gain, judge, report, resampled, wilson
from models.evaluation.gate import gate
from models.learners import baselines, calibration, quantile_logit, trees
from models.recipe import fitting
from models.recipe.fits import refuse_seen, write_fits
from models.recipe.fitting import MODEL, choose_inside, fit_all
from models.recipe.splits import Fold, inner_fold
from models.rows import Rows, labelled_rows
from tests.drawn_rows import MONDAY, N_CUTOFFS, drawn_rows


@pytest.fixture(scope="module")
def rows() -> Rows:
    return drawn_rows(np.random.default_rng(11))


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    fewer = {"num_trees": 40, "n_bags": 2, "features": "all", "contest_below": 0}
    return params.model_copy(update={"train": params.train.model_copy(update=fewer)})


@pytest.fixture(scope="module")
def fits(rows: Rows, small: Params):
    choices = choose_inside(rows, 28, small.train, small.execution)
    return fit_all(rows, choices)


def test_a_fold_that_overlaps_is_refused() -> None:
    weeks = [MONDAY + timedelta(weeks=k) for k in range(10)]
    fold = inner_fold(weeks, 28, 2)
    assert fold.judge == tuple(weeks[-2:])
    assert fold.fit == tuple(weeks[:5])  # the last window ends on the first judged Monday
    with pytest.raises(TimeError, match="leak refused"):
        Fold(tuple(weeks[:6]), tuple(weeks[-2:]), 28)
    with pytest.raises(TimeError, match="use a longer history"):
        inner_fold(weeks[:4], 28, 2)


def test_canary_shuffled_row_folds_are_refused() -> None:
    """Row K-fold puts one cutoff on both sides; as a fold it cannot be made."""
    weeks = tuple(MONDAY + timedelta(weeks=k) for k in range(4))
    with pytest.raises(TimeError, match="leak refused"):
        Fold(weeks, weeks, 28)


def test_every_fit_comes_back_from_its_files(fits, rows: Rows, tmp_path: Path) -> None:
    for name, model in fits.items():
        write_model(tmp_path / name, model)
        again = load_model(tmp_path / name)
        np.testing.assert_array_equal(again.predict(rows.frame), model.predict(rows.frame))
        assert again.features == model.features


def test_two_fits_with_one_seed_are_the_same_bytes(fits, rows: Rows, small: Params) -> None:
    again = fit_all(rows, choose_inside(rows, 28, small.train, small.execution))
    assert {name: model.to_files() for name, model in fits.items()} == {
        name: model.to_files() for name, model in again.items()
    }


def test_contributions_add_up_to_the_prediction(fits, rows: Rows) -> None:
    some = rows.frame.head(50)
    for name in (MODEL, "all_feature_logit", "inactivity"):
        total = fits[name].contributions(some).sum(axis=1)
        np.testing.assert_allclose(1 / (1 + np.exp(-total)), fits[name].predict(some), rtol=1e-6)


def test_columns_are_matched_by_name(fits, rows: Rows) -> None:
    reordered = rows.frame[rows.frame.columns[::-1]]
    np.testing.assert_array_equal(fits[MODEL].predict(reordered), fits[MODEL].predict(rows.frame))
    with pytest.raises(ContractError, match="feature table lacks 'noise'"):
        fits[MODEL].predict(rows.frame.drop(columns="noise"))


def test_no_rows_no_predictions(fits, rows: Rows) -> None:
    for model in fits.values():
        assert len(model.predict(rows.frame.head(0))) == 0


def test_a_rule_ranks_as_its_feature_does(fits, rows: Rows) -> None:
    rule = fits["inactivity"]
    ours = roc_auc_score(rows.lapsed, rule.predict(rows.frame))
    assert ours == pytest.approx(roc_auc_score(rows.lapsed, rows.frame[rule.features[0]]), abs=2e-3)
    assert rule.predict(rows.frame).mean() == pytest.approx(rows.lapsed.mean(), abs=1e-3)


def test_normal_scores_equal_scikit_learn(rng: np.random.Generator) -> None:
    values = np.column_stack([rng.exponential(size=500), rng.normal(size=500)])
    ours = quantile_logit.normal_scores(values, quantile_logit.training_quantiles(values))[:, :2]
    theirs = QuantileTransformer(n_quantiles=200, output_distribution="normal", subsample=None).fit_transform(values)
    inside = np.abs(theirs) < 3
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-3)


def test_the_logit_equals_scikit_learns(rng: np.random.Generator) -> None:
    design, lapsed = rng.normal(size=(300, 3)), rng.random(300) < 0.3
    weights, intercept = quantile_logit.fit_weights(design, lapsed, 0.5)
    other = LogisticRegression(C=0.5, solver="lbfgs", tol=1e-10, max_iter=1000).fit(design, lapsed)
    np.testing.assert_allclose(weights, other.coef_[0], atol=1e-5)
    assert intercept == pytest.approx(other.intercept_[0], abs=1e-5)


def test_a_weight_of_nearly_nothing_has_no_sign() -> None:
    """Whether noise leaves it just above or just below 0 must not show in the model's file."""
    design = np.tile([[1.0, 1e-9], [-1.0, -1e-9], [1.0, -1e-9], [-1.0, 1e-9]], (25, 1))
    lapsed = np.tile([True, False, True, False], 25)
    weights, _ = quantile_logit.fit_weights(design, lapsed, 0.5)
    assert weights[1] == 0
    assert not np.signbit(weights[1])
    flipped, _ = quantile_logit.fit_weights(design * [1.0, -1.0], lapsed, 0.5)
    assert not np.signbit(flipped[1])


def test_one_class_gives_a_constant(rng: np.random.Generator) -> None:
    weights, intercept = quantile_logit.fit_weights(rng.normal(size=(20, 2)), np.zeros(20, bool), 1.0)
    assert not weights.any()
    assert intercept < -5


def test_leaf_size_scales_and_library_parameters_keep_probabilities(params: Params) -> None:
    settings = trees.library_parameters(params.train, 60_000, params.execution)
    assert settings["min_data_in_leaf"] == 198
    assert trees.library_parameters(params.train, 100, params.execution)["min_data_in_leaf"] == 5
    assert not {"is_unbalance", "scale_pos_weight"} & set(settings)
    assert settings["deterministic"]


def test_a_line_of_another_season_has_to_help_here(rng: np.random.Generator) -> None:
    truth = rng.normal(-1.0, 1.0, 6000)
    lapsed = rng.random(6000) < 1 / (1 + np.exp(-truth))
    cutoff = np.repeat([1, 2, 3], 2000)
    assert calibration.helps(calibration.Platt(-0.5, 0.5), 2.0 * truth + 1.0, lapsed, cutoff)
    assert not calibration.helps(calibration.Platt(0.6, 1.0), truth, lapsed, cutoff)
    assert not calibration.helps(calibration.Platt(-0.5, 0.5), 2.0 * truth + 1.0, lapsed, np.ones(6000))


@pytest.mark.parametrize("shifts", [(0.0, 1.5, -1.0), (0.0, 1.5, 1.5)])
def test_trees_are_calibrated_only_if_the_season_before_asked_for_the_same(rows, small, shifts) -> None:
    """Log-odds of lapse move by season: five cutoffs, then three, then three that are judged."""
    days = [MONDAY + timedelta(weeks=4 * k) for k in range(11)]
    rng = np.random.default_rng(8)
    season = np.repeat(np.repeat(shifts, (5, 3, 3)), 300)
    frame = pd.concat([rows.frame.iloc[:300]] * 11, ignore_index=True)
    frame["cutoff_on"] = pd.to_datetime(np.repeat(days, 300))
    lapsed = rng.random(len(frame)) < 1 / (1 + np.exp(1.0 - season))
    drawn = Rows(frame, lapsed, windows.day_numbers(frame["cutoff_on"]))
    chosen = choose_inside(drawn, 28, small.train, small.execution).calibration
    assert (chosen == calibration.IDENTITY) == (shifts[2] < 0)


def test_too_few_labels_are_refused(rows: Rows, small: Params) -> None:
    none = Rows(rows.frame, np.zeros(len(rows.lapsed), dtype=bool), rows.cutoff)
    with pytest.raises(ContractError, match="too few labels to learn from: 0 of"):
        choose_inside(none, 28, small.train, small.execution)


def test_an_unknown_excluded_feature_is_named(rows: Rows, small: Params) -> None:
    for features in ("lean", "all"):
        train = small.train.model_copy(update={"features": features, "exclude_features": ["noize"]})
        with pytest.raises(ParameterError, match="did you mean 'noise'"):
            fitting.model_features(rows.frame, train)
    assert "noise" not in fitting.shown_features(rows.frame, ["noise"])


def test_the_lean_model_reads_the_short_list_and_its_rivals_everything(rows: Rows, small: Params) -> None:
    train = small.train.model_copy(update={"features": "lean", "exclude_features": ["amount_91d"], "num_trees": 3})
    fits = fit_all(rows, choose_inside(rows, 28, train, small.execution))
    lean = {"days_since_last_purchase", "silence_to_gap_median", "amount_56d", "mbgnbd_p_no_purchase"}
    lean |= {"silence_percentile", "purchase_days_182d", "purchase_days_364d", "amount_182d"}
    lean |= {"mbgnbd_expected_purchases"}
    assert set(fits[MODEL].features) == lean | {"noise"}  # not in the catalogue: a trial feature
    for rival in ("all_feature_logit", "lightgbm_default"):
        assert set(fits[rival].features) == set(rows.frame.columns) - {"customer_id", "cutoff_on", "amount_91d"}


def test_a_table_without_any_lean_feature_is_refused(rows: Rows, small: Params) -> None:
    train = small.train.model_copy(update={"features": "lean"})
    with pytest.raises(ParameterError, match="none; set it to all"):
        fitting.model_features(rows.frame[["customer_id", "cutoff_on", "purchase_days_7d"]], train)


def test_labels_must_have_matured() -> None:
    day = pd.to_datetime(["2017-01-02"])
    snapshot = pd.DataFrame({"customer_id": ["a"], "cutoff_on": day, "is_eligible": [True], "is_test": [True]})
    snapshot["lapsed"] = pd.array([pd.NA], dtype="boolean")
    features = pd.DataFrame({"customer_id": ["a"], "cutoff_on": day, "x": [1.0]})
    with pytest.raises(ContractError, match="no matured label"):
        labelled_rows(features, snapshot, "is_test")


def test_the_report_holds_what_others_rely_on(fits, rows: Rows, params: Params) -> None:
    test_rows = rows.at([MONDAY + timedelta(weeks=2 * k) for k in range(6, 9)])
    judged = judge(test_rows.frame, test_rows.lapsed, fits)
    values = resampled(judged, 200, seed=1)
    found = report(judged, values, MODEL, params.evaluate, edges=[0.1, 0.3], seed=1)
    wanted = {"auc_mean", "auc_low", "auc_high", "average_precision", "brier", "log_loss", "calibration_error"}
    assert wanted | {"lift_at_10"} <= set(found["test"])
    assert len(found["by_cutoff"]) == 3
    assert set(found["baselines"]) == set(baselines.BASELINES)
    by_hand = np.mean(
        [
            roc_auc_score(judged.lapsed[judged.cutoff == day], judged.predictions[MODEL][judged.cutoff == day])
            for day in judged.cutoffs
        ]
    )
    assert found["test"]["auc_mean"] == pytest.approx(by_hand)
    assert found["test"]["auc_low"] < by_hand < found["test"]["auc_high"]
    assert sum(band["n_rows"] for band in found["risk_bands"]) == len(judged.lapsed)


def values_with(gains: np.ndarray, auc_gain: float) -> Values:
    plain = {"regulars": {"log_loss": 0.3 - gains.mean(), "auc": 0.8 + auc_gain}, "rfm": {"log_loss": 0.3, "auc": 0.8}}
    plain["worse"] = {"log_loss": 0.5, "auc": 0.6}
    drawn = {name: {key: np.full(len(gains), value) for key, value in of.items()} for name, of in plain.items()}
    drawn["regulars"]["log_loss"] = 0.3 - gains
    return Values(plain, drawn)


def test_the_gate_releases_the_model_only_if_it_beats_the_best_baseline(rng: np.random.Generator) -> None:
    clear = gate(values_with(rng.normal(0.01, 0.001, 1000), 0.0), "regulars", 0.005)
    assert (clear["released"], clear["grade"], clear["best_baseline"]) == ("regulars", "model", "rfm")
    unsure = gate(values_with(rng.normal(0.001, 0.01, 1000), 0.0), "regulars", 0.005)
    assert (unsure["released"], unsure["grade"], unsure["passed"]) == ("rfm", "rule", False)
    assert "95 % interval begins at" in unsure["rule"]
    dull = gate(values_with(rng.normal(0.01, 0.001, 1000), -0.01), "regulars", 0.005)
    assert (dull["released"], dull["rule"]) == ("rfm", "AUC gain -0.0100: expected at least -0.005")


def test_a_gain_is_positive_where_the_model_is_better() -> None:
    values = values_with(np.full(10, 0.02), 0.01)
    assert gain(values, "regulars", "rfm", "log_loss")["value"] == pytest.approx(0.02)
    assert gain(values, "regulars", "rfm", "auc")["value"] == pytest.approx(0.01)


def test_wilson_equals_the_closed_form_at_the_edges() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)


def test_the_best_rfm_window_is_chosen_on_the_training_rows(rows: Rows) -> None:
    sharper = rows.frame.assign(purchase_days_91d=rows.lapsed.astype(float))
    assert baselines.best_rfm(sharper, rows.lapsed).features[1] == "purchase_days_91d"


# Canaries: four ways to train or choose on the period that is judged. Each is refused by dates, not by a figure.

WEEKS = [MONDAY + timedelta(weeks=2 * k) for k in range(N_CUTOFFS)]


def test_canary_fits_that_saw_the_judged_period_are_refused(fits, rows: Rows, tmp_path: Path) -> None:
    early, late = rows.at(WEEKS[:5]), rows.at(WEEKS[:8])
    for name, seen in (("early", early), ("late", late)):
        write_fits(tmp_path / name, {}, fitting.labels_known_on(seen, 28))
    refuse_seen(tmp_path / "early", WEEKS[6:])
    with pytest.raises(TimeError, match="leak refused"):
        refuse_seen(tmp_path / "late", WEEKS[6:])


def test_canary_choices_made_in_the_judged_period_count_as_seen(rows: Rows, small: Params) -> None:
    early, late = rows.at(WEEKS[:6]), rows.at(WEEKS)
    known = [choose_inside(some, 28, small.train, small.execution).labels_known_on for some in (early, late)]
    assert known == [WEEKS[5] + timedelta(days=28), WEEKS[8] + timedelta(days=28)]


def test_canary_penalties_are_chosen_with_quantiles_of_the_fitting_rows(rows: Rows, monkeypatch) -> None:
    is_judged = rows.cutoff == rows.cutoff.max()
    seen: list[int] = []

    def counted(values: np.ndarray) -> np.ndarray:
        seen.append(len(values))
        return quantile_logit.training_quantiles(values)

    monkeypatch.setattr(baselines, "training_quantiles", counted)
    baselines.best_penalty(rows.frame, rows.lapsed, is_judged, ["days_since_last_purchase"])
    assert seen == [int((~is_judged).sum())]


def test_a_test_cutoff_with_one_class_has_no_ranking_to_judge(fits, rows: Rows) -> None:
    some = rows.at(WEEKS[:1])
    assert judge(some.frame, np.zeros(150, dtype=bool), fits).two_sided == []
    assert judge(some.frame, some.lapsed, fits).two_sided == [windows.day_number(WEEKS[0])]
