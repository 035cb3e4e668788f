"""What a run's record says: the card, slices, and two runs compared from the record alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.errors import StateError, UnknownNameError
from contracts.files import read_json, write_json
from models.evaluation.card import card
from models.evaluation.figures import Judged
from models.evaluation.slices import slices
from models.record import champions, tracking
from models.record.comparison import CHALLENGER, CHAMPION
from models.record.run_comparison import compare_runs
from models.record.run_record import points, released_figures
from pipeline.release import release

NOW = datetime(2018, 1, 2, tzinfo=UTC)
FIGURE = {"auc_mean": 0.8, "auc_low": 0.7, "auc_high": 0.9, "log_loss": 0.3, "log_loss_low": 0.2, "log_loss_high": 0.4}
FIGURE |= {f"{name}{end}": 0.5 for name in ("average_precision", "lift_at_10") for end in ("", "_low", "_high")}
FIGURE |= {f"calibration_error{end}": 0.01 for end in ("", "_if_perfect_low", "_if_perfect_high")}
FIGURE |= {"bias": -0.02, "n_rows": 100, "n_customers": 60, "lapse_rate": 0.2}


def told(grade: str, released: str) -> tuple[dict, dict]:
    slice_ = {
        "slice": "value",
        "is": "top fifth",
        "n_rows": 40,
        "predicted": 0.1,
        "observed": 0.3,
        "low": 0.2,
        "high": 0.4,
    }
    metrics = {"test": FIGURE, "test_cutoffs": ["2018-01-01"], "slices": [{**slice_, "bias": -0.2, "auc": None}]}
    metrics["baselines"] = {"rfm_logit": {**FIGURE, "log_loss": 0.29}}
    gate = {
        "grade": grade,
        "released": released,
        "rule": "beats rfm_logit",
        "best_baseline": "rfm_logit",
        "passed": True,
    }
    return metrics, gate


def test_the_card_says_what_holds_and_what_does_not() -> None:
    metrics, gate = told("model", "regulars")
    recipe = {"winner": "lightgbm", "features": ["a", "b"], "train": {}, "calibration": {"kind": "beta"}}
    text = card(metrics, gate, recipe, {"labels_known_on": "2017-12-31"})
    assert "**Released:** regulars (grade model). Beats rfm_logit." in text
    assert "| top fifth | 40 | 0.1000 | 0.3000 [0.2000, 0.4000] | – | no |" in text  # .1 lies outside its interval
    assert "1 of 1 slices lie outside" in text
    assert "lightgbm on 2 features" in text
    assert "None could be measured" in text  # no origins
    assert "which was not released" not in text
    rule = card(*told("rule", "rfm_logit"), recipe, {"labels_known_on": "2017-12-31"})
    assert "which was not released" in rule


def test_the_card_names_what_could_not_be_measured() -> None:
    metrics, gate = told("model", "regulars")
    recipe = {"winner": "lightgbm", "features": ["a"], "train": {}, "calibration": {}}
    text = card({**metrics, "absent": {"curves": "one outcome only"}}, gate, recipe, {"labels_known_on": "2017-12-31"})
    assert "- curves: one outcome only" in text


def test_a_run_of_a_rule_shows_the_rules_figures_first() -> None:
    metrics, gate = told("rule", "rfm_logit")
    assert released_figures(metrics, gate)["log_loss"] == 0.29
    found = {point.name: point.value for point in points(metrics, gate)}
    assert (found["log_loss"], found["beside/regulars/log_loss"]) == (0.29, 0.3)
    assert "beside/regulars/log_loss" not in {point.name for point in points(*told("model", "regulars"))}


def test_slices_by_hand() -> None:
    """40 customers of one cutoff: half with 3 purchase days, half with 60; spend rises with the row."""
    n = 80
    frame = pd.DataFrame(
        {"purchase_days_life": np.repeat([3.0, 60.0], n // 2), "amount_91d": np.arange(n, dtype=float)}
    )
    lapsed = np.arange(n) < 20
    keys = pd.DataFrame({"customer_id": [str(k) for k in range(n)], "cutoff_on": pd.Timestamp("2018-01-01")})
    judged = Judged(keys, lapsed, np.arange(n), windows.day_numbers(keys["cutoff_on"]), {"m": np.full(n, 0.25)})
    found = {one["is"]: one for one in slices(judged, frame, "m")}
    assert found["under 5 purchase days"]["observed"] == 0.5
    assert found["52 or more"]["observed"] == 0.0
    assert found["lower half by spend"]["n_rows"] == 40
    assert "top fifth by spend" not in found  # 16 rows are too few to tell of
    assert found["under 5 purchase days"]["bias"] == -0.25


@pytest.fixture
def two_runs(project):
    """Two finished runs, judged on the same rows; the second says a little more where somebody lapsed."""
    names = []
    for shift in (0.0, 0.2):
        rows = pd.read_parquet(project.evidence.predictions)
        moved = np.where(rows["lapsed"], rows["p_lapse"] + shift, rows["p_lapse"])
        rows.assign(p_lapse=np.clip(moved, 0, 1)).to_parquet(project.evidence.predictions, index=False)
        project.fit(-1.5 + shift)
        _compose(project)
        names.append(champions.log_candidate(champions.place(project.root), project.evidence, None))
    return project, names


def _compose(project) -> None:
    from contracts.params import load_params
    from models.candidate import compose

    fits, params = project.root / "artifacts" / "release_fit", load_params(project.root / "params.yaml")
    compose(fits, read_json(project.evidence.gate), params, project.evidence.candidate)


def test_any_two_runs_of_one_task_are_compared_from_the_record_alone(two_runs) -> None:
    project, (first, second) = two_runs
    made = compare_runs(project.root, first[:8], second)
    assert made.verdict == "better"
    assert made.found["gains"]["log_loss"]["value"] > 0
    assert made.found["figures"]["auc_mean"][CHALLENGER] > made.found["figures"]["auc_mean"][CHAMPION]
    assert made.names == {CHAMPION: "first", CHALLENGER: "second"}
    assert compare_runs(project.root, second, first).verdict == "worse"
    with pytest.raises(UnknownNameError, match=r"a version or a run id, got '\.\./x'"):
        compare_runs(project.root, "../x", second)
    with pytest.raises(UnknownNameError, match="expected one run whose id begins with 'ffffffffff', found 0"):
        compare_runs(project.root, "ffffffffff", second)


def test_runs_are_named_by_alias_and_by_version_too(two_runs) -> None:
    project, (first, _) = two_runs
    with pytest.raises(StateError, match="there is no champion yet; run `regulars run` first"):
        compare_runs(project.root, "champion", first)
    release(project.root, parts=("registry",), now=NOW)
    by_alias, by_number = (compare_runs(project.root, name, first) for name in ("challenger", "1"))
    assert by_alias.titles == by_number.titles
    assert by_alias.verdict == "worse"


def test_a_run_whose_judged_rows_are_gone_says_so(two_runs) -> None:
    project, (first, second) = two_runs
    for kept in (project.root / "mlruns").rglob(tracking.COMPARED_FOLDER):
        shutil.rmtree(kept)
    with pytest.raises(StateError, match=f"run {first[:8]} holds no judged rows; it was logged by an earlier version"):
        compare_runs(project.root, first, second)


def test_runs_of_other_rows_get_no_verdict(two_runs) -> None:
    project, (first, second) = two_runs
    with tracking.session(project.root) as client:
        client.set_tag(second, "task.judged_rows", "0" * 16)
    made = compare_runs(project.root, first, second)
    assert made.found is None
    assert "judged_rows" in made.why
    assert made.sentence.startswith("No verdict")


def test_the_note_counts_the_candidates_judged_on_the_same_rows(two_runs) -> None:
    project, runs = two_runs
    with tracking.session(project.root) as client:
        notes = [client.get_run(run).data.tags["mlflow.note.content"] for run in runs]
    assert ["Candidate 1 judged" in notes[0], "Candidate 2 judged" in notes[1]] == [True, True]


def test_comparison_of_a_replaced_evidence_is_by_content(two_runs) -> None:
    project, (_, second) = two_runs
    write_json(
        project.evidence.comparison / "comparison.json", {"verdict": "x", "sentence": "Nothing.", "champion": ""}
    )
    again = champions.log_candidate(champions.place(project.root), replace(project.evidence), None)
    assert again == second
