"""The backtest in files: everything as JSON, one row a week as CSV, one picture of quality and worth by week."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from contracts.files import atomic_folder, rounded, write_json, write_text
from models.evaluation.backtest import RIVALS
from models.evaluation.curves import COLOURS, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Plain = dict[str, Any]
QUALITY = {"auc": "AUC", "log_loss": "log loss (nats)", "bias": "bias: predicted less observed"}
WORTH = {
    "precision": "share of the list that lapsed",
    "margin_lost": "value at stake of the listed who lapsed",
    "profit": "expected profit of contacting the list",
}
RIVAL_WORDS = {"random": "at random", "most_silent": "most silent first", "biggest_spenders": "biggest spenders first"}
LONG_TEXTS = ("why",)


def write_backtest(folder: Path, found: Plain) -> None:
    """`backtest.json`, `weeks.csv` (one row a week) and `backtest.png`; the folder changes in one step."""
    plain = rounded(found)
    table = pd.DataFrame(plain["weeks"])
    with atomic_folder(folder) as draft:
        write_json(draft / "backtest.json", plain)
        write_text(draft / "weeks.csv", table.drop(columns=list(LONG_TEXTS)).to_csv(index=False, lineterminator="\n"))
        draw(plain["weeks"], draft / "backtest.png", plain["currency"])


def draw(weeks: Sequence[Plain], path: Path, currency: str) -> None:
    """Above, AUC, log loss and bias by week with their intervals; below, the list against its rivals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.2, 6.8), dpi=100, layout="constrained")
    axes = figure.subplots(2, 3)
    for place, (name, words) in zip(axes[0], QUALITY.items(), strict=True):
        errorbars(place, weeks, name, "the week's model")
        place.set_title(words, fontsize=10, loc="left")
    for place, (name, words) in zip(axes[1], WORTH.items(), strict=True):
        errorbars(place, weeks, name, "the list")
        for colour, rival in zip(COLOURS[1:], RIVALS, strict=True):
            values = numbers(weeks, f"{name}_of_{rival}")
            place.plot(days_of(weeks), values, color=colour, linestyle="--", label=RIVAL_WORDS[rival])
        place.set_title(words if name == "precision" else f"{words} ({currency})", fontsize=10, loc="left")
    for place in (axes[0][2], axes[1][2]):
        place.axhline(0.0, color="#8d8d8d", linestyle=":", linewidth=1)
    axes[1][0].legend(frameon=False, fontsize=8)
    figure.suptitle("Past weeks as if live (bars: 95 % over customers)", fontsize=11, x=0.01, ha="left")
    for place in axes.flat:
        place.grid(alpha=0.25)
        place.tick_params(axis="x", labelrotation=30, labelsize=7)
        place.set_xticks(days_of(weeks)[:: max(1, len(weeks) // 8)])
    save(figure, path)


def errorbars(axes: Axes, weeks: Sequence[Plain], name: str, label: str) -> None:
    """One figure by week with its interval; weeks that do not define it are left out."""
    value, low, high = (numbers(weeks, key) for key in (name, f"{name}_low", f"{name}_high"))
    spread = np.abs(np.nan_to_num([value - low, high - value]))
    axes.errorbar(
        days_of(weeks), value, yerr=spread, marker="o", markersize=4, capsize=3, color=COLOURS[0], label=label
    )


def days_of(weeks: Sequence[Plain]) -> pd.DatetimeIndex:
    """The weeks' Mondays."""
    return pd.to_datetime([week["cutoff_on"] for week in weeks])


def numbers(weeks: Sequence[Plain], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A figure by week, NaN where it is null or missing."""
    return np.array([week[name] if week.get(name) is not None else np.nan for week in weeks], dtype=np.float64)
