"""The release gate at its edges, and every word of its verdict."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.figures import Values
from models.evaluation.gate import gate, no_gate

QUARTER = 0.25


def values(gains: np.ndarray, auc_gain: float, plain_gain: float = 0.125) -> Values:
    """A model that gains so much over the best of three baselines, in numbers that doubles hold exactly."""
    plain = {
        "a_bad_one": {"log_loss": 0.75, "auc": 0.25},
        "best": {"log_loss": 0.5, "auc": 0.5},
        "regulars": {"log_loss": 0.5 - plain_gain, "auc": 0.5 + auc_gain},
        "z_bad_one": {"log_loss": 0.625, "auc": 0.75},
    }
    drawn = {name: {metric: np.full(len(gains), value) for metric, value in of.items()} for name, of in plain.items()}
    drawn["regulars"]["log_loss"] = 0.5 - gains
    return Values(plain, drawn)


def test_a_pass_in_full() -> None:
    assert gate(values(np.full(40, 0.125), -QUARTER), "regulars", QUARTER) == {
        "released": "regulars",
        "grade": "model",
        "passed": True,
        "rule": "beats best in log loss by a paired 95 % interval, and loses at most 0.25 AUC",
        "best_baseline": "best",
        "log_loss_gain": {"value": 0.125, "low": 0.125, "high": 0.125},
        "auc_gain": {"value": -0.25, "low": -0.25, "high": -0.25},
    }


@pytest.mark.parametrize(
    ("gains", "auc_gain", "rule"),
    [
        (np.zeros(40), 0.0, "log loss gain 0.1250: its 95 % interval begins at 0.0000, expected above 0"),
        (np.full(40, -0.125), 0.0, "log loss gain 0.1250: its 95 % interval begins at -0.1250, expected above 0"),
        (np.full(40, 0.125), -0.375, "AUC gain -0.3750: expected at least -0.25"),
        (np.full(40, 0.125), np.nan, "AUC gain unknown: at no test cutoff did some customers lapse and others stay"),
        (np.full(40, np.nan), 0.0, "log loss gain without an interval: too few customers to draw from"),
    ],
    ids=["no gain at the interval's end", "a loss", "too much AUC lost", "no AUC", "no interval"],
)
def test_a_failure_releases_the_best_baseline_and_says_which_rule(
    gains: np.ndarray, auc_gain: float, rule: str
) -> None:
    verdict = gate(values(gains, auc_gain), "regulars", QUARTER)
    assert (verdict["released"], verdict["grade"], verdict["passed"]) == ("best", "rule", False)
    assert verdict["rule"] == rule


def test_without_a_model_nothing_is_released() -> None:
    assert no_gate("too few labels") == {
        "released": "none",
        "grade": "none",
        "passed": False,
        "rule": "no model: too few labels",
        "best_baseline": None,
        "log_loss_gain": None,
        "auc_gain": None,
    }
