"""Forward folds, also as scikit-learn's `cv`, and the classifier that is used with them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import cross_validate
from sklearn.utils.estimator_checks import check_estimator

from contracts import windows
from contracts.errors import TimeError
from models.learners.calibration import IDENTITY
from models.learners.classifier import ChurnClassifier
from models.recipe.splits import Fold, ForwardSplit, days_of, forward_folds

MONDAY = date(2017, 1, 2)
NOT_CHECKED = {"check_array_api_input": "scikit-learn skips it unless SCIPY_ARRAY_API is set"}


def mondays(n: int) -> list[date]:
    return [MONDAY + timedelta(weeks=k) for k in range(n)]


@settings(max_examples=150, deadline=None)
@given(
    weeks=st.lists(st.integers(0, 60), min_size=1, max_size=40, unique=True),
    label_days=st.integers(1, 120),
    n_folds=st.integers(1, 6),
    n_judge=st.integers(1, 4),
)
def test_no_fold_fits_on_a_label_that_was_not_known(weeks, label_days, n_folds, n_judge) -> None:
    cutoffs = [MONDAY + timedelta(weeks=k) for k in weeks]
    folds = forward_folds(cutoffs, label_days, n_folds, n_judge)
    judged = [day for fold in folds for day in fold.judge]
    assert len(judged) == len(set(judged))  # nothing is judged twice
    assert len(folds) <= n_folds
    for fold in folds:
        assert max(fold.fit) + timedelta(days=label_days) <= min(fold.judge)
        assert set(fold.fit) == {day for day in cutoffs if day + timedelta(days=label_days) <= min(fold.judge)}


def test_an_embargo_moves_the_fit_back_and_an_overlap_is_refused() -> None:
    groups = np.repeat(np.array(mondays(12), dtype="datetime64[D]"), 3)
    near, far = (ForwardSplit(1, 2, 28, embargo).folds(groups)[0] for embargo in (0, 14))
    assert (max(near.fit), max(far.fit)) == (mondays(12)[6], mondays(12)[4])
    with pytest.raises(TimeError, match="leak refused: fitting windows end 2017-02-20"):
        Fold((mondays(12)[3],), (mondays(12)[6],), 28)
    with pytest.raises(TimeError, match="expected groups: the cutoff of each row"):
        list(ForwardSplit().split(np.zeros((3, 1))))
    with pytest.raises(TimeError, match="expected 3 forward folds, got 2 from 6 cutoffs"):
        list(ForwardSplit(3, 1, 28).split(np.zeros((6, 1)), groups=mondays(6)))


def test_rows_come_out_by_cutoff_in_whatever_order_they_stand(rng: np.random.Generator) -> None:
    groups = pd.Series(pd.to_datetime(rng.permutation(np.repeat(mondays(9), 4))))
    pairs = list(ForwardSplit(2, 1, 14).split(groups.to_frame(), groups=groups))
    assert len(pairs) == ForwardSplit(2).get_n_splits() == 2
    for (fit, judge), last in zip(pairs, mondays(9)[7:], strict=True):
        assert set(groups.iloc[judge].dt.date) == {last}
        assert len(judge) == 4
        assert groups.iloc[fit].max().date() == last - timedelta(days=14)


def drawn(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    n = 12 * 120
    table = pd.DataFrame({"silence": rng.exponential(10, n), "visits": rng.poisson(4, n).astype(float)})
    table.loc[::7, "visits"] = np.nan
    odds = -2 + 0.12 * table["silence"] - 0.2 * table["visits"].fillna(4)
    return table, (rng.random(n) < 1 / (1 + np.exp(-odds))).to_numpy(), np.repeat(mondays(12), 120)


def test_the_classifier_goes_through_cross_validate_by_cutoffs(rng: np.random.Generator) -> None:
    table, y, cutoffs = drawn(rng)
    found = cross_validate(
        ChurnClassifier(num_trees=60, n_bags=1),
        table,
        y,
        groups=cutoffs,
        cv=ForwardSplit(3, 1, 14),
        scoring=("roc_auc", "neg_log_loss"),
    )
    assert found["test_roc_auc"].mean() > 0.7


def test_without_cutoffs_no_calibration_is_put_on(rng: np.random.Generator) -> None:
    table, y, cutoffs = drawn(rng)
    plain = ChurnClassifier(num_trees=30, n_bags=1, label_days=14).fit(table, y)
    assert plain.model_.calibration == IDENTITY
    assert plain.predict_proba(table).sum(axis=1) == pytest.approx(1.0)
    told = ChurnClassifier(num_trees=12, n_bags=1, label_days=14, n_inner_cutoffs=3)
    assert told.fit(table, y, cutoffs=cutoffs).model_.calibration != IDENTITY  # twelve slow trees say far too little


def test_two_fits_give_the_same_bytes(rng: np.random.Generator) -> None:
    table, y, _ = drawn(rng)
    first, second = (ChurnClassifier(num_trees=20, seed=3).fit(table, y).model_.to_files() for _ in range(2))
    assert first == second
    assert ChurnClassifier(num_trees=20, seed=4).fit(table, y).model_.to_files() != first


@pytest.mark.filterwarnings("ignore", category=SkipTestWarning)
def test_the_classifier_passes_scikit_learns_own_checks() -> None:
    """Every check of `check_estimator`; those that do not pass are listed, each with its reason."""
    checks = check_estimator(ChurnClassifier(num_trees=150), on_fail=None, on_skip=None)
    failed = {one["check_name"] for one in checks if one["status"] != "passed"}
    assert failed == set(NOT_CHECKED)
    assert len(checks) > 50


@pytest.mark.parametrize("kind", ["date", "text", "instant"])
def test_cutoffs_are_read_as_dates_texts_and_instants(kind: str) -> None:
    told = {"date": mondays(4), "text": [str(day) for day in mondays(4)], "instant": pd.DatetimeIndex(mondays(4))}
    assert days_of(told[kind]).astype(int).tolist() == [windows.day_number(day) for day in mondays(4)]
