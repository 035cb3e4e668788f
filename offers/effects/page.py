"""The effects as one page: what works, what does not, what is awaited. Every text is escaped, nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.drawing import Plot
from offers.effects.plots import plots
from offers.effects.sentences import points_in_words, signed

Plain = dict[str, Any]
TEMPLATE = "page.html.j2"
MISSING = "–"


def page(report: Plain) -> str:
    """The page of `effects_report`'s numbers."""
    options: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, **options)
    environment.filters.update(
        points=points, money=money, amount=amount, cents=cents, whole=whole, rate=rate, lapses=lapses
    )
    shown = [_shown(plot) for plot in plots(report)]
    return environment.get_template(TEMPLATE).render(report=report, plots=shown) + "\n"


def points(measure: Plain, ends: str = "") -> str:
    """An effect on lapses in percentage points with its interval, a dash where there is none.

    >>> points({"estimate": 0.031, "low": -0.002, "high": 0.064})
    '3.1 (−0.2 to 6.4)'
    """
    return _with_interval(measure, ends, 100, 1)


def lapses(measure: Plain, ends: str = "") -> str:
    """An effect on lapses with its interval, in the direction that it has."""
    return points_in_words({name: measure[f"{ends}{name}"] for name in ("estimate", "low", "high")})


def money(measure: Plain, ends: str = "") -> str:
    """An amount with its interval, a dash where there is none."""
    return _with_interval(measure, ends, 1, 2)


def amount(measure: Plain) -> str:
    """A sum of many customers' amounts with its interval, in whole units."""
    return _with_interval(measure, "", 1, 0)


def cents(value: float) -> str:
    """One amount."""
    return signed(value, 2)


def whole(value: float | None) -> str:
    """A number without decimals."""
    return MISSING if value is None else signed(value)


def rate(value: float | None) -> str:
    """A share as a percentage."""
    return MISSING if value is None else f"{signed(100 * value, 1)} %"


def _with_interval(measure: Plain, ends: str, scale: float, decimals: int) -> str:
    estimate, low, high = (measure.get(f"{ends}{name}") for name in ("estimate", "low", "high"))
    if estimate is None:
        return MISSING
    shown = signed(scale * estimate, decimals)
    if low is None or high is None:
        return shown
    return f"{shown} ({signed(scale * low, decimals)} to {signed(scale * high, decimals)})"


def _shown(plot: Plot) -> Plain:
    """Our own drawing, of numbers and names of offers (escaped by the drawing), needs no escaping."""
    return {"name": plot.name, "title": plot.title, "caption": plot.caption, "svg": Markup(plot.inline)}  # noqa: S704
