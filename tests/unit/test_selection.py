from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from contracts import windows
from contracts.files import read_json
from contracts.params import Params
from features.catalogue import BY_NAME
from models.evaluation.permutation import MOST_ROWS, family_losses, shuffled_within, some_customers
from models.evaluation.selection import select, write_no_selection, write_selection
from models.evaluation.stability import (
    DRIFTS_FROM,
    feature_facts,
    missing_drift,
    rank_correlations,
    stability_index,
    value_drift,
)
from models.learners import trees
from models.recipe.lean import LEAN
from models.record.run_record import carried_by
from models.risk import RiskModel
from models.rows import Rows

DAYS = [date(2017, 3, 6) + timedelta(weeks=2 * k) for k in range(4)]
SIGNAL, IDLE, DOUBLE = "days_since_last_purchase", "weekend_day_share_life", "gap_median_days"


def drawn(generator: np.random.Generator, n_customers: int = 300, shift: float = 0.0) -> Rows:
    """Lapse follows silence alone; an idle column, one that is shifted, one that is silence on another scale."""
    n = n_customers * len(DAYS)
    silence = generator.exponential(10, n)
    frame = pd.DataFrame({"customer_id": [f"c{i % n_customers}" for i in range(n)]})
    frame["cutoff_on"] = pd.to_datetime(np.repeat(DAYS, n_customers))
    frame[SIGNAL] = silence
    frame[IDLE] = generator.random(n)
    frame["quantity_91d"] = generator.normal(5.0 + shift, 1.0, n)
    frame["lines_per_order_91d"] = np.where(generator.random(n) < 0.05 + shift / 10, np.nan, generator.random(n))
    frame[DOUBLE] = np.sqrt(silence) + 3
    lapsed = generator.random(n) < 1 / (1 + np.exp(2.5 - 0.2 * silence))
    return Rows(frame, lapsed, windows.day_numbers(frame["cutoff_on"]))


@pytest.fixture(scope="module")
def fit() -> Rows:
    return drawn(np.random.default_rng(5))


@pytest.fixture(scope="module")
def judged() -> Rows:
    return drawn(np.random.default_rng(6), shift=2.0)


@pytest.fixture(scope="module")
def model(fit: Rows, params: Params) -> RiskModel:
    few = params.train.model_copy(update={"num_trees": 60, "n_bags": 1, "feature_fraction": 1.0})
    return trees.fit(fit.frame, fit.lapsed, [SIGNAL, IDLE, "quantity_91d"], few, params.execution)


def test_lean_features_are_in_the_catalogue_once() -> None:
    assert set(LEAN) <= set(BY_NAME)
    assert len(set(LEAN)) == len(LEAN)


def test_the_planted_family_carries_the_model(model: RiskModel, judged: Rows) -> None:
    found = family_losses(model, judged, seed=1).set_index("family")
    assert found.index[0] == "recency"
    assert found.loc["recency", "log_loss_lost_low"] > 0.03
    assert found.loc["recency", "auc_lost_low"] > 0.1
    assert found["n_features"].to_dict() == {"recency": 1, "rhythm": 1, "basket": 1}


def test_the_interval_of_an_idle_family_covers_nothing_lost(model: RiskModel) -> None:
    """At 95 % one in twenty may miss: eight of ten draws are asked for."""
    draws = [drawn(np.random.default_rng(50 + k)) for k in range(10)]
    tables = [family_losses(model, rows, seed=k).set_index("family").loc["rhythm"] for k, rows in enumerate(draws)]
    for metric in ("log_loss", "auc"):
        assert sum(idle[f"{metric}_lost_low"] <= 0 <= idle[f"{metric}_lost_high"] for idle in tables) >= 8


def test_rows_are_shuffled_within_their_cutoff() -> None:
    cutoff = np.array([1, 1, 1, 2, 2, 3])
    source = shuffled_within(cutoff, seed=4)
    assert sorted(source) == list(range(6))
    assert (cutoff[source] == cutoff).all()


def test_a_large_test_period_is_judged_on_some_customers_with_all_their_rows(fit: Rows) -> None:
    assert some_customers(fit, seed=1) is fit
    assert len(fit.lapsed) < MOST_ROWS
    fewer = some_customers(fit, seed=1, most_rows=400)
    assert 250 < len(fewer.lapsed) < 550
    assert (fewer.frame["customer_id"].value_counts() == len(DAYS)).all()


def test_a_shifted_column_and_a_new_gap_drift(fit: Rows, judged: Rows) -> None:
    names = [SIGNAL, IDLE, "quantity_91d", "lines_per_order_91d"]
    facts = feature_facts(fit, judged, names, seed=1).set_index("feature")
    assert facts["is_stable"].to_dict() == {
        SIGNAL: True, IDLE: True, "quantity_91d": False, "lines_per_order_91d": False,
    }  # fmt: skip
    assert facts.loc["quantity_91d", "psi"] > 1 > facts.loc["quantity_91d", "psi_missing"]
    assert facts.loc["lines_per_order_91d", "psi"] < 0.1
    assert facts.loc["lines_per_order_91d", "psi_missing"] > 0.25


def test_stability_index_by_hand() -> None:
    assert stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.25 * np.log(3))
    assert value_drift(np.full(3, np.nan), np.ones(3)) == 0.0
    before, after = np.array([np.nan, 1, 1, 1]), np.array([np.nan, np.nan, 1, 1])
    assert missing_drift(before, after) == pytest.approx(0.25 * np.log(2) - 0.25 * np.log(0.5 / 0.75))


def test_doubles_are_grouped_under_the_strongest(fit: Rows, judged: Rows) -> None:
    facts = feature_facts(fit, judged, [DOUBLE, SIGNAL, IDLE], seed=1).set_index("feature")
    assert facts.loc[IDLE, "group"] == IDLE
    assert facts.loc[SIGNAL, "group"] == facts.loc[DOUBLE, "group"]


def test_rank_correlations_are_scipys_and_a_constant_has_none() -> None:
    values = np.random.default_rng(2).normal(size=(80, 3)).round(1)
    values[:, 1] += values[:, 0]
    np.testing.assert_allclose(rank_correlations(values), np.abs(spearmanr(values).statistic), atol=1e-12)
    flat = np.column_stack([values, np.ones(80)])
    assert (rank_correlations(flat)[3] == 0).all()


def test_a_turned_direction_is_unstable(fit: Rows) -> None:
    turned = Rows(fit.frame.assign(**{SIGNAL: -fit.frame[SIGNAL]}), fit.lapsed, fit.cutoff)
    same = Rows(fit.frame.assign(**{SIGNAL: fit.frame[SIGNAL]}), fit.lapsed, fit.cutoff)
    assert feature_facts(fit, same, [SIGNAL], seed=1)["is_stable"].all()
    assert not feature_facts(fit, turned, [SIGNAL], seed=1)["is_stable"].any()


def test_equal_seeds_give_equal_bytes(model: RiskModel, fit: Rows, judged: Rows, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_selection(tmp_path / name, *select(model, fit, judged, seed=3), "test cutoffs")
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert set(one) == {"families.csv", "features.csv", "families.png", "selection.json"}
    found = read_json(tmp_path / "one" / "selection.json")
    assert found["n_features"] == 5
    assert found["n_in_model"] == 3
    assert set(found["drifting"]) == {"quantity_91d", "lines_per_order_91d"}
    assert list(found["redundant"].values()) in ([[DOUBLE]], [[SIGNAL]])
    assert found["unstable"] == ["quantity_91d"]
    assert re.match("Carried by recency.*reads 3 of 5 features, 1 of them unstable", carried_by(found))


def test_one_outcome_leaves_auc_empty(model: RiskModel, fit: Rows, judged: Rows, tmp_path: Path) -> None:
    kept = Rows(judged.frame, np.zeros(len(judged.lapsed), dtype=bool), judged.cutoff)
    write_selection(tmp_path, *select(model, fit, kept, seed=3), "test cutoffs")
    assert all(one["auc_lost"] is None for one in read_json(tmp_path / "selection.json")["families"])


def test_without_a_model_there_is_a_note(tmp_path: Path) -> None:
    write_no_selection(tmp_path, "too few labels")
    assert carried_by(read_json(tmp_path / "selection.json")) == "No selection report: too few labels."


def test_drift_sees_mass_that_leaves_one_value_and_mass_that_gathers_on_it() -> None:
    zeros, nines = np.zeros(1000), np.full(1000, 9.0)
    mixed = np.where(np.arange(1000) < 950, 0.0, 3.0 + np.arange(1000) % 7)
    for before, after in ((zeros, nines), (nines, zeros), (mixed, mixed[::-1] * 0 + 3.0), (zeros, mixed)):
        assert value_drift(before, after) > DRIFTS_FROM / 2
    assert value_drift(mixed, np.roll(mixed, 3)) == 0.0
    assert value_drift(zeros, zeros) == 0.0


def test_the_lean_features_are_those_that_the_evidence_chose(root: Path) -> None:
    told = read_json(root / "docs" / "benchmarks" / "feature_selection.json")
    assert told["lean"] == list(LEAN)
