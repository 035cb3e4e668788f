"""The figures of the last run as flat rows, as a table, and in the README (`make figures`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.files import read_json, read_text, write_json, write_text

Row = dict[str, Any]
FIGURES = ("average_precision", "lift_at_10", "brier", "log_loss", "calibration_error")
MARKS = ("<!-- figures: made by `make figures` -->", "<!-- end of figures -->")


def row(name: str, found: Mapping[str, Any], data: str) -> Row:
    """One model on one data set: its figures, and the model's gain over it where it is a baseline."""
    gained = found.get("log_loss_gain_of_model", {})
    return {
        "data": data,
        "model": name,
        **{key: round(found[key], 6) for key in ("auc_mean", "auc_low", "auc_high", *FIGURES)},
        "model_gains_log_loss": gained.get("value"),
        "model_gains_log_loss_low": gained.get("low"),
        "model_gains_log_loss_high": gained.get("high"),
    }


def rows(metrics: Mapping[str, Any], data: str) -> list[Row]:
    """The model first, then every baseline from the strongest (least log loss) down."""
    rivals = sorted(metrics["baselines"].items(), key=lambda item: float(item[1]["log_loss"]))
    return [row("regulars", metrics["test"], data), *(row(name, found, data) for name, found in rivals)]


def _gain(found: Row) -> str:
    if found["model_gains_log_loss"] is None:
        return "–"
    value, low, high = (found[f"model_gains_log_loss{end}"] for end in ("", "_low", "_high"))
    return f"+{value:.4f} [{low:.4f}, {high:.4f}]"


def table(listed: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = (
        "| model | AUC | average precision | lift at 10 % | Brier | log loss | calibration error "
        "| log loss that regulars gains over it |\n|---|---|---|---|---|---|---|---|\n"
    )
    body = (
        f"| {found['model']} | {found['auc_mean']:.3f} [{found['auc_low']:.3f}, {found['auc_high']:.3f}] "
        f"| {found['average_precision']:.3f} | {found['lift_at_10']:.2f} | {found['brier']:.4f} "
        f"| {found['log_loss']:.4f} | {found['calibration_error']:.3f} | {_gain(found)} |\n"
        for found in listed
    )
    return head + "".join(body)


def paragraph(metrics: Mapping[str, Any], listed: list[Row], today: str) -> str:
    """What the README says: what was judged, the table, and what the calibration error is worth."""
    test, days = metrics["test"], metrics["test_cutoffs"]
    low, high = test["calibration_error_if_perfect_low"], test["calibration_error_if_perfect_high"]
    return (
        f"Complete Journey, lapse within 28 days, {len(days)} weekly test cutoffs {days[0]} to {days[-1]}, "
        f"{test['n_rows']:,} rows of {test['n_customers']:,} customers, {test['lapse_rate']:.1%} lapsed. Means over "
        f"cutoffs, 95 % intervals by bootstrap over customers, never trained on. Measured {today} by `make run`; "
        "`make figures` writes this table.\n\n"
        f"{table(listed)}\n"
        f"A perfectly calibrated model would show a calibration error of {low:.3f} to {high:.3f} on these rows (a "
        "customer's outcomes move together as far as the windows overlap); the "
        f"signed bias (predicted less observed) is {test['bias']:+.3f}.\n"
    )


def with_figures(readme: str, text: str) -> str:
    """The README with the part between its marks replaced."""
    begin, end = MARKS
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", f"{begin}\n{text}{end}", readme, flags=re.DOTALL)


def main() -> None:
    """Read `reports/metrics.json`; write the rows, the table and the README's part."""
    metrics = read_json("reports/metrics.json")
    listed = rows(metrics, "complete_journey")
    text = paragraph(metrics, listed, datetime.now(UTC).date().isoformat())
    folder = Path("docs/benchmarks")
    write_json(folder / "complete_journey.json", listed)
    write_text(folder / "complete_journey.md", f"# Complete Journey: the model and its baselines\n\n{text}")
    write_text("README.md", with_figures(read_text("README.md"), text))


if __name__ == "__main__":
    main()
