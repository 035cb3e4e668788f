"""The quality benchmark: the simulator's own probability against closed forms, and what the page says of figures."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import __main__ as command
from benchmarks.quality import projects
from benchmarks.quality.breaks import break_rate, possible_breaks
from benchmarks.quality.ceiling import RULES, best_rule, share_of_gain
from benchmarks.quality.page import page
from benchmarks.quality.results import Outcome, bias_by_cutoff, row_without_model, rows_of
from benchmarks.quality.shops import (
    DATA_VARIABLE,
    Shop,
    all_shops,
    complete_journey,
    given,
    online_retail_ii,
    simulated,
)
from benchmarks.quality.silence import Rhythm, p_silent, p_silent_so_far
from benchmarks.quality.targets import verdicts
from benchmarks.quality.truth import bounds, own_clock, p_staying
from contracts import windows
from contracts.errors import ParameterError
from contracts.files import read_json, read_text, write_json
from contracts.params import load_params
from models.evaluation.figures import Judged, Values
from models.evaluation.metrics import plain_metrics
from models.learners.baselines import BASELINES
from models.recipe.fitting import MODEL
from simulation.customers import customers_of
from simulation.draws import Floats
from simulation.shop import setting_of
from simulation.store import canonical_chunks
from simulation.world import World

HALF_A_DAY = 1 / np.log(2)  # Poisson purchases of this mean gap: half of the days pass without one


def rhythm(mean_gap_days: float, shape: float) -> Rhythm:
    return Rhythm(np.array([[mean_gap_days]]), np.array([[shape]]))


def silent(one: Rhythm, ticks: Floats, staying: list[float], seen_share: float, last: float = 0.0) -> float:
    return float(p_silent(one, ticks[None, :], np.array([[last]]), np.array([staying]), seen_share)[0])


def test_chance_purchases_are_silent_with_the_exponential() -> None:
    """Ten days between purchases on average: e^-2.8 that none falls into four weeks, whenever the last was."""
    for last in (0.0, -30.0):
        found = silent(rhythm(10.0, 1.0), np.arange(29.0), [1.0] * 28, 1.0, last)
        assert found == pytest.approx(0.0608100626, abs=1e-9)


def test_whoever_may_leave_buys_less() -> None:
    """A half buys on the first day, a quarter on the second if still there (8 of 10): 1 - 0.5 - 0.2."""
    assert silent(rhythm(HALF_A_DAY, 1.0), np.arange(3.0), [1.0, 0.8], 1.0) == pytest.approx(0.3)


def test_steady_customers_are_overdue() -> None:
    """Shape 2, mean gap 2: beyond x with (1 + x) e^-x; from 1 to 2 silent with 3/2 e^-1."""
    assert silent(rhythm(2.0, 2.0), np.array([1.0, 2.0]), [1.0], 1.0) == pytest.approx(0.5518191618)


def test_a_break_hides_its_days() -> None:
    """The clock stands still on the second day: two days of purchases in three."""
    found = silent(rhythm(HALF_A_DAY, 1.0), np.array([0.0, 1.0, 1.0, 2.0]), [1.0] * 3, 1.0)
    assert found == pytest.approx(0.25)


def test_unseen_purchases_thin_the_process() -> None:
    """Chance purchases of which 19 of 20 are seen are chance purchases 20/19 as rare."""
    found = silent(rhythm(10.0, 1.0), np.arange(29.0), [1.0] * 28, 0.95)
    assert found == pytest.approx(np.exp(-2.8 * 0.95), abs=2e-5)


def test_silence_equals_that_of_futures_drawn_at_random(rng: np.random.Generator) -> None:
    """A second route: gamma gaps of shape 3, four days silent, some leave, one purchase in five is not seen."""
    n, shape, mean, now, n_days = 400_000, 3.0, 6.0, 4.0, 14
    gap = rng.gamma(shape, mean / shape, n)
    at = gap[gap > now]
    left = now + rng.geometric(1 - np.exp(-0.02), len(at))  # the first day without purchases
    is_seen = np.zeros(len(at), dtype=bool)
    while (at < now + n_days).any():
        is_seen |= (at < np.minimum(now + n_days, left)) & (rng.random(len(at)) < 0.8)
        at = at + rng.gamma(shape, mean / shape, len(at))
    staying = list(np.exp(-0.02 * np.arange(n_days)))
    found = silent(rhythm(mean, shape), np.arange(now, now + n_days + 1), staying, 0.8)
    assert found == pytest.approx(1 - is_seen.mean(), abs=0.005)


def test_silence_tells_of_leaving_by_bayes_rule() -> None:
    """Two silent days. There still: 0.8² × 0.5². Left after the first day: 0.2 × 0.5; after the second: 0.16 × 0.25."""
    elapsed, staying = np.array([[1.0, 2.0]]), np.array([[0.8, 0.64]])
    there, gone = p_silent_so_far(rhythm(HALF_A_DAY, 1.0), elapsed, staying)
    assert there[0] == pytest.approx(0.16)
    assert gone[0] == pytest.approx(0.1 + 0.04)


def test_breaks_begin_as_often_as_the_world_declares() -> None:
    """0.6 a year for two years, less those of the holidays' tails that lie outside; the drawn ones agree day by day."""
    world = World(n_weeks=104, seed=5, pauses_per_year=0.6, starter_share=1.0)
    setting = setting_of(world)
    drawn = np.concatenate([customers_of(setting, block).pause_start.ravel() for block in range(40)])
    rate = break_rate(world)
    assert rate.sum() == pytest.approx(0.6 * 728 / 365.25, abs=0.002)
    for first, end in ((0, 150), (150, 260), (260, 520), (520, 630), (630, 728)):
        found = ((drawn >= first) & (drawn < end)).sum() / (40 * 256)
        assert found == pytest.approx(rate[first:end].sum(), abs=0.02)
    plans = possible_breaks(world, np.array([600]), np.array([700]), 64)
    assert sum(one.chance[0] for one in plans) == pytest.approx(rate[600:700].sum())
    assert all(600 <= one.start[0] < 700 and one.start[0] < one.end[0] <= 728 for one in plans)
    assert np.mean([one.end[0] - one.start[0] for one in plans if one.start[0] < 650]) == pytest.approx(35.5, abs=3)


def test_an_own_clock_stands_in_breaks_and_some_leave_with_their_store() -> None:
    setting = setting_of(World(n_weeks=60, seed=4))
    truth = customers_of(setting, 0)
    own = own_clock(setting, truth)
    who = int(np.flatnonzero(truth.pause_start[:, 0] < setting.world.n_days)[0])
    start, end = truth.pause_start[who, 0], truth.pause_end[who, 0]
    assert own[who, end] == pytest.approx(own[who, start])
    assert own[who, start] == pytest.approx(setting.days.clock[truth.sensitivity_level[who], start])
    closes_on = int(setting.shop.closes_on[0])
    goer = int(np.flatnonzero((truth.main_store == 0) & (truth.joined < closes_on - 2))[0])
    found = p_staying(
        setting, truth, np.array([goer]), np.array([closes_on - 2]), np.array([[closes_on - 1, closes_on]])
    )
    hazard = truth.hazard_per_day[goer]
    assert found[0] == pytest.approx([np.exp(-hazard), 0.5 * np.exp(-2 * hazard)])


def test_the_bounds_are_calibrated_and_the_one_that_sees_more_is_sharper() -> None:
    world = World(n_customers=1500, n_weeks=104, seed=6)
    lines = pd.concat(list(canonical_chunks(world)))
    lines = lines[lines["customer_id"].notna() & ~lines["is_cancellation"] & (lines["amount"] > 0)]
    numbers = windows.day_numbers(windows.local_dates(lines["ordered_at"], world.time_zone))
    lines = lines.assign(day=numbers)
    cutoff = date(2023, 11, 6)
    day = windows.day_number(cutoff)
    counts = lines[lines["day"] < day].groupby("customer_id")["day"].agg(["nunique", "max"])
    listed = counts[(counts["nunique"] >= 3) & (counts["max"] >= day - 90) & ~counts.index.str.startswith("K5")]
    bought = set(lines.loc[(lines["day"] >= day) & (lines["day"] < day + 28), "customer_id"])
    lapsed = ~listed.index.isin(bought)
    wanted = pd.DataFrame({"customer_id": listed.index, "cutoff_on": pd.Timestamp(cutoff), "horizon_days": 28})
    found = bounds(world, wanted)
    assert len(found) > 500
    for name in ("truth", "observer"):
        error = 3 * np.sqrt((found[name] * (1 - found[name])).mean() / len(found))
        assert found[name].mean() == pytest.approx(lapsed.mean(), abs=error + 0.005)
    sharp, blunt = (plain_metrics(found[name].to_numpy(), lapsed) for name in ("truth", "observer"))
    assert sharp["log_loss"] < blunt["log_loss"]
    assert sharp["auc"] > blunt["auc"] > 0.8


def test_bounds_keep_the_order_of_the_rows() -> None:
    world = World(n_customers=600, n_weeks=60, seed=2)
    setting = setting_of(world)
    truth = customers_of(setting, 1)
    old = np.flatnonzero((truth.joined < 0) & (truth.left > 300) & (truth.mean_gap_days < 20))[:5]
    ids = [f"K{number:09d}" for number in truth.number[old]]
    wanted = pd.DataFrame({"customer_id": ids, "cutoff_on": pd.Timestamp("2022-09-05"), "horizon_days": 28})
    there, back = bounds(world, wanted), bounds(world, wanted[::-1])
    pd.testing.assert_frame_equal(there, back[::-1])


def test_the_share_of_the_way_to_a_bound_by_hand() -> None:
    auc = {"rule": [0.6, 0.7], MODEL: [0.8, 0.8], "truth": [0.9, 0.9]}
    drawn = {name: {"auc": np.array(values)} for name, values in auc.items()}
    plain = {"rule": {"auc": 0.6}, MODEL: {"auc": 0.8}, "truth": {"auc": 0.9}}
    found = share_of_gain(Values(plain, drawn), "rule", "truth", "auc")
    assert found["value"] == pytest.approx(2 / 3)
    assert found["low"] == pytest.approx(0.5 + 0.025 / 6)
    nothing = {name: {"auc": 0.6} for name in plain}
    flat = {name: {"auc": np.array([0.6])} for name in plain}
    assert share_of_gain(Values(nothing, flat), "rule", "truth", "auc")["value"] is None


def judged(**predictions: list[float]) -> Judged:
    """Two customers at two cutoffs; the first lapsed both times."""
    keys = pd.DataFrame(
        {"customer_id": ["a", "b"] * 2, "cutoff_on": pd.to_datetime(["2024-01-01"] * 2 + ["2024-01-08"] * 2)}
    )
    return Judged(
        keys,
        np.array([True, False] * 2),
        np.array([0, 1] * 2),
        windows.day_numbers(keys["cutoff_on"]),
        {name: np.array(values) for name, values in predictions.items()},
    )


def test_the_best_rule_is_that_of_least_log_loss() -> None:
    assert RULES == ("inactivity", "frequency")
    assert best_rule(judged(inactivity=[0.6, 0.4] * 2, frequency=[0.7, 0.3] * 2)) == "frequency"


def test_bias_by_cutoff_is_predicted_less_observed() -> None:
    found = bias_by_cutoff(judged(one=[0.9, 0.3, 0.5, 0.1]), "one")
    assert found == pytest.approx({"2024-01-01": 0.1, "2024-01-08": -0.2})


def figures(auc: float, log_loss: float, calibration_error: float, gained: float = 0.01) -> dict[str, Any]:
    gain = {"value": gained, "low": gained - 0.004, "high": gained + 0.004}
    return {
        "auc_mean": auc,
        "auc_low": auc - 0.01,
        "auc_high": auc + 0.01,
        "average_precision": 0.4,
        "lift_at_10": 3.0,
        "brier": 0.09,
        "log_loss": log_loss,
        "calibration_error": calibration_error,
        "calibration_error_if_perfect_low": 0.006,
        "calibration_error_if_perfect_high": 0.016,
        "bias": -0.01,
        "log_loss_gain_of_model": gain,
        "auc_gain_of_model": gain,
    }


def outcome(data: str, auc: float, calibration_error: float, gained: float) -> Outcome:
    """The model; logistic regression on all features, over which it gains `gained`; the other baselines, far behind."""
    test = figures(auc, 0.29, calibration_error) | {"n_rows": 4, "n_customers": 2, "lapse_rate": 0.5}
    del test["log_loss_gain_of_model"], test["auc_gain_of_model"]
    rivals = {name: figures(0.7, 0.4, 0.05, 0.1) for name in BASELINES}
    rivals["all_feature_logit"] = figures(0.86, 0.295, 0.02, gained)
    gate = {"grade": "model", "released": MODEL, "rule": "beats all", "best_baseline": "all_feature_logit"}
    metrics = {"test": test, "baselines": rivals, "test_cutoffs": ["2024-01-01", "2024-01-08"]}
    return Outcome(data, metrics, gate, {"train": 20.0, "evaluate": 10.0})


def rows(data: str = "complete_journey", auc: float = 0.864, error: float = 0.012, gained: float = 0.005) -> list[Any]:
    said = judged(**{name: [0.9, 0.3, 0.5, 0.1] for name in (MODEL, *BASELINES)})
    return rows_of(outcome(data, auc, error, gained), said, "2024-02-01")


def test_rows_are_the_model_then_the_baselines_from_the_strongest_down() -> None:
    found = rows()
    assert [row["model"] for row in found] == [
        *("regulars", "all_feature_logit", "frequency", "inactivity", "lightgbm_default", "mbg_nbd", "rfm_logit")
    ]
    assert found[0]["cpu_seconds"] == 30.0
    assert found[0]["grade"] == "model"
    assert found[0]["model_gains_log_loss"] is None
    assert found[1]["model_gains_log_loss"] == 0.005
    assert found[1]["model_gains_log_loss_low"] == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("auc", "error", "gained", "met"),
    [
        (0.8631, 0.020, 0.005, [True, True, True]),
        (0.8629, 0.012, 0.005, [False, True, True]),
        (0.864, 0.012, 0.003, [True, False, True]),
        (0.864, 0.0201, 0.005, [True, True, False]),
    ],
)
def test_targets_are_computed(auc: float, error: float, gained: float, met: list[bool]) -> None:
    found = verdicts(rows("complete_journey", auc, error, gained), BASELINES.__contains__)
    assert [one.is_met for one in found] == met


def test_the_page_says_what_is_not_met_and_what_was_left_out() -> None:
    text = page(rows(error=0.034), {"online_retail_ii": "no data here"})
    missed = "calibration error at most 0.020 | 0.0340 (a perfectly calibrated model would show 0.006 to 0.016)"
    assert f"| complete_journey | {missed} | **not met** |" in text
    assert "| AUC at least 0.866 less 0.003 | 0.8640 [0.8540, 0.8740] | met |" in text
    assert "Not measured: online_retail_ii (no data here)." in text
    assert "| regulars | +0.1000 | -0.2000 |" in text
    assert "Release gate: **regulars** released, grade 'model': beats all." in text


def test_online_retail_is_held_to_its_own_figures() -> None:
    found = verdicts(rows("online_retail_ii", auc=0.7691, error=0.044), BASELINES.__contains__)
    assert [one.is_met for one in found] == [True, True, True]
    assert not verdicts(rows("simulated_300"), BASELINES.__contains__)


def test_a_shop_without_a_model_has_one_row_and_misses_its_targets() -> None:
    gate = {"grade": "none", "released": "none", "rule": "no model: too few labels", "best_baseline": None}
    none = Outcome("complete_journey", {"test": {}, "baselines": {}, "test_cutoffs": []}, gate, {"train": 1.0})
    assert not none.has_model
    listed = [row_without_model(none, "2024-02-01")]
    assert [one.is_met for one in verdicts(listed, BASELINES.__contains__)] == [False]
    assert "nothing released (no model: too few labels)" in page(listed, {})


def test_real_data_that_are_not_here_are_left_out_with_the_reason(tmp_path: Path) -> None:
    assert online_retail_ii({}).why_not.startswith(f"{DATA_VARIABLE} is not set")
    assert "no folder online_retail_ii/" in online_retail_ii({DATA_VARIABLE: str(tmp_path)}).why_not
    (tmp_path / "online_retail_ii").mkdir()
    found = online_retail_ii({DATA_VARIABLE: str(tmp_path)})
    assert not found.why_not
    assert found.test_cutoffs == (date(2011, 7, 18), date(2011, 8, 1), date(2011, 8, 15), date(2011, 8, 29))


def test_nothing_measured_still_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.measure_all([online_retail_ii({}), given("shop=nowhere")], tmp_path, tmp_path)
    assert read_json(tmp_path / "quality.json") == []
    assert f"online_retail_ii ({DATA_VARIABLE} is not set" in read_text(tmp_path / "quality.md")
    assert "shop: left out: expected a folder of a project" in capsys.readouterr().out


def test_a_shop_that_fails_keeps_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(shop: Shop, work: Path, measured_on: str) -> list[Any]:
        if shop.name == "simulated_300":
            raise projects.BenchmarkError("out of memory")
        return rows(shop.name)

    monkeypatch.setattr(command, "measure", measured)
    with pytest.raises(projects.BenchmarkError, match="out of memory"):
        command.measure_all([simulated(300), complete_journey()], tmp_path, tmp_path)
    assert {row["data"] for row in read_json(tmp_path / "quality.json")} == {"complete_journey"}
    assert "simulated_300 (out of memory)" in read_text(tmp_path / "quality.md")


def test_the_large_store_is_asked_for() -> None:
    names = ["complete_journey", "online_retail_ii", "simulated_300", "simulated_3000", "simulated_30000"]
    assert [shop.name for shop in all_shops([], {}, is_large=False)] == names
    assert [shop.name for shop in all_shops([], {}, is_large=True)] == [*names, "simulated_300000"]


@pytest.mark.parametrize("extra", ["simulated_300=x", "../x=y", "=x"])
def test_each_shop_has_a_name_that_can_name_a_folder(extra: str) -> None:
    with pytest.raises(ParameterError, match="name"):
        all_shops([extra], {}, is_large=False)


def test_a_project_of_the_benchmark_differs_in_its_shop_alone(tmp_path: Path, root: Path) -> None:
    home = projects.prepared(simulated(300), tmp_path)
    own, product = (load_params(folder / "params.yaml").model_dump(by_alias=True) for folder in (home, root))
    assert [name for name in product if own[name] != product[name]] == ["ingest"]
    assert own["ingest"]["simulation"]["n_customers"] == 300
    assert (home / "inbox" / "tombstones.json").is_file()


def test_a_given_project_brings_its_data_and_task_and_nothing_else(tmp_path: Path, root: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "inbox").mkdir(parents=True)
    (shop / "inbox" / "excluded.txt").write_text("staff\n")
    text = (root / "params.yaml").read_text()
    text = text.replace("horizon_days: 28 ", "horizon_days: 35 ").replace("num_trees: 400", "num_trees: 7")
    (shop / "params.yaml").write_text(text.replace("path: requirements.lock", "path: exports"))
    found = given(f"mine={shop}@2024-03-04,2024-03-18")
    assert found.test_cutoffs == (date(2024, 3, 4), date(2024, 3, 18))
    home = projects.prepared(found, tmp_path / "work")
    own = load_params(home / "params.yaml")
    assert own.task.horizon_days == 35
    assert own.train == load_params(root / "params.yaml").train
    assert own.ingest.path == str(shop / "exports")
    assert (home / "inbox" / "excluded.txt").read_text() == "staff\n"


def test_stages_run_as_the_pipeline_names_them() -> None:
    assert projects.stage_command("snapshot")[1:] == [
        *("-m", "pipeline.snapshot", "data/events", "inbox/waves", "data/snapshots.parquet", "data/cutoffs.json")
    ]


def test_a_failing_stage_is_one_line(tmp_path: Path) -> None:
    home = projects.prepared(simulated(300), tmp_path)
    write_json(home / "data" / "cutoffs.json", {})
    with pytest.raises(projects.BenchmarkError, match=r"^-m pipeline.evaluate .* ended with code"):
        projects.run_stages(simulated(300), home, ("evaluate",), lambda _: None)
