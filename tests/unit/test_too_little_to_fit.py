"""Where too little is known to fit, choose or judge, that is said: nothing is made up, and no fit breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.errors import ContractError
from contracts.params import Params
from models.bundle import load_model
from models.evaluation.curves import write_judged_curves
from models.evaluation.figures import Judged
from models.learners import baselines, trees
from models.learners.calibration import IDENTITY
from models.recipe import contest
from models.recipe.inner import Terms, calibration_inside
from models.recipe.splits import forward_folds
from models.recipe.tuning import search
from models.rows import Rows
from models.value.at_stake import UNMEASURED, fit_value
from tests.drawn_rows import drawn_rows


@pytest.fixture(scope="module")
def rows() -> Rows:
    return drawn_rows(np.random.default_rng(11), n_customers=60)


@pytest.fixture(scope="module")
def all_kept(rows: Rows) -> Rows:
    return Rows(rows.frame, np.zeros(len(rows.lapsed), dtype=bool), rows.cutoff)


@pytest.fixture(scope="module")
def terms(rows: Rows, params: Params) -> Terms:
    names = tuple(name for name in rows.frame if name not in ("customer_id", "cutoff_on"))
    few = params.train.model_copy(update={"num_trees": 5, "n_bags": 1, "n_trials": 1})
    return Terms(names, names, 0.01, few, params.execution)


def unheard(_: str) -> None:
    raise AssertionError("nothing was to be told")


def test_without_two_outcomes_there_is_no_contest_and_no_search(all_kept: Rows, terms: Terms, tmp_path: Path) -> None:
    folds = forward_folds(all_kept.cutoffs, 28, 2, 2)
    assert folds
    assert contest.hold(all_kept, folds, terms) == ()
    assert search(all_kept, folds, terms, tmp_path, unheard) is None
    assert list(tmp_path.iterdir()) == []


def test_without_an_inner_fold_no_map_is_proved(rows: Rows) -> None:
    def never(_: Rows) -> object:
        raise AssertionError("nothing was to be fitted")

    one = rows.at(rows.cutoffs[:1])
    assert calibration_inside(never, one, 28, 2) is IDENTITY  # type: ignore[arg-type]


def test_a_cutoff_of_one_outcome_keeps_its_level_in_the_contest(rows: Rows) -> None:
    lapsed = rows.lapsed.copy()
    first = rows.cutoff == rows.cutoff.min()
    lapsed[first] = False
    log_odds = np.full(len(lapsed), -1.0)
    lost = contest.levelled(log_odds, Rows(rows.frame, lapsed, rows.cutoff))
    assert np.allclose(lost[first], np.log1p(np.exp(-1.0)))
    assert len(np.unique(lost[~first].round(9))) > 1  # the others are moved to their own base rate


def test_a_rule_needs_one_of_its_columns_and_does_without_an_empty_one(rows: Rows) -> None:
    with pytest.raises(ContractError, match="baseline needs one of a, b; featurize with their families"):
        baselines.best_rule(rows.frame, rows.lapsed, ("a", "b"))
    empty = rows.frame.assign(never=np.nan)
    known = next(name for name in baselines.INACTIVITY_RULES if name in empty)
    assert baselines.best_rule(empty, rows.lapsed, ("never", known)) == known


def test_trees_say_nothing_of_nobody(rows: Rows, terms: Terms) -> None:
    grown = trees.fit(rows.frame, rows.lapsed, terms.features, terms.train, terms.execution)
    assert grown.contributions(rows.frame.iloc[:0]).shape == (0, len(terms.features) + 1)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"kind": "forest"}')
    with pytest.raises(
        ContractError, match=r"expected kind quantile_logit, bagged_trees or blend, got 'forest'; refit"
    ):
        load_model(tmp_path)


def test_a_test_of_one_outcome_has_a_note_in_place_of_curves(rows: Rows, params: Params, tmp_path: Path) -> None:
    n = len(rows.lapsed)
    keys = rows.frame[["customer_id", "cutoff_on"]]
    judged = Judged(keys, np.ones(n, dtype=bool), np.arange(n), rows.cutoff, {"m": np.full(n, 0.5)})
    write_judged_curves(tmp_path, judged, ("m",), params.evaluate, "in March 2017")
    assert [path.name for path in tmp_path.iterdir()] == ["no_curves.txt"]
    assert "every test row has the same outcome, in March 2017" in (tmp_path / "no_curves.txt").read_text()


@pytest.mark.parametrize("case", ["few rows", "nobody lapsed", "the kept paid nothing"])
def test_a_value_that_cannot_be_measured_is_not(case: str, params: Params) -> None:
    n = 99 if case == "few rows" else 200
    frame = pd.DataFrame({"customer_id": [str(k) for k in range(n)], "lapsed": np.arange(n) % 4 == 0, "paid": 10.0})
    if case == "nobody lapsed":
        frame["lapsed"] = False
    if case == "the kept paid nothing":
        frame["paid"] = np.where(frame["lapsed"], 10.0, 0.0)
    terms = {"task": params.task, "params": params.train, "execution": params.execution}
    assert fit_value("trailing", frame, [], **terms) is UNMEASURED


def test_folds_that_cannot_be_used_are_left_out_of_a_search(rows: Rows, terms: Terms, tmp_path: Path) -> None:
    """A fold whose earlier cutoffs hold nobody who lapsed counts for nothing; the later ones decide."""
    lapsed = rows.lapsed.copy()
    lapsed[rows.cutoff <= windows.day_number(rows.cutoffs[0] + timedelta(days=1))] = False
    folds = forward_folds(rows.cutoffs, 28, 2, 2)
    said: list[str] = []
    found = search(replace(rows, lapsed=lapsed), folds, terms, tmp_path, said.append)
    assert found is not None
    assert len(found.trials) == len(said) == 1
