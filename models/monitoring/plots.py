"""The monitor's plots: SVG with text as text, the same bytes for the same numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from models.monitoring.checks import Plain

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}
GREEN, RED, GREY = "#0b6e4f", "#c8553d", "#8d8d8d"
LONG_NUMBER = re.compile(r"-?\d+\.\d{4,}")
MOST_WEEKS = 12


def plots(told: Plain) -> dict[str, str]:
    """The SVG of each plot for which there is something to draw, by title."""
    found: dict[str, Callable[[Any], None]] = {}
    if told["drift"]:
        shares = told["drift"]["score_shares"]
        found["Probabilities: this week against the fitting cutoffs"] = lambda axes: _scores(axes, shares)
    weeks = live_weeks(told)
    if weeks:
        found["Calibration error by matured week, and what a perfect model would show"] = lambda axes: _errors(
            axes, weeks
        )
        found["AUC by matured week (95 %), and what its probabilities promise"] = lambda axes: _areas(axes, weeks)
    if told["overlaps"]:
        found["Overlap of each list with the week before (Jaccard)"] = lambda axes: _overlaps(axes, told["overlaps"])
    return {title: _drawn(f"monitor{number}", paint) for number, (title, paint) in enumerate(found.items())}


def live_weeks(told: Plain) -> list[Plain]:
    """Every matured week's figures, each with the model that scored it, in order; a week of two models stands twice."""
    weeks = [{"version": version, **week} for version, model in told["live"].items() for week in model["weeks"]]
    return sorted(weeks, key=lambda week: (week["week"], week["version"]))


def _drawn(name: str, paint: Callable[[Any], None]) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.6, 2.5), layout="constrained")
        paint(figure.subplots())
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = LONG_NUMBER.sub(lambda number: f"{float(number[0]):.3f}", target.getvalue())
    body = re.sub(r'(\sid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", text[text.index("<svg") :])
    return re.sub(r"<svg [^>]*?(?=viewBox)", '<svg role="img" ', body, count=1)


def _scores(axes: Any, shares: Plain) -> None:
    edges = np.linspace(0.0, 1.0, len(shares["now"]) + 1)
    axes.stairs(shares["before"], edges, color=GREY, linewidth=1.6, label="fitting cutoffs")
    axes.stairs(shares["now"], edges, color=GREEN, linewidth=1.6, label="this week")
    axes.set(xlabel="probability of lapse", ylabel="share of customers")
    axes.legend()


def _ticks(axes: Any, names: list[str]) -> None:
    step = max(1, -(-len(names) // MOST_WEEKS))
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=45, ha="right")


def _errors(axes: Any, weeks: list[Plain]) -> None:
    places = list(range(len(weeks)))
    low, high = ([week[f"calibration_error_if_perfect_{end}"] for week in weeks] for end in ("low", "high"))
    axes.vlines(places, low, high, color=GREY, linewidth=5, alpha=0.4, label="a perfect model (95 %)")
    axes.plot(places, [week["calibration_error"] for week in weeks], "o", color=RED, label="measured")
    axes.set_ylim(bottom=0)
    axes.legend()
    _ticks(axes, [week["week"] for week in weeks])


def _areas(axes: Any, weeks: list[Plain]) -> None:
    known = [week for week in weeks if week["auc"] is not None]
    places = list(range(len(known)))
    axes.vlines(places, [week["auc_low"] for week in known], [week["auc_high"] for week in known], color=GREEN)
    axes.plot(places, [week["auc"] for week in known], "o", color=GREEN, label="measured")
    axes.plot(places, [week["auc_promised"] for week in known], "_", color=RED, markersize=11, label="promised")
    axes.legend()
    _ticks(axes, [week["week"] for week in known])


def _overlaps(axes: Any, found: Plain) -> None:
    axes.plot(range(len(found)), list(found.values()), "o-", color=GREEN)
    axes.set_ylim(0, 1)
    _ticks(axes, list(found))
