"""The weekly runs as one page: the last one, what to look at, and the runs before it. No customer is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.files import read_json, write_text
from models.monitoring.checks import REMEDIES
from pipeline.operating.weekly import MONITOR, WeeklyRun

TEMPLATE = "page.html.j2"
PAGE = Path("reports") / "weekly" / "weekly.html"
N_RUNS = 52


def write_page(root: Path, runs: Sequence[WeeklyRun]) -> Path:
    """Write the page of the project's runs (earliest first, at least one) and return where."""
    options: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, **options)
    environment.filters["number"] = lambda value: f"{value:,.0f}"
    last, shown = runs[-1], list(reversed(runs))[:N_RUNS]
    said = read_json(root / MONITOR)["checks"] if last.alerts and (root / MONITOR).exists() else []
    what = {check["code"]: check["what"] for check in said}
    alerts = [{"code": code, "what": what.get(code, ""), "to_do": REMEDIES.get(code, "")} for code in last.alerts]
    longest = max(run.wall_s for run in shown) or 1.0
    text = environment.get_template(TEMPLATE).render(last=last, runs=shown, alerts=alerts, longest=longest)
    write_text(root / PAGE, text + "\n")
    return root / PAGE
