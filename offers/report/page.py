"""The plan as one page: what it is worth, who gets what, what each limit costs, what the guard found, examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contracts.drawing import Plot
from contracts.windows import iso_week
from offers.report.plots import plots
from offers.setting import Setting

Plain = dict[str, Any]
TEMPLATE = "page.html.j2"


def page(report: Plain, examples: list[Plain], portrait_report: Plain, setting: Setting) -> str:
    """The page; every text is escaped, nothing is fetched."""
    options: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, **options)
    environment.filters.update(whole=lambda value: f"{value:,.0f}", money=lambda value: f"{value:,.2f}", share=share)
    shown = [_shown(plot) for plot in plots(report, portrait_report)]
    return (
        environment.get_template(TEMPLATE).render(
            report=report,
            week=iso_week(setting.cutoff),
            offers=_offers(report, setting),
            channels=[(channel, report["channels"][channel.id]) for channel in setting.catalogue.channels],
            plots=shown,
            examples=examples,
        )
        + "\n"
    )


def share(value: float | None) -> str:
    """A share as a percentage, a dash where there is none.

    >>> share(0.1234), share(None)
    ('12.3 %', '–')
    """
    return "–" if value is None else f"{100 * value:.1f} %"


def _shown(plot: Plot) -> Plain:
    """Our own drawing, of numbers and names of groups (escaped by the drawing), needs no escaping."""
    return {"name": plot.name, "title": plot.title, "caption": plot.caption, "svg": Markup(plot.inline)}  # noqa: S704


def _offers(report: Plain, setting: Setting) -> list[Plain]:
    """One record an offer of the catalogue: what it gives, and to how many by which channel this week."""
    used = report["n_by_offer_and_channel"]
    return [
        {
            "id": offer.id,
            "gives": " + ".join(mechanic.replace("_", " ") for mechanic in offer.mechanics),
            "codes": ", ".join(component.code for component in offer.components),
            "benefit": offer.whole_benefit,
            "price_benefit": offer.whole_price_benefit,
            "channels": ", ".join(f"{n} by {channel}" for channel, n in used.get(offer.id, {}).items()),
            "n": sum(used.get(offer.id, {}).values()),
            "has_candidates": offer.id not in report["offers_without_candidates"],
        }
        for offer in setting.catalogue.offers
    ]
