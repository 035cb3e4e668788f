"""What a judged project says of its models, as flat rows: one row is one model on one data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts import windows
from contracts.files import read_json, read_table
from contracts.tables import BASELINE_PREDICTIONS, FEATURE_KEYS, TEST_PREDICTIONS
from models.evaluation.figures import Judged
from models.learners.baselines import BASELINES
from models.recipe.fitting import MODEL

Row = dict[str, Any]
FIGURES = (
    *("auc_mean", "auc_low", "auc_high", "average_precision", "lift_at_10", "brier", "log_loss"),
    *("calibration_error", "calibration_error_if_perfect_low", "calibration_error_if_perfect_high", "bias"),
)
GAINS = {"log_loss": "model_gains_log_loss", "auc": "model_gains_auc"}
ENDS = {"value": "", "low": "_low", "high": "_high"}


@dataclass(frozen=True)
class Outcome:
    """The reports of a judged project. `metrics` and `gate` are `reports/metrics.json` and `reports/gate.json`."""

    data: str
    metrics: Mapping[str, Any]
    gate: Mapping[str, Any]
    cpu_seconds: Mapping[str, float]

    @property
    def has_model(self) -> bool:
        """Whether anything was fitted and judged."""
        return bool(self.metrics["test_cutoffs"])


def outcome_of(data: str, home: Path, cpu_seconds: Mapping[str, float]) -> Outcome:
    """Read what the stages wrote."""
    return Outcome(
        data, read_json(home / "reports" / "metrics.json"), read_json(home / "reports" / "gate.json"), cpu_seconds
    )


def judged_rows(home: Path) -> Judged:
    """The test rows with what the model and every baseline said of them, as stage `evaluate` wrote it."""
    of_model = read_table(home / "data" / "test_predictions.parquet", TEST_PREDICTIONS)
    of_rivals = read_table(home / "data" / "baseline_predictions.parquet", BASELINE_PREDICTIONS)
    both = of_model.merge(of_rivals, on=list(FEATURE_KEYS), validate="one_to_one")
    predictions = {MODEL: both["p_lapse"], **{name: both[name] for name in BASELINES}}
    return Judged(
        both[list(FEATURE_KEYS)],
        both["lapsed"].to_numpy(dtype=bool),
        pd.factorize(both["customer_id"])[0].astype(np.int64),
        windows.day_numbers(both["cutoff_on"]),
        {name: values.to_numpy(dtype=np.float64) for name, values in predictions.items()},
    )


def bias_by_cutoff(judged: Judged, name: str) -> dict[str, float]:
    """Predicted less observed share of lapsed at each test cutoff."""
    wrong = judged.predictions[name] - judged.lapsed
    return {windows.day_of(int(day)).isoformat(): float(wrong[judged.cutoff == day].mean()) for day in judged.cutoffs}


def flat(label: str, found: Mapping[str, Any] | None) -> Row:
    """A value with its interval as three keys; null where there is none.

    >>> flat("gain", {"value": 0.2, "low": 0.1, "high": 0.3})
    {'gain': 0.2, 'gain_low': 0.1, 'gain_high': 0.3}
    """
    return {f"{label}{end}": found[key] if found else None for key, end in ENDS.items()}


def row_of(outcome: Outcome, name: str, found: Mapping[str, Any], judged: Judged) -> Row:
    """One model's figures; for a baseline, what the product's model gains over it (above 0: it is better)."""
    test = outcome.metrics["test"]
    return {
        "data": outcome.data,
        "model": name,
        **{key: found[key] for key in FIGURES},
        **{key: value for metric, label in GAINS.items() for key, value in flat(label, _gain(found, metric)).items()},
        "bias_by_cutoff": bias_by_cutoff(judged, name),
        **{key: test[key] for key in ("n_rows", "n_customers", "lapse_rate")},
    }


def _gain(found: Mapping[str, Any], metric: str) -> Mapping[str, Any] | None:
    gained: Mapping[str, Any] | None = found.get(f"{metric}_gain_of_model")
    return gained


def verdict_of(outcome: Outcome, measured_on: str) -> Row:
    """What goes with the product's row alone: the gate's verdict, the cutoffs, what it cost, and when."""
    return {
        "grade": outcome.gate["grade"],
        "released": outcome.gate["released"],
        "gate": outcome.gate["rule"],
        "best_baseline": outcome.gate["best_baseline"],
        "test_cutoffs": outcome.metrics["test_cutoffs"],
        "cpu_seconds": sum(outcome.cpu_seconds.values()),
        "cpu_seconds_by_stage": dict(outcome.cpu_seconds),
        "measured_on": measured_on,
    }


def rows_of(outcome: Outcome, judged: Judged, measured_on: str) -> list[Row]:
    """The model first, then the baselines from the least log loss up (by name where equal)."""
    rivals = outcome.metrics["baselines"]
    order = sorted(rivals, key=lambda name: (rivals[name]["log_loss"], name))
    own = row_of(outcome, MODEL, outcome.metrics["test"], judged) | verdict_of(outcome, measured_on)
    return [own, *(row_of(outcome, name, rivals[name], judged) for name in order)]


def row_without_model(outcome: Outcome, measured_on: str) -> Row:
    """The one row of a shop whose history is too short for any model."""
    return {"data": outcome.data, "model": MODEL, **verdict_of(outcome, measured_on)}
