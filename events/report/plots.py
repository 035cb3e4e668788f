"""The report's plots. Each says in its caption what to see and what to do; one that cannot be drawn says why."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from contracts.counted import counted_quantile
from contracts.drawing import BLUE, GREEN, GREY, RED, Plot, as_percent, dated, drawn, from_zero, legend_above
from contracts.params import Task
from events.proposals.rhythm import Rhythm
from events.report.findings import percent
from events.report.measures import Floats, wilson
from events.report.weeks import week_begins


def by_week(table: pd.DataFrame, column: str, title: str, caption: str) -> Plot:
    """A count by Monday week, with weeks that the data covers in part marked."""
    begins, counts = week_begins(table["week"].to_numpy()), table[column].to_numpy()
    is_whole = table["is_whole"].to_numpy(dtype=bool)

    def paint(axes: Axes) -> None:
        axes.plot(begins, counts, color=GREEN, linewidth=1.6, marker="o" if len(table) < 20 else None, markersize=4)
        if not is_whole.all():
            axes.plot(
                begins[~is_whole],
                counts[~is_whole],
                linestyle="none",
                marker="o",
                markersize=7,
                markerfacecolor="white",
                markeredgecolor=RED,
                label="week not covered whole",
            )
            legend_above(axes)
        axes.set(ylabel=f"{column} a week", xlabel="week from Monday")
        from_zero(axes)
        dated(axes, begins)

    return drawn(column, title, caption, paint)


def gap_distribution(rhythm: Rhythm, task: Task, dates: str) -> Plot:
    """How long customers stay away between two purchase days."""
    name, title = "gaps", f"Days between a customer's purchase days, {dates}"
    n_gaps_of, lengths = rhythm.n_gaps_of, np.arange(len(rhythm.n_gaps_of))
    if not rhythm.n_gaps:
        return Plot(name, title, "Not drawn: no customer has bought on two days yet.")
    in_force, proposed = task.horizon_days, rhythm.proposed_horizon_days
    top = int(min(lengths[-1], max(2 * max(in_force, proposed), counted_quantile(n_gaps_of, 0.99)))) + 1
    beyond, is_shown = rhythm.share_of_gaps(lengths > top), lengths <= top

    def paint(axes: Axes) -> None:
        width = max(1, round(top / 90))
        edges = list(np.arange(1, top + 1 + width, width) - 0.5)
        axes.hist(lengths[is_shown], bins=edges, weights=n_gaps_of[is_shown], color=GREEN)
        axes.axvline(in_force, color=RED, linewidth=1.8, label=f"horizon in force: {in_force} days")
        axes.axvline(
            proposed, color=BLUE, linewidth=1.8, linestyle="--", label=f"proposed by the data: {proposed} days"
        )
        axes.set(xlabel=f"days between purchase days (bars of {width})" if width > 1 else "days between purchase days")
        axes.set_ylabel("gaps")
        from_zero(axes)
        legend_above(axes)

    caption = (
        f"{rhythm.n_gaps:,} gaps{f' ({percent(beyond)} lie beyond the picture)' if beyond else ''}. What lies right of "
        f"the horizon would be called a lapse: {percent(rhythm.share_of_gaps(lengths >= in_force))} of the gaps for "
        f"the one in force. {rhythm.why[:1].upper()}{rhythm.why[1:]}. If the two lines differ, weigh task.horizon_days."
    )
    return drawn(name, title, caption, paint)


def concentration(curve: Floats, top_fifth: float, dates: str) -> Plot:
    """Share of revenue by share of customers, the largest first."""
    chosen = np.unique(np.linspace(0, len(curve) - 1, 200).round().astype(np.int64))

    def paint(axes: Axes) -> None:
        axes.plot(chosen / (len(curve) - 1), curve[chosen], color=GREEN, linewidth=1.8)
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2, label="if all spent the same")
        axes.plot([0.2, 0.2, 0], [0, top_fifth, top_fifth], color=RED, linewidth=1.0)
        axes.plot([0.2], [top_fifth], color=RED, marker="o", linestyle="none")
        axes.annotate(
            f"top 20 %: {percent(top_fifth, 0)} of revenue",
            (0.2, top_fifth),
            (0.215, 0.04),
        )
        axes.set(
            xlabel="share of customers, largest revenue first", ylabel="share of revenue", xlim=(0, 1), ylim=(0, 1.02)
        )
        as_percent(axes, "x")
        as_percent(axes)
        axes.legend(loc="lower right")

    caption = (
        "The higher the curve stands over the dotted line, the fewer customers carry the shop; these few deserve "
        "recognition before they are at risk."
    )
    return drawn("concentration", f"Revenue carried by the largest customers, {dates}", caption, paint, 3.6)


def retention(period: str, table: pd.DataFrame, dates: str) -> Plot:
    """Cohorts by first purchase: the share that bought again so many periods later."""
    title = f"Share of each cohort that buys, by {period}s since the first purchase seen, {dates}"
    sizes, shares = table["n"].to_numpy(), table.drop(columns="n").to_numpy(dtype=np.float64)
    if shares.shape[1] < 2:
        return Plot("retention", title, f"Not drawn: the data lies within one {period}.")

    def paint(axes: Axes) -> None:
        axes.pcolormesh(np.ma.masked_invalid(shares), cmap="Greens", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                colour = "white" if share > 0.55 else "black"
                axes.text(
                    column + 0.5, row + 0.5, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=9
                )
        labels = [f"{name} ({n:,})" for name, n in zip(table.index, sizes, strict=True)]
        axes.set_yticks(np.arange(len(labels)) + 0.5, labels)
        axes.set_xticks(np.arange(shares.shape[1]) + 0.5, [str(later) for later in range(shares.shape[1])])
        axes.set(xlabel=f"{period}s later (shares in %)", ylabel=f"{period} of first purchase (customers)")
        axes.invert_yaxis()
        axes.grid(visible=False)

    caption = (
        f"Read along a row: of the customers first seen in that {period}, how many bought so many {period}s later. "
        f"The first "
        f"row also holds everybody who was a customer before the data; the last {period} may be covered in part. "
        "Rows that fade faster than those above them tell of worse newcomers: look at what changed then."
    )
    return drawn("retention", title, caption, paint, 1.3 + 0.3 * len(sizes))


def recognised(table: pd.DataFrame, dates: str) -> Plot:
    """Share of sales that name a customer, by calendar month."""

    def paint(axes: Axes) -> None:
        at = table["month"].to_numpy().astype("datetime64[M]").astype("datetime64[D]")
        for column, label, colour, style in (
            ("amount_share", "by amount", GREEN, "-"),
            ("lines_share", "by lines", BLUE, "--"),
        ):
            axes.plot(at, table[column], color=colour, linestyle=style, marker="o", markersize=4, label=label)
        axes.set(ylim=(0, 1.05), ylabel="share of sales", xlabel="calendar month")
        as_percent(axes)
        dated(axes, at)
        legend_above(axes)

    caption = (
        "Only sales that name a customer can be learned from. Where the share falls, ask at the till again; at 100 % "
        "throughout, sales to unknown people were probably not exported."
    )
    return drawn("recognised", f"Share of sales that name a customer, by month, {dates}", caption, paint, 2.8)


def came_back(table: pd.DataFrame, horizon_days: int) -> Plot:
    """Of the lapsed at each cutoff, the share that bought in the horizon after."""
    name, title = "bought_again", f"Lapsed customers who bought again in the next {horizon_days} days"
    table = table[table["n_lapsed"] > 0]
    if table.empty:
        why = "Not drawn: no active customer lapsed at a cutoff that lies two horizons or more before data end."
        return Plot(name, title, why)
    title = f"{title}, cutoffs {table['cutoff_on'].iloc[0]} to {table['cutoff_on'].iloc[-1]}"
    shares = (table["n_again"] / table["n_lapsed"]).to_numpy()
    edges = np.array([wilson(again, lapsed) for again, lapsed in table[["n_again", "n_lapsed"]].to_numpy().tolist()])

    def paint(axes: Axes) -> None:
        places = np.arange(len(table))
        spread = np.clip([shares - edges[:, 0], edges[:, 1] - shares], 0, None)
        axes.bar(places, shares, yerr=spread, color=GREEN, ecolor="black", capsize=4, width=0.6)
        labels = [f"{row.cutoff_on}\n{row.n_again:,} of {row.n_lapsed:,}" for row in table.itertuples()]
        axes.set_xticks(places, labels)
        axes.set(ylim=(0, 1), ylabel="share who bought again", xlim=(-0.6, len(table) - 0.4))
        axes.set_xlabel("cutoff (a lapse begins), customers who bought again of those who lapsed")
        as_percent(axes)
        axes.grid(visible=False, axis="x")

    caption = (
        f"Each bar: of customers without a purchase in the {horizon_days} days from the cutoff, the share with one in "
        f"the {horizon_days} days after, with 95 % intervals (Wilson). High bars: the horizon calls pauses lapses."
    )
    return drawn(name, title, caption, paint, 3.2)
