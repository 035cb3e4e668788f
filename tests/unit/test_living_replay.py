"""Replays of living stores: the same luck for every policy, limits kept, controls untouched, learning from waves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.effects import stores
from contracts.errors import ContractError, ParameterError, UnknownNameError
from contracts.tables import FEATURE_KEYS
from contracts.wave_tables import WAVES
from models.contamination import COLUMN
from offers.plan import make_plan
from pipeline.cli import app
from pipeline.living import policies
from pipeline.living.desk import desk_of
from pipeline.living.policies import POLICIES, Policy
from pipeline.living.replay import burnt_in, replay_policy, sends_of
from pipeline.living.report import write_simulation
from pipeline.living.risk import TREES, fit_risk, labelled
from simulation.living.presets import PRESETS

ROOT = Path(__file__).parents[2]
N_WEEKS = 6


@pytest.fixture(scope="module")
def grocery():
    desk = desk_of(PRESETS["grocery"], 5, ROOT / "params.yaml")
    return desk, burnt_in(desk, 5)


@pytest.fixture(scope="module")
def own(grocery):
    return replay_policy(*grocery, POLICIES["regulars"], N_WEEKS)


def test_a_replay_leaves_its_beginning_as_it_was_and_is_repeatable(grocery, own):
    desk, begun = grocery
    again = replay_policy(desk, begun, POLICIES["regulars"], N_WEEKS)
    pd.testing.assert_frame_equal(own.weeks, again.weeks)
    pd.testing.assert_frame_equal(own.waves, again.waves)


def test_limits_hold_in_every_week(grocery, own):
    desk, _ = grocery
    treated = own.waves[(own.waves["offer"] != "none") & (own.waves["arm"] == "treated")].groupby("wave")
    by_wave = own.waves[own.waves["offer"] != "none"].groupby("wave")
    assert (treated.size() <= desk.params.plan.capacity).all()
    assert (by_wave["offer_cost"].sum() <= desk.params.plan.budget + 1e-6).all()
    assert own.waves["arm"].isin(["treated", "control"]).all()


def test_whoever_was_held_back_is_in_no_other_wave_until_its_window_ends(own):
    waves = own.waves.sort_values("cutoff_on")
    days = -waves.groupby("customer_id")["cutoff_on"].diff(-1).dt.days
    assert (days[waves["arm"] == "control"].dropna() >= 28).all()
    again = days[waves["arm"] == "treated"].dropna()
    assert (again >= 14).all()  # the rest after a message
    assert (again < 28).any()


def test_controls_are_never_sent_anything(grocery):
    desk, begun = grocery
    sent: list[pd.DataFrame] = []

    def watched(monday):
        drawn = policies.regulars(monday)
        sent.append(pd.DataFrame({"customer_id": drawn.loc[drawn["arm"] != "treated", "customer_id"]}))
        assert not set(sends_of(drawn, desk)["customer_id"]) & set(sent[-1]["customer_id"])
        return drawn

    policy = Policy("watched", "watched", watched, needs_model=True, learns=True, has_controls=True)
    record = replay_policy(desk, begun, policy, 3)
    assert sum(len(part) for part in sent) == record.weeks["n_control"].sum() > 0


def test_the_full_guard_passes_on_a_replayed_week(grocery):
    desk, begun = grocery
    verdicts = []

    def guarded(monday):
        made = make_plan(monday.scores, monday.portraits, monday.setting)
        verdicts.append(made.guard)
        return policies.regulars(monday)

    replay_policy(desk, begun, Policy("guarded", "guarded", guarded, needs_model=True, has_controls=True), 2)
    assert len(verdicts) == 2
    assert all(verdict["passed"] for verdict in verdicts), verdicts


def test_what_has_matured_is_learned(grocery, own):
    assert own.outcomes["wave"].nunique() == N_WEEKS - 4
    assert (
        own.outcomes["cutoff_on"] + pd.Timedelta(days=28) <= own.weeks["monday"].astype("datetime64[us]").max()
    ).all()
    assert own.beliefs["n_treated"].eq(0).all()  # the quarter's beginning, before any wave


def test_the_oracle_expects_more_of_its_messages_than_anybody(grocery, own):
    best = replay_policy(*grocery, POLICIES["oracle"], N_WEEKS)
    rival = replay_policy(*grocery, POLICIES["random"], N_WEEKS)
    assert best.weeks["true_profit"].sum() > own.weeks["true_profit"].sum() > rival.weeks["true_profit"].sum()


def test_the_page_shows_every_policy(grocery, own, tmp_path):
    nobody = replay_policy(*grocery, POLICIES["nobody"], N_WEEKS)
    report = write_simulation(tmp_path / "year", grocery[0], [own, nobody])
    page = (tmp_path / "year" / "simulation.html").read_text()
    assert [row["policy"] for row in report["policies"]] == ["regulars", "nobody"]
    assert report["policies"][0]["profit"] == pytest.approx(
        float((own.weeks["profit"] - nobody.weeks["profit"]).sum()), abs=1e-5
    )
    assert page.count("<figure>") == 4
    assert "<script" not in page
    assert "src=" not in page


@pytest.mark.parametrize("preset", ["doors", "all_harm"])
def test_two_stores_of_two_seeds(preset, tmp_path):
    runs = [stores.run_one(preset, seed, 4, ("nobody", "regulars", "oracle")) for seed in (1, 2)]
    for run in runs:
        assert run["policies"]["nobody"]["sent"] == 0
        assert run["policies"]["regulars"]["price"] >= 0
    if preset == "all_harm":
        assert all(run["policies"]["oracle"]["sent"] == 0 for run in runs)
        assert all(run["policies"]["oracle"]["year"] == run["policies"]["nobody"]["year"] for run in runs)


def test_shares_are_ratios_of_sums_by_hand():
    def run(seed: int, nobody: float, own: float, best: float) -> dict:
        told = {"nobody": nobody, "regulars": own, "oracle": best, "everybody": 0.0, "random": nobody}
        told |= {"highest_risk": nobody, "highest_loss": nobody}
        figures = {
            name: {"late": value, "year": value, "price": 1.0, "cpu": 0.1, "sent": 1} for name, value in told.items()
        }
        return {"preset": "grocery", "seed": seed, "weeks": 52, "eligible": 10, "policies": figures}

    rows = {
        (row["metric"], row["policy"], row["preset"]): row
        for row in stores.rows([run(1, 100, 130, 140), run(2, 100, 110, 140)])
    }
    assert rows["share_of_oracle", "regulars", "grocery"]["value"] == pytest.approx((30 + 10) / 80)
    assert rows["share_of_oracle", "regulars", "all"]["value"] == pytest.approx(0.5)
    assert rows["profit", "regulars", "grocery"]["value"] == 20
    t = 12.706204736
    assert rows["profit", "regulars", "grocery"]["high"] == pytest.approx(
        20 + t * np.std([30, 10], ddof=1) / 2**0.5, rel=1e-5
    )


@pytest.mark.parametrize("policy", ["regulars", "oracle", "random"])
def test_a_shop_that_has_just_opened_is_replayed_within_what_is_known(policy):
    """Of a handful of customers no risk can be fitted; whoever needs none has at most as many to write to."""
    desk = opened_weeks_ago(1)
    record = replay_policy(desk, burnt_in(desk, 1), POLICIES[policy], 3)
    assert record.weeks["n_eligible"].between(1, 9).all()
    assert (record.weeks["n_sent"] <= record.weeks["n_eligible"]).all()
    assert record.weeks["n_sent"].sum() == 0 or not POLICIES[policy].needs_model
    assert (record.weeks["margin"] > 0).all()


@pytest.mark.parametrize("policy", ["regulars", "random"])
def test_nobody_is_written_to_while_nobody_has_bought_often_enough(policy):
    desk = opened_weeks_ago(1, min_purchase_days=90)
    record = replay_policy(desk, burnt_in(desk, 1), POLICIES[policy], 2)
    assert record.weeks[["n_eligible", "n_sent", "n_control", "contact_cost"]].eq(0).all().all()


@pytest.mark.parametrize("policy", ["oracle", "everybody", "random"])
def test_nobody_is_written_to_where_everybody_refuses_it(policy):
    desk = opened_weeks_ago(1, nature=replace(PRESETS["doors"].nature, no_marketing_share=1.0))
    record = replay_policy(desk, burnt_in(desk, 1), POLICIES[policy], 2)
    assert (record.weeks["n_eligible"] > 0).all()
    assert record.weeks[["n_sent", "n_control", "contact_cost"]].eq(0).all().all()


def opened_weeks_ago(n_weeks, nature=PRESETS["doors"].nature, **terms):
    """The desk of a small shop with a history this short."""
    young = replace(PRESETS["doors"], nature=replace(nature, burn_in_weeks=n_weeks), **terms)
    return desk_of(young, 1, ROOT / "params.yaml")


def test_a_message_without_one_of_its_columns_is_refused(grocery):
    store = grocery[1].copy().store
    sends = pd.DataFrame({"customer_id": store.customers["customer_id"].head(2)})
    with pytest.raises(ContractError, match="sends: expected the column 'send_on', found none; add it"):
        store.step(sends)


def test_contact_is_one_more_column_of_a_risk_that_takes_it_as_input(grocery):
    desk, begun = grocery
    seen = labelled(begun.events(), begun.store.today, desk.params.task, WAVES.empty())
    small = desk.params.train.model_copy(update={**TREES, "num_trees": 2, "n_bags": 1})
    known = seen.frame.columns.drop(list(FEATURE_KEYS)).tolist()
    for how, names in (("ignore", known), ("input", [*known, COLUMN])):
        assert list(fit_risk(seen, how, small, desk.params.execution).features) == names


class TestTheCommand:
    @pytest.fixture
    def typed(self, tmp_path, monkeypatch):
        """Runs `regulars simulate year` with further arguments, beside the shop's parameters."""
        shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
        monkeypatch.chdir(tmp_path)
        return lambda *arguments: CliRunner().invoke(app, ["simulate", "year", *arguments])

    def test_a_policy_alone_has_its_line_its_progress_and_a_page_of_what_it_did(self, typed):
        found = typed("--preset", "doors", "--policy", "nobody", "--weeks", "14")
        assert found.exit_code == 0, found.output
        weeks = [line.rsplit("week ", 1)[1] for line in found.output.splitlines() if "nobody: week" in line]
        assert weeks == ["1 of 14", "13 of 14"], "a line a quarter"
        assert "contact nobody: 0 EUR over nobody, 0 messages" in found.output
        assert Path("year/simulation.html").read_text().count("<figure>") == 0, "nothing to compare"
        again = typed("--preset", "doors", "--policy", "nobody")
        assert isinstance(again.exception, ParameterError)

    def test_without_nobody_profits_are_in_all(self, typed):
        found = typed("--preset", "doors", "--policy", "everybody", "--weeks", "1")
        assert "EUR in all" in found.output
        assert "over nobody" not in found.output
        assert Path("year/simulation.html").read_text().count("<figure>") == 3

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            (("--preset", "grocrey"), UnknownNameError, "no preset 'grocrey'; did you mean 'grocery'?"),
            (("--preset", "doors", "--policy", "nobdy"), UnknownNameError, "no policy 'nobdy'; did you mean 'nobody'?"),
            (("--preset", "doors", "--policy", "zzz"), UnknownNameError, "no policy 'zzz'; there is regulars, oracle"),
            (("--policy", "nobody"), ParameterError, "expected --policy with --preset alone; name a preset"),
        ],
    )
    def test_a_mistake_is_refused_and_nothing_written(self, typed, arguments, error, words):
        found = typed(*arguments)
        assert isinstance(found.exception, error)
        assert words in str(found.exception)
        assert not Path("year").exists()
