"""The report as one page: every text is escaped, the plots stand in it, nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.drawing import Plot
from events.report.findings import percent
from events.report.price_findings import signed

TEMPLATE = "page.html.j2"


def page(report: dict[str, Any], plots: Sequence[Plot]) -> str:
    """The page of a report (`report.json` as plain data) and its plots."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(together=together, number=lambda value: f"{value:,.0f}", percent=percent, signed=signed)
    shown = [{"name": plot.name, "title": plot.title, "caption": plot.caption, "svg": _drawing(plot)} for plot in plots]
    return environment.get_template(TEMPLATE).render(**report, plots=shown) + "\n"


def together(text: str) -> str:
    """Text in which no line breaks within a date or before a percent sign."""
    joined = re.sub(r"(?<=\d)-(?=\d)", "\N{WORD JOINER}-\N{WORD JOINER}", text)
    return joined.replace(" %", "\N{NO-BREAK SPACE}%")


def _drawing(plot: Plot) -> Markup:
    """Our own drawing, of numbers and dates alone, needs no escaping."""
    return Markup(plot.inline if plot.svg else "")  # noqa: S704
