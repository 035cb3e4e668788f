"""The pictures of the page of effects."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from contracts.drawing import BLUE, GREEN, GREY, RED, Plot, as_percent, drawn, legend_above

Plain = dict[str, Any]
COLOURS = {"works": GREEN, "harms": RED, "does nothing": BLUE, "too early": GREY}


def plots(report: Plain) -> list[Plot]:
    """Everything for which there is something to draw, in the order of the page."""
    found = []
    shown = [one for one in report["offers"] if one["retention"]["low"] is not None][::-1]
    if shown:
        found += [_forest(shown, "retention", report), _forest(shown, "margin", report)]
    looks = [look for look in report["weekly"] if look["low"] is not None]
    if looks:
        found.append(_weeks(looks, report["smallest_effect"]))
    if report["beliefs"]:
        found.append(_beliefs(report["beliefs"][::-1]))
    if report["learning"] and report["learning"]["curve"]:
        found.append(_power(report["learning"], report["smallest_effect"]))
    return found


def _forest(offers: list[Plain], measure: str, report: Plain) -> Plot:
    retention = measure == "retention"

    def paint(axes: Axes) -> None:
        for place, one in enumerate(offers):
            own, colour = one[measure], COLOURS[one["verdict"]]
            if own["anytime_low"] is not None:
                axes.plot([own["anytime_low"], own["anytime_high"]], [place, place], color=colour, lw=1)
            axes.plot([own["low"], own["high"]], [place, place], color=colour, lw=4, solid_capstyle="butt")
            axes.plot(own["estimate"], place, "o", color=colour, mec="white")
        axes.axvline(0, color=GREY, lw=1)
        if retention:
            axes.axvspan(-report["smallest_effect"], report["smallest_effect"], color=GREY, alpha=0.12, lw=0)
            as_percent(axes, "x")
        names = [f"{one['name']}: {one['verdict']}\n{one['n_treated']:,} / {one['n_control']:,}" for one in offers]
        axes.set_yticks(range(len(offers)), names)
        axes.set_ylim(-0.7, len(offers) - 0.3)
        axes.set_xlabel("fall in lapses" if retention else f"margin a treated customer, {report['currency']}")

    caption = (
        "Treated against controls of the same offer; below each name, how many of each. Thick: 95 % interval of this "
        "look alone; thin: interval that holds at every weekly look, from which the verdicts come."
    )
    title = "Customers kept, by offer" if retention else "Margin brought, by offer"
    if retention:
        caption += " Shaded: too small to matter."
    return drawn(f"forest-{measure}", title, caption, paint, 1.1 + 0.5 * len(offers))


def _weeks(looks: list[Plain], smallest: float) -> Plot:
    def paint(axes: Axes) -> None:
        at = np.arange(len(looks))
        low, high = ([look[end] for look in looks] for end in ("low", "high"))
        axes.fill_between(at, low, high, color=GREEN, alpha=0.2, lw=0)
        axes.plot(at, [look["estimate"] for look in looks], color=GREEN, marker="o", ms=3)
        axes.axhline(0, color=GREY, lw=1)
        axes.axhspan(-smallest, smallest, color=GREY, alpha=0.12, lw=0)
        every = max(1, len(looks) // 8)
        axes.set_xticks(at[::every], [look["wave"] for look in looks][::every])
        axes.set_ylabel("fall in lapses")
        as_percent(axes)

    return drawn(
        "weeks",
        "All offers together, as waves matured",
        "Mean effect of all waves matured so far, with the interval that may be looked at every week. Look as "
        "often as you like: it allows for that. Shaded: too small to matter.",
        paint,
    )


def _beliefs(offers: list[Plain]) -> Plot:
    def paint(axes: Axes) -> None:
        for place, one in enumerate(offers):
            for shift, name, colour in ((0.16, "prior", GREY), (-0.16, "now", GREEN)):
                own, label = one[name], {"prior": "as declared", "now": "as learned"}[name] if not place else None
                axes.plot([own["low"], own["high"]], [place + shift] * 2, color=colour, lw=3, label=label)
                axes.plot(own["mean"], place + shift, "o", color=colour, mec="white")
        axes.axvline(0, color=GREY, lw=1)
        axes.set_yticks(range(len(offers)), [f"{one['offer']} ({one['n_treated']:,})" for one in offers])
        axes.set_ylim(-0.7, len(offers) - 0.3)
        axes.set_xlabel("fall in the lapse probability of a customer of mean risk")
        as_percent(axes, "x")
        legend_above(axes)

    return drawn(
        "beliefs",
        "What the next plan believes",
        "The catalogue's assumptions, and what they have become after all matured waves (95 %); in brackets, treated "
        "customers. Offers learn from each other: one without customers of its own moves with the rest.",
        paint,
        1.1 + 0.4 * len(offers),
    )


def _power(learning: Plain, smallest: float) -> Plot:
    points = learning["curve"]

    def paint(axes: Axes) -> None:
        axes.plot([p["weeks"] for p in points], [p["effect"] for p in points], color=BLUE)
        axes.axhline(smallest, color=GREY, lw=1, ls=":")
        axes.set_xlabel(f"weeks like {learning['wave']}, pooled")
        axes.set_ylabel("smallest fall in lapses seen")
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        as_percent(axes)

    return drawn(
        "power",
        "What more weeks would show",
        "Smallest effect of all offers together that would be found in 80 of 100 experiments, tested at 5 %. Dotted: "
        "the smallest that matters.",
        paint,
    )
