"""What the model goes by: mean absolute contribution of each feature and family, and how its strongest features act."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from contracts.files import write_text
from models.evaluation.curves import save
from models.evaluation.permutation import family_of
from models.risk import Floats, RiskModel

MOST_ROWS = 2000
N_DRAWN = 6
N_BARS = 20
N_BINS = 12


def sampled(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """At most 2,000 rows, drawn: contributions cost a hundred times what a prediction does."""
    if len(frame) <= MOST_ROWS:
        return frame
    places = np.sort(np.random.default_rng(seed).choice(len(frame), MOST_ROWS, replace=False))
    return frame.iloc[places]


def importance(model: RiskModel, contributions: Floats) -> pd.DataFrame:
    """One feature a row, the strongest first: family, and mean absolute contribution in log-odds."""
    strength = np.abs(contributions[:, :-1]).mean(axis=0).round(6)
    table = pd.DataFrame({"feature": model.features, "family": [family_of(name) for name in model.features]})
    return table.assign(mean_abs_log_odds=strength).sort_values(
        ["mean_abs_log_odds", "feature"], ascending=[False, True], ignore_index=True
    )


def write_explanation(folder: Path, model: RiskModel, frame: pd.DataFrame, seed: int, subtitle: str) -> None:
    """`importance.csv`, `importance.png` and `dependence.png`. Each point is a test row, without an id."""
    rows = sampled(frame, seed)
    contributions = model.contributions(rows)
    table = importance(model, contributions)
    write_text(folder / "importance.csv", table.to_csv(index=False, lineterminator="\n"))
    draw_importance(table, folder / "importance.png", f"{len(rows):,} test rows, {subtitle}")
    draw_dependence(table, model, rows, contributions, folder / "dependence.png")


def draw_importance(table: pd.DataFrame, path: Path, subtitle: str) -> None:
    """Bars of the twenty strongest features."""
    from matplotlib.figure import Figure

    top = table.head(N_BARS)[::-1]
    figure = Figure(figsize=(7.4, 1.2 + 0.27 * len(top)), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.barh(top["feature"], top["mean_abs_log_odds"], color="#0b6e4f", height=0.65)
    axes.set(xlabel="mean absolute contribution (log-odds of lapse)")
    axes.set_title(f"What the model goes by\n{subtitle}", fontsize=10, loc="left")
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="x", alpha=0.25)
    save(figure, path)


def draw_dependence(
    table: pd.DataFrame, model: RiskModel, rows: pd.DataFrame, contributions: Floats, path: Path
) -> None:
    """The six strongest features: each row's value against its contribution, and the median in a dozen bins."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.6), dpi=110, layout="constrained")
    panels = figure.subplots(2, 3, squeeze=False).ravel()
    for panel, name in zip(panels, table["feature"].head(N_DRAWN), strict=False):
        x = rows[name].to_numpy(dtype=np.float64)
        y = contributions[:, list(model.features).index(name)]
        shown = np.isfinite(x)
        panel.plot(x[shown], y[shown], ".", color="#4059ad", alpha=0.15, markersize=3)
        points = pd.DataFrame({"x": x[shown], "y": y[shown]})
        middles = points.groupby(points["x"].rank(method="first", pct=True).mul(N_BINS).round()).median()
        panel.plot(middles["x"], middles["y"], color="#c8553d", linewidth=1.6)
        panel.axhline(0.0, color="#8d8d8d", linewidth=0.8)
        panel.set_title(name, fontsize=8, loc="left")
        panel.tick_params(labelsize=7)
    figure.supylabel("contribution (log-odds of lapse)", fontsize=9)
    save(figure, path)
