"""The selection report: which families carry the model, which features drift, and which say the same as another.

`families.csv` and `features.csv` have one row a family and one a feature; `selection.json` says the findings;
`families.png` draws what is lost without each family.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from contracts.files import rounded, write_json, write_text
from contracts.tables import FEATURE_KEYS
from models.evaluation.curves import save
from models.evaluation.permutation import family_losses, family_of
from models.evaluation.stability import DRIFTS_FROM, SAME_FROM, feature_facts
from models.risk import RiskModel
from models.rows import Rows

FINDINGS_FILE = "selection.json"
EARNED = "#0b6e4f"
DOUBTFUL = "#8d8d8d"
MEANINGS = {
    "families": (
        "log loss and AUC lost on the test cutoffs when the family's columns are shuffled together within a cutoff; "
        "95 %, bootstrap over customers; what all share at a cutoff (the store's growth) cannot be judged so"
    ),
    "drifting": f"population stability index of values or missing shares, test against fit rows, from {DRIFTS_FROM} on",
    "redundant": f"absolute rank correlation from {SAME_FROM} on, by the feature that is strongest alone",
    "unstable": "features of the model that drift, or point the other way in the test rows",
}


def findings(families: pd.DataFrame, features: pd.DataFrame) -> dict[str, Any]:
    """What the two tables say, as plain data."""
    drifts = features[["psi", "psi_missing"]].max(axis=1)
    drifting = features.assign(worst=drifts)[drifts >= DRIFTS_FROM].sort_values("worst", ascending=False, kind="stable")
    led = features[features["group"] != features["feature"]]
    return {
        "families": families.astype(object).where(families.notna(), None).to_dict("records"),
        "n_features": len(features),
        "n_in_model": int(features["is_in_model"].sum()),
        "drifting": dict(zip(drifting["feature"], drifting["worst"].astype(float), strict=True)),
        "redundant": {str(leader): rows["feature"].tolist() for leader, rows in led.groupby("group", sort=True)},
        "unstable": features.loc[features["is_in_model"] & ~features["is_stable"], "feature"].tolist(),
        "meanings": MEANINGS,
    }


def select(model: RiskModel, fit: Rows, test: Rows, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The families' table and the features' table of a model fitted on `fit` and judged on `test`."""
    names = [name for name in fit.frame.columns if name not in FEATURE_KEYS]
    facts = feature_facts(fit, test, names, seed)
    facts.insert(1, "family", [family_of(name) for name in names])
    facts.insert(2, "is_in_model", facts["feature"].isin(model.features))
    return family_losses(model, test, seed), facts


def draw(families: pd.DataFrame, path: Path, subtitle: str) -> None:
    """Bars of log loss lost by family with their intervals, the dearest on top; grey where it may be nothing."""
    from matplotlib.figure import Figure

    table = families[::-1]
    lost = table["log_loss_lost"]
    spread = [lost - table["log_loss_lost_low"], table["log_loss_lost_high"] - lost]
    colours = [EARNED if low > 0 else DOUBTFUL for low in table["log_loss_lost_low"]]
    figure = Figure(figsize=(6.8, 1.4 + 0.28 * len(table)), dpi=110)
    axes = figure.subplots()
    labels = [f"{family} ({n})" for family, n in zip(table["family"], table["n_features"], strict=True)]
    axes.barh(labels, lost, color=colours, height=0.62)
    axes.errorbar(lost, labels, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1.1, capsize=2.5)
    axes.axvline(0.0, color="#333333", linewidth=0.8)
    axes.set(xlabel="log loss lost when the family is shuffled (95 %; grey: may be nothing)")
    axes.set_title(f"What the model loses without each family (features)\n{subtitle}", fontsize=10, loc="left")
    axes.grid(axis="x", alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    save(figure, path)


def write_selection(folder: Path, families: pd.DataFrame, features: pd.DataFrame, subtitle: str) -> None:
    """Both tables, the findings, and the picture."""
    for name, table in (("families", families), ("features", features)):
        write_text(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    write_json(folder / FINDINGS_FILE, rounded(findings(families, features)))
    draw(families, folder / "families.png", subtitle)


def write_no_selection(folder: Path, why: str) -> None:
    """What stands there where no model was fitted."""
    write_json(folder / FINDINGS_FILE, {"families": [], "why": why})
