"""The plan's report as a folder: `plan.json` for programs, `plan.html` for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from contracts.files import atomic_folder, rounded, write_json, write_text
from offers.catalogue import NEVER_WITHHELD
from offers.guard.slices import proxies, slices
from offers.optimiser.curve import budget_curve
from offers.plan import Made
from offers.report.examples import EvidenceOf, examples
from offers.report.numbers import curve, curve_budgets, shadow_prices, summary
from offers.report.page import page
from offers.setting import Setting

Plain = dict[str, Any]
REPORT_FILE, PAGE_FILE = "plan.json", "plan.html"


def write_report(
    folder: Path,
    made: Made,
    setting: Setting,
    *,
    portraits: pd.DataFrame,
    audit: pd.DataFrame,
    portrait_report: Plain,
    evidence: EvidenceOf | None = None,
) -> Plain:
    """Write both files in one step; return the numbers. Customers stand on the page alone, as examples and findings.

    `evidence` tells that of some customers' labels by id, where the portraits are without.
    """
    report = plan_report(made, portraits, setting, audit)
    shown = examples(made.plan, portraits, evidence)
    with atomic_folder(folder) as draft:
        write_json(draft / REPORT_FILE, without_customers(report))
        write_text(draft / PAGE_FILE, page(report, shown, portrait_report, setting))
    return report


def without_customers(report: Plain) -> Plain:
    """The report without ids: the page alone, which erasure finds by its mark, names whom the guard found."""
    breaches = [{k: v for k, v in one.items() if k != "first_customers"} for one in report["guard"]["breaches"]]
    return report | {"guard": report["guard"] | {"breaches": breaches}}


def plan_report(made: Made, portraits: pd.DataFrame, setting: Setting, audit: pd.DataFrame) -> Plain:
    """Every number of the plan, to six decimals."""
    counted = made.plan[~made.plan["mechanic"].isin(NEVER_WITHHELD)]
    budgets = curve_budgets(float(counted["offer_cost"].sum()), setting.limits.budget)
    points = budget_curve(made.weighed.problem, budgets)
    report: Plain = rounded(
        summary(made, setting)
        | {
            "limits_in_words": shadow_prices(made, setting),
            "budget_curve": curve(points),
            "slices": slices(made.plan, portraits, audit, setting),
            "proxies": proxies(made.plan, audit, setting.seed),
            "guard": made.guard,
        }
    )
    return report
