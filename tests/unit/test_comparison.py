"""Champion against challenger: figures by hand, the verdict, the page, the recipe fitted anew, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.errors import ContractError, StateError
from contracts.files import write_json
from contracts.params import Params
from models.candidate import refuse_other_task
from models.evaluation.figures import Judged
from models.recipe.fitting import MODEL, choose_inside, fit_all
from models.recipe.origins import judge_origins, spread
from models.recipe.refit import is_same, refit
from models.record import challenge, comparison, pairing
from models.record.challenge import differences
from models.record.comparison import CHALLENGER, CHAMPION, compare
from models.record.comparison_page import Comparison, page, write_comparison
from models.record.pairing import BETTER, NO_WORSE, SAME, UNPROVED
from models.rows import Rows
from tests.drawn_rows import drawn_rows

DAYS = ["2018-01-01", "2018-01-08"]


def judged_by(old: list[float], new: list[float], lapsed: list[int]) -> Judged:
    """Rows at two cutoffs, the same customers at each."""
    n = len(old) // 2
    keys = pd.DataFrame(
        {"customer_id": [f"household-{k}" for k in range(n)] * 2, "cutoff_on": pd.to_datetime(np.repeat(DAYS, n))}
    )
    sides = {CHAMPION: np.array(old), CHALLENGER: np.array(new)}
    codes = np.tile(np.arange(n), 2)
    return Judged(keys, np.array(lapsed, dtype=bool), codes, windows.day_numbers(keys["cutoff_on"]), sides)


@pytest.fixture
def few(params: Params):
    return params.evaluate.model_copy(update={"capacity": 1, "n_bootstrap": 200})


def test_lists_and_profit_by_hand(few) -> None:
    """One contact a cutoff: at the first both take customer 0; at the second the challenger finds who lapses."""
    judged = judged_by([0.9, 0.1, 0.8, 0.2], [0.9, 0.1, 0.3, 0.6], [1, 0, 0, 1])
    found = compare(judged, few, 1)
    groups = {row["group"]: (row["n_rows"], row["lapsed"]) for row in found["lists"]["groups"]}
    assert groups == {"in both": (1, 1.0), "only the champion's": (1, 0.0), "only the challenger's": (1, 1.0)}
    assert found["lists"]["overlap"] == pytest.approx(1 / 3)
    # won: .3 × (200 − 10) − 1 = 56; lost: −11; one list of two gains 67, over two cutoffs
    assert found["profit_gain"]["value"] == pytest.approx(67 / 2)
    assert found["figures"]["log_loss"][CHAMPION] == pytest.approx(-np.log([0.9, 0.9, 0.2, 0.2]).mean(), abs=1e-6)
    assert found["gains"]["auc"]["value"] == pytest.approx(0.5)
    assert found["by_cutoff"][1]["bias_challenger"] == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("low", "said"), [(0.0001, BETTER), (0.0, NO_WORSE), (-0.0009, NO_WORSE), (-0.001, UNPROVED), (None, UNPROVED)]
)
def test_the_verdict_is_by_the_lower_end(low: float | None, said: str) -> None:
    found = {
        "gains": {"log_loss": {"value": 0.001, "low": low, "high": 0.002}},
        "lists": {"overlap": 0.5, "capacity": 300},
    }
    assert comparison.verdict(found, 0.001) == said
    if low is None:
        assert "[unknown, +0.0020]" in comparison.sentence(found, said, 0.001)
    else:
        assert "their 300 highest risks share 50%" in comparison.sentence(found, said, 0.001)


def test_the_page_escapes_and_names_nobody(few, tmp_path) -> None:
    judged = judged_by([0.9, 0.1, 0.8, 0.2] * 6, [0.9, 0.1, 0.3, 0.6] * 6, [1, 0, 0, 1] * 6)
    found = compare(judged, few, 1)
    made = Comparison(BETTER, "Better <b>.", "", found, judged, {"train.x": ("<i>1", "2")}, "abc")
    write_comparison(tmp_path / "out", made)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"comparison.json", "comparison.html", "reliability.png", "by_cutoff.csv"}
    html = (tmp_path / "out" / "comparison.html").read_text()
    assert "&lt;b&gt;" in html
    assert "&lt;i&gt;1" in html
    assert not re.search(r"<script|https?://", html)
    told = html + (tmp_path / "out" / "comparison.json").read_text()
    assert not any(customer in told for customer in judged.keys["customer_id"])
    assert "No parameter differs" in page(Comparison(SAME, "Same."))


def test_runs_of_another_task_are_told_apart() -> None:
    tags = {"task.label": "a", "task.horizon_days": "28", "task.judged_rows": "x"}
    assert pairing.other_task(tags, dict(tags)) == ""
    assert "horizon_days: 28 against 56" in pairing.other_task(tags, {**tags, "task.horizon_days": "56"})
    assert "judged_rows: x against none" in pairing.other_task(tags, {"task.label": "a", "task.horizon_days": "28"})


def test_judged_rows_pair_only_if_they_are_the_same() -> None:
    judged = judged_by([0.9, 0.1, 0.8, 0.2], [0.9, 0.1, 0.3, 0.6], [1, 0, 0, 1])
    rows = judged.keys.assign(p_lapse=[0.9, 0.1, 0.8, 0.2], lapsed=judged.lapsed)
    other = rows.assign(customer_id=["x", "y"] * 2)
    assert pairing.rows_hash(rows) == pairing.rows_hash(rows.assign(p_lapse=0.5)) != pairing.rows_hash(other)
    salt = b"secret"
    first = pairing.anonymous(rows, salt)
    pair = comparison.paired(first, pairing.anonymous(rows.assign(p_lapse=0.4), salt))
    assert pair.predictions[CHALLENGER].tolist() == [0.4] * 4
    with pytest.raises(StateError, match="judged rows differ"):
        comparison.paired(first, pairing.anonymous(rows.assign(lapsed=~judged.lapsed), salt))


def test_numbers_in_a_shared_record_follow_the_projects_secret_alone(tmp_path) -> None:
    ids = [f"household-{k:03d}" for k in range(200)]
    rows = pd.DataFrame({"customer_id": ids, "cutoff_on": pd.Timestamp(DAYS[0]), "p_lapse": np.arange(200) / 200})
    rows["lapsed"] = False
    salt = pairing.read_salt(tmp_path)
    assert pairing.read_salt(tmp_path) == salt
    assert (tmp_path / pairing.SALT_FILE).stat().st_mode & 0o077 == 0
    told = pairing.anonymous(rows, salt)
    assert told.equals(pairing.anonymous(rows.iloc[::-1], salt))
    assert list(told.columns) == ["customer", "cutoff_on", "p_lapse", "lapsed"]
    assert told["customer"].tolist() == list(range(200))
    assert abs(np.corrcoef(told["customer"], told["p_lapse"])[0, 1]) < 0.3  # the order of the ids is gone
    assert not told.equals(pairing.anonymous(rows, pairing.read_salt(tmp_path / "other")))


def test_parameters_that_differ_are_told_with_both_values() -> None:
    assert differences({"a.x": "1", "a.y": "2"}, {"a.x": "1", "a.y": "3", "a.z": "4"}) == {
        "a.y": ("2", "3"),
        "a.z": ("–", "4"),
    }


def test_what_differs_beyond_the_recipe_is_named_and_a_bare_refit_says_so() -> None:
    bare = challenge._same({"register.model_name": ("a", "b"), "evaluate.capacity": ("1", "2")})
    assert bare == "The challenger is the champion's recipe, fitted anew: nothing in it differs."
    more = challenge._same({"features.families": ("a", "b"), "evaluate.capacity": ("1", "2")})
    assert "on other data or features (features.families): both sides see the new ones here" in more


@pytest.mark.parametrize(("chosen_on", "is_warned"), [(None, False), ("2018-01-01", False), ("2018-01-02", True)])
def test_a_champion_that_was_chosen_on_judged_labels_has_an_advantage(chosen_on: str | None, is_warned: bool) -> None:
    judged = judged_by([0.9, 0.1, 0.8, 0.2], [0.9, 0.1, 0.3, 0.6], [1, 0, 0, 1])
    said = challenge._had_seen({"recipe": {"chosen_on": chosen_on}}, judged)
    assert ("it has an advantage here" in said) == is_warned
    assert ("known on 2018-01-02, after the first judged cutoff (2018-01-01)" in said) == is_warned


def test_a_champion_of_another_label_is_no_rival(tmp_path, params: Params) -> None:
    own = {"label": "own_rhythm", "horizon_days": 28, "max_horizon_days": 182, "rhythm_multiple": 3.0}
    write_json(tmp_path / "release.json", {"grade": "model", "task": {"label": "flat", "horizon_days": 28}})
    refuse_other_task(tmp_path, params.task, "churn")
    with pytest.raises(StateError, match=r"'churn' was fitted to another label .*label flat, now own_rhythm.*new name"):
        refuse_other_task(tmp_path, params.task.model_copy(update=own), "churn")
    with pytest.raises(StateError, match="horizon_days 28, now 56"):
        refuse_other_task(tmp_path, params.task.model_copy(update={"horizon_days": 56}), "churn")
    write_json(tmp_path / "release.json", {"grade": "none"})
    refuse_other_task(tmp_path, params.task.model_copy(update=own), "churn")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return drawn_rows(np.random.default_rng(11))


@pytest.mark.parametrize("contest_below", [0, 10_000])
def test_a_recipe_fitted_anew_is_the_model_again(rows: Rows, params: Params, contest_below: int) -> None:
    train = params.train.model_copy(
        update={"num_trees": 20, "n_bags": 2, "features": "all", "contest_below": contest_below}
    )
    choices = choose_inside(rows, 28, train, params.execution)
    fits = fit_all(rows, choices)
    recipe = choices.to_json()
    for name in (MODEL, "rfm_logit", "all_feature_logit", "lightgbm_default"):
        release = {"name": name, "recipe": recipe}
        again = refit(release, rows, params.execution)
        assert (again.predict(rows.frame) == fits[name].predict(rows.frame)).all()
        assert is_same(release, {"name": name, "recipe": {**recipe, "contest": []}})
    assert not is_same({"name": MODEL, "recipe": recipe}, {"name": "rfm_logit", "recipe": recipe})
    lacking = Rows(rows.frame.drop(columns="noise"), rows.lapsed, rows.cutoff)
    for odd in ({}, {**recipe, "train": {**recipe["train"], "boosts": 3}}):
        with pytest.raises(ContractError, match="is of another version"):
            refit({"name": MODEL, "recipe": odd}, rows, params.execution)
    with pytest.raises(ContractError, match="feature table lacks"):
        refit({"name": MODEL, "recipe": recipe}, lacking, params.execution)


def test_origins_are_spread_over_the_history_and_see_nothing_later(rows: Rows, params: Params) -> None:
    folds = spread(rows.cutoffs, 28, 4)
    assert [fold.judge[0] for fold in folds] == [rows.cutoffs[k] for k in (2, 4, 6, 8)]
    for fold in folds:
        windows.refuse_overlap(fold.fit, fold.judge, 28)
    assert spread(rows.cutoffs[:1], 28, 4) == ()
    train = params.train.model_copy(update={"num_trees": 20, "features": "all", "contest_below": 0})
    choices = choose_inside(rows, 28, train, params.execution)
    found = judge_origins(rows, choices.to_json(), 28, 4, params.execution)
    assert [one["cutoff_on"] for one in found] == [fold.judge[0].isoformat() for fold in folds]
    later = rows.cutoff > windows.day_number(rows.cutoffs[6])
    changed = Rows(rows.frame, np.where(later, ~rows.lapsed, rows.lapsed), rows.cutoff)
    assert judge_origins(changed, choices.to_json(), 28, 4, params.execution)[:3] == found[:3]
