"""A shop without a model: when that is so, and what rules say then. No probability stands anywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.errors import TimeError
from contracts.files import read_json
from contracts.params import Params
from contracts.tables import SCORES, SNAPSHOTS
from features.customer_days import DayBook, day_book
from features.snapshots import lay_out, too_few_labels
from models import candidate
from models.evaluation.figures import Judged, figures, headline, means_over_cutoffs, report, resampled
from models.evaluation.gate import gate, no_gate
from models.evaluation.metrics import auc, ones
from models.recipe import fits
from models.recipe.splits import widest_inner_fold
from models.record import champions
from models.record.run_record import Evidence, label_meaning
from models.scoring import score_by_rules, shop_gap_days, silence_bands, silence_reason
from models.value.at_stake import UNMEASURED
from serving.terminal import customer_lines, heading
from serving.weekly_list import Terms, rank
from tests import stores

END = date(2018, 1, 1)


def label_rows(n_lapsed: int, n_kept: int, n_judged: int = 1) -> pd.DataFrame:
    """Snapshot rows: labels of the test fit, and unlabelled ones that judge it."""
    outcomes = [True] * n_lapsed + [False] * n_kept + [pd.NA] * n_judged
    is_training = [True] * (n_lapsed + n_kept) + [False] * n_judged
    rows = pd.DataFrame(
        {"is_eligible": True, "in_test_fit": is_training, "lapsed": pd.array(outcomes, dtype="boolean")}
    )
    return rows.assign(is_test=~rows["in_test_fit"])


@pytest.mark.parametrize(
    ("n_lapsed", "n_kept", "n_judged", "why"),
    [
        (10, 90, 1, ""),
        (10, 89, 1, "too few labels: 99 matured labels before the first test cutoff, 10 lapsed and 89 kept; expected"),
        (9, 91, 1, "too few outcomes: 100 matured labels before the first test cutoff, 9 lapsed and 91 kept; expected"),
        (91, 9, 1, "too few outcomes: 100 matured labels before the first test cutoff, 91 lapsed and 9 kept; expected"),
        (10, 90, 0, "nobody to judge: 100 matured labels"),
        (0, 0, 0, "too few labels: 0 matured labels"),
    ],
)
def test_too_few_labels_is_said_with_the_numbers(n_lapsed, n_kept, n_judged, why, params: Params) -> None:
    said = too_few_labels(label_rows(n_lapsed, n_kept, n_judged), params.snapshot)
    assert said.startswith(why)
    assert bool(said) == bool(why)


def weekly(n_weeks: int) -> DayBook:
    start = pd.Timestamp("2017-01-02 10:00")
    lines = stores.purchases(("ann", str(start + pd.Timedelta(weeks=k)), 1, 5.0, 0.0) for k in range(n_weeks))
    return day_book(lines, stores.ZONE)


def test_a_short_history_lays_out_this_week_and_the_one_before(params: Params) -> None:
    end = date(2017, 2, 27)
    laid = lay_out(weekly(8), date(2017, 1, 2), end, params.task, params.snapshot)
    assert laid.plan.all == (date(2017, 2, 20), date(2017, 2, 27))
    assert laid.plan.fit == laid.plan.release == laid.plan.test == ()
    SNAPSHOTS(laid.rows)
    assert laid.rows["lapsed"].isna().all()
    plain = laid.as_json(end)
    assert plain["mode"] == "no model"
    assert "56 days of sales" in plain["why"]
    assert windows.read_days(plain)["fit"] == ()


def test_a_history_with_too_few_labels_is_laid_out_again_without_them(params: Params) -> None:
    laid = lay_out(weekly(52), date(2017, 1, 2), END, params.task, params.snapshot)
    assert laid.why.startswith("too few labels: 17 matured labels before the first test cutoff, 0 lapsed and 17 kept")
    assert laid.plan.fit == laid.plan.test == ()
    enough = params.snapshot.model_copy(update={"min_labels": 17, "min_outcomes": 0})
    laid = lay_out(weekly(52), date(2017, 1, 2), END, params.task, enough)
    assert laid.as_json(END)["mode"] == "model"
    assert laid.as_json(END)["why"] == "17 matured labels to learn from, 0 lapsed and 17 kept; 4 to judge by"


def test_a_shop_of_a_few_days_is_told_to_wait() -> None:
    with pytest.raises(TimeError, match="run again after next Monday"):
        windows.unlabelled(date(2018, 1, 2), date(2018, 1, 5))
    assert windows.unlabelled(date(2017, 12, 31), date(2018, 1, 5)).scored == date(2018, 1, 1)


def test_bands_by_silence_at_their_edges(params: Params) -> None:
    """Multiple 3, horizon 28: a usual gap of 6 is overdue from day 7 and long from day 19; of 1 long from day 15."""
    silence = np.array([6.0, 7.0, 18.0, 19.0, 1.0, 2.0, 14.0, 15.0])
    usual = np.array([6.0] * 4 + [1.0] * 4)
    bands = ["low", "medium", "medium", "high", "low", "medium", "medium", "high"]
    assert silence_bands(silence, usual, params.task).tolist() == bands
    assert silence_bands(np.array([3.0, 4.0]), np.array([2.5, 2.5]), params.task).tolist() == ["low", "medium"]


def test_reasons_by_rule_are_in_the_customers_own_numbers() -> None:
    assert silence_reason(14.0, 6.0, 9.0) == "14 days since the last purchase, usually 6"
    assert silence_reason(1.0, 6.5, 9.0) == "1 day since the last purchase, usually 6.5; not overdue"
    unknown = silence_reason(20.0, np.nan, 9.0)
    assert unknown == "20 days since the last purchase; customers here usually come again after 9"


def test_without_a_gap_the_shops_is_taken_and_then_the_horizon(params: Params) -> None:
    assert shop_gap_days(np.array([4.0, np.nan, 8.0]), params.task) == 6.0
    assert shop_gap_days(np.array([np.nan]), params.task) == 28.0


def scored_by_rules(params: Params) -> pd.DataFrame:
    now = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "cutoff_on": pd.Timestamp(END),
            "days_since_last_purchase": [40.0, 8.0, 2.0, 30.0],
            "gap_median_days": [7.0, 7.0, 7.0, np.nan],
            "amount_91d": [100.0, 400.0, 50.0, 200.0],
        }
    )
    return SCORES(score_by_rules(now, UNMEASURED, store=params.store, task=params.task))


def test_scores_by_rule_hold_no_probability(params: Params) -> None:
    table = scored_by_rules(params)
    assert table["risk_band"].tolist() == ["high", "medium", "low", "high"]
    assert table[["p_lapse", "p_lapse_week_before", "expected_loss"]].isna().all().all()
    assert set(table["model_grade"]) == {"none"}
    assert set(table["model_version"]) == {""}
    assert set(table["change"]) == {"new"}
    assert (table["reasons"] != "").all()
    # margin rate .25; nothing is measured, so a loss of anything from nothing to the whole margin of 91 days
    assert table["value_at_stake"].tolist() == [12.5, 50.0, 6.25, 25.0]
    assert table["value_at_stake_low"].tolist() == [0.0] * 4
    assert table["value_at_stake_high"].tolist() == [25.0, 100.0, 12.5, 50.0]


def test_the_list_without_a_model_goes_by_urgency_and_value(params: Params) -> None:
    rows = scored_by_rules(params).assign(arm=["none", "none", "treated", "none"], expected_profit=[0.0, 0.0, 0.5, 0.0])
    assert rank(rows, 10)["customer_id"].tolist() == ["d", "a", "b", "c"]
    assert rank(rows, 2)["customer_id"].tolist() == ["d", "c"], "planned work is never cut off"
    assert rank(rows, 2)["rank"].tolist() == [1, 2]


def manifest(grade: str, **task: object) -> dict:
    terms = {"horizon_days": 28, "value_horizon_days": 91, **task}
    said = {"week": "2018-W01", "data_through": "2017-12-31", "revision": 1, "model_version": "", "model_grade": grade}
    return {**said, "params": {"task": terms, "store": {"currency": "USD"}}}


def test_the_terminal_says_no_model_and_shows_no_probability(drawn_week) -> None:
    assert "no model" in heading(manifest("none"))
    assert "%" not in heading(manifest("none")).replace("95 % intervals", "")
    row = drawn_week().customers.iloc[0].to_dict() | {"p_lapse": np.nan, "risk_band": "high", "model_grade": "none"}
    told = dict(customer_lines(row, manifest("none")))
    assert told["risk"].startswith("no model, so no probability; band high by rule")


def test_the_terminal_says_whose_horizon_it_is(drawn_week) -> None:
    own = manifest("model", label="own_rhythm", max_horizon_days=182)
    assert "within each customer's own horizon (28 to 182 days)" in heading(own)
    assert "Risk: no purchase in 28 days." in heading(manifest("model"))
    row = drawn_week().customers.iloc[0].to_dict() | {"p_lapse": 0.25, "horizon_days": 42}
    assert "25.0 % to make no purchase within their own horizon (42 days)" in dict(customer_lines(row, own))["risk"]
    assert "25.0 % to make no purchase in 42 days" in dict(customer_lines(row, manifest("model")))["risk"]


def test_the_terminal_names_no_rhythm_of_who_has_none(drawn_week) -> None:
    row = drawn_week().customers.iloc[0].to_dict()
    alone = dict(customer_lines(row | {"usual_gap_days": np.nan}, manifest("model")))
    told = dict(customer_lines(row | {"usual_gap_days": 1.0}, manifest("model")))
    name = next(key for key, text in told.items() if "usually every day" in text)
    assert alone[name] == told[name].partition(";")[0]
    assert alone[name].startswith("last purchase ")


def test_the_weeks_horizons_follow_the_rhythm(params: Params) -> None:
    usual = pd.Series([2.0, 20.0, 100.0, np.nan])
    assert Terms("USD", 28, 91).horizons(usual).tolist() == [28] * 4
    assert Terms("USD", 28, 91, None, 3.0, 182).horizons(usual).tolist() == [28, 60, 182, 28]
    assert label_meaning(params.task) == "no purchase in 28 days from the cutoff"
    own = params.task.model_copy(update={"label": "own_rhythm"})
    assert label_meaning(own).endswith("the customer's own horizon: 3 usual gaps, 28 to 182 days")


def test_nothing_is_composed_registered_or_exported(tmp_path: Path, params: Params) -> None:
    verdict = no_gate("too few labels: 3")
    held = tmp_path / "artifacts" / "candidate"
    said = candidate.compose(tmp_path / "fits", verdict, params, held)
    assert {path.name for path in held.iterdir()} == {"release.json"}
    assert (said["grade"], said["model_hash"], said["gate_passed"]) == ("none", "", False)
    assert candidate.read_release(held)["why"] == "no model: too few labels: 3"
    assert candidate.held_hash(held) == ""
    at = champions.Place(tmp_path, "shop", "churn")
    champions.export_champion(at, None, held, tmp_path / "champion")
    assert read_json(tmp_path / "champion" / "release.json") == said
    assert champions.settle(at, Evidence.below(tmp_path), datetime(2018, 1, 1, tzinfo=UTC)) is None
    assert champions.log_candidate(at, Evidence.below(tmp_path), None) == ""
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "ledger").exists()


def test_a_folder_without_fits_says_why(tmp_path: Path) -> None:
    fits.write_no_fits(tmp_path / "test_fit", "nobody lapsed")
    assert fits.why_no_fits(tmp_path / "test_fit") == "nobody lapsed"
    assert fits.why_no_fits(tmp_path) == ""


def test_an_inner_fold_narrows_before_it_is_given_up() -> None:
    days = [date(2017, 3, 6), date(2017, 3, 20), date(2017, 4, 3), date(2017, 4, 17)]
    whole = widest_inner_fold(days, 28, 3)
    assert whole is not None
    assert (whole.fit, whole.judge) == ((days[0],), tuple(days[2:]))  # the fold of three leaves nothing to fit on
    assert widest_inner_fold(days, 43, 3) is None
    assert widest_inner_fold(days[:1], 7, 3) is None


def judged(outcomes: list[list[bool]]) -> Judged:
    """Four customers at each cutoff, predicted .8, .6, .4, .2."""
    n = len(outcomes)
    lapsed = np.array([outcome for row in outcomes for outcome in row])
    keys = pd.DataFrame({"customer_id": list("abcd") * n})
    p = np.tile([0.8, 0.6, 0.4, 0.2], n)
    day = np.repeat([windows.day_number(date(2017, 11, 13 + 7 * k)) for k in range(n)], 4)
    return Judged(keys, lapsed, np.tile(np.arange(4), n), day, {"regulars": p, "rival": p[::-1].copy()})


def test_a_cutoff_with_one_outcome_is_left_out_of_ranking_figures_alone() -> None:
    rows = judged([[True, False, True, False], [False] * 4])
    p = rows.predictions["regulars"]
    means = means_over_cutoffs(rows, p, ones(8))
    assert means["auc"][0] == auc(p[:4], rows.lapsed[:4]) == 0.75  # of 4 pairs, only (.4, .6) is wrong
    # Brier by hand: (.04 + .36 + .36 + .04) / 4 and (.64 + .36 + .16 + .04) / 4
    assert means["brier"][0] == pytest.approx((0.2 + 0.3) / 2)


def test_figures_that_are_not_defined_are_null_with_the_reason(params: Params) -> None:
    rows = judged([[False] * 4])
    values = resampled(rows, 100, 1)
    found = report(rows, values, "regulars", params.evaluate, edges=[0.15, 0.4], seed=1)
    for name in ("auc_mean", "auc_low", "average_precision", "lift_at_10", "expected_maximum_profit", "list_stability"):
        assert found["test"][name] is None, name
    assert found["test"]["brier"] == pytest.approx(0.3)
    assert found["absent"]["2017-11-13"].startswith("0 of 4 customers lapsed")
    assert "list_stability" in found["absent"]
    assert "AUC not defined" in headline(found)
    empty = [band for band in found["risk_bands"] if band["n_rows"] == 0]
    assert empty == [{"band": "low", "n_rows": 0, "predicted": None, "observed": None, "low": None, "high": None}]
    verdict = gate(values, "rival", 0.005)
    assert verdict["grade"] == "rule"
    assert verdict["auc_gain"] == {"value": None, "low": None, "high": None}


def test_a_gate_without_a_ranking_says_so(params: Params) -> None:
    rows = judged([[False] * 4])
    better = {"regulars": np.full(4, 0.01), "rival": np.full(4, 0.5)}
    sure = Judged(rows.keys, rows.lapsed, rows.customer, rows.cutoff, better)
    verdict = gate(resampled(sure, 100, 1), "regulars", 0.005)
    assert verdict["rule"].startswith("AUC gain unknown")
    assert verdict["released"] == "rival"
    assert figures(sure, resampled(sure, 100, 1), "regulars", params.evaluate, 1)["auc_mean"] is None
