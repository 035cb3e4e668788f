"""The comparison as one page that is legible in MLflow's artifact viewer, and as plain files beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contracts.files import atomic_folder, rounded, write_json, write_text
from models.evaluation.curves import reliability, save
from models.evaluation.figures import Judged
from models.record.comparison import CHALLENGER, CHAMPION, Plain
from models.record.pairing import BETTER, COMPARISON_FILE, NO_WORSE, SAME, WORSE

TEMPLATE = "comparison_page.html.j2"
COLOURS = {BETTER: "#0b6e4f", NO_WORSE: "#4059ad", SAME: "#4059ad", WORSE: "#b3261e"}
LABELS = {
    "auc_mean": "AUC, mean over cutoffs",
    "average_precision": "Average precision",
    "lift_at_10": "Lift in the top 10 %",
    "brier": "Brier score",
    "log_loss": "Log loss (nats)",
    "calibration_error": "Calibration error",
    "bias": "Bias (predicted less observed)",
    "expected_maximum_profit": "Expected maximum profit a customer (currency)",
    "profit_at_capacity": "Profit of the list a cutoff (currency)",
    "list_stability": "Stability of the list from week to week (Jaccard)",
}


@dataclass(frozen=True)
class Comparison:
    """A comparison with its verdict. `found` is None where there is nothing to compare, and `why` says why.

    `champion_hash` is the champion's that it was made with;
    `titles` name both sides for people.
    """

    verdict: str
    sentence: str
    why: str = ""
    found: Plain | None = None
    judged: Judged | None = field(default=None, repr=False)
    differences: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    champion_hash: str = ""
    names: Mapping[str, str] = field(default_factory=lambda: {CHAMPION: CHAMPION, CHALLENGER: CHALLENGER})
    titles: Mapping[str, str] = field(default_factory=lambda: {CHAMPION: "Champion", CHALLENGER: "Challenger"})

    def to_json(self) -> Plain:
        """Plain data."""
        told = {"verdict": self.verdict, "sentence": self.sentence, "why": self.why, "champion": self.champion_hash}
        changed = {name: list(sides) for name, sides in self.differences.items()}
        return {**told, "differences": changed, **(self.found or {})}


def write_comparison(folder: str | Path, made: Comparison) -> None:
    """`comparison.json` and `comparison.html`; with figures also `reliability.png` and `by_cutoff.csv`."""
    with atomic_folder(folder) as draft:
        write_json(draft / COMPARISON_FILE, rounded(made.to_json()))
        if made.found and made.judged:
            draw(made.judged, made.titles, draft / "reliability.png")
            table = pd.DataFrame(made.found["by_cutoff"])
            write_text(draft / "by_cutoff.csv", table.to_csv(index=False, lineterminator="\n"))
        picture = draft / "reliability.png"
        write_text(draft / "comparison.html", page(made, picture.read_bytes() if picture.exists() else b""))


def page(made: Comparison, picture: bytes = b"") -> str:
    """The page; every text is escaped, nothing is fetched."""
    loader = FileSystemLoader(Path(__file__).parent)
    options: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=loader, autoescape=True, **options)
    environment.filters.update(number=lambda value: f"{value:,.0f}", figure=_figure)
    return environment.get_template(TEMPLATE).render(
        sentence=made.sentence,
        why=made.why,
        found=made.found,
        titles=made.titles,
        names=made.names,
        colour=COLOURS.get(made.verdict, "#9a5b00"),
        differences=[
            {"name": name, CHAMPION: old, CHALLENGER: new} for name, (old, new) in sorted(made.differences.items())
        ],
        figures=figure_rows(made.found),
        picture=base64.b64encode(picture).decode(),
    )


def figure_rows(found: Plain | None) -> list[dict[str, str]]:
    """One figure a record, as texts: label, both sides, gain with its interval, and whether it is won or lost."""
    return [_row(name, found) for name in LABELS] if found else []


def _row(name: str, found: Plain) -> dict[str, str]:
    both = found["figures"][name]
    short = "auc" if name == "auc_mean" else name
    gained = found["profit_gain"] if name == "profit_at_capacity" else found["gains"].get(short)
    style = "%.2f" if name in ("profit_at_capacity", "expected_maximum_profit", "lift_at_10") else "%.4f"
    told = {side: _figure(both[side], style) for side in (CHAMPION, CHALLENGER)}
    if gained is None or gained["value"] is None:
        return {"label": LABELS[name], **told, "gain": "", "mark": ""}
    signed = style.replace("%", "%+")
    ends = ", ".join(_figure(gained[end], signed) for end in ("low", "high"))
    mark = "won" if (gained["low"] or 0) > 0 else "lost" if (gained["high"] or 0) < 0 else ""
    return {"label": LABELS[name], **told, "gain": f"{_figure(gained['value'], signed)} [{ends}]", "mark": mark}


def _figure(value: float | None, style: str) -> str:
    return "–" if value is None else style % value


def draw(judged: Judged, titles: Mapping[str, str], path: Path) -> None:
    """Predicted against observed in ten equal-count bins, with 95 % intervals, one panel a side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.9), dpi=110, layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, side, colour in zip(panels, (CHAMPION, CHALLENGER), ("#c8553d", "#0b6e4f"), strict=True):
        rows = reliability(judged.predictions[side], judged.lapsed)
        spread = [rows["observed"] - rows["observed_low"], rows["observed_high"] - rows["observed"]]
        sides = [part.clip(lower=0) for part in spread]
        panel.errorbar(rows["predicted"], rows["observed"], sides, fmt="o-", color=colour, capsize=3, linewidth=1.2)
        top = float(max(rows["predicted"].max(), rows["observed_high"].max()))
        panel.plot([0, top], [0, top], color="#8d8d8d", linestyle=":", linewidth=1)
        panel.set_title(titles[side], fontsize=10, loc="left")
        panel.set_xlabel("predicted probability of lapse")
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("observed share lapsed (95 %)")
    save(figure, path)
