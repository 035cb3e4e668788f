"""All marketing against the year's customers without any: rows and estimates by hand, intervals by simulation."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from contracts.lots import universal_ids
from features.programme import UniversalDraw, programme_rows
from features.wave_outcomes import Seen
from offers.effects.programme import FEWEST, difference_of_arms, programme, what_is_awaited
from tests.unit.test_wave_outcomes import MONDAY, ZONE, seen

DRAW = UniversalDraw(seed=7, share=0.3)
IDS = [f"c{k:03d}" for k in range(60)]


def snapshots(mondays: list[pd.Timestamp], ids: list[str] = IDS) -> pd.DataFrame:
    rows = pd.DataFrame([(name, monday) for monday in mondays for name in ids], columns=["customer_id", "cutoff_on"])
    return rows.assign(is_eligible=True, horizon_days=28, lapsed=pd.array([False] * len(rows), dtype="boolean"))


def bought(rows: list[tuple[str, int, float]]) -> Seen:
    lines = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    return Seen(
        lines.assign(ordered_on=MONDAY + pd.to_timedelta(lines["day"], unit="D")).drop(columns="day"),
        seen().contacts,
        seen().responses,
        ZONE,
    )


def drawn(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    waves = pd.DataFrame(rows, columns=["customer_id", "day", "amount", "margin"])
    return waves.assign(cutoff_on=MONDAY + pd.to_timedelta(waves["day"], unit="D"))


def test_rows_by_hand() -> None:
    """c000 paid 40 + 20 in its window and its waves cost 3.5 and 0.5; days outside, and other windows, do not count."""
    paid = bought([("c000", 0, 40.0), ("c000", 27, 20.0), ("c000", 28, 99.0), ("c000", -1, 99.0), ("c001", 5, 8.0)])
    waves = drawn([("c000", 0, 40.0, 6.5), ("c000", 21, 0.0, -0.5), ("c001", 28, 0.0, -9.0)])
    found = programme_rows(snapshots([MONDAY]), paid, waves, 0.25, DRAW).set_index("customer_id")
    assert found.loc["c000", "margin"] == pytest.approx(0.25 * 60 - 3.5 - 0.5)
    assert found.loc["c001", "margin"] == pytest.approx(2.0)
    assert (found["margin"].drop(["c000", "c001"]) == 0).all()
    assert set(found.index[found["is_control"]]) == universal_ids(pd.Series(IDS), date(2018, 1, 1), 7, 0.3)


def test_windows_begin_with_the_first_wave_and_do_not_overlap() -> None:
    weeks = [MONDAY + pd.Timedelta(weeks=k) for k in (-1, 0, 1, 3, 4, 7, 9, 52)]
    rows = snapshots(weeks)
    open_ = rows["cutoff_on"] == weeks[-2]
    rows["lapsed"] = rows["lapsed"].mask(open_)
    rows["is_eligible"] = rows["customer_id"] != "c005"
    found = programme_rows(rows, bought([]), drawn([("c000", 0, 0.0, 0.0)]), 0.25, DRAW)
    assert found["cutoff_on"].unique().tolist() == [weeks[k] for k in (1, 4, 7)]
    assert "c005" not in set(found["customer_id"])
    for year, monday in ((2018, weeks[1]), (2018, weeks[4]), (2018, weeks[7])):
        controls = found[(found["cutoff_on"] == monday) & found["is_control"]]["customer_id"]
        assert set(controls) == universal_ids(pd.Series(IDS), date(year, 12, 31), 7, 0.3) - {"c005"}


def test_a_new_year_has_a_new_lot() -> None:
    late = [MONDAY + pd.Timedelta(weeks=k) for k in (48, 53)]
    found = programme_rows(snapshots(late), bought([]), drawn([("c000", 0, 0.0, 0.0)]), 0.25, DRAW)
    by_monday = {
        monday.year: set(rows.loc[rows["is_control"], "customer_id"]) for monday, rows in found.groupby("cutoff_on")
    }
    assert by_monday == {year: universal_ids(pd.Series(IDS), date(year, 6, 1), 7, 0.3) for year in (2018, 2019)}


def test_customers_own_horizons_are_kept() -> None:
    rows = snapshots([MONDAY]).assign(horizon_days=[28, 56] + [28] * 58)
    paid = bought([("c000", 40, 4.0), ("c001", 40, 4.0)])
    found = programme_rows(rows, paid, drawn([("c000", 0, 0.0, 0.0)]), 0.25, DRAW).set_index("customer_id")
    assert (found.loc["c000", "margin"], found.loc["c001", "margin"]) == (0.0, 1.0)


def test_the_interval_is_the_textbooks_for_one_row_a_customer() -> None:
    rng = np.random.default_rng(1)
    y, control = rng.gamma(2.0, 5.0, 90), np.arange(90) < 25
    found = difference_of_arms(y, control, np.arange(90))
    parts = [arm.var(ddof=1) / len(arm) for arm in (y[~control], y[control])]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 64 + parts[1] ** 2 / 24)
    reach = t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    estimate = y[~control].mean() - y[control].mean()
    assert found["estimate"] == pytest.approx(estimate)
    assert (found["low"], found["high"]) == pytest.approx((estimate - reach, estimate + reach))


def test_repeated_rows_of_a_customer_say_nothing_new() -> None:
    """Each customer three times over: the interval of one row each. Independent rows would make it √3 narrower."""
    rng = np.random.default_rng(2)
    y, control = rng.normal(size=100), np.arange(100) < 30
    once = difference_of_arms(y, control, np.arange(100))
    thrice = difference_of_arms(np.tile(y, 3), np.tile(control, 3), np.tile(np.arange(100), 3))
    assert thrice == pytest.approx(once)


def told(rng: np.random.Generator, n: int, effect: float, n_weeks: int = 4) -> pd.DataFrame:
    """Customers with a risk and a level of their own over windows of a year; the universal ones get no effect."""
    control = np.tile(rng.random(n) < 0.1, n_weeks)
    risk, level = np.tile(rng.beta(1.5, 4, n), n_weeks), np.tile(rng.lognormal(2, 0.8, n), n_weeks)
    lapsed = rng.random(n * n_weeks) < np.clip(risk - np.where(control, 0.0, effect), 0, 1)
    return pd.DataFrame(
        {
            "customer_id": np.tile([f"c{k}" for k in range(n)], n_weeks),
            "cutoff_on": np.repeat([MONDAY + pd.Timedelta(weeks=4 * k) for k in range(n_weeks)], n),
            "is_control": control,
            "lapsed": lapsed,
            "margin": np.where(lapsed, 0.0, level * rng.lognormal(0, 0.5, n * n_weeks)),
        }
    )


def test_under_no_effect_intervals_hold_nothing_as_often_as_they_say() -> None:
    rng, n_draws = np.random.default_rng(5), 300
    held = {"retention": 0, "margin": 0}
    for _ in range(n_draws):
        found = programme(told(rng, 500, 0.0), "EUR")
        for name in held:
            held[name] += found[name]["low"] <= 0 <= found[name]["high"]
    spread = 3 * math.sqrt(0.05 * 0.95 / n_draws)
    assert held["retention"] / n_draws == pytest.approx(0.95, abs=spread)
    assert held["margin"] / n_draws == pytest.approx(0.95, abs=spread + 0.02)  # heavy tails, some 50 controls


def test_an_effect_is_found_and_said_in_its_direction() -> None:
    kept = programme(told(np.random.default_rng(6), 4000, 0.08), "EUR")
    assert kept["retention"]["low"] > 0
    assert "points fewer lapses" in kept["sentence"]
    lost = programme(told(np.random.default_rng(6), 4000, -0.08), "EUR")
    assert lost["retention"]["high"] < 0
    assert "points more lapses" in lost["sentence"]
    assert lost["mondays"] == ["2018-01-01", "2018-01-29", "2018-02-26", "2018-03-26"]
    assert lost["n_control"] + lost["n_others"] == 4000


def test_with_few_customers_there_is_no_interval_and_without_a_lapse_a_wide_one() -> None:
    few = difference_of_arms(np.ones(40), np.arange(40) < FEWEST - 1, np.arange(40), is_share=True)
    assert math.isnan(few["low"])
    enough = difference_of_arms(np.zeros(1000), np.arange(1000) < FEWEST, np.arange(1000), is_share=True)
    share = 1 / (FEWEST + 2)
    half = t.ppf(0.975, FEWEST - 1) * math.sqrt(share * (1 - share) / FEWEST)
    assert enough["high"] == pytest.approx(half, rel=0.01)


def test_before_there_is_anything_it_says_what_is_awaited() -> None:
    nothing = programme_rows(snapshots([MONDAY]), bought([]), drawn([]), 0.25, DRAW)
    assert programme(nothing, "EUR", "Awaited.")["sentence"] == "Awaited."
    assert "due on 2018-01-29" in what_is_awaited(drawn([("c000", 0, 0.0, 0.0)]), 0.02, 28)
    assert "set plan.universal_share" in what_is_awaited(drawn([]), 0.0, 28)
    assert "first published week" in what_is_awaited(drawn([]), 0.02, 28)
