"""The report of a store: findings, measures and plots from one look, and its folder of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.drawing import Plot
from contracts.files import atomic_folder, rounded, write_json, write_text
from contracts.params import Inspect, Task
from events.proposals.rhythm import Rhythm, rhythm_by_part
from events.report import measures, plots
from events.report.accounts import account_findings
from events.report.findings import Finding, most_severe_first
from events.report.look import Look, look_at
from events.report.page import page
from events.report.price_findings import price_finding, price_measures
from events.report.price_plots import price_plots
from events.report.prices import Comparison, compare_prices
from events.report.rules import (
    absence_findings,
    absences,
    file_findings,
    made_of,
    rule_findings,
    undoing_findings,
    undoings,
)
from events.report.volume import jumps, silent_days, volume_findings
from events.report.weeks import weekly


@dataclass(frozen=True)
class DataReport:
    """`plain` is report.json: `made_of`, `findings` (most severe first), `measures`."""

    plain: dict[str, Any]
    plots: tuple[Plot, ...]


def data_report(root: Path, currency: str, task: Task, limits: Inspect) -> DataReport:
    """Look at the store at `root` and say what is in it."""
    look = look_at(root)
    compared = compare_prices(look, limits)
    rhythm = rhythm_by_part((some.customer, some.day) for some in look.visits.parts())
    found = most_severe_first(_findings(look, compared, task, limits))
    plain = {
        "made_of": made_of(look, currency),
        "findings": [finding.plain() for finding in found],
        "measures": _measures(look, compared, rhythm, task, limits),
    }
    return DataReport(rounded(plain), tuple(_plots(look, compared, rhythm, task, limits)))


def _findings(look: Look, compared: Comparison, task: Task, limits: Inspect) -> Iterator[Finding]:
    yield price_finding(look, compared.gap, limits)
    yield from account_findings(look, limits)
    yield from file_findings(look)
    yield from volume_findings(look)
    yield from rule_findings(look)
    yield from measures.recognised_finding(look)
    yield from measures.bought_again_finding(look, task, limits)
    yield from measures.concentration_finding(look)
    yield from undoing_findings(look)
    yield from absence_findings(look)


def _measures(look: Look, compared: Comparison, rhythm: Rhythm, task: Task, limits: Inspect) -> dict[str, Any]:
    again = measures.bought_again(look, task, limits)
    return {
        "dates": [look.first_on.isoformat(), look.last_on.isoformat()],
        "price_gap": price_measures(look, compared),
        "recognised": measures.recognised(look),
        "concentration": measures.concentration(look),
        "undoings": undoings(look),
        "rhythm": {
            "gaps": rhythm.n_gaps,
            "horizon_days_in_force": task.horizon_days,
            "horizon_days_proposed": rhythm.proposed_horizon_days,
            "active_days_proposed": rhythm.proposed_active_days,
            "customers_mislabelled": rhythm.n_mislabelled,
            "customers_mislabelled_share": rhythm.share_mislabelled,
            "why": rhythm.why,
        },
        "bought_again": again.assign(cutoff_on=again["cutoff_on"].astype(str)).to_dict("records"),
        "silent_days": len(silent_days(look)),
        "weeks_that_jump": len(jumps(look)),
        "absent": absences(look),
    }


def _plots(look: Look, compared: Comparison, rhythm: Rhythm, task: Task, limits: Inspect) -> Iterator[Plot]:
    weeks, dates = weekly(look), look.dates
    yield from price_plots(compared, dates)
    caption = "Steady or with the seasons is well. A sudden step or a hole is often a missing file: see the findings."
    yield plots.by_week(weeks, "orders", f"Purchases (orders) a week, {dates}", caption)
    caption = (
        "Customers with at least one purchase in the week. Falling while orders hold: fewer people carry the shop."
    )
    yield plots.by_week(weeks, "customers", f"Active customers a week, {dates}", caption)
    yield plots.gap_distribution(rhythm, task, dates)
    yield plots.came_back(measures.bought_again(look, task, limits), task.horizon_days)
    yield plots.retention(*measures.cohorts(look), dates)
    top_fifth = measures.concentration(look)["top_20_percent"]
    yield plots.concentration(measures.concentration_curve(look), top_fifth, dates)
    yield plots.recognised(measures.recognised_by_month(look), dates)


def write_report(folder: str | Path, report: DataReport) -> None:
    """`index.html`, `report.json` and each plot as `<name>.svg`; the folder is replaced in one step."""
    with atomic_folder(folder) as draft:
        write_text(draft / "index.html", page(report.plain, report.plots))
        write_json(draft / "report.json", report.plain)
        for plot in report.plots:
            if plot.svg:
                write_text(draft / f"{plot.name}.svg", plot.svg)
