"""Few outcomes: the contest, the blend, and the search for parameters, on drawn rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from contracts.params import Params
from models.bundle import load_model, write_model
from models.learners.blend import Blend
from models.recipe import contest, tuning
from models.recipe.contest import BLEND, CONTESTANTS, LIGHTGBM, Entrant
from models.recipe.fitting import MODEL, choose_inside, fit_all, fit_model
from models.recipe.inner import Terms
from models.recipe.lean import CALENDAR, has_seen_season
from models.recipe.splits import forward_folds
from models.recipe.tuning import SPACE, search
from models.recipe.tuning_report import write_tuning
from models.rows import Rows
from tests.drawn_rows import N_CUTOFFS, drawn_rows


@pytest.fixture(scope="module")
def rows() -> Rows:
    return drawn_rows(np.random.default_rng(11))


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    fewer = {"num_trees": 30, "n_bags": 2, "features": "all", "contest_below": 10_000}
    return params.model_copy(update={"train": params.train.model_copy(update=fewer)})


@pytest.fixture(scope="module")
def terms(rows: Rows, small: Params) -> Terms:
    names = tuple(name for name in rows.frame if name not in ("customer_id", "cutoff_on"))
    return Terms(names, names, 0.01, small.train, small.execution)


def test_few_outcomes_are_contested_and_lightgbm_is_still_fitted(rows: Rows, small: Params) -> None:
    choices = choose_inside(rows, 28, small.train, small.execution)
    assert [one.name for one in choices.held] == list(CONTESTANTS)
    fits = fit_all(rows, choices)
    assert {MODEL, LIGHTGBM} <= set(fits)
    assert choices.to_json()["contest"][-1]["name"] == BLEND
    many = small.train.model_copy(update={"contest_below": 0})
    plain = choose_inside(rows, 28, many, small.execution)
    assert (plain.winner, plain.held) == (LIGHTGBM, ())
    assert LIGHTGBM not in fit_model(rows, plain)


def test_without_an_inner_fold_the_blend_stands(rows: Rows, small: Params) -> None:
    first = rows.at(rows.cutoffs[:1])
    choices = choose_inside(first, 28, small.train, small.execution)
    assert (choices.winner, choices.held) == (BLEND, ())
    assert isinstance(fit_model(first, choices)[MODEL], Blend)


def test_the_simplest_that_beats_the_blend_beyond_doubt_wins() -> None:
    doubtful, sure, surer = (
        Entrant(name, 0.3, gain, 0.01) for name, gain in zip("abc", (0.019, 0.021, 0.05), strict=True)
    )
    assert contest.winner([doubtful, sure, surer]) == "b"
    assert contest.winner([doubtful]) == BLEND
    assert contest.winner([]) == BLEND


def test_the_base_rate_of_a_judged_cutoff_does_not_decide(rows: Rows) -> None:
    log_odds = np.linspace(-3, 1, len(rows.lapsed))
    moved = log_odds + np.where(rows.cutoff == rows.cutoff.max(), 1.5, -0.5)
    assert contest.levelled(moved, rows) == pytest.approx(contest.levelled(log_odds, rows), abs=1e-4)


def test_a_blend_is_the_mean_of_its_parts_and_comes_back_from_text(rows: Rows, terms: Terms, tmp_path: Path) -> None:
    fitted = contest.contestants(rows, terms)
    model = fitted[BLEND]
    parts = [fitted[LIGHTGBM], fitted["all_feature_logit"]]
    assert model.log_odds(rows.frame) == pytest.approx(np.mean([part.log_odds(rows.frame) for part in parts], axis=0))
    said = model.contributions(rows.frame.head(40))
    assert said.sum(axis=1) == pytest.approx(model.log_odds(rows.frame.head(40)))
    write_model(tmp_path, model)
    again = load_model(tmp_path)
    assert (again.predict(rows.frame) == model.predict(rows.frame)).all()
    assert again.features == model.features


def test_a_search_that_was_killed_comes_to_the_same_end(rows: Rows, terms: Terms, tmp_path: Path) -> None:
    folds = forward_folds(rows.cutoffs, 28, 2, 2)
    searched = replace(terms, train=terms.train.model_copy(update={"n_trials": 5}))
    said: list[str] = []
    whole = search(rows, folds, searched, tmp_path / "whole", said.append)
    assert whole is not None
    assert len(said) == len(whole.trials) == 5
    (file,) = (tmp_path / "whole").glob("*.jsonl")
    (tmp_path / "cut").mkdir()
    lines = file.read_text().splitlines()
    (tmp_path / "cut" / file.name).write_text("\n".join([*lines[:3], lines[3][:20]]))
    said.clear()
    assert search(rows, folds, searched, tmp_path / "cut", said.append) == whole
    assert len(said) == 2
    assert whole.trials[0]["learning_rate"] == terms.train.learning_rate  # the present ones are tried first


def test_tuned_parameters_are_adopted_only_beyond_two_standard_errors(rows: Rows, terms: Terms) -> None:
    trial = {"number": 1, "log_loss": 0.3, **{name: low for name, (low, _, _) in SPACE.items()}}
    for gain, adopted in ((0.021, True), (0.019, False)):
        found = tuning.Search((trial,), trial, gain, 0.01)
        assert (found.applied(terms.train).num_leaves == 4) is adopted


def test_present_parameters_outside_the_space_do_not_stop_the_search(rows: Rows, terms: Terms, tmp_path: Path) -> None:
    odd = replace(terms, train=terms.train.model_copy(update={"n_trials": 2, "lambda_l2": 500.0}))
    found = search(rows, forward_folds(rows.cutoffs, 28, 1, 2), odd, tmp_path, lambda _: None)
    assert found is not None
    assert found.trials[0]["lambda_l2"] == 500.0


def test_a_search_is_told_in_one_table_and_one_picture(rows: Rows, terms: Terms, tmp_path: Path) -> None:
    trials = tuple(
        {"number": k, "log_loss": 0.3 - k / 100, **{name: low + k for name, (low, _, _) in SPACE.items()}}
        for k in range(3)
    )
    write_tuning(tmp_path / "found", tuning.Search(trials, trials[2], 0.03, 0.01))
    assert len((tmp_path / "found" / "trials.csv").read_text().splitlines()) == 4
    assert json.loads((tmp_path / "found" / "tuning.json").read_text())["is_adopted"] is True
    assert (tmp_path / "found" / "trials.png").stat().st_size > 1000
    write_tuning(tmp_path / "none", None)
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["tuning.json"]


def test_the_calendar_is_read_only_where_the_season_was_seen(rows: Rows, small: Params) -> None:
    seasonal = Rows(rows.frame.assign(season_sine=0.1, season_cosine=0.2), rows.lapsed, rows.cutoff)
    short = choose_inside(seasonal, 28, small.train, small.execution).terms
    assert not set(CALENDAR) & {*short.features, *short.shown}
    assert N_CUTOFFS == 9  # 16 weeks and 28 days: no year
    long = Rows(seasonal.frame, rows.lapsed, rows.cutoff - 400 * (rows.cutoff == rows.cutoff.min()))
    told = choose_inside(long, 28, small.train, small.execution).terms
    assert set(CALENDAR) <= set(told.features)
    assert has_seen_season([date(2017, 1, 2), date(2017, 1, 2) + timedelta(days=336)], 28)
    assert not has_seen_season([date(2017, 1, 2), date(2017, 1, 2) + timedelta(days=329)], 28)


def test_silence_never_lowers_the_risk_where_that_is_asked_for(rows: Rows, terms: Terms) -> None:
    asked = replace(terms, train=terms.train.model_copy(update={"monotone_silence": True, "num_trees": 120}))
    model = contest.contestants(rows, asked)[LIGHTGBM]
    for silent in (0.0, 5.0):
        frame = rows.frame.head(200).assign(days_since_last_purchase=silent)
        longer = frame.assign(days_since_last_purchase=silent + 8.0)
        assert (model.log_odds(longer) >= model.log_odds(frame) - 1e-12).all()
