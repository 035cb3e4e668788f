"""The release gate: the model is released only if it beats the best baseline; else the best baseline is."""

from __future__ import annotations

from typing import Any

from models.evaluation.figures import Values, gain


def gate(values: Values, model: str, max_auc_loss: float) -> dict[str, Any]:
    """Judge the model against the baseline of least log loss, by paired 95 % intervals over customers.

    There is always a release: where the model fails, the best baseline (calibrated) takes its place, grade 'rule'.
    """
    rivals = [name for name in values.plain if name != model]
    best = min(rivals, key=lambda name: values.plain[name]["log_loss"])
    log_loss, area = gain(values, model, best, "log_loss"), gain(values, model, best, "auc")
    failed = _failed_rule(log_loss, area, max_auc_loss)
    return {
        "released": best if failed else model,
        "grade": "rule" if failed else "model",
        "passed": not failed,
        "rule": failed or f"beats {best} in log loss by a paired 95 % interval, and loses at most {max_auc_loss} AUC",
        "best_baseline": best,
        "log_loss_gain": log_loss,
        "auc_gain": area,
    }


def no_gate(why: str) -> dict[str, Any]:
    """The verdict where there is nothing to judge: nothing is released, grade 'none'."""
    return {
        "released": "none",
        "grade": "none",
        "passed": False,
        "rule": f"no model: {why}",
        "best_baseline": None,
        "log_loss_gain": None,
        "auc_gain": None,
    }


def _failed_rule(log_loss: dict[str, Any], area: dict[str, Any], max_auc_loss: float) -> str:
    if log_loss["low"] is None:
        return "log loss gain without an interval: too few customers to draw from"
    if not log_loss["low"] > 0:
        gained, low = log_loss["value"], log_loss["low"] + 0.0  # a zero without a sign
        return f"log loss gain {gained:.4f}: its 95 % interval begins at {low:.4f}, expected above 0"
    if area["value"] is None:
        return "AUC gain unknown: at no test cutoff did some customers lapse and others stay"
    if not area["value"] >= -max_auc_loss:
        return f"AUC gain {area['value']:.4f}: expected at least {-max_auc_loss}"
    return ""
