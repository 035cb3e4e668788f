"""How a plot is drawn: one style, SVG with text as text, the same bytes for the same numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

WIDTH_INCHES = 9.0
GREEN, RED, BLUE, GREY = "#0b6e4f", "#c8553d", "#4059ad", "#8d8d8d"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "text.parse_math": False,
}
FEW_DATES = 7
FORMATS = ["%Y", "%b %Y", "%d %b", "%d %b", "%d %b", "%d %b"]
Paint = Callable[[Axes], None]


@dataclass(frozen=True)
class Plot:
    """A plot, or why there is none (`svg` empty). `caption`: what to see, and what to do."""

    name: str
    title: str
    caption: str
    svg: str = ""

    @property
    def inline(self) -> str:
        """The SVG for a page: without the file's head, and with ids of its own."""
        body = self.svg[self.svg.index("<svg") :]
        body = re.sub(r'(\sid="|url\(#|xlink:href="#)', rf"\g<1>{self.name}-", body)
        label = f'<svg role="img" aria-label="{self.title}" '
        return re.sub(r"<svg [^>]*?(?=viewBox)", label, body, count=1)


LONG_NUMBER = re.compile(r"-?\d+\.\d{4,}")
"""Places on the page to a thousandth of a point: what lies beyond is noise of the order in which sums were made."""


def drawn(name: str, title: str, caption: str, paint: Paint, height_inches: float = 3.2) -> Plot:
    """Paint a plot on fresh axes."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        paint(figure.subplots())
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = LONG_NUMBER.sub(lambda number: f"{float(number[0]):.3f}", target.getvalue())
    return Plot(name, title, caption, "\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def as_percent(axes: Axes, axis: str = "y") -> None:
    """Shares as percentages."""
    (axes.yaxis if axis == "y" else axes.xaxis).set_major_formatter(PercentFormatter(1.0, decimals=None))


def from_zero(axes: Axes) -> None:
    """Counts: whole numbers from 0, with thousands separated."""
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def legend_above(axes: Axes) -> None:
    """The legend above the picture, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.2)


def dated(axes: Axes, days: npt.NDArray[np.datetime64]) -> None:
    """Dates below: each where they are few, else as many as are legible."""
    if len(days) <= FEW_DATES:
        axes.set_xticks(mdates.date2num(days), [str(day) for day in days])  # type: ignore[no-untyped-call]
        margin = np.timedelta64(4, "D")
        axes.set_xlim(*mdates.date2num([days.min() - margin, days.max() + margin]))  # type: ignore[no-untyped-call]
        return
    locator = mdates.AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    shown = mdates.ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator, show_offset=False, formats=FORMATS, zero_formats=FORMATS
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(shown)
