"""The backtest in files: everything as JSON, one row a week as CSV, one picture of quality and worth by week."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from contracts.files import atomic_folder, rounded, write_json, write_text
from models.backtest import RIVALS
from models.curves import COLOURS, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Plain = dict[str, Any]
QUALITY = {"auc": "AUC", "log_loss": "log loss (nats)", "bias": "bias: predicted less observed"}
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
    """AUC, log loss and bias by week with their intervals; beside them the list's worth against its rivals'."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.4, 6.8), dpi=110, layout="constrained")
    axes = figure.subplots(2, 2)
    days = pd.to_datetime([week["cutoff_on"] for week in weeks])
    for place, (name, words) in zip(axes.flat, QUALITY.items(), strict=False):
        errorbars(place, days, weeks, name, COLOURS[0], words)
        place.set_title(f"{words} by week (95 % over customers)", fontsize=10, loc="left")
    axes.flat[2].axhline(0.0, color=COLOURS[3], linestyle=":", linewidth=1)
    worth = axes.flat[3]
    errorbars(worth, days, weeks, "profit", COLOURS[0], "the list")
    for colour, rival in zip(COLOURS[1:], RIVALS, strict=True):
        worth.plot(days, numbers(weeks, f"profit_of_{rival}"), color=colour, linestyle="--", label=RIVAL_WORDS[rival])
    worth.axhline(0.0, color=COLOURS[3], linestyle=":", linewidth=1)
    worth.set_title(f"Expected profit of contacting the list ({currency})", fontsize=10, loc="left")
    worth.legend(frameon=False, fontsize=8)
    for place in axes.flat:
        place.grid(alpha=0.25)
        place.tick_params(axis="x", labelrotation=30, labelsize=7)
        place.set_xticks(days[:: max(1, len(days) // 8)])
    save(figure, path)


def errorbars(axes: Axes, days: pd.DatetimeIndex, weeks: Sequence[Plain], name: str, colour: str, label: str) -> None:
    """One figure by week with its interval; weeks that do not define it are left out."""
    value, low, high = (numbers(weeks, key) for key in (name, f"{name}_low", f"{name}_high"))
    spread = np.abs(np.nan_to_num([value - low, high - value]))
    axes.errorbar(days, value, yerr=spread, marker="o", markersize=4, capsize=3, color=colour, label=label)


def numbers(weeks: Sequence[Plain], name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A figure by week, NaN where it is null or missing."""
    return np.array([week[name] if week.get(name) is not None else np.nan for week in weeks], dtype=np.float64)
