"""The plan's pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from contracts.drawing import BLUE, GREEN, GREY, RED, Plot, as_percent, drawn, legend_above

Plain = dict[str, Any]
FEWEST_POINTS = 2


def plots(report: Plain, portrait_report: Plain) -> list[Plot]:
    """Everything for which there is something to draw, in the order of the page."""
    found = []
    if len(report["budget_curve"]) >= FEWEST_POINTS:
        found.append(_budget(report))
    if report["n_treated"]:
        found.append(_groups(report))
    if report["mean_benefit_by_tier"]:
        found.append(_tiers(report))
    if portrait_report.get("concentration"):
        found.append(_concentration(portrait_report))
    return found


def _budget(report: Plain) -> Plot:
    points, currency = report["budget_curve"], report["currency"]

    def paint(axes: Axes) -> None:
        budgets = [point["budget"] for point in points]
        axes.plot(budgets, [point["expected_profit"] for point in points], color=GREEN, marker="o", label="plan")
        axes.plot(budgets, [point["expected_cost"] for point in points], color=GREY, ls="--", label="expected cost")
        axes.axvline(report["budget"], color=RED, lw=1, label=f"this week's budget, {report['budget']:,.0f}")
        axes.set_xlabel(f"budget, {currency}")
        axes.set_ylabel(f"expected incremental profit, {currency}")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        legend_above(axes)

    return drawn(
        "budget",
        "What the budget buys",
        "Expected incremental profit of the best plan at each budget, all other limits as they are. Where the curve is "
        "flat, more money buys nothing: contacts, channels or fairness bind.",
        paint,
    )


def _groups(report: Plain) -> Plot:
    groups = [group for group in report["groups"] if group["n_treated"]][::-1]

    def paint(axes: Axes) -> None:
        place = np.arange(len(groups))
        cost = [group["expected_cost"] for group in groups]
        profit = [group["expected_profit"] for group in groups]
        axes.barh(place + 0.2, profit, 0.38, color=GREEN, label="expected incremental profit")
        axes.barh(place - 0.2, cost, 0.38, color=GREY, label="expected cost")
        names = [f"{group['group']} ({group['n_treated']})" for group in groups]
        axes.set_yticks(place, names)
        axes.set_xlabel(report["currency"])
        legend_above(axes)

    height = 1.2 + 0.5 * len(groups)
    return drawn(
        "groups",
        "Who gets it",
        "By group, with the number who get an offer; controls, who are left alone at random, are in neither bar.",
        paint,
        height,
    )


def _tiers(report: Plain) -> Plot:
    means = report["mean_benefit_by_tier"]

    def paint(axes: Axes) -> None:
        place = np.arange(len(means))
        price = np.array([record["price_benefit"] for record in means.values()])
        whole = np.array([record["benefit"] for record in means.values()])
        axes.bar(place, price, 0.6, color=BLUE, label="price")
        axes.bar(place, whole - price, 0.6, bottom=price, color=GREEN, label="service, access, recognition")
        axes.set_xticks(place, [f"{tier}\n{record['n_customers']:,}" for tier, record in means.items()])
        axes.set_ylabel(f"mean benefit a customer, {report['currency']}")
        legend_above(axes)

    return drawn(
        "tiers",
        "Loyalty is never punished",
        "Mean benefit of all customers of a tier, those without an offer included, before the control draw. It may not "
        "fall from left to right; the price part is shown by itself.",
        paint,
    )


def _concentration(portrait_report: Plain) -> Plot:
    curve = portrait_report["concentration"]["curve"]

    def paint(axes: Axes) -> None:
        axes.plot([p["of_customers"] for p in curve], [p["of_spend"] for p in curve], color=GREEN)
        axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":")
        axes.set_xlabel("share of customers, those who spend most first")
        axes.set_ylabel("share of spend")
        as_percent(axes, "x")
        as_percent(axes)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)

    return drawn(
        "concentration",
        "Who carries the shop",
        "Share of the last 182 days' spend that the customers who spent most account for; dotted: if all spent alike.",
        paint,
    )
