"""What a search for parameters found: every trial in one table, one picture, and whether the best was adopted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.files import atomic_folder, write_json, write_text
from models.evaluation.curves import save
from models.recipe.tuning import SPACE, Search

LAYOUT: list[Any] = [["loss"] * 4, list(SPACE)[:4], [*list(SPACE)[4:], "."]]
FOUND_FILE = "tuning.json"


def write_tuning(folder: str | Path, found: Search | None) -> None:
    """`tuning.json` always; `trials.csv` (one row a trial) and `trials.png` where there was a search."""
    with atomic_folder(folder) as draft:
        write_json(draft / FOUND_FILE, told(found))
        if found is not None:
            table = pd.DataFrame(list(found.trials))
            write_text(draft / "trials.csv", table.to_csv(index=False, lineterminator="\n"))
            draw(table, draft / "trials.png")


def told(found: Search | None) -> dict[str, object]:
    """The search in plain data; without one, that there was none."""
    if found is None:
        return {"n_trials": 0, "why": "train.n_trials is 0, or the history leaves no inner fold"}
    return {
        "n_trials": len(found.trials),
        "log_loss_of_present": found.trials[0]["log_loss"],
        "log_loss_of_best": found.best["log_loss"],
        "gain": found.gain,
        "standard_error": found.standard_error,
        "is_adopted": found.is_adopted,
        "best": {name: found.best[name] for name in SPACE},
    }


def draw(table: pd.DataFrame, path: Path) -> None:
    """Log loss by trial and the best so far above; below, each parameter against log loss."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 6.4), dpi=110, layout="constrained")
    axes = figure.subplot_mosaic(LAYOUT)
    loss = table["log_loss"].to_numpy()
    axes["loss"].plot(table["number"], loss, "o", color="#4059ad", markersize=4, label="trial")
    axes["loss"].plot(table["number"], np.minimum.accumulate(loss), color="#0b6e4f", label="best so far")
    axes["loss"].axhline(loss[0], color="#8d8d8d", linestyle=":", label="present parameters")
    axes["loss"].set(xlabel="trial", ylabel="log loss (nats)")
    axes["loss"].set_title("Search for parameters: log loss on inner forward folds", fontsize=10, loc="left")
    axes["loss"].legend(frameon=False, fontsize=8)
    for name, (_, _, is_log) in SPACE.items():
        axes[name].plot(table[name], loss, "o", color="#4059ad", markersize=3)
        axes[name].set_xlabel(name, fontsize=8)
        axes[name].tick_params(labelsize=7)
        if is_log:
            axes[name].set_xscale("log")
    save(figure, path)
