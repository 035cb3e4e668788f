"""The two pictures of who pays what."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from contracts.drawing import BLUE, GREEN, GREY, RED, Plot, as_percent, dated, drawn, legend_above
from events.report.prices import BINS, Comparison, Gap
from events.report.weeks import week_begins

TICKS = (-0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


def price_plots(compared: Comparison, dates: str) -> list[Plot]:
    """Distribution of relative differences over cells, and the mean difference by week."""
    titles = {
        "price_gaps": f"What customers of long standing pay more (+) or less (−) for the same, by cell, {dates}",
        "price_gaps_by_week": f"Mean difference by week, {dates}",
    }
    found = compared.gap
    if found is None:
        return [Plot(name, title, "Not drawn: see the finding above.") for name, title in titles.items()]
    weeks = _by_week(titles["price_gaps_by_week"], compared.weeks, found)
    return [_distribution(titles["price_gaps"], compared, found), weeks]


def _distribution(title: str, compared: Comparison, found: Gap) -> Plot:
    def paint(axes: Axes) -> None:
        axes.hist((BINS[:-1] + BINS[1:]) / 2, bins=list(BINS), weights=compared.spread, color=GREEN)
        axes.axvline(0, color=GREY, linewidth=1)
        mean = f"mean: {100 * found.gap:+.2f} %".replace("-", "−")
        axes.axvline(np.log1p(found.gap), color=RED, linewidth=1.8, label=mean)
        axes.set_xticks(np.log1p(TICKS), [f"{100 * tick:+.0f}%".replace("-", "−") if tick else "0%" for tick in TICKS])
        axes.set(xlabel="relative difference of net unit price, long standing against short", ylabel="weight of cells")
        as_percent(axes)
        axes.legend(loc="upper right")

    caption = (
        f"{found.n_cells:,} cells (same product, week, and store where recorded). In {100 * compared.equal:.0f} % of "
        f"their weight both paid the same; ratios below half or above double stand in the outermost bars. A hump right "
        "of 0 means that the loyal pay more: look for newcomers' prices."
    )
    return drawn("price_gaps", title, caption, paint)


def _by_week(title: str, weeks: pd.DataFrame, found: Gap) -> Plot:
    def paint(axes: Axes) -> None:
        at = week_begins(weeks["week"].to_numpy())
        low, high = weeks["low"].fillna(weeks["gap"]), weeks["high"].fillna(weeks["gap"])
        axes.axhline(0, color=GREY, linewidth=1)
        axes.axhline(found.gap, color=RED, linewidth=1.2, linestyle="--", label="mean of all weeks")
        spread = np.clip([weeks["gap"] - low, high - weeks["gap"]], 0, None)
        axes.errorbar(
            at, weeks["gap"], yerr=spread, fmt="o", color=BLUE, markersize=4, capsize=2, label="week, 95 % interval"
        )
        top = _reach(weeks)
        axes.set(ylim=(-top, top), ylabel="relative difference", xlabel="week from Monday")
        as_percent(axes)
        dated(axes, at)
        legend_above(axes)

    caption = (
        "Points above 0: in that week the loyal paid more. A single week tells of a promotion for newcomers; a lasting "
        "shift tells of a rule. Points without a bar have too few customers for one; bars may leave the picture."
    )
    return drawn("price_gaps_by_week", title, caption, paint)


def _reach(weeks: pd.DataFrame) -> float:
    widest = float(np.nanmax(np.abs(weeks["gap"])))
    return max(0.05, 1.3 * widest)
