"""What replays of one living store come to: a page with pictures, and its numbers as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes

from contracts.drawing import BLUE, GREEN, GREY, RED, Plot, as_percent, drawn, legend_above
from contracts.files import atomic_folder, rounded, write_json, write_text
from pipeline.living.desk import Desk
from pipeline.living.policies import POLICIES
from pipeline.living.replay import Record

Plain = dict[str, Any]
COLOURS = {
    "regulars": GREEN, "oracle": "#111111", "everybody": RED, "random": GREY, "highest_risk": BLUE,
    "highest_loss": "#c99700", "nobody": "#bbbbbb",
}  # fmt: skip
BASE = "nobody"


def simulation_report(desk: Desk, records: Sequence[Record]) -> Plain:
    """Numbers a policy: profit over 'nobody' (if it was replayed), in all and in the later half; what it sent."""
    by_name = {record.policy: record.weeks for record in records}
    base = by_name.get(BASE)
    n_weeks = len(records[0].weeks)
    return {
        "says": desk.preset.says,
        "seed": desk.seed,
        "currency": desk.params.store.currency,
        "first_on": str(records[0].weeks["monday"].iloc[0]),
        "n_weeks": n_weeks,
        "is_over_nobody": base is not None,
        "policies": [_told(name, weeks, base, n_weeks // 2) for name, weeks in by_name.items()],
    }


def _told(name: str, weeks: pd.DataFrame, base: pd.DataFrame | None, half: int) -> Plain:
    over = weeks["profit"] - (0.0 if base is None else base["profit"])
    worth = weeks["worthwhile_share"].dropna()
    return {
        "policy": name,
        "says": POLICIES[name].says,
        "profit": float(over.sum()),
        "profit_later_half": float(over.iloc[half:].sum()),
        "true_profit": float(weeks["true_profit"].sum()),
        "cost": float((weeks["benefit_cost"] + weeks["contact_cost"]).sum()),
        "price_of_experiments": float(weeks["price_of_experiments"].sum()),
        "n_sent": int(weeks["n_sent"].sum()),
        "n_control": int(weeks["n_control"].sum()),
        "worthwhile_share": None if worth.empty else float(worth.mean()),
        "n_unsubscribed": int(weeks["n_unsubscribed"].sum()),
    }


def plots(records: Sequence[Record], currency: str) -> list[Plot]:
    """Profit over time (of anybody but 'nobody'), beliefs against truth, quality of the lists, fatigue."""
    by_name = {record.policy: record for record in records}
    found = [_profit(by_name, currency)] if set(by_name) != {BASE} else []
    own = by_name.get("regulars")
    if own is not None and len(own.offers):
        found.append(_beliefs(own.offers))
    if any(record.weeks["n_sent"].sum() for record in records):
        found += [_quality(by_name), _fatigue(by_name)]
    return found


def _profit(by_name: dict[str, Record], currency: str) -> Plot:
    base = by_name[BASE].weeks["profit"].cumsum() if BASE in by_name else 0.0

    def paint(axes: Axes) -> None:
        for name, record in by_name.items():
            if name != BASE:
                axes.plot(
                    record.weeks["week"], record.weeks["profit"].cumsum() - base, color=COLOURS[name], label=name, lw=2
                )
        axes.axhline(0, color=GREY, lw=1)
        axes.set_xlabel("week")
        axes.set_ylabel(currency)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        legend_above(axes)

    over = "over contacting nobody" if BASE in by_name else "in all"
    caption = "What really came in, less benefits and messages; the same customers and the same luck for all."
    return drawn("profit", f"Profit {over}, running sum", caption, paint, 3.6)


def _beliefs(offers: pd.DataFrame) -> Plot:
    def paint(axes: Axes) -> None:
        names = sorted(offers["offer"].unique())
        palette = [GREEN, RED, BLUE, "#c99700", "#7a4fa3", GREY, "#1f8a9e", "#8a5a2b"]
        for name, colour in zip(names, palette, strict=False):
            own = offers[offers["offer"] == name].sort_values("week")
            smooth = own[["believed", "true"]].rolling(6, min_periods=1).mean()
            axes.plot(own["week"], smooth["believed"], color=colour, label=name)
            axes.plot(own["week"], smooth["true"], color=colour, ls=":")
        axes.axhline(0, color=GREY, lw=1)
        axes.set_xlabel("week")
        as_percent(axes)
        legend_above(axes)

    caption = (
        "Fall of the lapse probability of those who were sent each offer, mean of six weeks. Full: what was believed "
        "when it was sent; dotted: what is true of the same customers. Lines that meet are beliefs that were right."
    )
    return drawn("beliefs", "Effects believed by Regulars, and true", caption, paint, 4.0)


def _quality(by_name: dict[str, Record]) -> Plot:
    def paint(axes: Axes) -> None:
        for name, record in by_name.items():
            share = record.weeks["worthwhile_share"].rolling(4, min_periods=1).mean()
            if share.notna().any():
                axes.plot(record.weeks["week"], share, color=COLOURS[name], label=name)
        axes.set_xlabel("week")
        axes.set_ylim(0, 1.02)
        as_percent(axes)
        legend_above(axes)

    caption = "Of the messages sent, those that were truly expected to bring more than they cost; mean of four weeks."
    return drawn("quality", "How good the lists were", caption, paint)


def _fatigue(by_name: dict[str, Record]) -> Plot:
    def paint(axes: Axes) -> None:
        for name, record in by_name.items():
            if record.weeks["contacts_8w"].notna().any():
                axes.plot(record.weeks["week"], record.weeks["contacts_8w"], color=COLOURS[name], label=name)
        axes.set_xlabel("week")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("messages")
        legend_above(axes)

    caption = "Messages in the last eight weeks to whoever was written to that week, on average: contact tires."
    return drawn("fatigue", "How often the same customers were written to", caption, paint)


def write_simulation(folder: Path, desk: Desk, records: Sequence[Record]) -> Plain:
    """Write simulation.json and simulation.html in one step; return the numbers."""
    report: Plain = rounded(_without_gaps(simulation_report(desk, records)))
    options: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, **options)
    environment.filters.update(money=lambda value: f"{value:,.0f}".replace("-", "−"), rate=lambda value: f"{value:.0%}")
    shown = [
        {"title": plot.title, "caption": plot.caption, "svg": Markup(plot.inline)}  # noqa: S704 – drawn here
        for plot in plots(records, report["currency"])
    ]
    page = environment.get_template("page.html.j2").render(report=report, plots=shown)
    with atomic_folder(folder) as draft:
        write_json(draft / "simulation.json", report)
        write_text(draft / "simulation.html", page + "\n")
    return report


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_gaps(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
