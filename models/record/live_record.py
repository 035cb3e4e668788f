"""What the weeks since say of a registered model: matured live figures, written to its version as tags `live.…`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.files import read_json
from models.record import registry, tracking
from models.record.champions import Place

MONITOR_FILE = Path("reports") / "monitor" / "monitor.json"
FIGURES = ("n_rows", "auc", "auc_low", "auc_high", "log_loss", "brier", "calibration_error", "bias")


def live_tags(told: Mapping[str, Any]) -> dict[str, str]:
    """One version's live figures as tags: the weeks behind them, and each figure that is defined."""
    weeks, pooled = [one["week"] for one in told["weeks"]], told["all"]
    figures = {f"live.{name}": f"{pooled[name]:.6g}" for name in FIGURES if pooled.get(name) is not None}
    return {"live.weeks": f"{len(weeks)}, {weeks[0]} to {weeks[-1]}", **figures} if weeks else {}


def record_live(at: Place, report: Path) -> int:
    """Write the monitor's live figures to the registered versions that scored them; how many versions have some.

    A report that is not there yet, or that tells of no matured week, writes nothing. Tags that stand already are left.
    """
    live: Mapping[str, Any] = read_json(report).get("live", {}) if report.is_file() else {}
    found = {version: tags for version, told in live.items() if version and (tags := live_tags(told))}
    if not found or not tracking.has_store(at.root):
        return 0
    n_written = 0
    with tracking.session(at.root) as client:
        for version in registry.versions(client, at.model):
            tags = next((tags for name, tags in found.items() if version.model_hash.startswith(name)), {})
            if tags:
                registry.set_tags(client, at.model, version, tags)
                n_written += 1
    return n_written
