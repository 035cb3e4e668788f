"""The monitor as one page: checks first, then what moved, then the matured weeks. No customer is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.files import atomic_folder, write_json, write_text
from models.monitoring.checks import ALERT, NOT_ENOUGH, Plain, in_a_line
from models.monitoring.plots import live_weeks, plots

TEMPLATE = "page.html.j2"
REPORT_FILE, PAGE_FILE = "monitor.json", "monitor.html"
N_COLUMNS = 20
RANK = {ALERT: 0, NOT_ENOUGH: 1}


def write_monitor(folder: str | Path, told: Plain) -> None:
    """`monitor.json` and `monitor.html`; both take their place in one step."""
    with atomic_folder(folder) as draft:
        write_json(draft / REPORT_FILE, told)
        write_text(draft / PAGE_FILE, page(told))


def page(told: Plain) -> str:
    """The page; every text is escaped, nothing is fetched."""
    options: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, **options)
    environment.filters.update(number=lambda value: f"{value:,.0f}", figure=figure)
    drawings = [{"title": title, "svg": Markup(svg)} for title, svg in plots(told).items()]  # noqa: S704 our own drawing
    return (
        environment.get_template(TEMPLATE).render(
            told=told,
            line=in_a_line(told),
            checks=sorted(told["checks"], key=lambda check: RANK.get(check["status"], 2)),
            columns=told["drift"].get("columns", [])[:N_COLUMNS],
            weeks=live_weeks(told),
            plots=drawings,
        )
        + "\n"
    )


def figure(value: float | None, style: str = "%.3f") -> str:
    """A number, or a dash where there is none.

    >>> figure(0.12345), figure(None), figure(12.0, "%+.1f")
    ('0.123', '–', '+12.0')
    """
    return "–" if value is None else style % value
