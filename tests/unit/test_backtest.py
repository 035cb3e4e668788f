"""Judging replayed lists, by hand on a few customers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from contracts import windows
from contracts.params import Params
from features.customer_days import NEVER, DayBook
from models.evaluation import backtest
from models.evaluation.as_live import no_fit
from models.evaluation.backtest_report import write_backtest
from pipeline.backtest import judged_by

MONDAY = pd.Timestamp(2018, 1, 1)
TERMS = {
    "capacity": 2,
    "customer_value": 110.0,
    "incentive_cost": 10.0,
    "contact_cost": 1.0,
    "save_rate_alpha": 1.0,
    "save_rate_beta": 1.0,
    "n_bootstrap": 100,
}
# Half of the contacted accept: one who lapses brings 0.5 * (110 - 10) - 1 = 49, one who stays costs 11.
WON, SPENT = 49.0, 11.0
WHO = ["a", "b", "c", "d", "e"]


@pytest.fixture
def evaluate(params: Params):
    return params.evaluate.model_copy(update=TERMS)


def week(monday: pd.Timestamp = MONDAY, listed: tuple[str, ...] = ("a", "b"), *, has_model: bool = True):
    """Five customers: a, c and e lapse; d has been silent longest, then c; e spends most, then d."""
    keys = pd.DataFrame({"customer_id": WHO, "cutoff_on": monday})
    p = [0.8, 0.4, 0.5, 0.1, 0.2] if has_model else [np.nan] * 5
    scores = keys.assign(p_lapse=p, value_at_stake=[30.0, 20.0, 10.0, 5.0, 40.0])
    features = keys.assign(days_since_last_purchase=[5, 6, 20, 50, 5], amount_182d=[50.0, 40.0, 30.0, 60.0, 70.0])
    outcomes = keys.assign(lapsed=pd.array([True, False, True, False, True], dtype="boolean"))
    mixed = scores.iloc[::-1], features.iloc[[2, 0, 1, 4, 3]], outcomes
    return backtest.week_rows(*mixed, pd.Series(list(listed), dtype="str"))


def judged(rows, evaluate, before=None):
    return backtest.judge_week(rows, before, no_fit("too new"), evaluate, 1)


def test_a_list_and_its_rivals_are_equally_long() -> None:
    rows = week()
    assert rows["customer_id"].tolist() == WHO
    assert rows["in_list"].tolist() == [1, 1, 0, 0, 0]
    assert rows["in_most_silent"].tolist() == [0, 0, 1, 1, 0]
    assert rows["in_biggest_spenders"].tolist() == [0, 0, 0, 1, 1]
    assert rows["in_random"].tolist() == [0.4] * 5


def test_what_a_list_found_and_was_worth(evaluate) -> None:
    found = judged(week(), evaluate)
    assert (found["n_scored"], found["n_listed"], found["lapse_rate"]) == (5, 2, 0.6)
    assert found["precision"] == 0.5
    assert found["lift"] == pytest.approx(0.5 / 0.6)
    assert found["share_of_lapses"] == pytest.approx(1 / 3)
    assert found["margin_lost"] == 30.0
    assert found["margin_lost_by_all"] == 80.0
    assert found["share_of_margin_lost"] == 30.0 / 80.0
    assert found["profit"] == WON - SPENT
    assert found["precision_low"] < 0.5 < found["precision_high"]


def test_rivals_and_the_gain_over_them(evaluate) -> None:
    found = judged(week(), evaluate)
    assert found["precision_of_random"] == pytest.approx(0.6)
    assert found["margin_lost_of_random"] == pytest.approx(0.4 * 80.0)
    assert found["profit_of_random"] == pytest.approx(0.4 * (3 * WON - 2 * SPENT))
    assert found["margin_lost_of_most_silent"] == 10.0
    assert found["margin_lost_of_biggest_spenders"] == 40.0
    assert found["profit_of_most_silent"] == WON - SPENT
    assert found["profit_gain_over_most_silent"] == 0.0
    assert found["margin_lost_gain_over_biggest_spenders"] == 30.0 - 40.0
    assert found["margin_lost_gain_over_random"] == pytest.approx(30.0 - 32.0)


def test_the_closed_interval_is_what_a_bootstrap_over_customers_gives(evaluate, rng) -> None:
    lapsed = np.array([True, False, True, False, True])
    rows = pd.concat([week().assign(customer_id=[f"{who}{k}" for who in WHO]) for k in range(60)], ignore_index=True)
    found = backtest.list_figures(rows, evaluate)
    gained = np.tile(np.where(lapsed, WON, -SPENT) * [1, 1, 0, 0, 0], 60)
    drawn = [rng.choice(gained, len(gained)).sum() for _ in range(4000)]
    assert found["profit"] == gained.sum()
    assert found["profit_high"] - found["profit_low"] == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.05)


def test_calibration_and_ranking(evaluate) -> None:
    found = judged(week(), evaluate)
    # of the six pairs of a lapsed (.8, .5, .2) and a kept (.4, .1), the lapsed is above in five
    assert found["auc"] == pytest.approx(5 / 6)
    assert found["bias"] == pytest.approx((0.8 + 0.4 + 0.5 + 0.1 + 0.2) / 5 - 0.6)
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.6, 0.5, 0.9, 0.2]).mean())


def test_it_is_said_by_which_days_a_list_is_judged(params: Params) -> None:
    flat = params.task.model_copy(update={"label": "flat", "horizon_days": 28})
    own = flat.model_copy(update={"label": "own_rhythm", "max_horizon_days": 90})
    assert judged_by(flat) == "the 28 days after each Monday"
    assert judged_by(own) == "each customer's own horizon, 28 to 90 days from the Monday"


def test_a_week_without_a_model_is_judged_by_its_list_alone(evaluate) -> None:
    found = judged(week(has_model=False), evaluate)
    assert "auc" not in found
    assert found["why"] == "too new"
    assert found["precision"] == 0.5
    nobody = judged(week(listed=()), evaluate)
    assert nobody["precision"] is None
    assert nobody["profit"] == 0.0


def test_overlap_with_the_week_before(evaluate) -> None:
    before = week(MONDAY - pd.Timedelta(days=7), ("b", "c"))
    assert judged(week(), evaluate, before)["overlap_with_week_before"] == pytest.approx(1 / 3)
    assert judged(week(), evaluate)["overlap_with_week_before"] is None


def test_all_weeks_together_are_means_over_weeks(evaluate, tmp_path) -> None:
    weeks = [week(MONDAY - pd.Timedelta(days=7), ("a", "c")), week()]
    records = [judged(weeks[0], evaluate), judged(weeks[1], evaluate, weeks[0])]
    overall = backtest.judge_all(weeks, records, evaluate, 1)
    assert overall["profit"] == (2 * WON + WON - SPENT) / 2
    assert overall["precision"] == 0.75
    assert overall["bias"] == pytest.approx(records[0]["bias"])
    assert overall["by_week"]["profit"] == {"low": 38.0, "low_on": "2018-01-01", "high": 98.0, "high_on": "2017-12-25"}
    assert (overall["n_weeks"], overall["n_scored"], overall["n_customers"]) == (2, 10, 5)
    for name in ("one", "two"):
        write_backtest(tmp_path / name, {"currency": "EUR", "weeks": records, "overall": overall})
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["backtest.json", "backtest.png", "weeks.csv"]
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    assert len(pd.read_csv(tmp_path / "one" / "weeks.csv")) == 2


def test_a_book_as_of_a_day_forgets_what_became_known_later() -> None:
    numbers = np.array([windows.day_number(date(2018, 1, day)) for day in (1, 2, 3, 4)])
    book = DayBook(
        customers=np.array(["a"], dtype=object),
        customer=np.zeros(4, dtype=np.int64),
        day=numbers,
        order=np.arange(4),
        amount=np.array([1.0, 2.0, 4.0, 8.0]),
        discount=np.zeros(4),
        known=numbers + np.array([0, 5, 0, 0]),
        undone=np.array([numbers[1], NEVER, numbers[3] + 9, NEVER]),
    )
    then = book.as_of(date(2018, 1, 4))
    assert then.amount.tolist() == [1.0, 4.0]
    assert then.final.amount.tolist() == [4.0]
    assert book.final.amount.tolist() == [2.0, 8.0]


def test_the_latest_mondays_that_can_be_judged() -> None:
    end = date(2018, 1, 3)
    assert windows.matured_mondays(end, 28, 2, every_weeks=3) == (date(2017, 11, 13), date(2017, 12, 4))
    assert all(windows.is_matured(day, 28, end) for day in windows.matured_mondays(end, 28, 3))
    assert not windows.is_matured(date(2017, 12, 11), 28, end)
