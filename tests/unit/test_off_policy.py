"""Another policy's value from logs: against enumeration, in coverage, refusals, and the commands that print it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from contracts.errors import ContractError, RegularsError, StateError
from contracts.files import read_json, read_table, write_json, write_table
from contracts.params import load_params
from contracts.wave_tables import BELIEFS, WAVE_OUTCOMES, WAVES
from offers.effects.awaited import learning
from offers.effects.pooling import learn
from offers.effects.report import effects_report
from offers.off_policy import Least, Logs, logged, policy_difference, policy_values, preferred
from pipeline.commands.effects import add_commands
from tests.offer_shops import CATALOGUE, ROOT

ANY = Least(effective_rows=0.0, covered=0.0)
STAYS = 0.8
GAIN_OF_BEST = 0.5 * (2 * 2 / 3 + 0.5 / 3)
"""Of half of the customers: 2 where points are an option (two of three sets), else a tenth off's 0.5."""
MONDAY = pd.Timestamp("2018-01-01")
OPTIONS = np.array(["double_points; none", "tenth_off; none", "double_points; tenth_off; none"])


def outcome_rows(
    options: list[str], drawn: list[str], margin: np.ndarray, customers: list[str], waves: list[str]
) -> pd.DataFrame:
    """WAVE_OUTCOMES of exploration: each option as likely; margins are given, and 0 means lapsed."""
    n = len(drawn)
    sent = np.array([name != "none" for name in drawn])
    return pd.DataFrame(
        {
            "wave": waves,
            "cutoff_on": MONDAY,
            "customer_id": customers,
            "purpose": "exploration",
            "arm": np.where(sent, "treated", "control"),
            "offer": drawn,
            "channel": np.where(sent, "email", ""),
            "propensity": [1 / len(text.split("; ")) for text in options],
            "group": "regulars at risk",
            "risk_band": "medium",
            "tier": "regular",
            "interaction": "sticky",
            "p_lapse": np.linspace(0.1, 0.9, n),
            "value_at_stake": np.linspace(5, 60, n),
            "reach": 0.5,
            "offer_cost": 0.3,
            "contact_cost": 0.01,
            "price_benefit": 0.0,
            "effect": 0.01,
            "model_version": "0123456789ab",
            "horizon_days": 28,
            "options": options,
            "send_on": MONDAY,
            "valid_until": MONDAY,
            "lapsed": margin == 0,
            "amount": 4 * np.abs(margin),
            "benefit_cost": 0.0,
            "margin": margin,
            "margin_before": 3.0,
            "full_price_share": 0.5,
            "full_price_share_before": np.tile([0.5, 1.0], n)[:n],
            "interaction_after": "sticky",
            "is_contacted": sent,
            "is_redeemed": False,
            "reason": "",
        }
    )


def drawn_logs(rng: np.random.Generator, n: int, n_waves: int = 1) -> tuple[Logs, float]:
    """Logs of a shop in which points bring 2 where the customer's own level is above 0, and the best policy's value.

    A customer's level is the same in all waves, so that rows of one customer go together.
    """
    level = np.tile(rng.normal(size=n), n_waves)
    options = OPTIONS[rng.integers(0, 3, n * n_waves)]
    sets = [text.split("; ") for text in options]
    drawn = [own[int(u * len(own))] for own, u in zip(sets, rng.random(n * n_waves), strict=True)]
    gain = {"none": 0.0, "double_points": 2.0, "tenth_off": 0.5}
    lift = np.array([gain[name] for name in drawn]) * (level > 0)
    stays = rng.random(n * n_waves) < STAYS
    margin = np.where(stays, 5 + 2 * level + lift + rng.exponential(3.0, n * n_waves), 0.0)
    customers = [f"c{k % n}" for k in range(n * n_waves)]
    waves = [f"2018-W{k // n + 1:02d}" for k in range(n * n_waves)]
    logs = logged(outcome_rows(list(options), drawn, margin, customers, waves))
    return replace(logs, rows=logs.rows.assign(level=level)), STAYS * (8 + GAIN_OF_BEST)


def best_policy(logs: Logs) -> pd.DataFrame:
    """Points where the level is above 0 and they are an option, else a tenth off there; none to all others."""
    has_points = logs.options[:, logs.arms.index("double_points")]
    offer = np.where(logs.rows["level"] > 0, np.where(has_points, "double_points", "tenth_off"), "none")
    return logs.rows[["wave", "customer_id"]].assign(offer=offer)


def predictions(logs: Logs, of_level: float) -> pd.DataFrame:
    """A prediction of every arm: 8 and so much a unit of level; wrong about every offer."""
    own = logs.rows[["wave", "customer_id"]].assign(predicted=8 + of_level * logs.rows["level"])
    return pd.concat([own.assign(offer=arm) for arm in logs.arms], ignore_index=True)


def enumerated() -> Iterator[tuple[float, Logs]]:
    """Every outcome of exploration in a world of three customers, with its probability."""
    for drawn in itertools.product(*(text.split("; ") for text in OPTIONS)):
        margin = np.array([worlds()[k][name] for k, name in enumerate(drawn)])
        rows = outcome_rows(list(OPTIONS), list(drawn), margin, ["a", "b", "c"], ["2018-W01"] * 3)
        yield float(rows["propensity"].prod()), logged(rows)


def worlds() -> list[dict[str, float]]:
    """What each offer would bring each customer."""
    return [
        {"none": 4.0, "double_points": 7.0},
        {"none": 0.0, "tenth_off": -1.0},
        {"none": 2.0, "double_points": 5.0, "tenth_off": 11.0},
    ]


def test_expectation_over_every_draw_is_the_policy_s_value() -> None:
    """Inverse propensity and doubly robust are exactly unbiased, for any prediction; a mixed policy and a plain one."""
    policy = pd.DataFrame(
        {
            "wave": "2018-W01",
            "customer_id": ["a", "a", "b", "c"],
            "offer": ["none", "double_points", "tenth_off", "tenth_off"],
            "probability": [0.3, 0.7, 1.0, 1.0],
        }
    )
    expected = (0.3 * 4 + 0.7 * 7 - 1 + 11) / 3
    guess = {"none": 9.0, "double_points": -4.0, "tenth_off": 1.0}
    guesses = pd.DataFrame(
        [("2018-W01", who, arm, own) for who in "abc" for arm, own in guess.items()],
        columns=["wave", "customer_id", "offer", "predicted"],
    )
    found = dict.fromkeys(("inverse propensity", "doubly robust"), 0.0)
    total = 0.0
    for chance, logs in enumerated():
        total += chance
        for value in policy_values(logs, policy, predictions=guesses, least=ANY):
            if value.method in found:
                found[value.method] += chance * value.value
    assert total == pytest.approx(1.0)
    assert found == pytest.approx(dict.fromkeys(found, expected))


def test_intervals_hold_the_value_in_95_of_100_logs() -> None:
    """400 logs, customers in two waves each: the binomial's own spread is 1.1 points."""
    rng = np.random.default_rng(5)
    hits: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    for _ in range(400):
        logs, expected = drawn_logs(rng, 150, n_waves=2)
        for value in policy_values(logs, best_policy(logs), predictions=predictions(logs, 2.0)):
            hits.setdefault(value.method, []).append(value.low <= expected <= value.high)
            widths.setdefault(value.method, []).append(value.high - value.low)
    assert {method: 0.92 <= np.mean(own) <= 0.98 for method, own in hits.items()} == dict.fromkeys(hits, True)
    assert len(hits) == 3
    assert np.mean(widths["doubly robust"]) < np.mean(widths["self-normalised"]) < np.mean(widths["inverse propensity"])


def test_figures_by_hand() -> None:
    options, drawn = [OPTIONS[0], OPTIONS[2], OPTIONS[0], OPTIONS[1]], ["double_points", "none", "none", "none"]
    rows = outcome_rows(options, drawn, np.array([6.0, 3.0, 0.0, 4.0]), list("abcd"), ["2018-W01"] * 4)
    logs = logged(rows)
    policy = rows[["wave", "customer_id"]].assign(offer=["double_points", "none", "double_points", "none"])
    ipw, ratio = policy_values(logs, policy, least=ANY)
    assert ipw.value == pytest.approx((2 * 6 + 3 * 3 + 0 + 2 * 4) / 4)
    assert ratio.value == pytest.approx((2 * 6 + 3 * 3 + 2 * 4) / 7)
    assert ipw.effective_rows == pytest.approx(49 / (4 + 9 + 4))
    kept = policy_values(logs, policy, "kept", least=ANY)[1]
    assert kept.value == pytest.approx(1.0)
    assert (ipw.n_rows, ipw.n_customers, ipw.covered) == (4, 4, 1.0)
    guessed = predictions(replace(logs, rows=rows.assign(level=[0.0, 1.0, 2.0, 3.0])), 1.0)
    robust = policy_values(logs, policy, predictions=guessed, least=ANY)[2]
    assert robust.value == pytest.approx(np.mean([8 + 2 * (6 - 8), 9 + 3 * (3 - 9), 10, 11 + 2 * (4 - 11)]))


def test_what_the_optimiser_chose_changes_nothing() -> None:
    logs, _ = drawn_logs(np.random.default_rng(1), 300)
    rows = logs.rows.drop(columns="level")
    chosen = rows.head(50).assign(purpose="plan", options="", propensity=0.8, margin=1e6, wave="2018-W09")
    again = logged(pd.concat([chosen, rows], ignore_index=True))
    policy = best_policy(logs)
    assert policy_values(again, policy) == policy_values(logs, policy)


def test_choices_that_were_no_option_are_left_out_or_refused() -> None:
    logs, _ = drawn_logs(np.random.default_rng(2), 400)
    has_points = logs.options[:, logs.arms.index("double_points")]
    all_points = logs.rows[["wave", "customer_id"]].assign(offer="double_points")
    with pytest.raises(StateError, match=f"got {100 * has_points.mean():.1f}%; explore those offers first"):
        policy_values(logs, all_points)
    found = policy_values(logs, all_points, least=Least(covered=0.5))[1]
    drawn = has_points & (logs.rows["offer"] == "double_points").to_numpy()
    weight = 1 / logs.rows["propensity"].to_numpy()[drawn]
    assert found.value == pytest.approx(np.average(logs.rows["margin"].to_numpy()[drawn], weights=weight))
    assert found.n_rows == has_points.sum()
    with pytest.raises(StateError, match=r"got 0\.0%"):
        policy_values(logs, all_points.assign(offer="new_thing"))


def test_too_little_weight_is_refused() -> None:
    logs, _ = drawn_logs(np.random.default_rng(2), 60)
    with pytest.raises(StateError, match="expected 50 effective rows or more, got"):
        policy_values(logs, best_policy(logs))
    assert len(policy_values(logs, best_policy(logs), least=Least(effective_rows=10))) == 2


def test_difference_is_paired() -> None:
    logs, _ = drawn_logs(np.random.default_rng(4), 600)
    best, nothing = best_policy(logs), best_policy(logs).assign(offer="none")
    guessed = predictions(logs, 2.0)
    both = policy_difference(logs, best, nothing, predictions=guessed)
    alone = [policy_values(logs, policy, predictions=guessed) for policy in (best, nothing)]
    for found, own, other in zip(both, *alone, strict=True):
        assert found.value == pytest.approx(own.value - other.value)
    reach = [(value.high - value.low) / 2 for value in (both[2], alone[0][2], alone[1][2])]
    assert reach[0] < np.hypot(reach[1], reach[2])
    assert both[2].low <= STAYS * GAIN_OF_BEST <= both[2].high
    same = policy_difference(logs, best, best)
    assert [(one.value, one.low, one.high) for one in same] == [(0.0, 0.0, 0.0)] * 2


@pytest.mark.parametrize(
    ("change", "said", "kind"),
    [
        ({"purpose": "plan"}, "expected matured rows of exploration, found none", StateError),
        ({"propensity": 0.4}, "with probability 0.4 of", ContractError),
        ({"offer": "tasting_table"}, "got 'tasting_table'", ContractError),
        ({"options": ""}, "each as likely", ContractError),
    ],
)
def test_wrong_logs_are_refused_in_one_line(change: dict[str, Any], said: str, kind: type[RegularsError]) -> None:
    logs, _ = drawn_logs(np.random.default_rng(2), 60)
    with pytest.raises(kind, match=said) as refused:
        logged(logs.rows.assign(**change))
    assert "\n" not in str(refused.value)


def test_wrong_policies_and_predictions_are_refused() -> None:
    logs, _ = drawn_logs(np.random.default_rng(2), 200)
    policy = best_policy(logs)
    with pytest.raises(ContractError, match="got 3 rows where they"):
        policy_values(logs, policy.iloc[3:])
    with pytest.raises(ContractError, match="got 200 rows"):
        policy_values(logs, policy.assign(probability=0.5))
    with pytest.raises(ContractError, match="without; predict 'none' as well"):
        policy_values(logs, policy, predictions=predictions(logs, 1.0).query("offer != 'none'"))
    with pytest.raises(ContractError, match="column 'options'"):
        logged(logs.rows.drop(columns="options"))


def test_the_preferred_offer_against_the_formula_a_row_at_a_time() -> None:
    logs, _ = drawn_logs(np.random.default_rng(6), 150)
    found = preferred(logs, CATALOGUE, full_price_from=0.9)["offer"].tolist()
    by_hand = []
    for row in logs.rows.to_dict("records"):
        worth = {"none": 0.0}
        for name in row["options"].split("; ")[:-1]:
            offer = CATALOGUE.offer(name)
            save = offer.save_by_group.get(row["group"], offer.save).mean
            harm = offer.harm_by_group.get(row["group"], offer.harm).mean
            benefits = sum(one.redeem * one.cost for one in offer.components)
            taught = offer.taught if offer.gives_price and row["full_price_share_before"] >= 0.9 else 0.0
            worth[name] = max(
                (row["p_lapse"] * save * channel.reach - (1 - row["p_lapse"]) * harm) * row["value_at_stake"]
                + offer.extra
                - benefits
                - channel.cost
                - taught
                - channel.permission_loss * channel.permission_worth
                for channel in map(CATALOGUE.channel, offer.channels)
            )
        by_hand.append(max(worth, key=lambda name: worth[name]))
    assert found == by_hand
    assert len(set(found)) == 3
    assert (preferred(logs, CATALOGUE, caution=3.0)["offer"] == "none").sum() > found.count("none")


def test_the_preferred_offer_hangs_on_no_draw_and_on_no_gone_offer() -> None:
    logs, _ = drawn_logs(np.random.default_rng(6), 150)
    drawn_none = logs.rows.assign(offer="none", channel="", arm="control")
    pd.testing.assert_frame_equal(
        preferred(logged(drawn_none.drop(columns="level")), CATALOGUE), preferred(logs, CATALOGUE)
    )
    without = CATALOGUE.model_copy(update={"offers": tuple(one for one in CATALOGUE.offers if one.id == "tenth_off")})
    assert set(preferred(logs, without)["offer"]) == {"none", "tenth_off"}
    unscored = logged(logs.rows.drop(columns="level").assign(p_lapse=np.nan, value_at_stake=np.nan))
    assert set(preferred(unscored, CATALOGUE)["offer"]) == {"none"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of the shipped files with 400 matured draws of exploration, beliefs and the report of effects."""
    for name in ("params.yaml", "offers.yaml", "portraits.yaml", "words.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    logs, _ = drawn_logs(np.random.default_rng(9), 400)
    rows = WAVE_OUTCOMES(logs.rows.drop(columns="level"))
    collect = load_params(ROOT / "params.yaml").collect
    told = learn(CATALOGUE, ["regulars at risk"], rows, collect, date(2018, 3, 5))
    waves = WAVES(rows[[name for name in WAVES.columns if name in rows.columns]])
    write_table(tmp_path / "data" / "wave_outcomes.parquet", rows, WAVE_OUTCOMES)
    write_table(tmp_path / "data" / "beliefs.parquet", told, BELIEFS)
    report = effects_report(rows, waves, told, CATALOGUE, collect, date(2018, 3, 5), "USD")
    write_json(tmp_path / "reports" / "effects" / "effects.json", report)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Any:
    """A command by itself, as the command line would call it."""
    app = typer.Typer()
    add_commands(app)
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def test_effects_and_power_say_what_the_report_says(project: Path) -> None:
    report = read_json(project / "reports" / "effects" / "effects.json")
    said = run("effects").output
    for one in report["offers"]:
        assert one["name"] in said
        assert f"{100 * one['retention']['estimate']:+.1f}" in said
        assert f"{one['margin']['estimate']:+.2f}" in said
        assert f"{one['n_treated']}" in said
    write_table(project / "data" / "wave.parquet", WAVES.empty(), WAVES)
    assert "selects nobody" in run("power").output
    rows = read_table(project / "data" / "wave_outcomes.parquet", WAVE_OUTCOMES)
    planned = rows[rows["offer"] != "none"].assign(purpose="plan")
    planned = planned.assign(arm=np.where(np.arange(len(planned)) % 4, "treated", "control"))
    wave = WAVES(planned[[name for name in WAVES.columns if name in planned.columns]])
    write_table(project / "data" / "wave.parquet", wave, WAVES)
    found = learning(wave, 0.02)
    assert found is not None
    assert run("power").output.splitlines() == [
        *(f"{offer['offer']}: {offer['sentence']}" for offer in found["offers"]),
        f"left alone as controls, a week forgoes an expected {found['forgone']:.2f} USD",
    ]
    assert "all offers: with" in run("power").output
    report |= {"n_matured_waves": 0, "running": [{"wave": "2018-W08", "matures_on": "2018-03-19"}]}
    write_json(project / "reports" / "effects" / "effects.json", report)
    assert "no wave has matured by 2018-03-05; the next, 2018-W08, matures on 2018-03-19" in run("effects").output


def test_off_policy_prints_both_catalogues_and_their_difference(project: Path) -> None:
    present = run("off-policy")
    assert present.exit_code == 0, present.exception
    assert "other" not in present.output
    text = (project / "offers.yaml").read_text()
    (project / "other.yaml").write_text(text.replace("cost: 0.01\n", "cost: 9.0\n"))
    assert "never an option" not in present.output
    both = run("off-policy", "--offers", "other.yaml")
    assert both.exit_code == 0, both.exception
    assert both.output.count("other − present") == 6
    logs = logged(read_table(project / "data" / "wave_outcomes.parquet", WAVE_OUTCOMES))
    learned, params = read_table(project / "data" / "beliefs.parquet", BELIEFS), load_params(project / "params.yaml")
    full_price_from = 1 - params.portray.promotion_shares[0]
    policy = preferred(logs, CATALOGUE, learned, caution=params.plan.caution, full_price_from=full_price_from)
    for outcome in ("margin", "kept"):
        for value in policy_values(logs, policy, outcome):
            said = f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"
            assert said in present.output
            assert said in both.output
    (project / "renamed.yaml").write_text(text.replace("id: double_points", "id: triple_points"))
    assert "never an option in these logs, so not judged: " in run("off-policy", "--offers", "renamed.yaml").output
    refused = run("off-policy", "--params", "parms.yaml").exception
    assert isinstance(refused, RegularsError)


@pytest.mark.parametrize("n_rows", [1, 3, 40])
def test_off_policy_refuses_a_few_rows_in_one_line(project: Path, n_rows: int) -> None:
    path = project / "data" / "wave_outcomes.parquet"
    write_table(path, read_table(path, WAVE_OUTCOMES).head(n_rows), WAVE_OUTCOMES)
    refused = run("off-policy").exception
    assert isinstance(refused, StateError)
    assert "the logs cannot say: expected 50 effective rows or more" in str(refused)
    assert "\n" not in str(refused)


def test_commands_without_files_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("effects", "power", "off-policy"):
        refused = run(name).exception
        assert isinstance(refused, RegularsError)
        assert "found none; run `dvc repro`" in str(refused)
        assert "Example: regulars" in run(name, "--help").output
