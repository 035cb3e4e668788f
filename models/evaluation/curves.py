"""Curves behind the figures, as small tables (for `dvc plots`) and as pictures (for MLflow and for people)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from contracts.files import atomic_path, write_text
from contracts.params import Evaluate
from models.evaluation import metrics, profit
from models.evaluation.figures import Judged, economics, wilson
from models.risk import Flags, Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_POINTS = 200


SETTLED_SHARE = 0.01


def _thinned(n: int, start: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.unique(np.linspace(start, n - 1, min(n, N_POINTS)).round().astype(np.int64))


def _settled(n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions from the first hundredth on: a share of the first few customers is noise."""
    return _thinned(n, min(n - 1, round(SETTLED_SHARE * n)))


def _ranked(p: Floats, lapsed: Flags) -> tuple[Floats, Floats]:
    order = profit.top_k(p, len(p))
    return np.cumsum(lapsed[order]).astype(np.float64), np.arange(1, len(p) + 1, dtype=np.float64)


def roc(p: Floats, lapsed: Flags) -> pd.DataFrame:
    """One point of the ROC curve a row."""
    found, listed = _ranked(p, lapsed)
    gone = np.r_[0.0, found] / max(lapsed.sum(), 1)
    kept = np.r_[0.0, listed - found] / max((~lapsed).sum(), 1)
    chosen = _thinned(len(gone))
    return pd.DataFrame({"false_positive_rate": kept[chosen], "true_positive_rate": gone[chosen]})


def precision_recall(p: Floats, lapsed: Flags) -> pd.DataFrame:
    """One point of the precision-recall curve a row."""
    found, listed = _ranked(p, lapsed)
    chosen = _settled(len(found))
    return pd.DataFrame({"recall": (found / max(lapsed.sum(), 1))[chosen], "precision": (found / listed)[chosen]})


def reliability(p: Floats, lapsed: Flags) -> pd.DataFrame:
    """One of ten equal-count bins a row: mean prediction, observed share and its 95 % interval."""
    bins = metrics.equal_count_bins(p)
    rows = []
    for label in np.unique(bins):
        inside = bins == label
        low, high = wilson(int(lapsed[inside].sum()), int(inside.sum()))
        rows.append((float(p[inside].mean()), float(lapsed[inside].mean()), low, high))
    return pd.DataFrame(rows, columns=["predicted", "observed", "observed_low", "observed_high"])


def lift(p: Floats, lapsed: Flags) -> pd.DataFrame:
    """Lift among the customers of highest risk, by the share of customers contacted."""
    found, listed = _ranked(p, lapsed)
    chosen = _settled(len(found))
    rate = max(float(lapsed.mean()), 1e-12)
    return pd.DataFrame({"share_contacted": (listed / len(p))[chosen], "lift": (found / listed / rate)[chosen]})


def profit_curve(p: Floats, lapsed: Flags, params: Evaluate) -> pd.DataFrame:
    """Expected profit of a campaign down the list (currency a customer), by the share of customers contacted."""
    gained = profit.profit_by_length(p, lapsed, economics(params)) / len(p)
    chosen = _thinned(len(gained))
    return pd.DataFrame({"share_contacted": (chosen + 1) / len(p), "profit_per_customer": gained[chosen]})


def curves(judged: Judged, names: tuple[str, ...], params: Evaluate) -> dict[str, pd.DataFrame]:
    """Every curve on the pooled test rows, with a column `model`."""
    kinds: dict[str, Callable[[Floats, Flags], pd.DataFrame]] = {
        "roc": roc,
        "precision_recall": precision_recall,
        "reliability": reliability,
        "lift": lift,
        "profit": lambda p, lapsed: profit_curve(p, lapsed, params),
    }
    return {
        kind: pd.concat(
            [function(judged.predictions[name], judged.lapsed).round(6).assign(model=name) for name in names],
            ignore_index=True,
        )
        for kind, function in kinds.items()
    }


LABELS = {
    "roc": ("share of the kept who are contacted", "share of the lapsed who are contacted", "ROC curve"),
    "precision_recall": ("recall", "precision", "Precision and recall"),
    "reliability": ("predicted probability of lapse", "observed share lapsed", "Reliability (95 % intervals)"),
    "lift": ("share of customers contacted, highest risk first", "lift", "Lift"),
    "profit": (
        "share of customers contacted, highest risk first",
        "expected profit a customer (evaluate.customer_value's currency)",
        "Profit of a campaign down the list",
    ),
}
COLOURS = ("#0b6e4f", "#c8553d", "#4059ad", "#8d8d8d")


def draw(kind: str, table: pd.DataFrame, path: Path, subtitle: str) -> None:
    """One picture of one curve, every model a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), dpi=110)
    axes = figure.subplots()
    x, y = table.columns[:2]
    for colour, (name, rows) in zip(COLOURS, table.groupby("model", sort=False), strict=False):
        if kind == "reliability":
            spread = [rows[y] - rows["observed_low"], rows["observed_high"] - rows[y]]
            axes.errorbar(rows[x], rows[y], yerr=np.abs(spread), marker="o", capsize=3, color=colour, label=str(name))
        else:
            axes.plot(rows[x], rows[y], color=colour, label=str(name), linewidth=1.8)
    if kind in ("roc", "reliability"):
        top = 1.0 if kind == "roc" else float(max(table["predicted"].max(), table["observed_high"].max()))
        axes.plot([0, top], [0, top], color="#8d8d8d", linestyle=":", linewidth=1)
    across, up, title = LABELS[kind]
    axes.set(xlabel=across, ylabel=up)
    axes.set_title(f"{title}\n{subtitle}", fontsize=10, loc="left")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG in one step; equal figures are equal bytes."""
    with atomic_path(path) as draft:
        figure.savefig(draft, format="png", bbox_inches="tight", metadata={"Software": None})


def write_no_curves(folder: Path, why: str) -> None:
    """A plain note in the curves' place."""
    write_text(folder / "no_curves.txt", f"No curves: {why}.\n")


def write_judged_curves(folder: Path, judged: Judged, names: tuple[str, ...], params: Evaluate, dates: str) -> None:
    """The models' curves on the test rows; a note where every row has the same outcome."""
    if 0 < judged.lapsed.sum() < len(judged.lapsed):
        write_curves(folder, curves(judged, names, params), dates)
    else:
        write_no_curves(folder, f"every test row has the same outcome, {dates}")


def write_curves(folder: Path, tables: dict[str, pd.DataFrame], subtitle: str) -> None:
    """Each curve as CSV and PNG."""
    for kind, table in tables.items():
        write_text(folder / f"{kind}.csv", table.to_csv(index=False, lineterminator="\n"))
        draw(kind, table, folder / f"{kind}.png", subtitle)
