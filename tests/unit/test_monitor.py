"""The monitor's checks on drawn rows: what is planted is found, what is not is quiet, too little is said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from contracts import windows
from contracts.false_discovery import q_values
from contracts.params import Monitor, Params
from features.customer_days import CustomerDays, day_book
from models.evaluation import metrics
from models.evaluation.stability import index_of_counts
from models.monitoring import live
from models.monitoring.checks import ALERT, NOT_ENOUGH, PASSED, QUESTIONS, REMEDIES, in_a_line
from models.monitoring.drift import Sample, chi_square_p, counted, drifts, tenths, why_not
from models.monitoring.lists import turnover
from models.monitoring.live import Lived, exposure, figures, lived, promised_auc, waiting_weeks
from models.monitoring.page import page, write_monitor
from models.monitoring.report import Observed, monitor
from models.monitoring.sampling import Drawn, Watched
from serving.past_weeks import past_weeks
from tests import stores

LIMITS = Monitor()
SCORED = date(2019, 1, 7)
WEEK = timedelta(weeks=1)
HASH = "0123456789ab" + "f" * 52
RELEASE = {"model_hash": HASH, "name": "regulars", "grade": "model", "labels_known_on": "2018-12-03"}
DRAWN = Drawn(10_000, 1)
COLUMNS = ("silence", "amount", "p_lapse")


def sample(seed: int = 3, n: int = 400, n_cutoffs: int = 16) -> Sample:
    """Columns without drift: silence, an amount with gaps, a score; the shop's mean amount sways a little."""
    draw = np.random.default_rng(seed)

    def week() -> np.ndarray:
        amount = draw.lognormal(3 + 0.05 * draw.standard_normal(), 0.6, n)
        return np.column_stack(
            [draw.poisson(9, n), np.where(draw.random(n) < 0.1, np.nan, amount), np.round(draw.beta(1, 5, n), 6)]
        ).astype(np.float64)

    last = windows.day_number(SCORED) - 35
    days = last - 14 * np.arange(n_cutoffs)[::-1]
    return Sample(COLUMNS, tuple(week() for _ in days), days, n, week(), week(), windows.day_number(SCORED))


def planted(before: Sample, column: str, change) -> Sample:
    """The same sample with a column changed in the last two weeks."""
    place = before.names.index(column)

    def changed(week: np.ndarray) -> np.ndarray:
        copy = week.copy()
        copy[:, place] = change(copy[:, place])
        return copy

    return replace(before, previous=changed(before.previous), present=changed(before.present))


def published(seed: int = 5, n: int = 600, n_weeks: int = 5, first: date = date(2018, 10, 1)) -> pd.DataFrame:
    """Published weeks of customers whose p is drawn once; the riskiest 60 are selected each week, a fifth held back."""
    draw = np.random.default_rng(seed)
    p = np.round(draw.beta(1, 3, n), 4)
    weeks = []
    for number in range(n_weeks):
        monday = first + number * WEEK
        frame = pd.DataFrame({"customer_id": [f"c{k:04d}" for k in range(n)], "p_lapse": p, "arm": "none"})
        chosen = np.argsort(-p)[:60]
        frame.loc[chosen, "arm"] = np.where(draw.random(60) < 0.2, "control", "treated")
        frame["rank"] = pd.Series(np.arange(1, n + 1), dtype="Int64").where(frame["arm"] == "treated")
        weeks.append(
            frame.assign(
                week=windows.iso_week(monday),
                cutoff_on=pd.Timestamp(monday),
                horizon_days=28,
                model_version=HASH[:12],
                control_share=0.2,
            )
        )
    return pd.concat(weeks, ignore_index=True)


def purchase_days(frame: pd.DataFrame, lapse, seed: int = 6) -> CustomerDays:
    """Purchases such that each customer lapses from every week at once, or from none, with chance `lapse(p)`."""
    draw = np.random.default_rng(seed)
    first = frame.drop_duplicates("customer_id")
    keeps = draw.random(len(first)) >= lapse(first["p_lapse"].to_numpy())
    rows = [(name, "2018-09-03 10:00", 1, 5.0, 0.0) for name in first["customer_id"]]
    for monday in sorted(frame["cutoff_on"].unique()):
        day = str(pd.Timestamp(monday).date() + timedelta(days=1))
        rows += [(name, f"{day} 10:00", 1, 5.0, 0.0) for name in first["customer_id"][keeps]]
    return day_book(stores.purchases(rows), stores.ZONE).final


def looked_at(frame: pd.DataFrame, days: CustomerDays, params: Params) -> Lived:
    return lived(frame, lambda _: days, SCORED, params.task, DRAWN)


def observed(params: Params, **changed: object) -> Observed:
    frame = published()
    base = Observed(
        scored=SCORED,
        data_end=SCORED,
        champion=Watched(RELEASE, object()),  # type: ignore[arg-type]
        sample=sample(),
        lived=looked_at(frame, purchase_days(frame, lambda p: p), params),
        waiting=waiting_weeks(frame, SCORED, SCORED, params.task),
        lists={SCORED - k * WEEK: set(range(20)) for k in range(1, 8)},  # type: ignore[arg-type]
        this_list=set(range(1, 21)),  # type: ignore[arg-type]
        test={"auc_mean": 0.75},
    )
    return replace(base, **changed)  # type: ignore[arg-type]


def statuses(told: dict) -> dict[str, str]:
    return {check["code"]: check["status"] for check in told["checks"]}


def told_of(params: Params, **changed: object) -> dict:
    return monitor(observed(params, **changed), LIMITS, 1)


def test_the_index_is_that_of_a_hand() -> None:
    """Shares .5, .3, .2 become .4, .4, .2: −.1 ln .8 + .1 ln 4/3 = .022314 + .028768."""
    assert index_of_counts(np.array([50, 30, 20]), np.array([80, 80, 40])) == pytest.approx(0.051082, abs=1e-6)


def test_bins_hold_tenths_a_heavy_value_and_the_missing() -> None:
    values = np.r_[np.zeros(30), np.arange(1.0, 71.0), [np.nan] * 5]
    counts = counted(tenths(values), values)
    assert counts.sum() == 105
    assert counts[-1] == 5
    assert 30 in counts.tolist()


def test_the_test_is_scipys() -> None:
    before, now = np.array([40.0, 60.0, 25.0]), np.array([60.0, 30.0, 35.0])
    assert chi_square_p(before, now) == pytest.approx(chi2_contingency([before, now], correction=False).pvalue)


def test_the_correction_is_that_of_a_hand() -> None:
    """Benjamini and Hochberg: p·m/rank from the largest down, never above the next; untested ones play no part."""
    found = q_values(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    assert found[[4, 0, 3, 1]] == pytest.approx([0.02, 0.02, 0.04, 0.04])
    assert np.isnan(found[2])


def test_without_drift_every_seed_is_quiet() -> None:
    for seed in range(20):
        assert not (drifts(sample(seed), LIMITS)["verdict"] == "drifted").any(), seed


@pytest.mark.parametrize(
    ("column", "change", "code"),
    [
        ("amount", lambda v: v * 100, "DRIFT_FEATURE"),
        ("amount", lambda v: np.where(np.arange(len(v)) % 3 == 0, np.nan, v), "DRIFT_FEATURE"),
        ("silence", lambda v: v + 3, "DRIFT_FEATURE"),
        ("p_lapse", np.sqrt, "DRIFT_SCORE"),
    ],
)
def test_planted_drift_is_found(params: Params, column: str, change, code: str) -> None:
    told = told_of(params, sample=planted(sample(), column, change))
    assert told["alerts"] == [code]
    assert told["drift"]["columns"][0]["column"] == column
    assert next(check["to_do"] for check in told["checks"] if check["code"] == code) == REMEDIES[code]


def test_a_moderate_drift_must_last_a_week() -> None:
    shifted = planted(sample(), "silence", lambda v: v + 2)
    assert drifts(shifted, LIMITS).iloc[0]["verdict"] == "drifted"
    passing = replace(shifted, previous=sample().previous)
    assert drifts(passing, LIMITS).iloc[0]["verdict"] == "moved"


def test_what_earlier_cutoffs_showed_is_no_news() -> None:
    base = sample()
    weeks = [week.copy() for week in base.reference]
    for place in range(0, len(weeks), 3):
        weeks[place][:, 0] += 5
    shifted = planted(replace(base, reference=tuple(weeks)), "silence", lambda v: v + 5)
    assert drifts(shifted, LIMITS).set_index("column").loc["silence", "verdict"] == "quiet"


def test_a_large_index_on_few_rows_is_chance() -> None:
    few = planted(sample(n=25), "silence", lambda v: v + 1)
    assert not (drifts(few, LIMITS)["verdict"] == "drifted").any()
    assert "expected 100" in why_not(few, LIMITS)


def test_a_number_of_the_store_is_shown_and_not_tested() -> None:
    base = sample()
    weeks = [np.column_stack([np.full(400, float(k)), week[:, 1:]]) for k, week in enumerate(base.reference)]
    now = np.column_stack([np.full(400, 99.0), base.present[:, 1:]])
    row = drifts(replace(base, reference=tuple(weeks), previous=now, present=now), LIMITS).set_index("column")
    assert row.loc["silence", "verdict"] == "one value a week"


def test_the_quiet_week_passes_every_check(params: Params) -> None:
    told = told_of(params)
    assert set(statuses(told).values()) == {PASSED}
    assert in_a_line(told) == "all quiet"
    assert set(statuses(told)) == set(QUESTIONS) == set(REMEDIES)


def test_miscalibrated_probabilities_are_found(params: Params) -> None:
    frame = published(n=2000)
    told = told_of(params, lived=looked_at(frame, purchase_days(frame, lambda p: p / 2), params))
    assert told["alerts"] == ["CALIBRATION"]


def test_lost_ranking_is_found(params: Params) -> None:
    frame = published()
    days = purchase_days(frame, lambda p: np.full(len(p), p.mean()))
    assert "RANKING" in told_of(params, lived=looked_at(frame, days, params))["alerts"]


def test_a_shuffled_list_and_an_old_champion_are_found(params: Params) -> None:
    old = Watched({**RELEASE, "labels_known_on": "2018-03-05"}, object())  # type: ignore[arg-type]
    told = told_of(params, this_list=set(range(15, 35)), champion=old)
    assert told["alerts"] == ["LIST_TURNOVER", "CHAMPION_OLD"]


def test_too_little_is_not_a_pass(params: Params) -> None:
    frame = published().iloc[:0]
    few = replace(sample(), reference=sample().reference[-3:], days=sample().days[-3:])
    silent = Watched({**RELEASE, "labels_known_on": None}, object())  # type: ignore[arg-type]
    nothing = looked_at(frame, purchase_days(published(), lambda p: p), params)
    told = told_of(params, sample=few, lived=nothing, lists={}, champion=silent, waiting={"2019-W02": "2019-02-04"})
    assert set(statuses(told).values()) == {NOT_ENOUGH}
    assert not told["alerts"]
    assert "2019-02-04" in next(check["to_do"] for check in told["checks"] if check["code"] == "CALIBRATION")
    assert in_a_line(told) == "nothing to judge yet; 6 checks without enough data"


def test_unmatured_weeks_are_not_read(params: Params) -> None:
    def never(_: pd.Series) -> CustomerDays:
        raise AssertionError

    frame = published(first=SCORED - 3 * WEEK, n_weeks=3)
    rows = lived(frame, never, SCORED, params.task, DRAWN)
    assert not len(rows.weight)
    assert waiting_weeks(frame, SCORED, SCORED, params.task)["2019-W01"] == "2019-01-28"


def test_weeks_of_customers_whom_the_store_no_longer_holds_tell_nothing(params: Params) -> None:
    frame = published(n=80)
    days = day_book(stores.purchases([("another", "2018-09-03 10:00", 1, 5.0, 0.0)]).iloc[:0], stores.ZONE).final
    rows = looked_at(frame, days, params)
    assert not len(rows.weight)
    assert set(rows.n_contacted.values()) == {0}
    assert not live.live_figures(rows, HASH, LIMITS, 1)


def test_whoever_was_contacted_in_the_window_is_left_out_and_controls_stand_for_them() -> None:
    """By hand: ann treated now, bob next week, cy held back twice, dee held back after her window, eve never chosen."""
    arms = {
        "ann": ("treated", "none", "none"),
        "bob": ("none", "treated", "none"),
        "cy": ("control", "control", "none"),
        "dee": ("none", "none", "control"),
        "eve": ("none", "none", "none"),
    }
    weeks = [
        pd.DataFrame({"customer_id": list(arms), "arm": [arm[number] for arm in arms.values()]}).assign(
            cutoff_on=pd.Timestamp(SCORED + step * WEEK), control_share=0.25, horizon_days=28
        )
        for number, step in enumerate((0, 3, 4))
    ]
    contacted, weight = exposure(weeks[0], pd.concat(weeks, ignore_index=True))
    assert contacted.tolist() == [True, True, False, False, False]
    assert weight == pytest.approx([1, 1, 16, 1, 1])


def test_contacts_that_work_do_not_bend_the_live_figures(params: Params) -> None:
    """The treated are kept, all of them: with them the risk would look too high; without them or controls, too low."""
    frame = published(n=3000)
    treated = set(frame.loc[frame["arm"] == "treated", "customer_id"])
    kept = purchase_days(
        frame, lambda p: np.where([name in treated for name in frame["customer_id"][: len(p)]], 0.0, p)
    )
    rows = looked_at(frame, kept, params)
    assert not treated & set(rows.judged.keys["customer_id"]) or max(rows.weight) >= 5
    assert abs(figures(rows, 100, 1)["bias"]) < 0.02


def test_figures_without_weights_are_those_of_the_evaluation(params: Params) -> None:
    frame = published().assign(arm="none")
    rows = looked_at(frame, purchase_days(frame, lambda p: p), params)
    one = rows.of(rows.week == "2018-W40")
    p, gone = one.judged.predictions[live.LIVE], one.judged.lapsed
    found = figures(one, 100, 1)
    assert found["auc"] == pytest.approx(metrics.auc(p, gone))
    assert found["calibration_error"] == pytest.approx(metrics.calibration_error(p, gone))
    assert found["auc_low"] < found["auc"] < found["auc_high"]


def test_the_promised_auc_is_that_of_all_pairs() -> None:
    p = np.array([0.1, 0.5, 0.5, 0.9])
    pairs = [(p[i] * (1 - p[j]), (p[i] > p[j]) + 0.5 * (p[i] == p[j])) for i in range(4) for j in range(4)]
    by_hand = sum(chance * won for chance, won in pairs) / sum(chance for chance, _ in pairs)
    assert promised_auc(p, np.ones(4)) == pytest.approx(by_hand)


def test_live_figures_stand_by_model(params: Params) -> None:
    frame = published()
    frame.loc[frame["week"] == "2018-W40", "model_version"] = "aaaaaaaaaaaa"
    told = told_of(params, lived=looked_at(frame, purchase_days(frame, lambda p: p), params))
    assert {version: model["model_hash"] for version, model in told["live"].items()} == {
        "aaaaaaaaaaaa": None,
        HASH[:12]: HASH,
    }
    assert [week["week"] for week in told["live"]["aaaaaaaaaaaa"]["weeks"]] == ["2018-W40"]
    assert told["recent"]["n_rows"] == told["live"][HASH[:12]]["all"]["n_rows"]


def test_a_missing_monday_is_no_pair() -> None:
    check = turnover({SCORED - 2 * WEEK: {"a"}}, {"a"}, SCORED, LIMITS)
    assert check.status == NOT_ENOUGH


def test_a_single_pair_of_weeks_is_not_yet_usual() -> None:
    check = turnover({SCORED - WEEK: {"a", "b"}}, {"b"}, SCORED, LIMITS)
    assert check.status == NOT_ENOUGH
    assert "overlap with last week's list 0.50; 0 earlier pairs of weeks" in check.what


def test_without_an_auc_of_the_test_there_is_nothing_to_compare(params: Params) -> None:
    found = statuses(told_of(params, test={"auc_mean": None}))
    assert found["RANKING"] == NOT_ENOUGH


def test_a_column_without_a_value_has_no_tenths() -> None:
    assert len(tenths(np.full(5, np.nan))) == 0


def test_many_customers_are_drawn_and_the_same_ones_every_time(params: Params) -> None:
    frame = published(n=600)
    days = purchase_days(frame, lambda p: p)
    few = Drawn(200, 1)
    first, again = (lived(frame, lambda _: days, SCORED, params.task, few) for _ in range(2))
    names = set(first.judged.keys["customer_id"])
    assert 150 < len(names) < 250
    assert names == set(again.judged.keys["customer_id"])
    assert set(lived(frame, lambda _: days, SCORED, params.task, Drawn(200, 2)).judged.keys["customer_id"]) != names


def test_a_week_that_has_not_matured_stays_out_beside_those_that_have(params: Params) -> None:
    frame = published(first=SCORED - 6 * WEEK, n_weeks=6)
    rows = looked_at(frame, purchase_days(frame, lambda p: p), params)
    assert 0 < len(rows.n_contacted) < 6


def test_the_page_names_no_customer_and_fetches_nothing(params: Params, tmp_path: Path) -> None:
    told = told_of(params, sample=planted(sample(), "amount", lambda v: v * 100))
    write_monitor(tmp_path / "monitor", told)
    written = (tmp_path / "monitor" / "monitor.html").read_text()
    assert json.loads((tmp_path / "monitor" / "monitor.json").read_text()) == told
    assert "c0001" not in written + json.dumps(told)
    assert "http" not in written.replace("http-equiv", "").replace("http://www.w3.org/", "").replace(
        "http://purl.org/", ""
    ).replace("http://creativecommons.org/", "")
    assert ALERT in written
    assert page(told) == page(told)


def test_a_project_without_published_weeks_has_none(tmp_path: Path) -> None:
    assert past_weeks(tmp_path / "published", SCORED, 52).empty


def test_published_weeks_are_read_back(released) -> None:
    past = past_weeks(released.root / "published", date(2018, 1, 8), 52)
    assert set(past["week"]) == {"2018-W01"}
    assert past["cutoff_on"].unique().tolist() == [pd.Timestamp("2018-01-01")]
    assert past_weeks(released.root / "published", date(2018, 1, 1), 52).empty
